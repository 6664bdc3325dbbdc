"""STABLEHLO_PAD and DILATE: elements moved apart, with a padding value in between and around."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import StablehloPadOptions
from ..checks import options_of, require_arity, require_same_type
from ..operator import Kernel, Node, Prepared, Shape
from ..profiles import Profile
from ..shape.arguments import COPIED_TYPES, FIXED_TYPES

_LARGEST_PAD_RANK = 8
_INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class Pad(Prepared):
    """Per axis: padding before the first element (negative: elements cut off) and the distance of neighbours."""

    low: Shape
    steps: Shape


def prepare_pad(node: Node, profile: Profile) -> Pad:
    """Prepare STABLEHLO_PAD; where any axis comes out empty, the reference makes all of them 0.

    Notes
    -----
    Source: ``PadData::Setup`` in ``kernels/stablehlo_pad.cc``.
    """
    require_arity(node, 2)
    x = node.input(0)
    require_same_type(node, x, node.input(1), node.output())
    rank = len(x.shape)
    node.require(1 <= rank <= _LARGEST_PAD_RANK, f"an input of rank 1 to {_LARGEST_PAD_RANK}")
    node.require(0 not in node.input(1).shape, "a padding value")
    options = options_of(node, StablehloPadOptions)
    low, high, interior = options.edge_padding_low, options.edge_padding_high, options.interior_padding
    node.require(len(low) == len(high) == len(interior) == rank, f"paddings of {rank} axes")
    node.require(all(0 <= one < _INT32_MAX for one in interior), "an interior padding in [0, 2**31 - 2]")
    steps = tuple(one + 1 for one in interior)
    shape = tuple(
        (size - 1) * step + 1 + before + after
        for size, step, before, after in zip(x.shape, steps, low, high, strict=True)
    )
    node.require(max(shape) <= _INT32_MAX, "an output whose axes fit in int32")
    return Pad(((0,) * rank if min(shape) <= 0 else shape,), tuple(low), steps)


def evaluate_pad(prepared: Pad, x: np.ndarray, padding: np.ndarray) -> np.ndarray:
    """Fill the output with the padding value, then put each element that falls inside at its place."""
    output = np.full(prepared.output_shape, padding.reshape(-1)[0], x.dtype)
    source, target = [], []
    for size, limit, low, step in zip(x.shape, output.shape, prepared.low, prepared.steps, strict=True):
        places = low + step * np.arange(size, dtype=np.int64)
        inside = (places >= 0) & (places < limit)
        source.append(np.flatnonzero(inside))
        target.append(places[inside])
    output[np.ix_(*target)] = x[np.ix_(*source)]
    return output


def prepare_dilate(node: Node, profile: Profile) -> Pad:
    """Prepare DILATE: a factor per axis in input 1, the padding value in input 2.

    Notes
    -----
    Source: ``Prepare``, ``SetupOutputTensor`` and ``Eval`` in ``kernels/dilate.cc``.
    """
    require_arity(node, 3)
    x, factors = node.input(0), node.input(1)
    require_same_type(node, x, node.input(2), node.output())
    node.require(len(x.shape) >= 1, "an input of rank 1 or more")
    node.require(factors.type is TensorType.INT32 and factors.shape == (len(x.shape),), "an int32 factor per axis")
    node.require(0 not in node.input(2).shape, "a padding value")
    # The reference's strides take an axis of no elements for one of -1.
    node.require(0 not in x.shape, "an input with elements")
    steps = tuple(map(int, node.value(1)))
    node.require(min(steps) >= 1, "factors of 1 or more")
    shape = tuple((size - 1) * step + 1 for size, step in zip(x.shape, steps, strict=True))
    node.require(max(shape) <= _INT32_MAX, "an output whose axes fit in int32")
    return Pad((shape,), (0,) * len(steps), steps)


def evaluate_dilate(prepared: Pad, x: np.ndarray, factors: np.ndarray, padding: np.ndarray) -> np.ndarray:
    """Put the elements apart by the factors, the padding value between them."""
    return evaluate_pad(prepared, x, padding)


KERNELS = (
    Kernel("STABLEHLO_PAD", (1, 1), FIXED_TYPES, prepare_pad, evaluate_pad),
    Kernel("DILATE", (1, 1), COPIED_TYPES, prepare_dilate, evaluate_dilate, values=(1,)),
)
