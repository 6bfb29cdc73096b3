"""The ops of one kernel as a graph that idioms rewrite.

In: ops in order, the values that must be there at the end. Out: ops in order. An idiom puts an op of its own (its
primitive's name starts with "torch.") in the place of several; what nobody uses any more goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from nnc.emit.torch_tensor import Host
from nnc.tensor.ir import Attribute, Op, Value
from nnc.tensor.types import TensorType

_SAME = ("stop_gradient", "reshape", "broadcast")


class Graph:
    """Ops and who uses what."""

    def __init__(self, ops: Sequence[Op], kept: Iterable[Value], hosts: Mapping[Value, Host]) -> None:
        self.ops = list(ops)
        self.kept = frozenset(kept)
        self.hosts = dict(hosts)
        self._uses: Counter[Value] = Counter()
        self._makers: dict[Value, Op] = {}
        self.sweep()

    def sweep(self) -> None:
        """Drops ops without use."""
        alive: list[Op] = []
        needed = set(self.kept)
        for op in reversed(self.ops):
            if needed.intersection(op.results):
                needed.update(op.args)
                alive.append(op)
        self.ops = alive[::-1]
        self._uses = Counter(arg for op in self.ops for arg in op.args)
        self._makers = {value: op for op in self.ops for value in op.results}

    def keep(self, values: Iterable[Value]) -> None:
        """More values that must be there at the end."""
        self.kept |= frozenset(values)
        self.sweep()

    def release(self, values: Iterable[Value]) -> None:
        """Values that need not be there at the end after all."""
        self.kept -= frozenset(values)
        self.sweep()

    def maker(self, value: Value, *primitives: str) -> Op | None:
        """The op of this kernel that makes `value`, where it is one of `primitives` (any, without)."""
        op = self._makers.get(value)
        return op if op is not None and (not primitives or op.primitive in primitives) else None

    def inner(self, value: Value, *primitives: str) -> Op | None:
        """The same, where `value` has one use and does not leave the kernel: an idiom may swallow it."""
        return self.maker(value, *primitives) if self.uses(value) == 1 else None

    def uses(self, value: Value) -> int:
        return self._uses[value] + (value in self.kept)

    def users(self, value: Value) -> list[Op]:
        return [op for op in self.ops if value in op.args]

    def number(self, value: Value) -> bool | int | float | None:
        host = self.hosts.get(value)
        return None if host is None else host.number

    def host(self, host: Host, like: Value) -> Value:
        """A value that stands for a number of Python's."""
        value = fresh(replace(like.type, shape=(), batched=False), like, "number")
        self.hosts[value] = host
        return value

    def source(self, value: Value) -> Value:
        """`value` before reshapes, repeats and stops: its numbers are the same, each as often as it is."""
        op = self._makers.get(value)
        return self.source(op.args[0]) if op is not None and op.primitive in _SAME else value

    def replace(self, old: Op, *new: Op) -> None:
        self.put(old, *new)
        self.sweep()

    def put(self, old: Op, *new: Op) -> None:
        """Replaces without removing what nobody reads any more."""
        at = next(number for number, op in enumerate(self.ops) if op is old)
        self.ops[at : at + 1] = new

    def copy(self) -> Graph:
        return Graph(self.ops, self.kept, self.hosts)


def made(primitive: str, args: Sequence[Value], result: Value, **attributes: Attribute) -> Op:
    return Op(primitive, tuple(args), tuple(sorted(attributes.items())), (result,), span=result.span)


def fresh(type: TensorType, like: Value, hint: str) -> Value:
    """A value that no program holds."""
    return replace(like, id=-1, type=type, hint=hint)
