"""RANGE and RANK: numbers in steps, and how many axes a tensor has."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..checks import require_arity, require_same_type
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile
from .arguments import ALL_TYPES

_LARGEST_SIZE = 2**31 - 1


def prepare_range(node: Node, profile: Profile) -> Prepared:
    """Prepare RANGE: from start, in steps of delta, up to but not including limit.

    Notes
    -----
    Source: ``GetSize`` in ``kernels/range.cc``. Floats count ``ceil(abs((limit - start) / delta))`` in float32.
    """
    require_arity(node, 3)
    specs = [node.input(index) for index in range(3)]
    require_same_type(node, *specs, node.output())
    node.require(all(spec.shape == () for spec in specs), "scalars")
    start, limit, delta = (node.value(index).reshape(())[()] for index in range(3))
    forward, backward = start <= limit and delta > 0, start >= limit and delta < 0
    node.require(bool(forward or backward), f"a delta that leads from {start} to {limit}, not {delta}")
    if specs[0].type is TensorType.FLOAT32:
        with np.errstate(all="ignore"):
            steps = abs(float((limit - start) / delta))
        node.require(steps <= _LARGEST_SIZE, "less than 2**31 steps")
        size = math.ceil(steps)
    else:
        size = -(-abs(int(limit) - int(start)) // abs(int(delta)))
        node.require(size <= _LARGEST_SIZE, "less than 2**31 steps")
    return Prepared(((size,),))


def evaluate_range(prepared: Prepared, start: np.ndarray, limit: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """Add delta again and again; in float32 each sum rounds."""
    output = np.full(prepared.output_shape, delta, start.dtype)
    output[:1] = start
    with np.errstate(over="ignore", invalid="ignore"):
        return np.add.accumulate(output, dtype=start.dtype)


@dataclass(frozen=True)
class Rank(Prepared):
    """The input's rank."""

    rank: int


def prepare_rank(node: Node, profile: Profile) -> Rank:
    """Prepare RANK (``kernels/rank.cc``)."""
    require_arity(node, 1)
    node.require(node.output().type is TensorType.INT32, "an int32 output")
    return Rank(((),), len(node.input(0).shape))


def evaluate_rank(prepared: Rank, x: np.ndarray | None = None) -> np.ndarray:
    """Return the rank; the input's values are not looked at."""
    return np.array(prepared.rank, np.int32)


_TYPES = (TensorType.INT32, TensorType.INT64, TensorType.FLOAT32)

KERNELS = (
    Kernel("RANGE", (1, 1), _TYPES, prepare_range, evaluate_range, values=(0, 1, 2)),
    Kernel("RANK", (1, 1), ALL_TYPES, prepare_rank, evaluate_rank, shape_only=True),
)
