"""Lowering of ADD, SUB, MUL and PRELU on codes to ``add8``, ``mul16``... (``kernels/jit/elementwise.py``)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ...schema import TensorType
from ..broadcast import broadcast_strides, collapse
from ..operator import Field, Input, Instruction, Node, Output, Shape
from ..profiles import Rounding

_EIGHT_BIT = (TensorType.INT8, TensorType.UINT8)


def is_lowerable(node: Node, shape: Shape) -> bool:
    """Whether the operands are codes of 8 or 16 bits and the output has elements."""
    return node.input(0).type in (*_EIGHT_BIT, TensorType.INT16) and math.prod(shape) > 0


def sized(kernel: str, node: Node) -> str:
    """Return the name of the kernel for codes of the operands' size."""
    return f"{kernel}{8 * node.input(0).dtype.itemsize}"


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
    """Return how to walk the output and both operands, and how to center their codes."""
    sign_flip = 128 if node.input(0).type is TensorType.INT8 else 0
    order = (1, 0) if swap else (0, 1)
    return {
        **walk_fields(node, shape, swap),
        "sign_flip": sign_flip,
        "input1_zero_point": zero_points[order[0]] + sign_flip,
        "input2_zero_point": zero_points[order[1]] + sign_flip,
    }


def flip_of(node: Node) -> int:
    """Return what makes a code of 8 bits an unsigned byte, added or flipped: 128 for int8, 0 for uint8."""
    return 128 if node.input(0).type is TensorType.INT8 else 0


def byte_fields(node: Node, shape: Shape, limits: tuple[int, int], swap: bool = False) -> dict[str, Field] | None:
    """Return the fields that kernels of ``kernels/jit/byte_arithmetic.py`` share; ``limits`` clamp output codes.

    None where codes are not of 8 bits, or limits are no codes.
    """
    flip = flip_of(node)
    low, high = (limit + flip for limit in limits)
    if node.input(0).type not in _EIGHT_BIT or not 0 <= low <= high <= 255:
        return None
    walk = walk_fields(node, shape, swap)
    return {**walk, "sign_flip": flip, "code_min": low, "code_max": high, "part": 0, "parts": 1}


def walk_fields(node: Node, shape: Shape, swap: bool = False) -> dict[str, Field]:
    """Return how to walk the output and both operands: the fields ``BROADCAST``.

    Parameters
    ----------
    swap : exchange the operands.
    """
    order = (1, 0) if swap else (0, 1)
    shapes = [node.input(index).shape for index in order]
    sizes, strides = collapse(shape, *(broadcast_strides(operand, shape) for operand in shapes))
    width = node.input(0).dtype.itemsize
    fields: dict[str, Field] = {
        "output": Output(0, width * math.prod(shape)),
        "sizes": np.array(sizes, np.int64),
        "rank": len(sizes),
    }
    for name, index, steps in zip(("input1", "input2"), order, strides, strict=True):
        size = math.prod(node.input(index).shape)
        fields[name] = Input(index, width * size)
        fields[f"{name}_size"] = size
        fields[f"{name}_strides"] = np.array(steps, np.int64)
    return fields


def stays_along_rows(operand: Shape, other: Shape, shape: Shape) -> bool:
    """Whether an operand does not advance along the innermost dimension of the walk."""
    _, (steps, _) = collapse(shape, broadcast_strides(operand, shape), broadcast_strides(other, shape))
    return steps[-1] == 0


_FLOAT_OPERATIONS = {"ADD": 0, "SUB": 1, "MUL": 2, "PRELU": 3, "LEAKY_RELU": 4, "MAXIMUM": 5, "MINIMUM": 6, "DIV": 7}
"""Numbers of the operations of ``kernels/jit/float_arithmetic.py``."""


def lower_float_arithmetic(node: Node, shape: Shape, low: float = -np.inf, high: float = np.inf) -> Instruction | None:
    """Lower an operator of two float32 tensors, with a clamp, to ``arithmetic_float32``."""
    if node.input(0).type is not TensorType.FLOAT32 or math.prod(shape) == 0:
        return None
    bounds = {"activation_min": float(low), "activation_max": float(high)}
    operation = _FLOAT_OPERATIONS[node.name]
    return Instruction("arithmetic_float32", {**walk_fields(node, shape), "operation": operation, **bounds})


def lower_extreme_of_two(node: Node, shape: Shape) -> Instruction | None:
    """Lower MAXIMUM and MINIMUM of codes and of float32."""
    kind = node.input(0).type
    if kind is TensorType.FLOAT32:
        return lower_float_arithmetic(node, shape)
    if not is_lowerable(node, shape):
        return None
    least = node.name == "MINIMUM"
    swap = stays_along_rows(node.input(0).shape, node.input(1).shape, shape)
    if kind is TensorType.INT16:
        return Instruction("greater16", {**walk_fields(node, shape, swap), "turn": -least})
    flip = flip_of(node) ^ (255 * least)
    whole = {"code_min": 0, "code_max": 255, "part": 0, "parts": 1}
    return Instruction("greater8", {**walk_fields(node, shape, swap), "sign_flip": flip, **whole})


def lower_float_leaky_relu(node: Node, alpha: np.float32) -> Instruction | None:
    """Lower LEAKY_RELU of float32 to ``arithmetic_float32``, alpha standing as a second operand that stays."""
    shape = node.input(0).shape
    lowered = lower_float_arithmetic(replace(node, inputs=(node.input(0), replace(node.input(0), shape=()))), shape)
    if lowered is None:
        return None
    return Instruction(lowered.kernel, {**lowered.fields, "input2": np.array([alpha], np.float32)})
