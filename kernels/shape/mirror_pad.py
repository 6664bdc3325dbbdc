"""MIRROR_PAD: borders that mirror what lies within."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import MirrorPadOptions
from ...schema.types import MirrorPadMode
from ..checks import options_of, require_arity, require_same_type, require_symmetric
from ..operator import Instruction, Kernel, Node, Prepared
from ..profiles import Profile
from . import copies
from .arguments import COPIED_TYPES, integers


@dataclass(frozen=True)
class MirrorPad(Prepared):
    """For each axis of the output, the index along the input that each of its elements is."""

    indices: tuple[np.ndarray, ...]


def prepare(node: Node, profile: Profile) -> MirrorPad:
    """Prepare MIRROR_PAD: REFLECT leaves the outermost element out of the border, SYMMETRIC repeats it.

    Borders longer than what they mirror are refused; the reference reads other elements there.

    Notes
    -----
    Source: ``Prepare`` and ``GetInputDimension`` in ``kernels/mirror_pad.cc``.
    """
    require_arity(node, 2)
    source, target = node.input(0), node.output()
    require_same_type(node, source, target)
    rank = len(source.shape)
    node.require(node.input(1).shape == (rank, 2), f"paddings of shape ({rank}, 2)")
    if source.type in (TensorType.INT8, TensorType.UINT8, TensorType.INT16):
        same = (source.scale, source.zero_point) == (target.scale, target.zero_point)
        node.require(same, "input and output of one scale and zero point")
    if source.type is TensorType.INT16:
        require_symmetric(node, source, target)
    amounts = integers(node, 1)
    reflect = options_of(node, MirrorPadOptions).mode is MirrorPadMode.REFLECT
    indices = []
    for size, before, after in zip(source.shape, amounts[0::2], amounts[1::2], strict=True):
        most = max(0, size - 1 if reflect else size)
        node.require(0 <= before <= most and 0 <= after <= most, f"paddings in [0, {most}] of an axis of {size}")
        skipped = int(reflect)
        left = np.arange(before, 0, -1) - 1 + skipped
        right = size - 1 - skipped - np.arange(after)
        indices.append(np.concatenate([left, np.arange(size), right]).astype(np.int64))
    return MirrorPad((tuple(len(index) for index in indices),), tuple(indices))


def evaluate(prepared: MirrorPad, x: np.ndarray, paddings: np.ndarray) -> np.ndarray:
    """Take the mirrored indices along each axis."""
    for axis, index in enumerate(prepared.indices):
        x = np.take(x, index, axis)
    return x.copy()


def lower(prepared: MirrorPad, node: Node) -> Instruction | None:
    """Lower to ``gather``, with the mirrored indices as positions of rows."""
    return copies.along_axes(node, prepared.indices)


KERNELS = (Kernel("MIRROR_PAD", (1, 3), COPIED_TYPES, prepare, evaluate, lower, values=(1,)),)
