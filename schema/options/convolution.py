"""Options tables of convolutions, poolings and fully connected layers."""

from __future__ import annotations

from dataclasses import dataclass

from ..types import ActivationFunctionType, FullyConnectedOptionsWeightsFormat, Padding, TensorType
from .base import Int32, NoOptions, Options


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
class Conv3DOptions(Options):
    """Options of CONV_3D and CONV_3D_TRANSPOSE."""

    padding: Padding = Padding.SAME
    stride_d: Int32 = 0
    stride_w: Int32 = 0
    stride_h: Int32 = 0
    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    dilation_d_factor: Int32 = 1
    dilation_w_factor: Int32 = 1
    dilation_h_factor: Int32 = 1


@dataclass(frozen=True)
class TransposeConvOptions(Options):
    """Options of TRANSPOSE_CONV."""

    padding: Padding = Padding.SAME
    stride_w: Int32 = 0
    stride_h: Int32 = 0
    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    quantized_bias_type: TensorType = TensorType.FLOAT32


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
class BatchMatMulOptions(Options):
    """Options of BATCH_MATMUL."""

    adj_x: bool = False
    adj_y: bool = False
    asymmetric_quantize_inputs: bool = False


class DilateOptions(NoOptions):
    """Options of DILATE."""
