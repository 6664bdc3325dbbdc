"""What makes one code of two: extremes, quotients, squares of differences, comparisons, PRELU, short forms of sums."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..activations.prelu import QuantizedPrelu, codes_of_alpha
from ..elementwise.add_n import AddN
from ..elementwise.add_sub import PowerOfTwoSum
from ..elementwise.binary import Binary
from ..elementwise.comparisons import PlainComparison, QuantizedComparison, within_blocks
from ..elementwise.div import QuantizedQuotient, leading_sign_bits
from ..elementwise.mul import FractionProduct
from ..elementwise.plain import PlainArithmetic
from ..elementwise.squared_difference import PlainSquaredDifference, QuantizedSquaredDifference
from ..operator import Node, Shape
from .elementwise import bounded, element, operand
from .narration import Narration
from .requantization import (
    explain_any_shift,
    explain_as_type,
    explain_code,
    explain_high_multiply,
    explain_multiplier,
    explain_rescaling,
    explain_right_shift,
    explain_wrapping_shift,
)

Arrays = Sequence[np.ndarray | None]

_SPARE_BITS_OF_SQUARES = 7
_SPARE_BITS_OF_COMPARISONS = 8


def _pair(node: Node, arrays: Arrays, shape: Shape, at: Shape) -> tuple[list[int], list[float]]:
    """Return both codes and what they stand for."""
    codes = [element(array, shape, at) for array in arrays[:2]]
    specs = (node.input(0), node.input(1))
    reals = [
        (code - spec.zero_point) * float(spec.scale) if spec.quantized else float(code)
        for code, spec in zip(codes, specs, strict=True)
    ]
    return codes, reals


def explain_extreme(n: Narration, prepared: Binary, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate an output value of MAXIMUM or MINIMUM: codes are compared as they are."""
    codes, reals = _pair(node, arrays, prepared.output_shape, at)
    greatest = node.name == "MAXIMUM"
    n.exact = max(reals) if greatest else min(reals)
    code = n.step(
        "greater code" if greatest else "lesser code",
        "maximum" if greatest else "minimum",
        terms=codes,
        note="codes are compared: the tensors are taken to have one scale and zero point",
    )
    n.step("output code", "copy", x=code, real=n.scale * (code - n.zero_point) if n.scale else code)


def explain_squared_difference(
    n: Narration, prepared: QuantizedSquaredDifference, node: Node, arrays: Arrays, at: Shape
) -> None:
    """Narrate an output value of SQUARED_DIFFERENCE."""
    p, specs = prepared, (node.input(0), node.input(1))
    codes, reals = _pair(node, arrays, p.output_shape, at)
    twice = 2 * max(float(spec.scale) for spec in specs)
    unit = twice / 2**_SPARE_BITS_OF_SQUARES
    terms = []
    for name, code, spec, multiplier, shift in (
        ("input 1", codes[0], specs[0], p.input1_multiplier, p.input1_shift),
        ("input 2", codes[1], specs[1], p.input2_multiplier, p.input2_shift),
    ):
        centred = operand(n, name, code, spec)
        shifted = n.step(f"{name} with spare bits", "shift_left", x=centred, by=_SPARE_BITS_OF_SQUARES)
        explain_multiplier(n, f"multiplier of {name}", float(spec.scale) / twice)
        terms.append(
            explain_rescaling(n, f"{name} at twice the larger scale", shifted, multiplier, shift, p.rounding, unit)
        )
    difference = n.step("difference", "subtract", a=terms[0], b=terms[1], real=(terms[0] - terms[1]) * unit)
    square = n.step("square", "multiply", a=difference, b=difference, real=(difference * unit) ** 2)
    square = _as_int32(n, square)
    n.exact = bounded(n, (reals[0] - reals[1]) ** 2, p.output_min, p.output_max)
    explain_multiplier(n, "multiplier of the output", unit * unit / n.scale)
    scaled = explain_rescaling(n, "rescaled", square, p.output_multiplier, p.output_shift, p.rounding, n.scale)
    explain_code(n, scaled, p.output_zero_point, p.output_min, p.output_max)


def _as_int32(n: Narration, x: int) -> int:
    if -(2**31) <= x < 2**31:
        return x
    return int(n.step("as int32", "wrap_int32", x=x, note="it overflows"))


