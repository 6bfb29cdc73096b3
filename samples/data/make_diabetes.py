"""Make diabetes.npz from the tables of the diabetes study: one line a patient, ten numbers, and how far it went.

    python make_diabetes.py diabetes_data_raw.csv.gz diabetes_target.csv.gz

scikit-learn ships those tables in sklearn/datasets/data. The same tables give the same file, byte for byte.
"""

import argparse
from pathlib import Path

import numpy as np
from make_digits import write_npz

PATIENTS = 442
HELD_OUT = 110


def arrays_of(features: np.ndarray, target: np.ndarray) -> dict[str, np.ndarray]:
    """The patients shuffled, the last ones apart; numbers as they were measured."""
    if features.shape != (PATIENTS, 10) or target.shape != (PATIENTS,):
        raise SystemExit(f"expected {PATIENTS} patients of 10 numbers, got {features.shape} and {target.shape}")
    order = np.random.RandomState(0).permutation(PATIENTS)
    baseline, progression = features[order].astype(np.float32), target[order].astype(np.float32)
    return {
        "baseline": baseline[:-HELD_OUT],
        "progression": progression[:-HELD_OUT],
        "baseline_val": baseline[-HELD_OUT:],
        "progression_val": progression[-HELD_OUT:],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Make diabetes.npz beside this file.")
    parser.add_argument("features", type=Path, help="diabetes_data_raw.csv.gz")
    parser.add_argument("target", type=Path, help="diabetes_target.csv.gz")
    given = parser.parse_args()
    path = Path(__file__).with_name("diabetes.npz")
    write_npz(path, arrays_of(np.loadtxt(given.features), np.loadtxt(given.target)))
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
