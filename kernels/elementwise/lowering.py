"""Lowering of ADD, SUB and MUL on 8-bit codes to ``add8`` and ``mul8`` (``kernels/jit/elementwise.py``)."""

from __future__ import annotations

import math

import numpy as np

from ...schema import TensorType
from ..broadcast import broadcast_strides, collapse
from ..operator import Field, Input, Node, Output, Shape
from ..profiles import Rounding

_EIGHT_BIT = (TensorType.INT8, TensorType.UINT8)


def is_lowerable(node: Node, shape: Shape) -> bool:
    """Whether the operands have 8 bits and the output has elements."""
    return node.input(0).type in _EIGHT_BIT and math.prod(shape) > 0


def rescaling_fields(name: str, multiplier: int, shift: int, rounding: Rounding) -> dict[str, Field]:
    """Return the constants of ``(x * multiplier + rounding + (x & sign_mask)) >> right_shift``, without left shift.

    ``kernels/jit/requantize.py`` says why double rounding is of this form too. Under double rounding a positive shift
    is the caller's to apply to ``x`` first.
    """
    if rounding is Rounding.SINGLE:
        right_shift, offset, sign_mask = 31 - shift, 1 << (30 - shift), 0
    else:
        right = max(-shift, 0)
        right_shift, sign_mask = 31 + right, -(2**31) if right else 0
        offset = (1 << 30) + (1 << (30 + right) if right else 0)
    return {
        f"{name}_multiplier": multiplier,
        f"{name}_rounding": offset,
        f"{name}_sign_mask": sign_mask,
        f"{name}_right_shift": right_shift,
    }


def broadcast_fields(node: Node, shape: Shape, zero_points: tuple[int, int], swap: bool = False) -> dict[str, Field]:
    """Return how to walk the output and both operands, and how to center their codes.

    Parameters
    ----------
    zero_points : of the two operands.
    swap : exchange the operands.
    """
    order = (1, 0) if swap else (0, 1)
    shapes = [node.input(index).shape for index in order]
    sizes, strides = collapse(shape, *(broadcast_strides(operand, shape) for operand in shapes))
    sign_flip = 128 if node.input(0).type is TensorType.INT8 else 0
    fields: dict[str, Field] = {
        "output": Output(0, math.prod(shape)),
        "sizes": np.array(sizes, np.int64),
        "rank": len(sizes),
        "sign_flip": sign_flip,
    }
    for name, index, steps in zip(("input1", "input2"), order, strides, strict=True):
        size = math.prod(node.input(index).shape)
        fields[name] = Input(index, size)
        fields[f"{name}_size"] = size
        fields[f"{name}_strides"] = np.array(steps, np.int64)
        fields[f"{name}_zero_point"] = zero_points[index] + sign_flip
    return fields


def stays_along_rows(operand: Shape, other: Shape, shape: Shape) -> bool:
    """Whether an operand does not advance along the innermost dimension of the walk."""
    _, (steps, _) = collapse(shape, broadcast_strides(operand, shape), broadcast_strides(other, shape))
    return steps[-1] == 0
