"""CAST: from any numeric type to any other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..checks import require_arity
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile
from .conversion import saturate

_TYPES = (
    TensorType.FLOAT32,
    TensorType.FLOAT16,
    TensorType.FLOAT64,
    TensorType.INT8,
    TensorType.UINT8,
    TensorType.INT16,
    TensorType.UINT16,
    TensorType.INT32,
    TensorType.UINT32,
    TensorType.INT64,
    TensorType.BOOL,
    TensorType.COMPLEX64,
)


@dataclass(frozen=True)
class Cast(Prepared):
    """The data type of the result."""

    dtype: np.dtype


def prepare(node: Node, profile: Profile) -> Cast:
    """Prepare CAST from the tensors' types; the options repeat them and do not count (``kernels/cast.cc``)."""
    require_arity(node, 1)
    if node.output().type not in _TYPES:
        raise node.unsupported(", ".join(t.name.lower() for t in _TYPES))
    return Cast((node.input(0).shape,), node.output().dtype)


def evaluate(prepared: Cast, x: np.ndarray) -> np.ndarray:
    """Convert ``x`` of any shape.

    Notes
    -----
    Source: ``copyToTensor`` and ``CastValue`` in ``kernels/cast.cc``. Floats are truncated and saturate, NaN becomes
    the greatest integer; integers wrap; anything but zero is true; of a complex number only the real part counts.
    Numbers go to float16 through float32.
    """
    target = prepared.dtype
    with np.errstate(over="ignore", invalid="ignore"):  # a signalling NaN is an invalid number
        if target == np.complex64:
            return x.astype(target)
        if x.dtype == np.complex64:
            x = x.real
        if target.kind in "iu" and x.dtype.kind == "f":
            return saturate(x, target)
        if target == np.float16:
            return x.astype(np.float32).astype(target)
        return x.astype(target)


KERNELS = (Kernel("CAST", (1, 9), _TYPES, prepare, evaluate),)
