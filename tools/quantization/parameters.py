"""Scales, zero points and codes, computed as TensorFlow's converter computes them.

The converter's Python interface forms scales in float32, and codes of weights and biases with a float32 reciprocal of
the scale; what has a zero point is divided in float64. The order of these operations decides a scale's last bit and,
rarely, a code, so that it is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...kernels.fixed_point import round_half_away
from ...schema import Quantization, QuantizationError, TensorType, numpy_dtype

SMALLEST_RANGE = 1e-6
"""Ranges that are no wider are widened, so that scales do not vanish: see :func:`measured_parameters`."""

BIAS_LIMIT = (2**31 - 1) // 2
"""Codes of int32 biases beyond this leave accumulators too little room: the filter's scale is raised instead."""

LIMITS = {
    TensorType.INT4: (-8, 7),
    TensorType.INT8: (-128, 127),
    TensorType.UINT8: (0, 255),
    TensorType.INT16: (-32768, 32767),
    TensorType.INT32: (-(2**31 - 1), 2**31 - 1),
    TensorType.INT64: (-(2**62), 2**62),
}


@dataclass(frozen=True)
class Parameters:
    """A tensor's type and quantization; ``narrow``: the lowest code is left out, as in symmetric weights."""

    type: TensorType
    quantization: Quantization
    narrow: bool = False

    @property
    def limits(self) -> tuple[int, int]:
        """The lowest and the highest code."""
        low, high = LIMITS[self.type]
        return (-high if self.narrow else low), high


def activation_parameters(low: float, high: float, type: TensorType = TensorType.INT8) -> Parameters:
    """Return the parameters of an activation that lies between two values; the range is widened to hold 0.

    int8 and uint8 use all codes, with a zero point; int16 is symmetric around zero point 0.
    """
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    if type is TensorType.INT16:
        bound = np.float32(max(-low, high))
        # A smaller scale has no use, and makes multipliers larger than kernels have.
        scale = bound / np.float32(32767) if bound > SMALLEST_RANGE else np.float32(1)
        return Parameters(type, Quantization(scale=(float(scale),), zero_point=(0,)))
    low, high = _widened(low, high)
    least, most = LIMITS[type]
    scale = (np.float32(high) - np.float32(low)) / np.float32(most - least)
    zero_point = np.clip(round_half_away(np.float32(least - low / float(scale))), least, most)
    return Parameters(type, Quantization(scale=(float(scale),), zero_point=(int(zero_point),)))


def measured_parameters(low: float, high: float, type: TensorType = TensorType.INT8) -> Parameters:
    """Return the parameters of an activation of which calibration has a range.

    A range that vanishes reaches further than that of a constant that does: :data:`SMALLEST_RANGE` to both sides of
    what was measured, where the constant's reaches half of that to both sides of 0.
    """
    low, high = min(float(np.float32(low)), 0.0), max(float(np.float32(high)), 0.0)
    if type is not TensorType.INT16 and high - low <= SMALLEST_RANGE:
        low, high = low - SMALLEST_RANGE, high + SMALLEST_RANGE
    return activation_parameters(low, high, type)


def _widened(low: float, high: float) -> tuple[float, float]:
    half = SMALLEST_RANGE / 2
    return (low, high) if high - low > SMALLEST_RANGE else (min(low, -half), max(high, half))


def require_finite(values: np.ndarray, name: str) -> None:
    """Raise QuantizationError where a constant that is to have a scale holds NaN or infinity."""
    if not np.all(np.isfinite(values)):
        raise QuantizationError(f"constant {name} holds NaN or infinity: no scale fits it")


def weight_parameters(
    values: np.ndarray,
    axis: int | None,
    type: TensorType = TensorType.INT8,
    least: float = SMALLEST_RANGE / 2,
) -> Parameters:
    """Return the symmetric parameters of weights: a scale for each channel along ``axis``, or one (None).

    ``least``: where a channel's range begins at the earliest; one of zeros has :data:`SMALLEST_RANGE` in any case.
    """
    bounds = largest_magnitudes(values, axis).astype(np.float64)
    bounds = np.maximum(np.where(bounds == 0, SMALLEST_RANGE / 2, bounds), least).astype(np.float32)
    scales = bounds / np.float32(LIMITS[type][1])
    return Parameters(
        type,
        Quantization(
            scale=tuple(float(scale) for scale in scales),
            zero_point=(0,) * len(scales),
            quantized_dimension=axis or 0,
        ),
        narrow=True,
    )


