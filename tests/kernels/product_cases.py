"""Run in a process of its own, as Triton decides at decoration whether it interprets.

`python product_cases.py interpret` compares the product template, hooks and all, with float64 in Triton's interpreter;
`python product_cases.py compile` compiles it for sm_90 without a GPU. Either prints what it did, or fails.
"""
# ruff: noqa: RUF059 (a hook takes the whole tuple apart and reads what it needs)

import sys

import torch
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from nnc.kernels.product import product


@triton.jit
def prepare(operands, z, m, n):
    """Both matrices of this z, and which rows and columns there are."""
    left, right, bias, result, M, N, K = operands
    return left + z * M * K, right + z * K * N, bias, result + z * M * N, m < M, n < N, M, N, K


@triton.jit
def load_left(operands, z, m, k):
    left, right, bias, result, rows, columns, M, N, K = operands
    return tl.load(left + m[:, None] * K + k[None, :], mask=rows[:, None] & (k[None, :] < K), other=0.0)


@triton.jit
def load_right(operands, z, k, n):
    left, right, bias, result, rows, columns, M, N, K = operands
    return tl.load(right + k[:, None] * N + n[None, :], mask=(k[:, None] < K) & columns[None, :], other=0.0)


@triton.jit
def store(operands, z, acc, m, n):
    left, right, bias, result, rows, columns, M, N, K = operands
    tl.store(result + m[:, None] * N + n[None, :], acc, mask=rows[:, None] & columns[None, :])


@triton.jit
def add_bias(operands, z, acc, m, n):
    left, right, bias, result, rows, columns, M, N, K = operands
    acc += tl.load(bias + n, mask=columns, other=0.0)[None, :]
    acc = tl.maximum(acc, 0.0, propagate_nan=tl.PropagateNan.ALL)
    tl.store(result + m[:, None] * N + n[None, :], acc, mask=rows[:, None] & columns[None, :])


def check(shape: tuple[int, int, int, int], tile: tuple[int, int, int], biased: bool) -> None:
    """One product of (Z, M, N, K) in tiles (BM, BN, BK); every flag that the sizes allow is set."""
    (Z, M, N, K), (BM, BN, BK) = shape, tile
    draw = torch.Generator().manual_seed(M * 31 + N * 7 + K)
    left = torch.randn((Z, M, K), generator=draw)
    right = torch.randn((Z, K, N), generator=draw)
    bias = torch.randn((N,), generator=draw)
    guarded = torch.full((Z * M * N + 64,), float("nan"))
    result = guarded[32:-32]
    grid = (triton.cdiv(M, BM), triton.cdiv(N, BN), Z)
    flags = (K <= BK, M <= BM, N <= BN, Z > 1)
    operands = (left, right, bias, result, M, N, K)
    last = add_bias if biased else store
    product[grid](operands, K, prepare, load_left, load_right, last, BM, BN, BK, "ieee", *flags)
    expected = left.double() @ right.double()
    if biased:
        expected = (expected + bias.double()).clamp(min=0)
    torch.testing.assert_close(result.view(Z, M, N).double(), expected, rtol=1e-5, atol=1e-5 * K**0.5)
    assert guarded[:32].isnan().all(), "something was written before the result"
    assert guarded[-32:].isnan().all(), "something was written after the result"


def interpret() -> None:
    shapes = [
        (1, 1, 1, 1),
        (1, 3, 7, 5),
        (1, 37, 29, 41),
        (1, 16, 16, 16),
        (1, 64, 33, 16),
        (1, 1, 40, 67),
        (3, 5, 7, 11),
        (2, 33, 19, 17),
    ]
    tiles = [(16, 16, 16), (32, 16, 64)]
    for at, shape in enumerate(shapes):
        for tile in tiles:
            check(shape, tile, biased=at % 2 == 0)
    print(len(shapes) * len(tiles), "products")


def compile_template() -> None:
    for whole, shared in ((False, False), (True, False), (False, True)):
        pointers = tuple("*fp32" for _ in range(4))
        values = (prepare, load_left, load_right, add_bias, 64, 64, 32, "tf32", whole, False, False, shared)
        constants = {(at,): value for at, value in enumerate(values, start=2)}
        signature = {"operands": (*pointers, "i32", "i32", "i32"), "K": "i32"}
        signature |= dict.fromkeys(product.arg_names[2:], "constexpr")
        source = ASTSource(product, signature, constants)
        compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32))
        assert "mma" in compiled.asm["ptx"], "no tensor cores"
    print("compiled")


if __name__ == "__main__":
    {"interpret": interpret, "compile": compile_template}[sys.argv[1]]()
