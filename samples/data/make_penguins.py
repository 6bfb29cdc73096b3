"""Make penguin_sex.npz and penguin_species.npz from the table of the Palmer penguins: one line a bird.

    python make_penguins.py penguins.csv

The package palmerpenguins ships that table. The same table gives the same files, byte for byte.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from make_digits import write_npz

BIRDS = 344
COMPLETE = 333  # of which all was measured
HELD_OUT = 83
SPECIES = ("Adelie", "Chinstrap", "Gentoo")
SEX = ("female", "male")
MEASURES = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm")


def complete(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The birds of which nothing is missing, shuffled."""
    kept = [row for row in rows if "NA" not in row.values()]
    if (len(rows), len(kept)) != (BIRDS, COMPLETE):
        raise SystemExit(f"expected {BIRDS} birds, {COMPLETE} of them complete, got {len(rows)} and {len(kept)}")
    return [kept[place] for place in np.random.RandomState(0).permutation(COMPLETE)]


def held_out(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays, their last birds apart."""
    kept = {name: array[:-HELD_OUT] for name, array in arrays.items()}
    return kept | {f"{name}_val": array[-HELD_OUT:] for name, array in arrays.items()}


def arrays_of(rows: list[dict[str, str]]) -> dict[str, np.ndarray]:
    birds = complete(rows)
    return {
        "measures": np.array([[float(bird[name]) for name in MEASURES] for bird in birds], np.float32),
        "species": np.array([SPECIES.index(bird["species"]) for bird in birds], np.int32),
        "sex": np.array([SEX.index(bird["sex"]) for bird in birds], np.int32),
        "mass": np.array([float(bird["body_mass_g"]) / 1000 for bird in birds], np.float32),
    }


def files_of(arrays: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Each sample's arrays, by the name of its file."""
    wanted = {
        "penguin_sex.npz": ("measures", "species", "sex"),
        "penguin_species.npz": ("measures", "species", "mass"),
    }
    return {file: held_out({name: arrays[name] for name in names}) for file, names in wanted.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the penguins' files beside this one.")
    parser.add_argument("table", type=Path, help="penguins.csv")
    with parser.parse_args().table.open(newline="", encoding="utf-8") as file:
        arrays = arrays_of(list(csv.DictReader(file)))
    for name, content in files_of(arrays).items():
        path = Path(__file__).with_name(name)
        write_npz(path, content)
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
