"""Operands of the convolutions and FULLY_CONNECTED: activations, filters, biases and outputs that fit together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...schema import Quantization, TensorType
from .case import Operand, constant, tensor
from .strategies import (
    arrays,
    biases,
    extreme_scales,
    float32,
    float_arrays,
    multipliers,
    per_channel,
    per_tensor,
    requantized,
    scales,
)

FLOAT32, INT8, UINT8, INT16 = TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16
INT4, INT32, INT64 = TensorType.INT4, TensorType.INT32, TensorType.INT64


def _activation_scales() -> SearchStrategy[float]:
    return st.one_of(scales(), scales(), extreme_scales())


@st.composite
def source_of(draw: DrawFn, tensor_type: TensorType) -> Quantization:
    return draw(per_tensor(tensor_type, _activation_scales()))


@st.composite
def filter_of(
    draw: DrawFn, tensor_type: TensorType, channels: int, dimension: int, each_channel: bool | None
) -> Quantization:
    if each_channel is None:
        each_channel = draw(st.booleans())
    if each_channel and channels > 1:
        return draw(per_channel(channels, dimension, scales(2.0**-14, 2.0**-2)))
    return draw(per_tensor(tensor_type, scales(2.0**-14, 2.0**-2), None if tensor_type is UINT8 else 0))


@st.composite
def output_of(draw: DrawFn, tensor_type: TensorType, source: Quantization, weights: Quantization) -> Quantization:
    """An output scale such that the multipliers reach from far below 1 to above it."""
    ordinary = multipliers(2.0**-12, 2.0**-2)
    if tensor_type is INT16:  # whose sums are larger, and whose multipliers int64 arithmetic limits to below 2**14
        chosen = st.one_of(ordinary, ordinary, multipliers(2.0**-22, 2.0**-4), multipliers(2.0**-36, 2.0**13))
    else:
        chosen = st.one_of(ordinary, ordinary, multipliers(2.0**-16, 2.0**3), multipliers(2.0**-36, 2.0**29))
    return draw(requantized(tensor_type, max(weights.scale) * source.scale[0], chosen))


@st.composite
def bias_of(
    draw: DrawFn,
    bias_type: TensorType,
    channels: int,
    source: Quantization,
    weights: Quantization,
    optional: bool = False,
    variable: bool = True,
) -> tuple[Operand | None, list[np.ndarray]]:
    """A bias, with the value it takes at run time where it is no constant; its scale is that of the accumulator."""
    if optional and draw(st.integers(0, 3)) == 0:
        return None, []
    scale = float32(source.scale[0] * weights.scale[0])
    quantization = Quantization(scale=(scale,), zero_point=(0,)) if scale > 0 else Quantization()
    value = draw(biases(channels, np.int64 if bias_type is INT64 else np.int32))
    if bias_type is INT64 and draw(st.booleans()):
        value = value << 8
    if variable and draw(st.integers(0, 9)) == 0:
        return tensor(bias_type, value.shape, quantization), [value]
    return constant(value, quantization), []


@st.composite
def weights_of(draw: DrawFn, tensor_type: TensorType, shape: tuple[int, ...], quantization: Quantization) -> Operand:
    value = draw(arrays(tensor_type, shape, quantization.zero_point[0]))
    return constant(value, quantization, tensor_type)


def given(draw: DrawFn, weights: Operand) -> tuple[Operand, list[np.ndarray]]:
    """The weights, or an input with their value: those that are not packed need not be constants."""
    if weights.type in (INT4, TensorType.INT2) or weights.value is None or draw(st.integers(0, 9)):
        return weights, []
    return replace(weights, value=None), [weights.value]


@st.composite
def float_weights(
    draw: DrawFn,
    shape: tuple[int, ...],
    dimension: int,
    hybrid: bool,
    each_channel: bool,
    tensor_type: TensorType = INT8,
) -> Operand:
    if not hybrid:
        return constant(draw(float_arrays(shape, special=True)))
    return draw(weights_of(tensor_type, shape, draw(filter_of(tensor_type, shape[dimension], dimension, each_channel))))


@st.composite
def float_bias(draw: DrawFn, channels: int, special: bool, optional: bool) -> Operand | None:
    if optional and draw(st.booleans()):
        return None
    return constant(draw(float_arrays((channels,), special=special)))


@st.composite
def float_source(draw: DrawFn, shape: tuple[int, ...], hybrid: bool) -> np.ndarray:
    value = draw(float_arrays(shape, special=not hybrid))
    if hybrid and draw(st.integers(0, 3)) == 0:
        # Quotients at and just below one half are where the reference's roundings part.
        steps = np.random.default_rng(draw(st.integers(0, 2**32))).integers(-254, 255, shape)
        value = (steps * np.float32(0.5)).astype(np.float32)
        value.flat[0] = 127
        value = np.where(draw(st.booleans()), value, np.nextafter(value, np.float32(0))).astype(np.float32)
    if hybrid and draw(st.integers(0, 7)) == 0:
        value[0] = 0
    return draw(tiny(value)) if hybrid else value


@st.composite
def tiny(draw: DrawFn, value: np.ndarray) -> np.ndarray:
    """The value, now and then so small that its scale is below the normal numbers, with zeros and infinities."""
    kind = draw(st.integers(0, 15))
    if kind == 0:
        value = np.ldexp(value, draw(st.integers(-155, -120)))
    if kind < 2:
        random = np.random.default_rng(draw(st.integers(0, 2**32)))
        special = np.array([0, -0.0] if kind == 0 else [np.inf, -np.inf, 0], np.float32)
        value = np.where(random.random(value.shape) < 0.2, random.choice(special, value.shape), value)
    return value.astype(np.float32)
