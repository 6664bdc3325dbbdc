"""BITCAST: the same bytes as another data type."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..checks import require_arity
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile
from .arguments import FIXED_TYPES


@dataclass(frozen=True)
class BitCast(Prepared):
    """The output's data type."""

    dtype: np.dtype


def prepare(node: Node, profile: Profile) -> BitCast:
    """Prepare BITCAST: smaller elements get an axis of their own, greater ones take the last.

    Notes
    -----
    Source: ``Prepare`` and ``CalculateShape`` in ``kernels/bitcast.cc``.
    """
    require_arity(node, 1)
    source, target = node.input(0), node.output()
    node.require(target.type in FIXED_TYPES, "an output of " + ", ".join(t.name.lower() for t in FIXED_TYPES))
    old, new = source.dtype.itemsize, target.dtype.itemsize
    if old == new:
        return BitCast((source.shape,), target.dtype)
    if old > new:
        return BitCast(((*source.shape, old // new),), target.dtype)
    node.require(source.shape[-1:] == (new // old,), f"a last axis of {new // old}")
    return BitCast((source.shape[:-1],), target.dtype)


def evaluate(prepared: BitCast, x: np.ndarray) -> np.ndarray:
    """Read the bytes of ``x`` as the other data type."""
    return np.frombuffer(x.tobytes(), prepared.dtype).reshape(prepared.output_shape).copy()


KERNELS = (Kernel("BITCAST", (1, 1), FIXED_TYPES, prepare, evaluate),)
