"""The tensor floor: types, the tensor program (SSA), the table of primitives, gradient and simplification."""