def explain_div(n: Narration, prepared: QuantizedQuotient, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate an output value of DIV: the dividend times a reciprocal."""
    p = prepared
    codes, reals = _pair(node, arrays, p.output_shape, at)
    dividend = operand(n, "input 1", codes[0], node.input(0))
    divisor = operand(n, "input 2", codes[1], node.input(1))
    if divisor < 0:
        divisor = n.step("divisor, made positive", "negate", x=divisor)
        dividend = n.step("dividend, negated with it", "negate", x=dividend)
    inverse = n.step(
        "reciprocal of the divisor",
        "reciprocal_q31",
        x=divisor,
        integer_bits=31,
        note=f"Q0.31 mantissa by three Newton-Raphson steps; it stands for mantissa * 2**-{divisor.bit_length() - 1}",
        real=1 / divisor,
    )
    headroom = int(leading_sign_bits(np.array(dividend)))
    shifted = n.step("dividend with all bits used", "shift_left", x=dividend, by=headroom)
    shifted = _as_int32(n, shifted)
    quotient = explain_high_multiply(n, shifted, inverse, "quotient")
    shift = p.output_shift - (divisor.bit_length() - 1) - headroom
    explain_multiplier(n, "multiplier", p.output_multiplier * 2.0 ** (p.output_shift - 31))
    n.exact = bounded(n, reals[0] / reals[1], p.activation_min, p.activation_max)
    real = dividend / divisor * p.output_multiplier * 2.0 ** (p.output_shift - 31) * n.scale
    scaled = explain_any_shift(n, "rescaled", quotient, p.output_multiplier, shift, p.wraps_shifts, real)
    explain_code(n, scaled, p.output_zero_point, p.activation_min, p.activation_max)


_COMPARISONS = {
    "EQUAL": "equal",
    "NOT_EQUAL": "not_equal",
    "GREATER": "greater",
    "GREATER_EQUAL": "greater_equal",
    "LESS": "less",
    "LESS_EQUAL": "less_equal",
}


def explain_comparison(
    n: Narration, prepared: QuantizedComparison | PlainComparison, node: Node, arrays: Arrays, at: Shape
) -> None:
    """Narrate an output value of a comparison: codes at 8 fractional bits, integers as they are."""
    p, specs = prepared, (node.input(0), node.input(1))
    codes, _ = _pair(node, arrays, p.output_shape, at)
    n.scale = 0.0
    if isinstance(p, PlainComparison):
        n.step("result", _COMPARISONS[node.name], a=codes[0], b=codes[1], note="as they are, without their scales")
        return
    in_block = p.wraps_shifts and p.row >= 8 and bool(within_blocks(p)[at])
    terms = []
    for name, code, spec, multiplier, shift, moves in (
        ("input 1", codes[0], specs[0], p.input1_multiplier, p.input1_shift, p.input1_moves),
        ("input 2", codes[1], specs[1], p.input2_multiplier, p.input2_shift, p.input2_moves),
    ):
        centred = operand(n, name, code, spec)
        shifted = n.step(f"{name} with spare bits", "shift_left", x=centred, by=_SPARE_BITS_OF_COMPARISONS)
        real_scale = explain_multiplier(n, f"multiplier of {name}, its scale", float(spec.scale))
        wraps = p.wraps_shifts and multiplier * 2.0 ** (shift - 31) > 1
        title = f"{name} as a number with 8 fractional bits"
        if wraps and in_block and moves:
            high = explain_high_multiply(n, shifted, multiplier)
            terms.append(explain_wrapping_shift(n, title, high, 31))
        else:
            real = centred * real_scale[0] * 2.0 ** (real_scale[1] - 31)
            terms.append(explain_any_shift(n, title, shifted, multiplier, shift, wraps, real))
    n.step("result", _COMPARISONS[node.name], a=terms[0], b=terms[1])


def explain_prelu(n: Narration, prepared: QuantizedPrelu, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate an output value of PRELU."""
    p, source, slopes = prepared, node.input(0), node.input(1)
    assert arrays[0] is not None and arrays[1] is not None
    difference = operand(n, "input", int(arrays[0][at]), source)
    real = difference * float(source.scale)
    if difference >= 0:
        n.exact = bounded(n, real, p.output_min, p.output_max)
        multiplier, shift = p.positive_multiplier, p.positive_shift
        explain_multiplier(n, "multiplier", multiplier * 2.0 ** (shift - 31))
        scaled = explain_rescaling(n, "rescaled", difference, multiplier, shift, p.rounding, n.scale)
    else:
        alpha = element(codes_of_alpha(p, arrays[1]), p.output_shape, at)
        if p.alpha_by_bytes:
            n.table("a defect: alpha is int16, and its bytes are taken for codes", ("byte taken",), [(alpha,)])
        slope = operand(n, "alpha", alpha, slopes)
        n.exact = bounded(n, real * slope * float(slopes.scale), p.output_min, p.output_max)
        product = n.step("product", "multiply", a=difference, b=slope, real=real * slope * float(slopes.scale))
        multiplier, shift = p.negative_multiplier, p.negative_shift
        explain_multiplier(n, "multiplier", multiplier * 2.0 ** (shift - 31))
        scaled = explain_rescaling(n, "rescaled", product, multiplier, shift, p.rounding, n.scale)
    explain_code(n, scaled, p.output_zero_point, p.output_min, p.output_max)


def explain_power_of_two_sum(n: Narration, prepared: PowerOfTwoSum, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate an output value of ADD or SUB of int16 with scales that are powers of two: shifts, no multiplier."""
    codes, reals = _pair(node, arrays, prepared.output_shape, at)
    terms = []
    for name, code, shift in (
        ("input 1", codes[0], prepared.input1_shift),
        ("input 2", codes[1], prepared.input2_shift),
    ):
        title, real = f"{name} at the output's scale", code * 2.0**shift * n.scale
        if shift <= -16:
            terms.append(n.step(title, "sign", x=code, note=f"a shift of {-shift}: the sign is left", real=real))
        else:
            terms.append(explain_right_shift(n, title, code, -shift, real))
    add = node.name == "ADD"
    n.exact = bounded(n, reals[0] + (1 if add else -1) * reals[1], prepared.activation_min, prepared.activation_max)
    total = n.step("sum" if add else "difference", "add" if add else "subtract", a=terms[0], b=terms[1])
    total = n.step("saturated", "clamp", x=total, low=-(2**15), high=2**15 - 1, real=total * n.scale)
    explain_code(n, total, 0, prepared.activation_min, prepared.activation_max)


def explain_fraction_product(n: Narration, prepared: FractionProduct, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate an output value of MUL of int16 to 8 bits: numbers in Q0.15, whatever the scales, to 128ths."""
    assert arrays[0] is not None and arrays[1] is not None
    a, b = int(arrays[0][at]), int(arrays[1][at])
    n.scale = 1 / 128
    n.zero_point = prepared.output_zero_point
    product = n.step("product", "multiply", a=a, b=b, note="of two numbers in Q0.15", real=a * b / 2**30)
    nudged = n.step("nudged", "add", a=product, b=2**14, note="half of 2**15")
    high = n.step("high multiply", "shift_right", x=nudged, by=15)
    high = n.step("saturated", "clamp", x=high, low=-(2**15), high=2**15 - 1, real=high / 2**15)
    scaled = explain_right_shift(n, "in 128ths", high, 8, a * b / 2**30)
    n.exact = bounded(n, a * b / 2**30, prepared.activation_min, prepared.activation_max)
    code = n.step("with the zero point", "add", a=scaled, b=prepared.output_zero_point)
    code = n.step("clamped", "clamp", x=code, low=prepared.activation_min, high=prepared.activation_max)
    explain_as_type(n, "output code", code, node.output().dtype)


_PLAIN = {"ADD": "add", "SUB": "subtract", "MUL": "multiply", "DIV": "divide_truncating"}


def explain_plain(n: Narration, prepared: PlainArithmetic, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate ADD, SUB, MUL or DIV of integers that are not quantized."""
    n.scale = 0.0
    codes, _ = _pair(node, arrays, prepared.output_shape, at)
    result = n.step("result", _PLAIN[node.name], a=codes[0], b=codes[1])
    dtype = node.output().dtype
    if node.name == "DIV":
        result = n.step("saturated", "clamp", x=result, low=-(2**31), high=2**31 - 1)
    result = explain_as_type(n, f"as {dtype}", result, dtype)
    low, high = int(prepared.activation_min), int(prepared.activation_max)
    n.step("clamped", "clamp", x=result, low=low, high=high)


def explain_add_n(n: Narration, prepared: AddN, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate ADD_N of integers."""
    n.scale = 0.0
    total = n.step("sum", "sum", terms=[int(array[at]) for array in arrays if array is not None])
    explain_as_type(n, "as int32", total, node.output().dtype)


def explain_plain_squared_difference(
    n: Narration, prepared: PlainSquaredDifference, node: Node, arrays: Arrays, at: Shape
) -> None:
    """Narrate SQUARED_DIFFERENCE of int32."""
    n.scale = 0.0
    codes, _ = _pair(node, arrays, prepared.output_shape, at)
    difference = _as_int32(n, n.step("difference", "subtract", a=codes[0], b=codes[1]))
    explain_as_type(n, "square as int32", n.step("square", "multiply", a=difference, b=difference), np.dtype(np.int32))
