"""BROADCAST_ARGS: the shape to which two shapes broadcast."""

from __future__ import annotations

import numpy as np

from ...schema import ModelError, TensorType
from ..checks import require_arity, require_same_type
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile


def prepare(node: Node, profile: Profile) -> Prepared:
    """Prepare BROADCAST_ARGS of two vectors (``kernels/broadcast_args.cc``)."""
    require_arity(node, 2)
    first, second = node.input(0), node.input(1)
    require_same_type(node, first, second, node.output())
    node.require(len(first.shape) == len(second.shape) == 1, "two vectors")
    return Prepared(((max(first.shape[0], second.shape[0]),),))


def evaluate(prepared: Prepared, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Align two shapes at the end; a 1 stretches.

    Raises
    ------
    ModelError
        Where two sizes differ and neither is 1.
    """
    (rank,) = prepared.output_shape
    a, b = (np.concatenate([np.ones(rank - len(shape), shape.dtype), shape]) for shape in (first, second))
    if not np.all((a == b) | (a == 1) | (b == 1)):
        raise ModelError(f"BROADCAST_ARGS: expected shapes that broadcast; got {first.tolist()} and {second.tolist()}")
    return np.where(a == 1, b, a)


KERNELS = (Kernel("BROADCAST_ARGS", (1, 1), (TensorType.INT32, TensorType.INT64), prepare, evaluate),)
