"""Make digits.npz from the table of the UCI digits: one line an image, 64 pixels of 0 to 16, then the digit.

    python make_digits.py digits.csv.gz

scikit-learn ships that table as sklearn/datasets/data/digits.csv.gz. The same table gives the same file, byte for byte.
"""

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np

IMAGES = 1797
HELD_OUT = 180
BRIGHTEST = 16


def arrays_of(table: np.ndarray) -> dict[str, np.ndarray]:
    """Split a table of 65 columns, a pixel's value being divided by 16: exact in float32, as every sixteenth is."""
    if table.shape != (IMAGES, 65):
        raise SystemExit(f"expected {IMAGES} rows of 65 numbers, got {table.shape}")
    order = np.random.RandomState(0).permutation(IMAGES)
    pixels = (table[:, :64] / BRIGHTEST).astype(np.float32)
    digit = table[:, 64].astype(np.int32)
    kept, held_out = order[:-HELD_OUT], order[-HELD_OUT:]
    return {
        "pixels": pixels[kept],
        "digit": digit[kept],
        "pixels_val": pixels[held_out],
        "digit_val": digit[held_out],
    }


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write as numpy.savez_compressed does, but with fixed dates."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue(), zipfile.ZIP_DEFLATED, 9)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make digits.npz beside this file.")
    parser.add_argument("table", type=Path, help="digits.csv or digits.csv.gz")
    table = np.loadtxt(parser.parse_args().table, delimiter=",")
    path = Path(__file__).with_name("digits.npz")
    write_npz(path, arrays_of(table))
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
