"""Scales and codes of the mode int16x8, computed as the converter's older quantizer computes them: in float32.

Notes
-----
Source: ``SymmetricPerChannelQuantization``, ``SymmetricQuantizeFloatsToInt16``, ``SymmetricPerChannelBiasQuantize`` and
``AdjustWeightsForBiasScale`` in ``tensorflow/lite/tools/optimize/quantization_utils.cc``.
"""

from __future__ import annotations

import numpy as np

from ...kernels.fixed_point import round_half_away
from ...schema import TensorType, numpy_dtype
from .parameters import Parameters, activation_parameters, along_channels, largest_magnitudes, with_scales

_TINY = np.float32(2.0**-149)
_BIAS_LIMIT = np.float64(2**31 - 1)


def constant_parameters16(values: np.ndarray) -> Parameters:
    """Return the parameters of a constant that stands in the place of an int16 activation."""
    whole = activation_parameters(float(values.min(initial=0)), float(values.max(initial=0)), TensorType.INT16)
    return Parameters(whole.type, whole.quantization, narrow=True)


def fitted_to_bias16(values: np.ndarray, measured_scale: float, weights: Parameters) -> Parameters:
    """Return the parameters of a filter, raised where the bias's codes would pass 2^30.

    int64 would hold more; the converter does the same for both types. ``measured_scale``: the scale that the range
    measured for the input gives, whatever scale the input has.
    """
    largest = np.abs(values.astype(np.float32)).ravel()
    scales = np.asarray(weights.quantization.scale, np.float64)
    if scales.size == 1:
        largest = largest.max(initial=np.float32(0), keepdims=True)
    beyond = largest >= 0.5 * measured_scale * scales * _BIAS_LIMIT
    most = np.float32(weights.limits[1])
    bounds = 2.0 * largest.astype(np.float64) / _BIAS_LIMIT * (most / np.float32(measured_scale))
    raised = bounds.astype(np.float32) / most
    return with_scales(weights, np.where(beyond & (largest > 0), raised, scales)) if beyond.any() else weights


def codes_of16(values: np.ndarray, parameters: Parameters) -> np.ndarray:
    """Return the codes of a float32 array: products with a float32 reciprocal of the scale, halves away from zero."""
    low, high = parameters.limits
    floats = values.astype(np.float32)
    scales = np.asarray(parameters.quantization.scale, np.float32)
    # A product of scales that is too small for float32 is 0, and so are its codes.
    reciprocals = np.where(scales > 0, 1.0 / np.maximum(scales, _TINY).astype(np.float64), 0.0).astype(np.float32)
    if parameters.type in (TensorType.INT8, TensorType.INT4):
        reciprocals = _filter_reciprocals(floats, scales, reciprocals, parameters)
    scaled = (floats * along_channels(reciprocals, parameters, floats.ndim)).astype(np.float64)
    codes = np.clip(round_half_away(scaled), low, high)
    return codes.astype(numpy_dtype(parameters.type)).reshape(values.shape)


def _filter_reciprocals(
    floats: np.ndarray, scales: np.ndarray, reciprocals: np.ndarray, parameters: Parameters
) -> np.ndarray:
    """Return 127 over a channel's largest value, where that is what gave the scale."""
    axis = parameters.quantization.quantized_dimension if scales.size > 1 else None
    bounds = largest_magnitudes(floats, axis)
    most = np.float32(parameters.limits[1])
    own = bounds / most == scales
    return np.where(own, most / np.where(own, bounds, most), reciprocals)
