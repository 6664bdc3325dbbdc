"""Options tables of element-wise arithmetic, comparisons and logic."""

from __future__ import annotations

from ..deferred import dataclass
from ..types import ActivationFunctionType
from .base import NoOptions, Options


@dataclass(frozen=True)
class DivOptions(Options):
    """Options of DIV."""

    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE


class FloorDivOptions(NoOptions):
    """Options of FLOOR_DIV."""


class FloorModOptions(NoOptions):
    """Options of FLOOR_MOD."""


class PowOptions(NoOptions):
    """Options of POW."""


class SquaredDifferenceOptions(NoOptions):
    """Options of SQUARED_DIFFERENCE."""


class MaximumMinimumOptions(NoOptions):
    """Options of MAXIMUM and MINIMUM."""


class ATan2Options(NoOptions):
    """Options of ATAN2."""


class AddNOptions(NoOptions):
    """Options of ADD_N."""


class AbsOptions(NoOptions):
    """Options of ABS."""


class NegOptions(NoOptions):
    """Options of NEG."""


class SignOptions(NoOptions):
    """Options of SIGN."""


class SquareOptions(NoOptions):
    """Options of SQUARE."""


class ExpOptions(NoOptions):
    """Options of EXP."""


class CosOptions(NoOptions):
    """Options of COS."""


class BitwiseXorOptions(NoOptions):
    """Options of BITWISE_XOR."""


class RightShiftOptions(NoOptions):
    """Options of RIGHT_SHIFT."""


class EqualOptions(NoOptions):
    """Options of EQUAL."""


class NotEqualOptions(NoOptions):
    """Options of NOT_EQUAL."""


class LessOptions(NoOptions):
    """Options of LESS."""


class LessEqualOptions(NoOptions):
    """Options of LESS_EQUAL."""


class GreaterOptions(NoOptions):
    """Options of GREATER."""


class GreaterEqualOptions(NoOptions):
    """Options of GREATER_EQUAL."""


class LogicalAndOptions(NoOptions):
    """Options of LOGICAL_AND."""


class LogicalOrOptions(NoOptions):
    """Options of LOGICAL_OR."""


class LogicalNotOptions(NoOptions):
    """Options of LOGICAL_NOT."""


class SelectOptions(NoOptions):
    """Options of SELECT."""


class SelectV2Options(NoOptions):
    """Options of SELECT_V2."""
