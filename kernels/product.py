"""A matrix product with hooks: result[z, m, n] = epilogue(sum over k of left[z, m, k] * right[z, k, n]).

In: the operands, as a tuple that only the hooks take apart, and the length of the contraction. Out: nothing; what
comes of a tile is EPILOGUE's to store. Programs: axis 0 the row tiles, axis 1 the column tiles, axis 2 the shared index
z of a batched product. The template knows no shapes but K: hooks mask rows, columns and k's beyond the ends.

Hooks, each a function under `triton.jit`; m, n, k are 1-D tensors of indices and z is a scalar:

    PREPARE(operands, z, m, n)        the operands as the other hooks take them: what loads need of m and n alone
    LEFT(operands, z, m, k)           tile [BM, BK] of the left matrix, zero where m or k is outside
    RIGHT(operands, z, k, n)          tile [BK, BN] of the right matrix, zero where k or n is outside
    EPILOGUE(operands, z, acc, m, n)  does all that follows with acc, float32 [BM, BN]

Flags: WHOLE_K (BK covers K: no loop), ONE_ROW_TILE and ONE_COLUMN_TILE (BM or BN covers its axis: the grid has size 1
there), SHARED (there is a z; else it is 0). Additions over k are made in order: the same bits in every run.
"""

import triton
import triton.language as tl


@triton.jit
def product(
    operands,
    K,
    PREPARE: tl.constexpr,
    LEFT: tl.constexpr,
    RIGHT: tl.constexpr,
    EPILOGUE: tl.constexpr,
    BM: tl.constexpr,
    BN: tl.constexpr,
    BK: tl.constexpr,
    PRECISION: tl.constexpr,
    WHOLE_K: tl.constexpr,
    ONE_ROW_TILE: tl.constexpr,
    ONE_COLUMN_TILE: tl.constexpr,
    SHARED: tl.constexpr,
):
    """One tile [BM, BN] of the product; see the module's docstring."""
    z = tl.program_id(2) if SHARED else 0
    m = tl.arange(0, BM) if ONE_ROW_TILE else tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.arange(0, BN) if ONE_COLUMN_TILE else tl.program_id(1) * BN + tl.arange(0, BN)
    operands = PREPARE(operands, z, m, n)
    if WHOLE_K:
        k = tl.arange(0, BK)
        a = LEFT(operands, z, m, k)
        b = RIGHT(operands, z, k, n)
        acc = tl.dot(a, b, input_precision=PRECISION)
    else:
        acc = tl.zeros((BM, BN), dtype=tl.float32)
        for start in range(0, K, BK):
            k = start + tl.arange(0, BK)
            a = LEFT(operands, z, m, k)
            b = RIGHT(operands, z, k, n)
            acc = tl.dot(a, b, acc, input_precision=PRECISION)
    EPILOGUE(operands, z, acc, m, n)
