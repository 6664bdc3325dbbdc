"""REDUCE_WINDOW: a sliding window reduced to one value, by one of six functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...schema import TensorType
from ...schema.options import ReduceWindowOptions
from ...schema.types import ReduceWindowFunction
from ..checks import options_of, require_arity, require_same_type
from ..operator import Kernel, Node, Prepared, Shape
from ..profiles import Profile

_LARGEST_RANK = 6
_FUNCTIONS: dict[ReduceWindowFunction, Callable[[Any, Any], np.ndarray]] = {
    ReduceWindowFunction.ADD: np.add,
    ReduceWindowFunction.MUL: np.multiply,
    # Unlike std::min and std::max, the second where the two do not compare.
    ReduceWindowFunction.MINIMUM: lambda a, b: np.where(a <= b, a, b),
    ReduceWindowFunction.MAXIMUM: lambda a, b: np.where(a >= b, a, b),
    ReduceWindowFunction.ALL: np.logical_and,
    ReduceWindowFunction.ANY: np.logical_or,
}


@dataclass(frozen=True)
class ReduceWindow(Prepared):
    """The window's size, how far it moves, and how far apart the elements that it sees are."""

    function: ReduceWindowFunction
    window: Shape
    strides: Shape
    dilations: Shape


def prepare(node: Node, profile: Profile) -> ReduceWindow:
    """Prepare REDUCE_WINDOW: input, initial value, then window, strides and dilations, an int64 per axis.

    Notes
    -----
    Source: ``TFLiteData`` and ``ReduceWindowData`` in ``kernels/stablehlo_reduce_window.cc``.
    """
    require_arity(node, 5)
    x = node.input(0)
    require_same_type(node, x, node.input(1), node.output())
    rank = len(x.shape)
    node.require(1 <= rank <= _LARGEST_RANK, f"an input of rank 1 to {_LARGEST_RANK}")
    node.require(0 not in node.input(1).shape, "an initial value")
    function = options_of(node, ReduceWindowOptions).reduce_function
    if function not in _FUNCTIONS:
        raise node.unsupported("reduce_function ADD, MUL, MINIMUM, MAXIMUM, ALL or ANY")
    for index in (2, 3, 4):
        spec = node.input(index)
        node.require(spec.type is TensorType.INT64 and spec.shape == (rank,), f"{rank} int64 as input {index}")
        node.require(bool(np.all((node.value(index) >= 1) & (node.value(index) < 2**31))), "positive int32 numbers")
    window, strides, dilations = (tuple(map(int, node.value(index))) for index in (2, 3, 4))
    reach = [(size - 1) * dilation + 1 for size, dilation in zip(window, dilations, strict=True)]
    axes = zip(x.shape, reach, strides, strict=True)
    shape = tuple(0 if side < one else (side - one) // stride + 1 for side, one, stride in axes)
    return ReduceWindow((shape,), function, window, strides, dilations)


def evaluate(prepared: ReduceWindow, x: np.ndarray, initial: np.ndarray, *geometry: np.ndarray) -> np.ndarray:
    """Reduce all windows at once, from the initial value on, over the window's elements in row-major order.

    Notes
    -----
    Source: ``ReduceWindowImpl`` and ``StridedReduce`` in ``kernels/stablehlo_reduce_window.cc``.
    """
    shape = prepared.output_shape
    output = np.full(shape, initial.reshape(-1)[0], x.dtype)
    if 0 in shape:
        return output
    reduction = _FUNCTIONS[prepared.function]
    for element in np.ndindex(*prepared.window):
        seen = tuple(
            slice(place * dilation, place * dilation + (count - 1) * stride + 1, stride)
            for place, dilation, count, stride in zip(element, prepared.dilations, shape, prepared.strides, strict=True)
        )
        output = np.asarray(reduction(output, x[seen]), x.dtype)
    return output


_TYPES = (
    TensorType.FLOAT32,
    TensorType.FLOAT64,
    TensorType.INT8,
    TensorType.UINT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.INT64,
    TensorType.BOOL,
)

KERNELS = (Kernel("REDUCE_WINDOW", (1, 1), _TYPES, prepare, evaluate, values=(2, 3, 4)),)
