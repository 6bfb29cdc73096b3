"""Make pairs.npz from digits.npz beside it: two images of handwritten digits, and whether they show the same digit.

    python make_pairs.py

Held-out pairs are made of held-out images. The same digits give the same file, byte for byte.
"""

from pathlib import Path

import numpy as np
from make_digits import BRIGHTEST, write_npz

ROUNDS = 3  # each of which pairs nearly every image with another
SEED = 0


def pairs_of(
    pixels: np.ndarray, digit: np.ndarray, rounds: int, random: np.random.RandomState
) -> dict[str, np.ndarray]:
    """Pairs of images, half of them of one digit; an image is used once a round. Pixels are sixteenths, as u8."""
    left, right = [], []
    for _ in range(rounds):
        unused = list(random.permutation(len(digit)))
        while len(unused) > 1:
            first = unused.pop()
            same = random.uniform() < 0.5
            place = next((n for n, second in enumerate(unused) if (digit[second] == digit[first]) == same), None)
            if place is not None:
                left.append(first)
                right.append(unused.pop(place))
    sixteenths = np.round(pixels * BRIGHTEST).astype(np.uint8)
    return {
        "left": sixteenths[left],
        "right": sixteenths[right],
        "same": (digit[left] == digit[right]).astype(np.int32),
    }


def arrays_of(digits: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    random = np.random.RandomState(SEED)
    kept = pairs_of(digits["pixels"], digits["digit"], ROUNDS, random)
    held_out = pairs_of(digits["pixels_val"], digits["digit_val"], ROUNDS, random)
    return kept | {f"{name}_val": array for name, array in held_out.items()}


def main() -> None:
    path = Path(__file__).with_name("pairs.npz")
    with np.load(path.with_name("digits.npz")) as digits:
        write_npz(path, arrays_of(dict(digits)))
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
