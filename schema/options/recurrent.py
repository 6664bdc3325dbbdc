"""Options tables of recurrent layers."""

from __future__ import annotations

from ..deferred import dataclass
from ..types import ActivationFunctionType, LSTMKernelType
from .base import Float32, Int32, Options


@dataclass(frozen=True)
class RNNOptions(Options):
    """Options of RNN."""

    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    asymmetric_quantize_inputs: bool = False


@dataclass(frozen=True)
class SequenceRNNOptions(Options):
    """Options of UNIDIRECTIONAL_SEQUENCE_RNN."""

    time_major: bool = False
    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    asymmetric_quantize_inputs: bool = False


@dataclass(frozen=True)
class BidirectionalSequenceRNNOptions(Options):
    """Options of BIDIRECTIONAL_SEQUENCE_RNN."""

    time_major: bool = False
    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    merge_outputs: bool = False
    asymmetric_quantize_inputs: bool = False


@dataclass(frozen=True)
class LSTMOptions(Options):
    """Options of LSTM."""

    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    cell_clip: Float32 = 0.0
    proj_clip: Float32 = 0.0
    kernel_type: LSTMKernelType = LSTMKernelType.FULL
    asymmetric_quantize_inputs: bool = False


@dataclass(frozen=True)
class UnidirectionalSequenceLSTMOptions(Options):
    """Options of UNIDIRECTIONAL_SEQUENCE_LSTM."""

    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    cell_clip: Float32 = 0.0
    proj_clip: Float32 = 0.0
    time_major: bool = False
    asymmetric_quantize_inputs: bool = False
    diagonal_recurrent_tensors: bool = False


@dataclass(frozen=True)
class BidirectionalSequenceLSTMOptions(Options):
    """Options of BIDIRECTIONAL_SEQUENCE_LSTM."""

    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    cell_clip: Float32 = 0.0
    proj_clip: Float32 = 0.0
    merge_outputs: bool = False
    time_major: bool = True
    asymmetric_quantize_inputs: bool = False


@dataclass(frozen=True)
class SVDFOptions(Options):
    """Options of SVDF."""

    rank: Int32 = 0
    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    asymmetric_quantize_inputs: bool = False
