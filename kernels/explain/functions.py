"""Functions of one code: ABS, NEG, roots, HARD_SWISH, tables with interpolation, L2_NORMALIZATION."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..activations.hard_swish import QuantizedHardSwish
from ..activations.interpolation import Interpolated
from ..activations.sigmoid_int16 import SIGMOID_TABLE, InterpolatedSigmoid
from ..elementwise.absolute import PlainAbs, QuantizedAbs
from ..elementwise.roots import QuantizedRsqrt, QuantizedSqrt
from ..elementwise.unary import Unary
from ..normalization.l2_normalization import L2Normalization
from ..operator import Node, Shape
from .elementwise import bounded, operand
from .narration import Narration
from .requantization import (
    explain_any_shift,
    explain_as_type,
    explain_code,
    explain_multiplier,
    explain_rescaling,
    explain_right_shift,
)

Arrays = Sequence[np.ndarray | None]

_RSQRT_SPARE_BITS = 20


def _code(arrays: Arrays, at: Shape) -> int:
    assert arrays[0] is not None
    return int(arrays[0][at])


def explain_abs(n: Narration, prepared: QuantizedAbs, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate an output value of ABS of codes."""
    p, source = prepared, node.input(0)
    difference = operand(n, "input", _code(arrays, at), source)
    real = abs(difference) * float(source.scale)
    n.exact = bounded(n, real, p.output_min, p.output_max)
    magnitude = n.step("magnitude", "absolute", x=difference, real=real)
    if p.rescales:
        explain_multiplier(n, "multiplier", p.multiplier * 2.0 ** (p.shift - 31))
        magnitude = explain_rescaling(n, "rescaled", magnitude, p.multiplier, p.shift, p.rounding, n.scale)
    explain_code(n, magnitude, p.output_zero_point, p.output_min, p.output_max)


