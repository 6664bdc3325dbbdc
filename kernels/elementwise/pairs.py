"""Functions of two 8-bit codes as a table of 65,536: for operators that no network spends its time with."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ...schema import TensorType
from ..operator import Instruction, Node, Shape
from .lowering import stays_along_rows, walk_fields

_EIGHT_BIT = (TensorType.INT8, TensorType.UINT8)


def lower_pairs(
    node: Node, shape: Shape, function: Callable[[np.ndarray, np.ndarray], np.ndarray], least: int = 1
) -> Instruction | None:
    """Lower an operator of two tensors of 8-bit codes to ``lookup_pair8``.

    Parameters
    ----------
    function : returns the output codes, or bools, of two arrays of codes that broadcast.
    least : elements below which a table is not worth its making.
    """
    first, second = node.input(0), node.input(1)
    if first.type not in _EIGHT_BIT or second.type is not first.type or math.prod(shape) < max(least, 1):
        return None
    codes = np.arange(256, dtype=np.uint8).view(first.dtype)
    swap = stays_along_rows(first.shape, second.shape, shape)
    # Of two operands the one that may stay along a row chooses the row of the table.
    table = function(codes[:, None], codes) if swap else function(codes, codes[:, None])
    return Instruction(
        "lookup_pair8",
        {**walk_fields(node, shape, swap), "table": np.ascontiguousarray(table).view(np.uint8), "part": 0, "parts": 1},
    )
