"""Tensors that the reference's kernels read in another type than the file gives: their bytes, as they stand."""

from __future__ import annotations

import math

import numpy as np

from ...schema import TensorType
from ...schema.deferred import dataclass
from ..operator import Node, Shape, TensorSpec


@dataclass(frozen=True)
class Reading:
    """The types in which activations, filter and bias are read; None where that is their own."""

    activations: np.dtype | None = None
    weights: np.dtype | None = None
    bias: np.dtype | None = None


def read_as(array: np.ndarray, dtype: np.dtype | None, shape: Shape) -> np.ndarray:
    """Return the first elements of an array, as many as ``shape`` has, its bytes read as ``dtype``."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return (flat if dtype is None else flat.view(dtype))[: math.prod(shape)].reshape(shape)


def reading_of_filter(source: TensorSpec, weights: TensorSpec) -> Reading | None:
    """Return how a convolution on codes reads its filter: as uint8 for uint8 activations, else as int8.

    Notes
    -----
    Source: ``EvalQuantized`` and ``EvalQuantizedPerChannel16x8`` in ``kernels/conv.cc``, the latter also in
    ``kernels/depthwise_conv.cc``; the checks in ``Prepare`` there leave the filter's type open.
    """
    dtype = np.dtype(np.uint8 if source.type is TensorType.UINT8 else np.int8)
    return None if weights.dtype == dtype else Reading(weights=dtype)


def reading_of_fully_connected(node: Node, bias_type_given: bool) -> Reading | None:
    """Return how FULLY_CONNECTED on codes reads its tensors; whether ``quantized_bias_type`` is given.

    Notes
    -----
    Source: ``EvalQuantized`` in ``kernels/fully_connected.cc``: the output's type chooses the kernel, the other tensors
    are read in the types of that kernel. The bias is checked to be an int32 or an int64, and read as an int32.
    """
    source, weights, bias, target = node.input(0), node.input(1), node.optional_input(2), node.output()
    wide = source.type is TensorType.INT16 and target.type is TensorType.INT16
    if wide:
        activations, filters = np.dtype(np.int16), np.dtype(weights.dtype if weights.dtype == np.int16 else np.int8)
    else:
        activations = filters = np.dtype(np.int8 if target.type is TensorType.INT8 else np.uint8)
    narrow_bias = not wide or (weights.type is TensorType.INT16 and not bias_type_given)
    reading = Reading(
        activations if activations != source.dtype else None,
        filters if filters != weights.dtype else None,
        np.dtype(np.int32) if bias is not None and bias.type is TensorType.INT64 and narrow_bias else None,
    )
    return None if reading == Reading() else reading