def explain_plain_abs(n: Narration, prepared: PlainAbs, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate ABS of integers that are not quantized."""
    n.scale = 0.0
    explain_as_type(n, "result", n.step("magnitude", "absolute", x=_code(arrays, at)), node.output().dtype)


def explain_neg(n: Narration, prepared: Unary, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate NEG: of a quantized tensor it is the code that is negated, whatever the zero point."""
    source, code = node.input(0), _code(arrays, at)
    if source.quantized:
        n.exact = -(code - source.zero_point) * float(source.scale)
    negative = n.step("negated", "negate", x=code, note="the code itself, as if its zero point were 0")
    explain_as_type(n, "output code", negative, node.output().dtype)


def explain_sqrt(n: Narration, prepared: QuantizedSqrt, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate SQRT of codes, which is computed in float32."""
    p = prepared
    difference = operand(n, "input", _code(arrays, at), node.input(0))
    real = difference * float(p.input_scale)
    n.exact = bounded(n, math.sqrt(real), p.output_min, p.output_max)
    number = n.step("as a real number", "multiply_float32", a=float(p.input_scale), b=float(difference), real=real)
    root = n.step("root", "square_root_float32", x=number, real=math.sqrt(real))
    steps = n.step("in steps of the output", "divide_float32", a=root, b=float(p.output_scale), real=math.sqrt(real))
    whole = n.step("cut off", "truncate_float", x=steps, note="not rounded")
    explain_code(n, whole, p.output_zero_point, p.output_min, p.output_max)


def explain_rsqrt(n: Narration, prepared: QuantizedRsqrt, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate RSQRT of int8 codes."""
    p, source = prepared, node.input(0)
    difference = operand(n, "input", _code(arrays, at), source)
    if difference == 0:
        n.step("output code", "copy", x=p.output_max, note="of 0 the greatest code")
        return
    n.exact = bounded(n, 1 / math.sqrt(difference * float(source.scale)), p.output_min, p.output_max)
    mantissa, shift = explain_inverse_root(n, difference)
    one = explain_rescaling(n, "with 20 spare bits", 1, mantissa, shift + _RSQRT_SPARE_BITS, p.rounding)
    explain_multiplier(n, "multiplier of the scales", p.multiplier * 2.0 ** (p.shift - 31))
    down = p.shift - _RSQRT_SPARE_BITS
    if down < -31:
        scaled = explain_any_shift(n, "rescaled", one, p.multiplier, down, p.wraps_shifts)
    else:
        scaled = explain_rescaling(n, "rescaled", one, p.multiplier, down, p.rounding, n.scale)
    explain_code(n, scaled, p.output_zero_point, p.output_min, p.output_max)


def explain_inverse_root(n: Narration, x: int) -> tuple[int, int]:
    """Narrate ``1 / sqrt(x)`` of an integer as mantissa and shift."""
    mantissa, shift = n.step(
        "reciprocal root",
        "inverse_square_root",
        x=x,
        note="Q0.31 mantissa and shift, by five Newton-Raphson steps in Q3.28; 0 counts as 1",
        real=1 / math.sqrt(max(x, 1)),
    )
    return int(mantissa), int(shift)


def explain_l2_normalization(n: Narration, prepared: L2Normalization, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate L2_NORMALIZATION of codes: times the reciprocal root of the sum of squares."""
    x, p = arrays[0], prepared
    assert x is not None
    row = [int(code) - p.input_zero_point for code in x[at[:-1]]]
    rows = [(code + p.input_zero_point, code, code * code) for code in row]
    n.table(f"vector of {len(row)}, zero point {p.input_zero_point}", ("input", "input - zero point", "square"), rows)
    total = n.step("sum of squares", "sum", terms=[code * code for code in row])
    if total >= 2**31:
        total = n.step("as int32", "wrap_int32", x=total)
    own, length = row[at[-1]], math.sqrt(sum(code * code for code in row))
    low, high = (int(limit) for limit in (np.iinfo(x.dtype).min, np.iinfo(x.dtype).max))
    n.exact = bounded(n, own / length if length else 0.0, low, high)
    mantissa, shift = explain_inverse_root(n, total)
    if x.dtype == np.uint8:
        own = n.step("in 128ths", "multiply", a=128, b=own)
    else:
        shift += 7
    scaled = explain_rescaling(n, "rescaled", own, mantissa, shift, p.rounding, n.scale)
    explain_code(n, scaled, p.output_zero_point, low, high)


def explain_hard_swish(n: Narration, prepared: QuantizedHardSwish, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate HARD_SWISH of codes, in int16."""
    p, source = prepared, node.input(0)
    difference = operand(n, "input", _code(arrays, at), source)
    real = difference * float(source.scale)
    n.exact = bounded(n, real * min(max(real + 3, 0), 6) / 6, p.output_min, p.output_max)
    fine = n.step("at 1/128 of its scale", "shift_left", x=difference, by=7, real=real)
    fine = n.step("as int16", "wrap_int16", x=fine)
    on_output = _high_multiply_int16(n, "input in the output's steps", fine, p.output_multiplier)
    value, exponent = fine, p.reluish_exponent
    if exponent > 0:
        value = _left(n, value, exponent - 1)
    value = _high_multiply_int16(n, "input on the scale where 3 is 32768", value, p.reluish_multiplier)
    if exponent > 0:
        value = _left(n, value, 1)
    if exponent < 0:
        value = _int16_right_shift(n, "shifted right", value, -exponent)
    raised = n.step("plus 3", "add", a=value, b=2**15, note="relu6(x + 3): both ends have saturated already")
    reluish = n.step("relu6(x + 3) / 6", "shift_right", x=raised, by=1, note="Q0.15", real=raised / 2**16)
    product = n.step("product", "multiply", a=reluish, b=on_output)
    preshift = n.step("product in steps", "divide_truncating", a=product, b=2**15, note="towards zero")
    scaled = _int16_right_shift(n, "rescaled", preshift, -p.output_exponent)
    code = n.step("with the zero point", "add", a=scaled, b=p.output_zero_point)
    code = n.step("as int16", "wrap_int16", x=code)
    real_code = (max(p.output_min, min(code, p.output_max)) - n.zero_point) * n.scale
    n.step("output code", "clamp", x=code, low=p.output_min, high=p.output_max, real=real_code)


def _left(n: Narration, x: int, by: int) -> int:
    return int(n.step("shifted left", "saturating_shift_left", x=x, by=by, bits=16))


def _high_multiply_int16(n: Narration, name: str, a: int, b: int) -> int:
    note = "the upper half of 2 * a * b, rounded"
    return int(n.step(name, "high_multiply_int16", a=a, b=b, note=note))


def _int16_right_shift(n: Narration, name: str, x: int, exponent: int) -> int:
    if exponent >= 16:
        return int(n.step(name, "sign", x=x, note=f"a shift of {exponent}: the sign is left"))
    return explain_right_shift(n, name, x, exponent)


def explain_interpolation(n: Narration, code: int, table: np.ndarray, real: float | None = None) -> int:
    """Narrate an interpolation in 513 samples: 9 bits of an int16 select, 7 interpolate."""
    samples = [int(one) for one in table]
    moved = n.step("upper 9 bits", "shift_right", x=code, by=7, note="of 16; the lower 7 interpolate")
    index = n.step("index in the table", "add", a=moved, b=256)
    low = n.step("sample", "look_up", index=index, table=samples)
    high = n.step("next sample", "look_up", index=index + 1, table=samples)
    slope = n.step("difference", "subtract", a=high, b=low)
    slope = n.step("as int16", "wrap_int16", x=slope) if not -(2**15) <= slope < 2**15 else slope
    part = n.step("times the lower bits", "multiply", a=slope, b=code & 127, note=f"{code & 127} of 128")
    nudged = n.step("nudged", "add", a=part, b=64)
    moved = n.step("part of the difference", "shift_right", x=nudged, by=7)
    total = n.step("interpolated", "add", a=low, b=moved, real=real)
    return int(n.step("as int16", "wrap_int16", x=total, real=real))


def explain_interpolated(n: Narration, prepared: Interpolated, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate EXP, LOG, RSQRT or GELU of int16 codes."""
    code = _code(arrays, at)
    operand(n, "input", code, node.input(0))
    explain_interpolation(n, code, prepared.table)


def explain_sigmoid_int16(n: Narration, prepared: InterpolatedSigmoid, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate LOGISTIC or TANH of int16 codes."""
    code, source = _code(arrays, at), node.input(0)
    real = code * float(source.scale)
    n.exact = math.tanh(real) if prepared.is_tanh else 1 / (1 + math.exp(-real)) if real > -700 else 0.0
    explain_sigmoid(n, code, prepared)


def explain_sigmoid(n: Narration, code: int, p: InterpolatedSigmoid, of: str = "") -> int:
    """Narrate the interpolation in the table of the logistic function; ``of`` is put before the names of steps."""
    table = [int(one) for one in SIGMOID_TABLE]
    product = n.step(f"{of}times the multiplier", "multiply", a=code, b=p.input_multiplier)
    product = n.step(f"{of}nudged", "add", a=product, b=(1 << p.input_shift) >> 1)
    product = n.step(f"{of}as int32", "wrap_int32", x=product)
    scaled = n.step(
        f"{of}argument", "shift_right", x=product, by=p.input_shift, real=product / 2.0**p.input_shift / 12288
    )
    magnitude = n.step(f"{of}magnitude", "absolute", x=scaled)
    index = n.step(f"{of}index", "shift_right", x=magnitude, by=p.index_shift, note="24ths of 1")
    bits = 8 if p.is_tanh else 10
    if index >= 255:
        value = n.step(
            f"{of}value", "shift_left", x=0xFFFF if p.is_tanh else 0x7FFF, by=bits, note="beyond the table: 1"
        )
    else:
        below = n.step(f"{of}sample", "look_up", index=index, table=table, real=table[index] / 65536)
        above = n.step(f"{of}next sample", "look_up", index=index + 1, table=table, real=table[index + 1] / 65536)
        slope = n.step(f"{of}difference", "subtract", a=above, b=below)
        fraction = magnitude & ((1 << p.index_shift) - 1)
        part = n.step(f"{of}times the lower bits", "multiply", a=slope, b=fraction)
        base = n.step(f"{of}sample, shifted", "shift_left", x=below, by=p.index_shift)
        value = n.step(f"{of}value", "add", a=base, b=part, note="of the logistic function")
    half = 1 << (bits - 1)
    if p.is_tanh:
        offset = half - (1 << 23) if scaled >= 0 else (1 << 23) + half - 1
    else:
        offset = half if scaled >= 0 else (1 << 25) + half - 1
    if scaled < 0:
        value = n.step(f"{of}mirrored", "negate", x=value, note="the argument is negative")
    moved = n.step(f"{of}moved and nudged", "add", a=value, b=offset)
    result = n.step(f"{of}result in Q0.15", "shift_right", x=moved, by=bits, real=(moved >> bits) / 2**15)
    return int(n.step(f"{of}as int16", "wrap_int16", x=result, real=result / 2**15))