def largest_magnitudes(values: np.ndarray, axis: int | None) -> np.ndarray:
    """Return the largest magnitude of each channel along ``axis``, or of all (None), as a vector; 0 where none is."""
    others = None if axis is None else tuple(i for i in range(values.ndim) if i != axis)
    return np.atleast_1d(np.abs(values).max(axis=others, initial=0))


def bias_parameters(input: Parameters, weights: Parameters, type: TensorType = TensorType.INT32) -> Parameters:
    """Return a bias's parameters: its scales are the products of the input's and the filter's."""
    scales = input.quantization.scale[0] * np.asarray(weights.quantization.scale, np.float64)
    return Parameters(
        type,
        Quantization(scale=tuple(float(np.float32(scale)) for scale in scales), zero_point=(0,) * len(scales)),
    )


def fitted_to_bias(
    values: np.ndarray, input: Parameters, weights: Parameters, bias: Parameters
) -> tuple[Parameters, Parameters]:
    """Return the parameters of a filter and its bias, raised where the bias's codes would be beyond the limit.

    Only int32 biases of int8 operands are fitted, channel by channel, or all of them where the filter has one scale.
    """
    if bias.type is not TensorType.INT32 or input.type is not TensorType.INT8:
        return weights, bias
    largest = np.abs(values.astype(np.float32)).astype(np.float64).ravel()
    scales = np.asarray(bias.quantization.scale, np.float64)
    if scales.size == 1:
        largest = largest.max(initial=0.0, keepdims=True)
    beyond = largest / scales > BIAS_LIMIT
    if not beyond.any():
        return weights, bias
    raised = np.where(beyond, largest / BIAS_LIMIT, scales)
    filters = np.where(beyond, raised / input.quantization.scale[0], weights.quantization.scale)
    return with_scales(weights, filters), with_scales(bias, raised)


def with_scales(parameters: Parameters, scales: np.ndarray) -> Parameters:
    """Return parameters with other scales."""
    old = parameters.quantization
    new = Quantization(tuple(float(one) for one in scales), old.zero_point, old.quantized_dimension)
    return Parameters(parameters.type, new, parameters.narrow)


def codes_of(values: np.ndarray, parameters: Parameters) -> np.ndarray:
    """Return the codes of a float32 array; halves go away from zero.

    Weights and int32 biases are multiplied by the float32 reciprocal of their scale, a filter of one scale by 127 over
    its largest value. Everything else is divided by the scale in float64.
    """
    low, high = parameters.limits
    quantization = parameters.quantization
    scales = np.asarray(quantization.scale, np.float64)
    zero_points = np.asarray((quantization.zero_point or (0,))[0], np.float64)
    scales = along_channels(scales, parameters, values.ndim)
    floats = values.astype(np.float32)
    if parameters.narrow or parameters.type is TensorType.INT32:
        scaled = (floats * _reciprocals(floats, scales, parameters)).astype(np.float64)
    else:
        scaled = floats.astype(np.float64) / scales + zero_points
    codes = np.clip(round_half_away(scaled), low, high)
    return codes.astype(numpy_dtype(parameters.type)).reshape(values.shape)


def along_channels(numbers: np.ndarray, parameters: Parameters, rank: int) -> np.ndarray:
    """Return a number for each channel in a shape that broadcasts with the tensor's."""
    if numbers.size <= 1:
        return numbers
    return numbers.reshape([-1 if i == parameters.quantization.quantized_dimension else 1 for i in range(rank)])


def _reciprocals(floats: np.ndarray, scales: np.ndarray, parameters: Parameters) -> np.ndarray:
    high = np.float32(parameters.limits[1])
    bound = np.abs(floats).max(initial=np.float32(0))
    if parameters.narrow and scales.size == 1 and bound > 0:
        whole = float(bound / high)
        clipped = scales.item() < whole * (1 - 1e-6)
        if not clipped and abs(whole - scales.item()) <= 1e-3:
            return np.asarray(high / bound, np.float32)
    return (1.0 / scales).astype(np.float32)
