"""TILE, BROADCAST_TO and FILL: repeat a tensor, or one value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..broadcast import LARGEST_RANK
from ..checks import require_arity, require_same_type
from ..operator import Input, Instruction, Kernel, Node, Prepared
from ..profiles import Profile
from . import copies
from .arguments import COPIED_TYPES, FIXED_TYPES, integers, vector

_LARGEST_SIZE = 2**31 - 1


@dataclass(frozen=True)
class Tile(Prepared):
    """How often the tensor is repeated along each axis."""

    multiples: tuple[int, ...]


def prepare_tile(node: Node, profile: Profile) -> Tile:
    """Prepare TILE.

    Notes
    -----
    Source: ``Prepare`` and ``ResizeOutput`` in ``kernels/tile.cc``.
    """
    require_arity(node, 2)
    source = node.input(0)
    require_same_type(node, source, node.output())
    multiples = integers(node, 1)
    node.require(len(multiples) == len(source.shape), f"{len(source.shape)} multiples")
    node.require(all(multiple >= 0 for multiple in multiples), "multiples of at least 0")
    shape = tuple(size * multiple for size, multiple in zip(source.shape, multiples, strict=True))
    node.require(all(size <= _LARGEST_SIZE for size in shape), "sizes below 2**31")
    return Tile((shape,), multiples)


def evaluate_tile(prepared: Tile, x: np.ndarray, multiples: np.ndarray) -> np.ndarray:
    """Repeat ``x`` along each axis."""
    if 0 in prepared.output_shape:
        return np.empty(prepared.output_shape, x.dtype)
    return np.tile(x, prepared.multiples)


def lower_tile(prepared: Tile, node: Node) -> Instruction | None:
    """Lower to ``strided_copy``, which reads the input anew for each multiple."""
    return copies.repeat(node, prepared.multiples)


def _sizes(node: Node, index: int) -> tuple[int, ...]:
    shape = vector(node, index)
    node.require(len(shape) <= LARGEST_RANK, f"an output of rank at most {LARGEST_RANK}")
    node.require(all(0 <= size <= _LARGEST_SIZE for size in shape), f"sizes in [0, 2**31), not {list(shape)}")
    return shape


def prepare_broadcast_to(node: Node, profile: Profile) -> Prepared:
    """Prepare BROADCAST_TO: axes are aligned at the end, those of size 1 stretch.

    Notes
    -----
    Source: ``ResizeOutputTensor`` in ``kernels/broadcast_to.cc``.
    """
    require_arity(node, 2)
    source = node.input(0)
    require_same_type(node, source, node.output())
    shape = _sizes(node, 1)
    extra = len(shape) - len(source.shape)
    node.require(extra >= 0, f"a shape of rank at least {len(source.shape)}")
    fits = all(size in (1, wanted) for size, wanted in zip(source.shape, shape[extra:], strict=True))
    node.require(fits, f"an input that broadcasts to {list(shape)}")
    return Prepared((shape,))


def evaluate_broadcast_to(prepared: Prepared, x: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Stretch ``x`` to the shape."""
    return np.array(np.broadcast_to(x, prepared.output_shape), order="C")


def lower_broadcast_to(prepared: Prepared, node: Node) -> Instruction | None:
    """Lower to ``strided_copy``, which reads the input with strides of 0 where it stretches."""
    return copies.stretch(node, prepared.output_shape)


def prepare_fill(node: Node, profile: Profile) -> Prepared:
    """Prepare FILL: input 0 is the shape, input 1 a scalar.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/fill.cc``. Value and output have one scale and zero point; int16's is 0.
    """
    require_arity(node, 2)
    value, target = node.input(1), node.output()
    require_same_type(node, value, target)
    node.require(value.shape == (), "a scalar in input 1")
    same = (value.scale, value.zero_point) == (target.scale, target.zero_point)
    node.require(same, "value and output of one scale and zero point")
    node.require(value.type is not TensorType.INT16 or value.zero_point == 0, "a zero point of 0")
    return Prepared((_sizes(node, 0),))


def evaluate_fill(prepared: Prepared, shape: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return the value, everywhere."""
    return np.full(prepared.output_shape, value, value.dtype)


def lower_fill(prepared: Prepared, node: Node) -> Instruction | None:
    """Lower to ``pad``, around nothing."""
    if 0 in prepared.output_shape:
        return None
    return copies.fill(node, prepared.output_shape, Input(1, node.input(1).dtype.itemsize))


KERNELS = (
    Kernel("TILE", (1, 2), (*COPIED_TYPES, TensorType.STRING), prepare_tile, evaluate_tile, lower_tile, values=(1,)),
    Kernel(
        "BROADCAST_TO",
        (2, 4),
        FIXED_TYPES,
        prepare_broadcast_to,
        evaluate_broadcast_to,
        lower_broadcast_to,
        values=(1,),
    ),
    Kernel(
        "FILL",
        (1, 5),
        (*COPIED_TYPES, TensorType.STRING),
        prepare_fill,
        evaluate_fill,
        lower_fill,
        values=(0,),
        selector=1,
    ),
)
