"""Lowering of sums, means and extremes (``kernels/jit/reduction.py``)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...schema import TensorType
from ..elementwise.lowering import rescaling_fields
from ..operator import Field, Input, Instruction, Node, Output, Scratch, Shape
from ..profiles import Rounding


def reduction_fields(node: Node, axes: Shape) -> dict[str, Field]:
    """Return how to walk the input, of which something has elements: neighbouring axes of one kind are one loop."""
    source = node.input(0)
    loops: list[tuple[int, bool]] = []  # size, and whether it is reduced
    for axis, size in enumerate(source.shape):
        if size > 1:
            reduced = axis in axes
            if loops and loops[-1][1] == reduced:
                size *= loops.pop()[0]
            loops.append((size, reduced))
    *outer, (run, last_reduced) = loops or [(1, False)]
    strides, stride = [], 1 if last_reduced else run
    for size, reduced in reversed(outer):
        strides.append(0 if reduced else stride)
        stride *= 1 if reduced else size
    size, outputs = math.prod(source.shape), math.prod(n for axis, n in enumerate(source.shape) if axis not in axes)
    return {
        "input": Input(0, source.dtype.itemsize * size),
        "input_size": size,
        "output": Output(0, source.dtype.itemsize * outputs),
        "outputs": outputs,
        "sizes": np.array([n for n, _ in outer], np.int64),
        "strides": np.array(strides[::-1], np.int64),
        "rank": len(outer),
        "run": run,
        "run_stride": int(not last_reduced),
    }


def lower_float_sum(node: Node, axes: Shape, divisor: int, whole: bool) -> Instruction | None:
    """Lower a sum of float32, or with a ``divisor`` a mean; ``whole``: it starts from the first element."""
    if math.prod(node.input(0).shape) == 0:
        return None
    return Instruction("sum_float32", {**reduction_fields(node, axes), "divisor": divisor, "whole": int(whole)})


def lower_sum_of_codes(
    node: Node,
    axes: Shape,
    zero_points: Sequence[int],
    rescaling: tuple[int, int, Rounding],
    limits: tuple[int, int],
    as_uint8: bool = False,
) -> Instruction | None:
    """Lower a sum of codes with one rescaling.

    Parameters
    ----------
    zero_points : of input and output.
    rescaling : multiplier, shift and rounding.
    limits : the output's least and greatest code.
    as_uint8 : int8 codes are read as uint8.
    """
    source, (multiplier, shift, rounding) = node.input(0), rescaling
    if math.prod(source.shape) == 0:
        return None
    walk = reduction_fields(node, axes)
    turn = 128 if source.type is TensorType.INT8 and not as_uint8 else 0
    count = math.prod(source.shape[axis] for axis in axes)
    own: dict[str, Field] = {
        "sums": Scratch(4 * math.prod(n for axis, n in enumerate(source.shape) if axis not in axes)),
        "zero_points": (zero_points[0] + turn) * count,
        "output_left_shift": max(shift, 0) if rounding is Rounding.DOUBLE else 0,
        "output_zero_point": zero_points[1],
        "activation_min": limits[0],
        "activation_max": limits[1],
        **rescaling_fields("output", multiplier, shift, rounding),
    }
    if source.type is TensorType.INT16:
        return Instruction("sum16", {**walk, **own})
    return Instruction("sum8", {**walk, **own, "turn": turn})


def lower_extreme(node: Node, axes: Shape, whole: bool, greatest: bool) -> Instruction | None:
    """Lower REDUCE_MAX or REDUCE_MIN of codes or float32; ``whole``: all axes are reduced."""
    kind = node.input(0).type
    if math.prod(node.input(0).shape) == 0:
        return None
    walk = reduction_fields(node, axes)
    if kind is TensorType.FLOAT32:
        return Instruction("extreme_float32", {**walk, "whole": int(whole), "greatest": int(greatest)})
    if kind is TensorType.INT16:
        return Instruction("extreme16", {**walk, "turn": 0 if greatest else -1})
    if kind not in (TensorType.INT8, TensorType.UINT8):
        return None
    turn = (128 if kind is TensorType.INT8 else 0) ^ (0 if greatest else 255)
    return Instruction("extreme8", {**walk, "turn": turn})
