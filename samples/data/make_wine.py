"""Make wine.npz from the table of the wines: one line a wine, thirteen measurements and which of three growers made it.

    python make_wine.py wine_data.csv

scikit-learn ships that table as sklearn/datasets/data/wine_data.csv. The same table gives the same file, byte for byte.
"""

import argparse
from pathlib import Path

import numpy as np
from make_digits import write_npz

WINES = 178
HELD_OUT = 58


def arrays_of(table: np.ndarray) -> dict[str, np.ndarray]:
    """The wines shuffled, the last ones apart; numbers as they were measured."""
    if table.shape != (WINES, 14):
        raise SystemExit(f"expected {WINES} wines of 14 numbers, got {table.shape}")
    shuffled = table[np.random.RandomState(0).permutation(WINES)]
    measures, grower = shuffled[:, :13].astype(np.float32), shuffled[:, 13].astype(np.int32)
    return {
        "measures": measures[:-HELD_OUT],
        "grower": grower[:-HELD_OUT],
        "measures_val": measures[-HELD_OUT:],
        "grower_val": grower[-HELD_OUT:],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Make wine.npz beside this file.")
    parser.add_argument("table", type=Path, help="wine_data.csv")
    path = Path(__file__).with_name("wine.npz")
    write_npz(path, arrays_of(np.loadtxt(parser.parse_args().table, delimiter=",", skiprows=1)))
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
