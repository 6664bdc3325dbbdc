"""CAST: from any numeric type to any other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..activation_range import type_range
from ..checks import require_arity
from ..operator import Field, Input, Instruction, Kernel, Node, Output, Prepared
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
    TensorType.BFLOAT16,
)
_PACKED = (TensorType.INT4, TensorType.INT2, TensorType.UINT4)
"""Integers of fewer than 8 bits, which are cast to float32 and from it only."""


@dataclass(frozen=True)
class Cast(Prepared):
    """The data type of the result, and the least and greatest integer of one with fewer than 8 bits."""

    dtype: np.dtype
    limits: tuple[int, int] | None


def prepare(node: Node, profile: Profile) -> Cast:
    """Prepare CAST from the tensors' types; the options repeat them and do not count (``kernels/cast.cc``)."""
    require_arity(node, 1)
    source, target = node.input(0), node.output()
    packed = source.type in _PACKED or target.type in _PACKED
    if packed and TensorType.FLOAT32 not in (source.type, target.type):
        raise node.unsupported("int4, int2 and uint4 from and to float32")
    if target.type not in (*_TYPES, *_PACKED):
        raise node.unsupported(", ".join(t.name.lower() for t in _TYPES))
    return Cast((source.shape,), target.dtype, type_range(target.type) if target.type in _PACKED else None)


def evaluate(prepared: Cast, x: np.ndarray) -> np.ndarray:
    """Convert ``x`` of any shape.

    Notes
    -----
    Source: ``copyToTensor`` and ``CastValue`` in ``kernels/cast.cc``. Floats are truncated and saturate, NaN becomes
    the greatest integer; integers wrap; anything but zero is true; of a complex number only the real part counts.
    Numbers go to float16 and bfloat16 through float32.
    """
    target = prepared.dtype
    with np.errstate(over="ignore", invalid="ignore"):  # a signalling NaN is an invalid number
        if x.dtype.name == "bfloat16":
            x = x.astype(np.float32)
        if target == np.complex64:
            return x.astype(target)
        if x.dtype == np.complex64:
            x = x.real
        if prepared.limits is not None:
            return np.asarray(np.clip(saturate(x, target), *prepared.limits), target)
        if target.kind in "iu" and x.dtype.kind == "f":
            return saturate(x, target)
        if target == np.float16 or target.name == "bfloat16":
            return x.astype(np.float32).astype(target)
        return x.astype(target)


_LANES = 16  # of kernels/jit/vectors.py


def lower(prepared: Cast, node: Node) -> Instruction | None:
    """Lower 8 and 16 bits to float32, as codes whose scale is 1."""
    source, size = node.input(0), math.prod(node.input(0).shape)
    if prepared.dtype != np.float32 or size < _LANES:
        return None
    width = source.dtype.itemsize
    fields: dict[str, Field] = {"input": Input(0, width * size), "output": Output(0, 4 * size), "size": size}
    own: dict[str, Field] = {"scale": 1.0, "part": 0, "parts": 1}
    if source.type is TensorType.INT16:
        return Instruction("dequantize16", {**fields, "zero_point": 0, **own})
    if source.type not in (TensorType.INT8, TensorType.UINT8):
        return None
    flip = 128 if source.type is TensorType.INT8 else 0
    return Instruction("dequantize_bytes", {**fields, "sign_flip": flip, "zero_point": flip, **own})


KERNELS = (Kernel("CAST", (1, 9), (*_TYPES, *_PACKED), prepare, evaluate, lower),)
