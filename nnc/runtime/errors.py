"""The errors that a user of a generated module can cause; a message says what is wrong, where, and how to mend it."""


class UsageError(ValueError):
    """An argument, a device or a combination of settings that cannot be used."""


class DataError(UsageError):
    """Data that differ from what the program declares."""


class CheckpointError(UsageError):
    """A checkpoint that is damaged, foreign, or of another model."""


class NonFiniteLoss(ArithmeticError):
    """The loss became NaN or infinite. `epoch` counts from 0, `first` and `last` are the run's steps, from 1, between
    which it happened: equal where every step was looked at."""

    def __init__(self, message: str, epoch: int, first: int, last: int) -> None:
        super().__init__(message)
        self.epoch = epoch
        self.first = first
        self.last = last


class DataWarning(UserWarning):
    """Data that are accepted and yet look wrong."""
