"""Short rows in column-major order: which they are, and that what is computed is the same."""

from __future__ import annotations

import numpy as np
import pytest

from nnc.emit.torch_columns import LANES, run
from nnc.emit.torch_graph import Graph
from nnc.emit.torch_tensor import Storage, extents
from nnc.schedule.kernel import Buffer, Space
from nnc.tensor.build import Builder
from nnc.tensor.ir import Function, Value
from nnc.tensor.types import TensorType
from tests.emit.torch_harness import check


def head(columns: int, inputs: int = 32) -> Function:
    """A dense layer's logits, their logarithms of probabilities, the best of each row, and a gradient of the kernel."""
    b = Builder("head")
    x = b.parameter(TensorType("f32", (inputs,), batched=True), "x")
    kernel = b.parameter(TensorType("f32", (inputs, columns)), "kernel")
    bias = b.parameter(TensorType("f32", (columns,)), "bias")
    logits = b.add(b.op("einsum", x, kernel, spec="Bk,kn->Bn"), bias)
    top = b.op("max", logits, axes=(0,), keepdims=True, batch=False)
    shifted = b.sub(logits, top)
    total = b.op("sum", b.op("exp", shifted), axes=(0,), keepdims=True, batch=False)
    logs = b.sub(shifted, b.op("log", total))
    best = b.op("argmax", logits, axes=(0,), keepdims=False, batch=False)
    gradient = b.op("einsum", x, b.mul(logs, 0.5), spec="Bk,Bn->kn")
    return b.finish([logs, best, gradient])


@pytest.mark.parametrize("columns", [1, 2, 3, 10, 15, 16, 17])
@pytest.mark.parametrize("batch", [1, 2, 37])
def test_the_same_numbers_whatever_the_columns(columns: int, batch: int) -> None:
    random = np.random.default_rng(columns)
    shapes = ((batch, 32), (32, columns), (columns,))
    given = [random.normal(size=shape).astype(np.float32) for shape in shapes]
    text = check(head(columns), given, batch, tolerance=1e-4).text
    assert ("torch.log_softmax(scratch, 0" in text) == (1 < columns < LANES), text
    assert ("_columns" in text) == (1 < columns < LANES), text


def graph_of(columns: int) -> tuple[Graph, Value, Value]:
    b = Builder("graph")
    x = b.parameter(TensorType("f32", (32,), batched=True), "x")
    kernel = b.parameter(TensorType("f32", (32, columns)), "kernel")
    product = b.op("einsum", x, kernel, spec="Bk,kn->Bn")
    squared = b.mul(product, product)
    return Graph(b.finish([squared]).ops, [squared], {}), product, squared


def test_what_follows_a_product_of_few_columns_is_in_its_order() -> None:
    graph, product, squared = graph_of(5)
    assert run([graph], []) == {product, squared}
    assert run([graph_of(LANES)[0]], []) == frozenset()


def test_what_shares_its_place_with_row_major_values_stays_row_major() -> None:
    graph, product, squared = graph_of(5)
    other = Builder("other").parameter(squared.type, "other")
    buffer = Buffer("shared", "f32", extents(squared.type), Space.ARENA)
    kept = [(value, Storage("f32", buffer.shape, "shared", "shared", buffer)) for value in (squared, other)]
    assert run([graph], kept) == {product}
    assert run([graph], kept[:1]) == {product, squared}
