"""Options tables of activations and normalizations."""

from __future__ import annotations

from ..deferred import dataclass
from ..types import ActivationFunctionType
from .base import Float32, Int32, NoOptions, Options


class LogSoftmaxOptions(NoOptions):
    """Options of LOG_SOFTMAX."""


@dataclass(frozen=True)
class LeakyReluOptions(Options):
    """Options of LEAKY_RELU."""

    alpha: Float32 = 0.0


@dataclass(frozen=True)
class GeluOptions(Options):
    """Options of GELU."""

    approximate: bool = False


@dataclass(frozen=True)
class L2NormOptions(Options):
    """Options of L2_NORMALIZATION."""

    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE


@dataclass(frozen=True)
class LocalResponseNormalizationOptions(Options):
    """Options of LOCAL_RESPONSE_NORMALIZATION."""

    radius: Int32 = 0
    bias: Float32 = 0.0
    alpha: Float32 = 0.0
    beta: Float32 = 0.0
