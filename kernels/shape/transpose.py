"""TRANSPOSE: permute the axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..checks import require_arity, require_same_type
from ..operator import Instruction, Kernel, Node, Prepared
from ..profiles import Profile
from . import copies
from .arguments import COPIED_TYPES, vector


@dataclass(frozen=True)
class Transpose(Prepared):
    """``permutation[i]`` is the input axis that becomes output axis ``i``."""

    permutation: tuple[int, ...]


def prepare(node: Node, profile: Profile) -> Transpose:
    """Prepare TRANSPOSE; negative entries of the permutation count from the end.

    Notes
    -----
    Source: ``ResizeOutputTensor`` in ``kernels/transpose.cc``.
    """
    require_arity(node, 2)
    source = node.input(0)
    require_same_type(node, source, node.output())
    rank = len(source.shape)
    entries = vector(node, 1, (TensorType.INT32,))
    permutation = tuple(entry + rank if entry < 0 else entry for entry in entries)
    node.require(sorted(permutation) == list(range(rank)), f"a permutation of {rank} axes, not {list(entries)}")
    return Transpose((tuple(source.shape[axis] for axis in permutation),), permutation)


def evaluate(prepared: Transpose, x: np.ndarray, permutation: np.ndarray) -> np.ndarray:
    """Permute the axes of ``x``."""
    return x.transpose(prepared.permutation).copy(order="C")


def lower(prepared: Transpose, node: Node) -> Instruction | None:
    """Lower to ``strided_copy`` or ``turned_copy``: the input is read with its strides permuted."""
    return copies.permute(node, node.input(0).shape, prepared.permutation)


KERNELS = (Kernel("TRANSPOSE", (1, 8), (*COPIED_TYPES, TensorType.INT4), prepare, evaluate, lower, values=(1,)),)
