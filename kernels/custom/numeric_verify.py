"""NumericVerify: how far quantized values are from what they stand for, in the quantization debugger's models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import ModelError, TensorType
from ...schema.flexbuffer import flexbuffer_map
from ..checks import require_arity
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile
from ..quantize import dequantize
from ..quantize.channels import affine
from .options import flag, real

NAME = "NumericVerify"


@dataclass(frozen=True)
class NumericVerify(Prepared):
    """``greatest_difference`` is None where differences are only reported."""

    dequantize: dequantize.Dequantize
    greatest_difference: np.float32 | None


def prepare(node: Node, profile: Profile) -> NumericVerify:
    """Prepare NumericVerify.

    Notes
    -----
    Source: ``Init`` and ``Prepare`` in ``kernels/numeric_verify.cc``.
    """
    require_arity(node, 2)
    source, reference = node.input(0), node.input(1)
    node.require(reference.type is node.output().type is TensorType.FLOAT32, "a float32 reference and output")
    node.require(reference.shape == source.shape, "a reference of the input's shape")
    scales = len(source.quantization.scale)
    if source.type is TensorType.INT16 and scales > 1:
        raise node.unsupported("one scale for int16")
    options = flexbuffer_map(node.custom_options)
    tolerance = real(node, options, "tolerance")
    greatest = None
    if flag(node, options, "log_if_failed") and float(tolerance) >= 0.1:
        with np.errstate(over="ignore", invalid="ignore"):
            greatest = tolerance * (source.scale if scales == 1 else np.float32(0))
    parameters = None if source.type is TensorType.FLOAT16 else affine(node, source, source.shape)
    shapes = (source.shape,)
    return NumericVerify(shapes, dequantize.Dequantize(shapes, parameters), greatest)


def evaluate(prepared: NumericVerify, x: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the dequantized input less the reference, float32.

    Raises
    ------
    ModelError
        ``log_if_failed`` is set, and a difference is more than ``tolerance`` (0.1 or more) times the input's scale.

    Notes
    -----
    Source: ``Eval`` in ``kernels/numeric_verify.cc``, which computes this only once where the input is constant.
    """
    with np.errstate(all="ignore"):
        difference = dequantize.evaluate(prepared.dequantize, x) - reference
        greatest = prepared.greatest_difference
        if greatest is not None and np.any(np.abs(difference) > greatest):
            raise ModelError(f"CUSTOM {NAME!r}: a value is more than {greatest:g} away from its reference")
    return np.asarray(difference, np.float32)


_TYPES = (TensorType.UINT8, TensorType.INT8, TensorType.INT16, TensorType.FLOAT16)

KERNELS = (Kernel(NAME, (1, 1), _TYPES, prepare, evaluate),)
