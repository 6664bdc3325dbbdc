"""Quirks of element-wise arithmetic and comparisons."""

from __future__ import annotations

from ...schema import ActivationFunctionType, TensorType
from ..elementwise.add_sub import QuantizedSum
from ..elementwise.binary import FloorDiv
from ..elementwise.comparisons import QuantizedComparison
from ..elementwise.div import QuantizedQuotient
from ..elementwise.roots import QuantizedRsqrt
from ..operator import Node, Prepared
from ..quirk import Quirk, Treatment

_RSQRT_SPARE_BITS = 20
_ORDERS = ("GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")
_COMPARISONS = ("EQUAL", "NOT_EQUAL", *_ORDERS)


def drops_left_shift(node: Node, prepared: Prepared) -> bool:
    """SUB of codes with an output multiplier above 1."""
    return isinstance(prepared, QuantizedSum) and prepared.ignores_left_shift


def needs_left_shift(node: Node, prepared: Prepared) -> bool:
    """ADD of codes with an output multiplier of 1 or more, or SUB with exactly 1."""
    return isinstance(prepared, QuantizedSum) and prepared.output_shift > 0 and not prepared.ignores_left_shift


def clamps_unsigned_at_minus_one(node: Node, prepared: Prepared) -> bool:
    """uint32 with the fused activation RELU_N1_TO_1."""
    activation = getattr(node.options, "fused_activation_function", None)
    return node.input(0).type is TensorType.UINT32 and activation is ActivationFunctionType.RELU_N1_TO_1


def negates_codes(node: Node, prepared: Prepared) -> bool:
    """NEG of a quantized tensor whose codes are not their values' own negatives: zero points, or unequal scales."""
    source, target = node.input(0), node.output()
    if not source.quantized:
        return False
    symmetric = source.zero_point == target.zero_point == 0
    return not symmetric or source.scale != target.scale


def shifts_rsqrt_beyond_31(node: Node, prepared: Prepared) -> bool:
    """RSQRT of int8 whose output scale is so large."""
    return isinstance(prepared, QuantizedRsqrt) and prepared.wraps_shifts and prepared.shift - _RSQRT_SPARE_BITS < -31


def compares_in_256ths(node: Node, prepared: Prepared) -> bool:
    """Compare codes of two scales, or of one that is finer than 1/256."""
    first, second = node.input(0).scale, node.input(1).scale
    return isinstance(prepared, QuantizedComparison) and bool(first != second or first * 256 < 1)


def compares_scales_above_1(node: Node, prepared: Prepared) -> bool:
    """Compare codes of which one has a scale above 1."""
    wraps = isinstance(prepared, QuantizedComparison) and prepared.wraps_shifts
    return wraps and bool(max(node.input(0).scale, node.input(1).scale) > 1)


def compares_scale_of_1(node: Node, prepared: Prepared) -> bool:
    """Compare codes of which one has the scale 1."""
    return isinstance(prepared, QuantizedComparison) and 1 in (node.input(0).scale, node.input(1).scale)


def compares_int16_codes(node: Node, prepared: Prepared) -> bool:
    """Compare int16 codes of two scales as numbers."""
    first, second = node.input(0), node.input(1)
    return first.type is TensorType.INT16 and first.scale != second.scale


def compares_int16_numbers(node: Node, prepared: Prepared) -> bool:
    """Compare int16 without a scale."""
    return node.input(0).type is TensorType.INT16 and not node.input(0).quantized


def divides_beyond_31(node: Node, prepared: Prepared) -> bool:
    """Divide codes, with an output multiplier not so large that even a dividend of 0 is shifted by less."""
    bits = 16 if node.input(0).type is TensorType.INT16 else 8
    return isinstance(prepared, QuantizedQuotient) and prepared.wraps_shifts and prepared.output_shift < bits


def takes_codes_of_several_scales(node: Node, prepared: Prepared) -> bool:
    """Treat codes of several scales or zero points as numbers."""
    return len({(one.scale, one.zero_point) for one in (node.input(0), node.input(1), node.output())}) > 1


def raises_int32(node: Node, prepared: Prepared) -> bool:
    """Raise int32 to a power; whether it fits is known at run time only."""
    return node.input(0).type is TensorType.INT32


def saturates_in_blocks(node: Node, prepared: Prepared) -> bool:
    """Divide at least eight int8 or int16; whether one is the least by -1 is known at run time only."""
    return isinstance(prepared, FloorDiv) and prepared.elements_in_blocks > 0


QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "add-multiplier-of-one",
        ("ADD", "SUB"),
        "aborts the process where the output multiplier is 1 or more (ADD) or exactly 1 (SUB)",
        "the sum is rescaled, and saturates",
        "kernels/internal/quantization_util.cc, QuantizeMultiplierSmallerThanOneExp",
        Treatment.RIGHT,
        ("elementwise.add_sub:requantize",),
        needs_left_shift,
    ),
    Quirk(
        "comparison-in-256ths",
        _COMPARISONS,
        "codes are brought to real numbers with 8 fractional bits, so that numbers nearer than 1/256 can be equal",
        "the real numbers are compared",
        "kernels/internal/reference/comparisons.h, ComparisonWithScaling",
        Treatment.EVERYWHERE,
        ("elementwise.comparisons:_rescaled",),
        compares_in_256ths,
    ),
    Quirk(
        "comparison-int16-ignores-scales",
        _ORDERS,
        "compares int16 codes as numbers, whatever their scales are",
        "the real numbers are compared",
        "kernels/comparisons.cc, GreaterEval and its like",
        Treatment.EVERYWHERE,
        ("elementwise.comparisons:prepare",),
        compares_int16_codes,
    ),
    Quirk(
        "comparison-loses-left-shift",
        _COMPARISONS,
        "codes of a scale above 1 are shifted by a wrong distance",
        "the real numbers are compared",
        "kernels/internal/reference/comparisons.h, ComparisonWithScaling",
        Treatment.REPRODUCED,
        ("elementwise.comparisons:prepare", "elementwise.shifts:rounding_divide_by_wrapping_pot"),
        compares_scales_above_1,
    ),
    Quirk(
        "comparison-scale-of-one",
        _COMPARISONS,
        "aborts the process where a scale is exactly 1",
        "the real numbers are compared",
        "kernels/internal/quantization_util.cc, QuantizeMultiplierSmallerThanOneExp",
        Treatment.RIGHT,
        ("elementwise.comparisons:prepare",),
        compares_scale_of_1,
    ),
    Quirk(
        "div-shift-beyond-31",
        ("DIV",),
        "codes: a dividend small beside its divisor, such as 0, is shifted right by more than 31; the distance is "
        "taken modulo 32, and what is negative is never rounded, the rest always",
        "the quotient is 0 steps",
        "kernels/internal/reference/div.h, DivElementwise, through RoundingDivideByPOT of gemmlowp",
        Treatment.REPRODUCED,
        ("elementwise.div:prepare", "elementwise.shifts:rounding_divide_by_wrapping_pot"),
        divides_beyond_31,
    ),
    Quirk(
        "floor-div-overflow-in-blocks",
        ("FLOOR_DIV",),
        "the least int8 or int16 by -1 saturates in blocks of eight elements, and wraps after them",
        "such a quotient does not fit; it wraps, as in int32",
        "kernels/internal/reference/floor_div.h, FloorDiv",
        Treatment.REPRODUCED,
        ("elementwise.binary:prepare_floor_div",),
        saturates_in_blocks,
    ),
    Quirk(
        "maximum-ignores-quantization",
        ("MAXIMUM", "MINIMUM"),
        "compares and copies codes as numbers, whatever scales and zero points are",
        "the real numbers are compared, and rescaled to the output",
        "kernels/maximum_minimum.cc, MaximumOp, MinimumOp",
        Treatment.EVERYWHERE,
        ("elementwise.binary:evaluate_maximum", "elementwise.binary:evaluate_minimum"),
        takes_codes_of_several_scales,
    ),
    Quirk(
        "neg-ignores-quantization",
        ("NEG",),
        "negates quantized codes as numbers, whatever scales and zero points are; -128 stays",
        "the values are negated, and saturate",
        "kernels/internal/reference/neg.h, Negate",
        Treatment.EVERYWHERE,
        ("elementwise.unary:evaluate_neg",),
        negates_codes,
    ),
    Quirk(
        "not-equal-int16-unwritten",
        ("NOT_EQUAL",),
        "int16 without a scale: writes nothing",
        "the numbers are compared",
        "kernels/comparisons.cc, NotEqualEval",
        Treatment.RIGHT,
        ("elementwise.comparisons:prepare",),
        compares_int16_numbers,
    ),
    Quirk(
        "pow-beyond-int32",
        ("POW",),
        "int32: a power that does not fit becomes -2**31",
        "there is no such number",
        "kernels/internal/reference/reference_ops.h, Pow",
        Treatment.EVERYWHERE,
        ("elementwise.power:evaluate",),
        raises_int32,
    ),
    Quirk(
        "relu-n1-to-1-of-unsigned",
        ("MUL",),
        "uint32 with the fused activation RELU_N1_TO_1: the lower bound -1 is written into an unsigned number",
        "the bounds are 0 and 1",
        "kernels/kernel_util.h, CalculateActivationRange",
        Treatment.EVERYWHERE,
        ("elementwise.plain:integer_activation_range",),
        clamps_unsigned_at_minus_one,
    ),
    Quirk(
        "rsqrt-shift-beyond-31",
        ("RSQRT",),
        "int8: a right shift beyond 31 is taken modulo 32, and never rounds what is negative, always the rest",
        "the result is 0 steps",
        "kernels/elementwise.cc, RsqrtEvalQuantized, through RoundingDivideByPOT of gemmlowp",
        Treatment.REPRODUCED,
        ("elementwise.roots:prepare_rsqrt", "elementwise.shifts:rounding_divide_by_wrapping_pot"),
        shifts_rsqrt_beyond_31,
    ),
    Quirk(
        "sub-drops-left-shift",
        ("SUB",),
        "with an output multiplier above 1 shifts by a wrong distance, by another in blocks of four than after them",
        "the difference is rescaled",
        "kernels/internal/reference/sub.h, SubElementwise",
        Treatment.REPRODUCED,
        ("elementwise.add_sub:_prepare_quantized", "elementwise.add_sub:_rescale_without_left_shift"),
        drops_left_shift,
    ),
)
