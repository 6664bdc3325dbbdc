"""Options tables of the operators that most networks have, so that these need no other family."""

from __future__ import annotations

from ..deferred import dataclass
from ..types import ActivationFunctionType, FullyConnectedOptionsWeightsFormat, Padding, TensorType
from .base import Float32, Int32, NoOptions, Options


@dataclass(frozen=True)
class Conv2DOptions(Options):
    """Options of CONV_2D."""

    padding: Padding = Padding.SAME
    stride_w: Int32 = 0
    stride_h: Int32 = 0
    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    dilation_w_factor: Int32 = 1
    dilation_h_factor: Int32 = 1
    quantized_bias_type: TensorType = TensorType.FLOAT32


@dataclass(frozen=True)
class DepthwiseConv2DOptions(Options):
    """Options of DEPTHWISE_CONV_2D."""

    padding: Padding = Padding.SAME
    stride_w: Int32 = 0
    stride_h: Int32 = 0
    depth_multiplier: Int32 = 0
    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    dilation_w_factor: Int32 = 1
    dilation_h_factor: Int32 = 1


@dataclass(frozen=True)
class Pool2DOptions(Options):
    """Options of AVERAGE_POOL_2D, L2_POOL_2D and MAX_POOL_2D."""

    padding: Padding = Padding.SAME
    stride_w: Int32 = 0
    stride_h: Int32 = 0
    filter_width: Int32 = 0
    filter_height: Int32 = 0
    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE


@dataclass(frozen=True)
class FullyConnectedOptions(Options):
    """Options of FULLY_CONNECTED."""

    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    weights_format: FullyConnectedOptionsWeightsFormat = FullyConnectedOptionsWeightsFormat.DEFAULT
    keep_num_dims: bool = False
    asymmetric_quantize_inputs: bool = False
    quantized_bias_type: TensorType = TensorType.FLOAT32


@dataclass(frozen=True)
class AddOptions(Options):
    """Options of ADD."""

    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    pot_scale_int16: bool = True


@dataclass(frozen=True)
class MulOptions(Options):
    """Options of MUL."""

    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE


@dataclass(frozen=True)
class SubOptions(Options):
    """Options of SUB."""

    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    pot_scale_int16: bool = True


@dataclass(frozen=True)
class SoftmaxOptions(Options):
    """Options of SOFTMAX."""

    beta: Float32 = 0.0


class QuantizeOptions(NoOptions):
    """Options of QUANTIZE."""


class DequantizeOptions(NoOptions):
    """Options of DEQUANTIZE."""


@dataclass(frozen=True)
class ReshapeOptions(Options):
    """Options of RESHAPE."""

    new_shape: tuple[Int32, ...] = ()


@dataclass(frozen=True)
class ConcatenationOptions(Options):
    """Options of CONCATENATION."""

    axis: Int32 = 0
    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE


class PadOptions(NoOptions):
    """Options of PAD."""


@dataclass(frozen=True)
class ShapeOptions(Options):
    """Options of SHAPE."""

    out_type: TensorType = TensorType.FLOAT32


@dataclass(frozen=True)
class StridedSliceOptions(Options):
    """Options of STRIDED_SLICE."""

    begin_mask: Int32 = 0
    end_mask: Int32 = 0
    ellipsis_mask: Int32 = 0
    new_axis_mask: Int32 = 0
    shrink_axis_mask: Int32 = 0
    offset: bool = False


@dataclass(frozen=True)
class PackOptions(Options):
    """Options of PACK."""

    values_count: Int32 = 0
    axis: Int32 = 0


class HardSwishOptions(NoOptions):
    """Options of HARD_SWISH."""


@dataclass(frozen=True)
class ReducerOptions(Options):
    """Options of MEAN, SUM, REDUCE_PROD, REDUCE_MAX, REDUCE_MIN, REDUCE_ANY and REDUCE_ALL."""

    keep_dims: bool = False


@dataclass(frozen=True)
class ArgMaxOptions(Options):
    """Options of ARG_MAX."""

    output_type: TensorType = TensorType.FLOAT32
