"""Make images.npz from digits.npz beside it: the same images, without what they show.

    python make_images.py

The same digits give the same file, byte for byte.
"""

from pathlib import Path

import numpy as np
from make_digits import write_npz


def main() -> None:
    path = Path(__file__).with_name("images.npz")
    with np.load(path.with_name("digits.npz")) as digits:
        write_npz(path, {name: digits[name] for name in ("pixels", "pixels_val")})
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
