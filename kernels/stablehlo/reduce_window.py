"""REDUCE_WINDOW and STABLEHLO_REDUCE_WINDOW: a sliding window reduced to one value, by one of six functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...schema import TensorType
from ...schema.options import ReduceWindowOptions, StablehloReduceWindowOptions
from ...schema.types import ReduceWindowFunction
from ..checks import options_of, require_arity, require_same_type
from ..operator import Kernel, Node, Prepared, Shape
from ..profiles import Profile
from .pad import Pad, evaluate_pad

_LARGEST_RANK = 6
_LARGEST_WINDOW = 2**20
_MOST_STEPS = 2**32
_LARGEST_PADDED = 2**28
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


def _positions(sizes: Shape, window: Shape, strides: Shape, dilations: Shape) -> Shape:
    """Return how many positions a window has along each axis; none where it does not fit.

    Notes
    -----
    Source: ``ComputeOutputShape`` in ``kernels/stablehlo_reduce_window.cc``.
    """
    reach = [(size - 1) * dilation + 1 for size, dilation in zip(window, dilations, strict=True)]
    axes = zip(sizes, reach, strides, strict=True)
    return tuple(0 if side < one else (side - one) // stride + 1 for side, one, stride in axes)


def _require_feasible(node: Node, function: ReduceWindowFunction, window: Shape, shape: Shape) -> None:
    """Raise an error for what takes minutes, and for sums of bool, of which the reference stores bytes above 1."""
    if function is ReduceWindowFunction.ADD and node.input(0).type is TensorType.BOOL:
        raise node.unsupported("ADD of numbers")
    if 0 in shape:
        return  # whatever the window is, it is nowhere
    node.require(math.prod(window) <= _LARGEST_WINDOW, f"a window of at most {_LARGEST_WINDOW} elements")
    node.require(math.prod(window) * math.prod(shape) <= _MOST_STEPS, f"at most {_MOST_STEPS} elements seen")


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
    shape = _positions(x.shape, window, strides, dilations)
    _require_feasible(node, function, window, shape)
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


@dataclass(frozen=True)
class PaddedReduceWindow(ReduceWindow):
    """The same over an input whose elements are moved apart and padded, with the initial value, beforehand."""

    pad: Pad


_BODIES = {
    "ADD": ReduceWindowFunction.ADD,
    "MUL": ReduceWindowFunction.MUL,
    "MINIMUM": ReduceWindowFunction.MINIMUM,
    "MAXIMUM": ReduceWindowFunction.MAXIMUM,
    "LOGICAL_AND": ReduceWindowFunction.ALL,
    "LOGICAL_OR": ReduceWindowFunction.ANY,
    "STABLEHLO_ADD": ReduceWindowFunction.ADD,
    "STABLEHLO_AND": ReduceWindowFunction.ALL,
    "STABLEHLO_MULTIPLY": ReduceWindowFunction.MUL,
    "STABLEHLO_MINIMUM": ReduceWindowFunction.MINIMUM,
    "STABLEHLO_MAXIMUM": ReduceWindowFunction.MAXIMUM,
}


def prepare_padded(node: Node, profile: Profile) -> PaddedReduceWindow:
    """Prepare STABLEHLO_REDUCE_WINDOW: its function is the only operator of a subgraph, which is not run.

    Notes
    -----
    Source: ``StablehloData`` in ``kernels/stablehlo_reduce_window.cc``.
    """
    require_arity(node, 2)
    x = node.input(0)
    require_same_type(node, x, node.input(1), node.output())
    rank = len(x.shape)
    node.require(1 <= rank <= _LARGEST_RANK and 0 not in x.shape, f"elements, of rank 1 to {_LARGEST_RANK}")
    node.require(0 not in node.input(1).shape, "an initial value")
    options = options_of(node, StablehloReduceWindowOptions)
    geometry = options.window_dimensions, options.window_strides, options.window_dilations
    for given in (*geometry, options.base_dilations):
        node.require(len(given) == rank and all(0 < one < 2**31 for one in given), f"{rank} positive int32 numbers")
    padding = options.padding
    node.require(len(padding) == 2 * rank, f"{2 * rank} paddings, not {len(padding)}")
    low, high = tuple(padding[0::2]), tuple(padding[1::2])
    padded = tuple(
        (size - 1) * step + 1 + before + after
        for size, step, before, after in zip(x.shape, options.base_dilations, low, high, strict=True)
    )
    node.require(min(padded) > 0 and max(padded) < 2**31, f"a padded input with elements, not of shape {padded}")
    node.require(math.prod(padded) <= _LARGEST_PADDED, f"a padded input of at most {_LARGEST_PADDED} elements")
    index = options.body_subgraph_index
    node.require(0 <= index < len(node.bodies), f"a subgraph {index} for the body")
    body = node.bodies[index]
    if len(body) != 1 or body[0] not in _BODIES:
        raise node.unsupported(f"a body of one of {', '.join(_BODIES)}")
    window, strides, dilations = (tuple(given) for given in geometry)
    shape = _positions(padded, window, strides, dilations)
    _require_feasible(node, _BODIES[body[0]], window, shape)
    pad = Pad((padded,), low, tuple(options.base_dilations))
    return PaddedReduceWindow((shape,), _BODIES[body[0]], window, strides, dilations, pad)


def evaluate_padded(prepared: PaddedReduceWindow, x: np.ndarray, initial: np.ndarray) -> np.ndarray:
    """Pad, then reduce.

    Notes
    -----
    Source: ``PadCropReduceWindow`` in ``kernels/stablehlo_reduce_window.cc``.
    """
    return evaluate(prepared, evaluate_pad(prepared.pad, x, initial), initial)


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

KERNELS = (
    Kernel("REDUCE_WINDOW", (1, 1), _TYPES, prepare, evaluate, values=(2, 3, 4)),
    Kernel("STABLEHLO_REDUCE_WINDOW", (1, 1), _TYPES, prepare_padded, evaluate_padded),
)
