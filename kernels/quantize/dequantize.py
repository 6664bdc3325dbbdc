"""DEQUANTIZE: codes, or float16, to float32."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..checks import require_arity
from ..operator import Field, Input, Instruction, Kernel, Node, Output, Prepared
from ..profiles import Profile
from .channels import Affine, affine

_EIGHT_BITS = (TensorType.INT8, TensorType.UINT8)


@dataclass(frozen=True)
class Dequantize(Prepared):
    """The input's parameters; None where the input is float16."""

    input: Affine | None


def prepare(node: Node, profile: Profile) -> Dequantize:
    """Prepare DEQUANTIZE.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/dequantize.cc``.
    """
    require_arity(node, 1)
    source = node.input(0)
    node.require(node.output().type is TensorType.FLOAT32, "a float32 output")
    if source.type is TensorType.FLOAT16:
        return Dequantize((source.shape,), None)
    if source.type is TensorType.INT16 and len(source.quantization.scale) > 1:
        raise node.unsupported("one scale for int16")
    return Dequantize((source.shape,), affine(node, source, source.shape))


def evaluate(prepared: Dequantize, x: np.ndarray) -> np.ndarray:
    """Return ``float32(scale * (x - zero_point))``, of any shape.

    Notes
    -----
    Source: ``Dequantize`` and ``PerChannelDequantize`` in ``kernels/internal/reference/dequantize.h``. One scale is
    multiplied in float64 and rounded once; scales per channel in float32.
    """
    if prepared.input is None:
        return x.astype(np.float32)
    scale, zero_point = prepared.input.along(x.ndim)
    difference = x.astype(np.int32) - zero_point
    precision = np.float64 if prepared.input.axis is None else np.float32
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(scale.astype(precision) * difference.astype(precision), np.float32)


_LANES = 16  # of kernels/jit/vectors.py


def lower(prepared: Dequantize, node: Node) -> Instruction | None:
    """Lower per-tensor codes: 16 bits to ``dequantize16``, 8 to products in float32, or by a table of them."""
    source = node.input(0)
    size = math.prod(source.shape)
    if size == 0 or prepared.input is None or prepared.input.axis is not None:
        return None
    if source.type is TensorType.INT16:
        if not -(2**15) <= prepared.input.zero_point[0] < 2**15:
            return None  # a difference might be no float32
        return Instruction(
            "dequantize16",
            {
                "input": Input(0, 2 * size),
                "output": Output(0, 4 * size),
                "size": size,
                "scale": float(prepared.input.scale[0]),
                "zero_point": int(prepared.input.zero_point[0]),
                "part": 0,
                "parts": 1,
            },
        )
    if source.type not in _EIGHT_BITS:
        return None
    codes = np.arange(256, dtype=np.uint8).view(source.dtype)
    table = evaluate(prepared, codes)
    scale, zero_point = np.float32(prepared.input.scale[0]), int(prepared.input.zero_point[0])
    with np.errstate(over="ignore", invalid="ignore"):
        products = scale * (codes.astype(np.int64) - zero_point).astype(np.float32)
    if size >= _LANES and np.array_equal(products.view(np.int32), table.view(np.int32)):
        flip = 128 if source.type is TensorType.INT8 else 0
        fields: dict[str, Field] = {"input": Input(0, size), "output": Output(0, 4 * size), "size": size}
        own = {"sign_flip": flip, "zero_point": zero_point + flip, "scale": float(scale), "part": 0, "parts": 1}
        return Instruction("dequantize_bytes", {**fields, **own})
    return Instruction(
        "dequantize8", {"input": Input(0, size), "output": Output(0, 4 * size), "table": table, "size": size}
    )


_TYPES = (
    *(TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.FLOAT16),
    *(TensorType.INT4, TensorType.INT2, TensorType.UINT4),
)

KERNELS = (Kernel("DEQUANTIZE", (1, 9), _TYPES, prepare, evaluate, lower),)
