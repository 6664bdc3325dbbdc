"""What lies between operands and codes, for whole tensors: accumulators, sums of inputs, rescaled operands.

Names are those of the trace's keys. A function takes what ``prepare`` returned and the operator's inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np

Arrays: TypeAlias = Sequence["np.ndarray | None"]
Found: TypeAlias = "dict[str, np.ndarray]"


def _accumulate(path: str) -> Callable[..., Any]:
    found: Callable[..., Any] = import_module(f"..{path}", __package__).accumulate
    return found


def _of_ones(prepared: Any, **others: Any) -> Any:
    """Return what is prepared for a filter of ones, whose sums of inputs are exact."""
    requantization = replace(prepared.requantization, narrow=None)
    return replace(prepared, filter_zero_point=0, requantization=requantization, **others)


def conv_2d(prepared: Any, arrays: Arrays) -> Found:
    """CONV_2D: accumulators (N, OH, OW, O), sums of centered inputs (N, OH, OW, groups)."""
    x, weights, bias = (*arrays, None)[:3]
    assert x is not None and weights is not None
    accumulate = _accumulate("convolution.conv_2d")
    ones = np.ones((prepared.groups, *weights.shape[1:]), np.int8)
    return {
        "accumulator": accumulate(prepared, x, weights, bias),
        "accumulator_without_bias": accumulate(prepared, x, weights, None),
        "input_sum": accumulate(_of_ones(prepared, reading=None), x, ones, None),
    }


def depthwise_conv_2d(prepared: Any, arrays: Arrays) -> Found:
    """DEPTHWISE_CONV_2D: accumulators (N, OH, OW, C * multiplier), sums of centered inputs (N, OH, OW, C)."""
    x, weights, bias = (*arrays, None)[:3]
    assert x is not None and weights is not None
    accumulate = _accumulate("convolution.depthwise_conv_2d")
    ones = np.ones((1, *weights.shape[1:3], x.shape[3]), np.int8)
    return {
        "accumulator": accumulate(prepared, x, weights, bias),
        "accumulator_without_bias": accumulate(prepared, x, weights, None),
        "input_sum": accumulate(_of_ones(prepared, reading=None), x, ones, None),
    }


def transpose_conv(prepared: Any, arrays: Arrays) -> Found:
    """TRANSPOSE_CONV: accumulators (N, OH, OW, O), sums of the centered inputs that reach a place (N, OH, OW, 1)."""
    _, weights, x, bias = (*arrays, None)[:4]
    assert x is not None and weights is not None
    accumulate = _accumulate("convolution.transpose_conv")
    ones = np.ones((1, *weights.shape[1:]), np.int8)
    return {
        "accumulator": accumulate(prepared, weights, x, bias),
        "accumulator_without_bias": accumulate(prepared, weights, x, None),
        "input_sum": accumulate(_of_ones(prepared), ones, x, None),
    }


def fully_connected(prepared: Any, arrays: Arrays) -> Found:
    """FULLY_CONNECTED: accumulators (batch, units), sums of centered inputs (batch, 1)."""
    from ..convolution.reading import Reading, read_as

    x, weights, bias = (*arrays, None)[:3]
    assert x is not None and weights is not None
    accumulate = _accumulate("convolution.fully_connected")
    codes = read_as(x, (prepared.reading or Reading()).activations, (prepared.batch, prepared.depth))
    dtype = prepared.requantization.accumulator
    return {
        "accumulator": accumulate(prepared, x, weights, bias),
        "accumulator_without_bias": accumulate(prepared, x, weights, None),
        "input_sum": (codes.astype(dtype) - prepared.input_zero_point).sum(axis=1, keepdims=True, dtype=dtype),
    }


def batch_matmul(prepared: Any, arrays: Arrays) -> Found:
    """BATCH_MATMUL: accumulators (..., rows, columns)."""
    return {"accumulator": _accumulate("convolution.batch_matmul")(prepared, arrays[0], arrays[1])}


def add(prepared: Any, arrays: Arrays) -> Found:
    """ADD: sums at the common scale."""
    return {"accumulator": _accumulate("elementwise.add_sub")(prepared, arrays[0], arrays[1], 1)}


def sub(prepared: Any, arrays: Arrays) -> Found:
    """SUB: differences at the common scale."""
    return {"accumulator": _accumulate("elementwise.add_sub")(prepared, arrays[0], arrays[1], -1)}


def mul(prepared: Any, arrays: Arrays) -> Found:
    """MUL: products of the codes less their zero points."""
    return {"accumulator": _accumulate("elementwise.mul")(prepared, arrays[0], arrays[1])}


def mean(prepared: Any, arrays: Arrays) -> Found:
    """MEAN: sums of codes, without and with the zero points taken off."""
    sums = _accumulate("reduce.mean")(prepared, arrays[0]).reshape(prepared.output_shape)
    centered = (sums.astype(np.int64) - prepared.input_zero_point * prepared.count).astype(np.int32)
    return {"accumulator": centered, "input_sum": sums}


def average_pool(prepared: Any, arrays: Arrays) -> Found:
    """AVERAGE_POOL_2D: sums of codes (N, OH, OW, C) and how many (OH, OW, 1)."""
    sums, counts = _accumulate("pooling.pool_2d")(prepared, arrays[0])
    return {"accumulator": sums, "count": counts}


def softmax(prepared: Any, arrays: Arrays) -> Found:
    """SOFTMAX of 8-bit codes: exponentials in Q0.31 and their sums in Q12.19."""
    exponentials, sums = _accumulate("activations.softmax")(prepared, arrays[0])
    return {"accumulator": sums, "exponential": exponentials}


def total(prepared: Any, arrays: Arrays) -> Found:
    """SUM of codes: sums of codes, without and with the zero points taken off, int32."""
    from ..reduce.reductions import rows_of

    x = arrays[0]
    assert x is not None
    codes = np.ascontiguousarray(x).view(np.uint8) if prepared.as_uint8 else x
    sums = rows_of(prepared, codes).sum(axis=1, dtype=np.int64).astype(np.int32).reshape(prepared.output_shape)
    centered = (sums.astype(np.int64) - prepared.input_zero_point * prepared.count).astype(np.int32)
    return {"accumulator": centered, "input_sum": sums}


def log_softmax(prepared: Any, arrays: Arrays) -> Found:
    """LOG_SOFTMAX of 8-bit codes: exponentials in Q12.19 and their sums."""
    x = arrays[0]
    assert x is not None
    codes = x.astype(np.int32)
    exponentials = prepared.exponentials[codes.max(axis=-1, keepdims=True, initial=-128) - codes]
    sums = exponentials.sum(axis=-1, keepdims=True, dtype=np.int64).astype(np.int32)
    return {"accumulator": sums, "exponential": exponentials}


def l2_normalization(prepared: Any, arrays: Arrays) -> Found:
    """L2_NORMALIZATION of codes: sums of squares, int32."""
    x = arrays[0]
    assert x is not None
    if x.dtype.kind == "f":
        return {}
    centered = x.astype(np.int64) - prepared.input_zero_point
    return {"accumulator": (centered * centered).sum(axis=-1, keepdims=True).astype(np.int32)}


INTERMEDIATES: Mapping[tuple[str, str], Callable[[Any, Arrays], Found]] = {
    ("CONV_2D", "QuantizedConv2D"): conv_2d,
    ("DEPTHWISE_CONV_2D", "QuantizedDepthwiseConv2D"): depthwise_conv_2d,
    ("TRANSPOSE_CONV", "QuantizedTransposeConv"): transpose_conv,
    ("FULLY_CONNECTED", "QuantizedFullyConnected"): fully_connected,
    ("BATCH_MATMUL", "QuantizedBatchMatMul"): batch_matmul,
    ("ADD", "QuantizedSum"): add,
    ("SUB", "QuantizedSum"): sub,
    ("MUL", "QuantizedProduct"): mul,
    ("MEAN", "QuantizedMean"): mean,
    ("AVERAGE_POOL_2D", "Pool2D"): average_pool,
    ("SOFTMAX", "QuantizedSoftmax"): softmax,
    ("SUM", "QuantizedReduction"): total,
    ("LOG_SOFTMAX", "QuantizedLogSoftmax"): log_softmax,
    ("L2_NORMALIZATION", "L2Normalization"): l2_normalization,
}
"""Operator and class of what ``prepare`` returned -> function."""


def intermediates(operator: str, prepared: Any, arrays: Arrays) -> Found:
    """Return what lies between operands and codes, by name; nothing where the operator has no such numbers."""
    function = INTERMEDIATES.get((operator, type(prepared).__name__))
    return {} if function is None else function(prepared, arrays)
