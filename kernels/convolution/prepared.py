"""What CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV and FULLY_CONNECTED derive before a value arrives.

Each operator has up to three forms, told apart by class: quantized (integer activations and weights), float (float32
both), hybrid (float32 activations, integer weights).
"""

from __future__ import annotations

import numpy as np

from ...schema import ActivationFunctionType
from ...schema.deferred import dataclass
from ..operator import Prepared
from ..padding import Window
from ..profiles import NarrowAccumulator, Rounding
from .reading import Reading


@dataclass(frozen=True)
class Requantization:
    """The step from accumulators to output codes: multiply, add the zero point, clamp.

    Parameters
    ----------
    real_multiplier : float64 (channels,); input scale times filter scale over output scale.
    multiplier, shift : int32 (channels,); the same as a Q0.31 mantissa and an exponent. Per-tensor quantization
        repeats one value.
    rounding : how the product is rounded. Under FLOAT64 ``real_multiplier`` is what is applied; otherwise int64
        accumulators take the 15-bit form of ``multiplier``, which rounds in one way only.
    accumulator : np.int32 or np.int64; int32 wraps.
    narrow : a narrower accumulator that is emulated; None is the reference's.
    output_zero_point : added after rounding.
    activation_min, activation_max : clamp of the output code, from the fused activation and the output type.
    output_dtype : type of the output code.
    """

    real_multiplier: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray
    rounding: Rounding
    accumulator: np.dtype
    output_zero_point: int
    activation_min: int
    activation_max: int
    output_dtype: np.dtype
    narrow: NarrowAccumulator | None = None


@dataclass(frozen=True)
class QuantizedConv2D(Prepared):
    """CONV_2D on codes: input (N, H, W, C), filter (O, FH, FW, C / groups), output (N, OH, OW, O).

    ``reading``: the filter is read in another type than its own.
    """

    window: Window
    groups: int
    input_zero_point: int
    filter_zero_point: int
    requantization: Requantization
    reading: Reading | None = None


@dataclass(frozen=True)
class FloatConv2D(Prepared):
    """CONV_2D in float32; shapes as in :class:`QuantizedConv2D`."""

    window: Window
    groups: int
    activation_min: np.float32
    activation_max: np.float32


@dataclass(frozen=True)
class HybridConv2D(Prepared):
    """CONV_2D of float32 activations, quantized anew for each image, with int8 weights.

    ``filter_scale`` is float32 (O,), or (1,) per-tensor. ``asymmetric``: the activations get a zero point of their
    own; symmetric where all scales are equal and there is one group. ``quirks``: the defects of the reference's
    SIMD code are reproduced. ``filter_zero_point``: of uint8 weights.
    """

    window: Window
    groups: int
    filter_scale: np.ndarray
    asymmetric: bool
    quirks: bool
    activation_min: np.float32
    activation_max: np.float32
    filter_zero_point: int | None = None


@dataclass(frozen=True)
class HybridTransposeConv(Prepared):
    """TRANSPOSE_CONV of float32 activations, quantized anew for each image with a zero point, with int8 weights.

    ``filter_scale`` is float32 (O,), or (1,) per-tensor. ``quirks``: the defects of the reference's SIMD code are
    reproduced.
    """

    window: Window
    filter_scale: np.ndarray
    quirks: bool
    activation_min: np.float32
    activation_max: np.float32


@dataclass(frozen=True)
class QuantizedDepthwiseConv2D(Prepared):
    """DEPTHWISE_CONV_2D on codes: input (N, H, W, C), filter (1, FH, FW, C * depth_multiplier).

    Output channel ``c * depth_multiplier + m`` sees input channel ``c``. ``reading`` as in :class:`QuantizedConv2D`.
    """

    window: Window
    depth_multiplier: int
    input_zero_point: int
    filter_zero_point: int
    requantization: Requantization
    reading: Reading | None = None


@dataclass(frozen=True)
class FloatDepthwiseConv2D(Prepared):
    """DEPTHWISE_CONV_2D in float32; shapes as in :class:`QuantizedDepthwiseConv2D`."""

    window: Window
    depth_multiplier: int
    activation_min: np.float32
    activation_max: np.float32


@dataclass(frozen=True)
class HybridDepthwiseConv2D(Prepared):
    """DEPTHWISE_CONV_2D of float32 activations, quantized anew for each image, with int8 weights.

    ``filter_scale`` is float32, one per output channel. ``quirks`` as in :class:`HybridConv2D`.
    """

    window: Window
    depth_multiplier: int
    filter_scale: np.ndarray
    quirks: bool
    activation_min: np.float32
    activation_max: np.float32


@dataclass(frozen=True)
class QuantizedTransposeConv(Prepared):
    """TRANSPOSE_CONV on codes: input (N, H, W, C), filter (O, FH, FW, C), output (N, OH, OW, O).

    ``window`` is that of the convolution this one transposes: its input is this operator's *output*, its output
    this operator's *input*.
    """

    window: Window
    input_zero_point: int
    filter_zero_point: int
    requantization: Requantization


@dataclass(frozen=True)
class FloatTransposeConv(Prepared):
    """TRANSPOSE_CONV in float32; shapes and ``window`` as in :class:`QuantizedTransposeConv`."""

    window: Window
    activation_min: np.float32
    activation_max: np.float32


@dataclass(frozen=True)
class QuantizedFullyConnected(Prepared):
    """FULLY_CONNECTED on codes: input flattened to (batch, depth), filter (units, depth), output (batch, units).

    ``wraps``: pairs of products wrap as in the reference's kernel for sparse weights, unless a narrower accumulator is
    emulated. ``reading``: tensors are read in
    other types than their own.
    """

    batch: int
    depth: int
    units: int
    input_zero_point: int
    filter_zero_point: int
    requantization: Requantization
    wraps: bool = False
    reading: Reading | None = None


@dataclass(frozen=True)
class EmptyFullyConnected(Prepared):
    """FULLY_CONNECTED with a filter of no rows or no columns: zeros, whatever the bias and the zero point."""


@dataclass(frozen=True)
class FloatFullyConnected(Prepared):
    """FULLY_CONNECTED in float32; shapes as in :class:`QuantizedFullyConnected`."""

    batch: int
    depth: int
    units: int
    activation_min: np.float32
    activation_max: np.float32


@dataclass(frozen=True)
class HybridFullyConnected(Prepared):
    """FULLY_CONNECTED of float32 activations, quantized anew for each row, with signed or uint8 weights.

    ``filter_scale`` is float32 (units,), or (1,) per-tensor. ``asymmetric``: the rows get a zero point of their own.
    ``quirks``: the defects of the reference's SSE product are reproduced. ``filter_zero_point``: int32 (1, 1) or
    (units, 1), of uint8 weights. ``activation``: applied in place of the clamp where it is none, such as TANH.
    ``sparse``: by the kernel for blocks of 1x16, some of which are stored.
    """

    batch: int
    depth: int
    units: int
    filter_scale: np.ndarray
    asymmetric: bool
    quirks: bool
    activation_min: np.float32
    activation_max: np.float32
    filter_zero_point: np.ndarray | None = None
    activation: ActivationFunctionType = ActivationFunctionType.NONE
    sparse: bool = False
