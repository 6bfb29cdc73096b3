"""Names as Keras makes them, and each only once."""

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc.base.names import Names, identifier, snake_case


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Conv2D", "conv2d"),
        ("BatchNormalization", "batch_normalization"),
        ("LSTM", "lstm"),
        ("GRUCell", "gru_cell"),
        ("Conv2DTranspose", "conv2d_transpose"),
        ("GlobalAveragePooling2D", "global_average_pooling2d"),
        ("dense", "dense"),
    ],
)
def test_snake_case(name, expected):
    assert snake_case(name) == expected


def test_fresh_names_are_numbered_from_two():
    names = Names(reserved=["torch"])
    names.reserve("tile")
    assert [names.fresh("x"), names.fresh("x"), names.fresh("x")] == ["x", "x_2", "x_3"]
    assert names.fresh("torch") == "torch_2"
    assert names.fresh("tile") == "tile_2"
    assert [names.fresh("lambda"), names.fresh("h'"), names.fresh("_")] == ["lambda_", "h_new", "value"]
    assert "x_2" in names
    assert "y" not in names


@given(st.lists(st.text(max_size=6), max_size=20))
def test_any_wish_gives_a_new_identifier(wishes):
    names = Names()
    given_names = [names.fresh(wish) for wish in wishes]
    assert len(set(given_names)) == len(wishes)
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in given_names)
    assert all(identifier(identifier(wish)) == identifier(wish) for wish in wishes)
