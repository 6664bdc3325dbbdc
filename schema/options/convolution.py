"""Options tables of convolutions, poolings and fully connected layers."""

from __future__ import annotations

from ..deferred import dataclass
from ..types import ActivationFunctionType, Padding, TensorType
from .base import Int32, NoOptions, Options


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
class BatchMatMulOptions(Options):
    """Options of BATCH_MATMUL."""

    adj_x: bool = False
    adj_y: bool = False
    asymmetric_quantize_inputs: bool = False


class DilateOptions(NoOptions):
    """Options of DILATE."""
