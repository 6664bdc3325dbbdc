"""SPLIT and UNPACK: one tensor into several along an axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import SplitOptions, UnpackOptions
from ..checks import options_of, require_arity, require_same_type
from ..operator import Instruction, Kernel, Node, Prepared
from ..profiles import Profile
from . import copies
from .arguments import normalized_axis, require_same_parameters, scalar, without


@dataclass(frozen=True)
class Split(Prepared):
    """The axis that is cut."""

    axis: int

    @property
    def widths(self) -> tuple[int, ...]:
        """The sizes along the axis of parts that keep it."""
        return tuple(shape[self.axis] for shape in self.output_shapes if shape is not None)


def prepare_split(node: Node, profile: Profile) -> Split:
    """Prepare SPLIT: the axis is input 0, the tensor input 1; all parts have one size.

    Notes
    -----
    Source: ``Prepare`` and ``ResizeOutputTensors`` in ``kernels/split.cc``.
    """
    parts = options_of(node, SplitOptions).num_splits
    node.require(parts >= 1, f"num_splits of at least 1, not {parts}")
    require_arity(node, 2, parts)
    source = node.input(1)
    require_same_type(node, source, *node.outputs)
    axis = normalized_axis(node, scalar(node, 0, (TensorType.INT32,)), len(source.shape))
    size, rest = divmod(source.shape[axis], parts)
    node.require(rest == 0, f"a size along axis {axis} that is a multiple of {parts}")
    return Split(((*source.shape[:axis], size, *source.shape[axis + 1 :]),) * parts, axis)


def evaluate_split(prepared: Split, axis: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, ...]:
    """Cut ``x`` into equal parts."""
    return tuple(part.copy() for part in np.split(x, len(prepared.output_shapes), prepared.axis))


def prepare_unpack(node: Node, profile: Profile) -> Split:
    """Prepare UNPACK: one output without the axis for each index along it.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/unpack.cc``.
    """
    options = options_of(node, UnpackOptions)
    node.require(options.num >= 1, f"num of at least 1, not {options.num}")
    require_arity(node, 1, options.num)
    source = node.input(0)
    require_same_type(node, source, *node.outputs)
    require_same_parameters(node)
    axis = normalized_axis(node, options.axis, len(source.shape))
    node.require(source.shape[axis] == options.num, f"size {options.num} along axis {axis}")
    return Split((without(source.shape, axis),) * options.num, axis)


def evaluate_unpack(prepared: Split, x: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the slices of ``x`` along the axis."""
    return tuple(np.asarray(x.take(index, prepared.axis)) for index in range(len(prepared.output_shapes)))


def lower_split(prepared: Split, node: Node) -> tuple[Instruction, ...] | None:
    """Lower to one ``strided_copy`` for each part."""
    return copies.split(node, 1, prepared.axis, prepared.widths)


def lower_unpack(prepared: Split, node: Node) -> tuple[Instruction, ...] | None:
    """Lower to one ``strided_copy`` for each slice."""
    return copies.split(node, 0, prepared.axis, (1,) * len(prepared.output_shapes))


_SPLIT_TYPES = (
    TensorType.FLOAT32,
    TensorType.UINT8,
    TensorType.INT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.INT64,
)
_UNPACK_TYPES = (
    TensorType.FLOAT32,
    TensorType.FLOAT16,
    TensorType.UINT8,
    TensorType.INT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.BOOL,
    TensorType.BFLOAT16,
)

KERNELS = (
    Kernel("SPLIT", (1, 5), _SPLIT_TYPES, prepare_split, evaluate_split, lower_split, values=(0,), selector=1),
    Kernel("UNPACK", (1, 6), _UNPACK_TYPES, prepare_unpack, evaluate_unpack, lower_unpack),
)
