"""The samples' data are what samples/data/README.md says, against facts that their publishers state."""

import importlib.util
import zipfile
from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).resolve().parent.parent / "samples" / "data"

# Images of each digit in optdigits.tes, as the repository that publishes it counts them.
PUBLISHED_COUNTS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]

# The first image of the table, a zero, in sixteenths; the permutation puts it at its place in `order`.
FIRST_IMAGE = [
    [0, 0, 5, 13, 9, 1, 0, 0],
    [0, 0, 13, 15, 10, 15, 5, 0],
    [0, 3, 15, 2, 0, 11, 8, 0],
    [0, 4, 12, 0, 0, 8, 8, 0],
    [0, 5, 8, 0, 0, 9, 8, 0],
    [0, 4, 11, 0, 1, 12, 7, 0],
    [0, 2, 14, 5, 10, 12, 0, 0],
    [0, 0, 6, 13, 10, 0, 0, 0],
]


@pytest.fixture(scope="module")
def digits() -> dict[str, np.ndarray]:
    with np.load(DATA / "digits.npz", allow_pickle=False) as archive:
        return dict(archive)


@pytest.fixture(scope="module")
def table(digits: dict[str, np.ndarray]) -> np.ndarray:
    """The table the arrays were made from: 64 pixels of 0 to 16 and the digit, in the order before the permutation."""
    order = np.random.RandomState(0).permutation(1797)
    table = np.empty((1797, 65))
    table[order, :64] = np.concatenate([digits["pixels"], digits["pixels_val"]]) * 16
    table[order, 64] = np.concatenate([digits["digit"], digits["digit_val"]])
    return table


def test_arrays_have_the_declared_shapes_and_types(digits: dict[str, np.ndarray]) -> None:
    assert {name: (array.shape, array.dtype.name) for name, array in digits.items()} == {
        "pixels": ((1617, 64), "float32"),
        "digit": ((1617,), "int32"),
        "pixels_val": ((180, 64), "float32"),
        "digit_val": ((180,), "int32"),
    }


def test_pixels_are_exact_sixteenths_from_0_to_1(digits: dict[str, np.ndarray]) -> None:
    for name in ("pixels", "pixels_val"):
        sixteenths = digits[name] * 16
        assert np.array_equal(np.unique(sixteenths), np.arange(17))


def test_every_digit_is_as_frequent_as_published(digits: dict[str, np.ndarray]) -> None:
    both = np.concatenate([digits["digit"], digits["digit_val"]])
    assert np.bincount(both).tolist() == PUBLISHED_COUNTS


def test_rows_are_in_the_order_of_the_permutation(table: np.ndarray) -> None:
    assert table[:20, 64].astype(int).tolist() == [*range(10), *range(10)]  # the writers wrote them in turn
    assert table[0, :64].reshape(8, 8).astype(int).tolist() == FIRST_IMAGE


def test_the_script_makes_the_same_file(table: np.ndarray, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("make_digits", DATA / "make_digits.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    script.write_npz(tmp_path / "digits.npz", script.arrays_of(table))
    with zipfile.ZipFile(tmp_path / "digits.npz") as made, zipfile.ZipFile(DATA / "digits.npz") as shipped:
        assert made.namelist() == shipped.namelist()
        assert all(made.read(name) == shipped.read(name) for name in made.namelist())


def test_wines_are_as_published() -> None:
    """How many of each grower, and mean, least and largest of alcohol, magnesium and proline."""
    with np.load(DATA / "wine.npz") as archive:
        measures = np.concatenate([archive["measures"], archive["measures_val"]])
        grower = np.concatenate([archive["grower"], archive["grower_val"]])
        assert len(archive["grower_val"]) == 58
    assert np.bincount(grower).tolist() == [59, 71, 48]
    found = [(each.mean(), each.min(), each.max()) for each in measures[:, [0, 4, 12]].T]
    assert np.round(np.array(found, np.float64), 1).tolist() == [
        [13.0, 11.0, 14.8],
        [99.7, 70.0, 162.0],
        [746.9, 278.0, 1680.0],
    ]


def test_images_are_those_of_the_digits(digits: dict[str, np.ndarray]) -> None:
    with np.load(DATA / "images.npz") as images:
        assert images.files == ["pixels", "pixels_val"]
        assert all(np.array_equal(images[name], digits[name]) for name in images.files)


def test_the_data_are_small() -> None:
    assert max(path.stat().st_size for path in DATA.rglob("*.npz")) < 200_000
    assert sum(path.stat().st_size for path in DATA.rglob("*.npz")) < 300_000
