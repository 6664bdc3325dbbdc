"""From an accumulator to an output code: multiplier, rounding with the bits it drops, zero point, clamp."""

from __future__ import annotations

import numpy as np

from ..convolution.prepared import Requantization
from ..profiles import Rounding
from .narration import Narration, show
from .operations import HIGHEST, compute

_LEFT_FIRST = "double rounding shifts to the left before it multiplies; int32 wraps"


def _grouped(digits: str) -> str:
    """Part binary digits into groups of eight, counted from the left."""
    return " ".join(digits[i : i + 8] for i in range(0, len(digits), 8))


def draw_q31(mantissa: int) -> str:
    """Write a Q0.31 mantissa in binary, with its point: 0.1101..."""
    return f"0.{_grouped(f'{mantissa:031b}')}b"


def draw_dropped(x: int, bits: int) -> str:
    """Write what a right shift does to bits: the last of those that stay, a bar, and those that are dropped."""
    if bits <= 0:
        return ""
    kept, dropped = f"{(x >> bits) & 255:08b}", f"{x & (2**bits - 1):0{bits}b}"
    return f"...{kept}|{_grouped(dropped)}"


def direction(x: int, bits: int) -> str:
    """Say which way x is rounded where bits are dropped and it goes to the nearest, halves away from zero."""
    rest, half = x & (2**bits - 1), 2 ** (bits - 1)
    where = "exactly half" if rest == half else "less than half" if rest < half else "more than half"
    up = rest > half or (rest == half and x >= 0)
    tie = ", which goes away from zero" if rest == half else ""
    return f"{rest} of {2**bits} is {where}{tie}: rounds {'up' if up else 'down'}"


def _way(shift: int) -> str:
    return f"{abs(shift)} to the {'left' if shift > 0 else 'right'}" if shift else "none"


def explain_multiplier(n: Narration, name: str, real_multiplier: float) -> tuple[int, int]:
    """Write a real multiplier as mantissa and shift."""
    mantissa, shift = compute("quantize_multiplier", {"real_multiplier": real_multiplier})  # type: ignore[misc]
    n.step(
        name,
        "quantize_multiplier",
        real_multiplier=real_multiplier,
        real=mantissa / 2**31 * 2.0**shift,
        text=f"{show(real_multiplier)} = {mantissa} * 2**({shift} - 31)",
        note=f"M = 0x{mantissa:08X} = {draw_q31(mantissa)}, shift {shift} ({_way(shift)})",
    )
    return mantissa, shift


def explain_rescaling(
    n: Narration, name: str, x: int, multiplier: int, shift: int, rounding: Rounding, unit: float | None = None
) -> int:
    """Multiply an int32 by ``multiplier * 2**(shift - 31)``; ``unit`` is what a step of the result stands for."""

    def real(code: float) -> float | None:
        return None if unit is None else code * unit

    if rounding is Rounding.SINGLE:
        total = 31 - shift
        product = n.step("times M", "multiply", a=x, b=multiplier)
        nudged = n.step("nudged", "add", a=product, b=2 ** (total - 1), note=f"half of 2**{total}: halves go up")
        note = f"one rounding drops {total} bits: {draw_dropped(nudged, total)}"
        scaled = n.step(name, "shift_right", x=nudged, by=total, note=note, real=real(product / 2**total))
        if not -(2**31) <= scaled <= HIGHEST:
            scaled = n.step("as int32", "wrap_int32", x=scaled, note="int32 wraps")
        return int(scaled)
    if shift > 0:
        x = n.step("shifted left", "shift_left", x=x, by=shift, note=_LEFT_FIRST)
        x = n.step("as int32", "wrap_int32", x=x)
    product, exponent = x * multiplier, max(-shift, 0)
    high = explain_high_multiply(n, x, multiplier)
    return explain_right_shift(n, name, high, exponent, real(product / 2.0 ** (31 + exponent)))


def explain_high_multiply(n: Narration, x: int, multiplier: int, name: str = "high multiply") -> int:
    """Narrate the rounded upper half of twice a product of two int32."""
    product = n.step("times M", "multiply", a=x, b=multiplier, note="of 64 bits")
    nudged = n.step("nudged", "add", a=product, b=2**30, note="half of 2**31, so that halves go up")
    high = n.step(name, "shift_right", x=nudged, by=31, note=f"drops 31 bits: {draw_dropped(nudged, 31)}")
    if high > HIGHEST:
        high = n.step("saturated", "clamp", x=high, low=-HIGHEST - 1, high=HIGHEST, note="the one product that does")
    return int(high)


def explain_right_shift(n: Narration, name: str, x: int, exponent: int, real: float | None = None) -> int:
    """Narrate a division by a power of two, to nearest, halves away from zero."""
    note = "no right shift"
    if exponent:
        note = f"drops {exponent} bits: {draw_dropped(x, exponent)}; {direction(x, exponent)}"
    return int(n.step(name, "rounding_divide_by_pot", x=x, exponent=exponent, note=note, real=real))


def explain_requantization(
    n: Narration, prepared: Requantization, channel: int, accumulator: int, scales: tuple[float, float]
) -> None:
    """Narrate from the accumulator of a channel to its code; ``scales`` are the input's and the filter's."""
    real_multiplier = float(prepared.real_multiplier[channel])
    multiplier, shift = int(prepared.multiplier[channel]), int(prepared.shift[channel])
    input_scale, filter_scale = scales
    unknown = real_multiplier == 0 and filter_scale > 0 and input_scale * filter_scale / n.scale > 0
    if unknown:
        filter_scale = 0.0
    precision = "float64" if input_scale * filter_scale / n.scale == real_multiplier else "float32"
    n.step(
        "real multiplier",
        "real_multiplier",
        input_scale=input_scale,
        filter_scale=filter_scale,
        output_scale=n.scale,
        precision=precision,
        text=f"{show(input_scale)} * {show(filter_scale)} / {show(n.scale)} = {show(real_multiplier)}",
        note="a kernel that knows but one scale of the filter finds none of several"
        if unknown
        else f"input scale * filter scale / output scale, the product in {precision}",
    )
    if prepared.rounding is Rounding.FLOAT64:
        product = n.step(
            "scaled",
            "multiply_float64",
            x=accumulator,
            real_multiplier=real_multiplier,
            note="the reference's FULLY_CONNECTED needs no integer multiplier",
            real=accumulator * real_multiplier * n.scale,
        )
        scaled = n.step("rounded", "round_half_away", x=product, real=product * n.scale)
    else:
        explain_multiplier(n, "multiplier and shift", real_multiplier)
        if prepared.accumulator.itemsize == 8:
            scaled = explain_fifteen_bits(n, accumulator, multiplier, shift, n.scale)
        else:
            scaled = explain_rescaling(n, "rescaled", accumulator, multiplier, shift, prepared.rounding, n.scale)
    explain_code(n, scaled, prepared.output_zero_point, prepared.activation_min, prepared.activation_max)


def explain_fifteen_bits(n: Narration, accumulator: int, multiplier: int, shift: int, unit: float | None = None) -> int:
    """Multiply an int64 by a multiplier cut to 15 bits; ``unit`` is what a step of the result stands for."""
    note = "M rounded by 16 bits, for a product within int64"
    reduced = n.step("15-bit multiplier", "reduce_multiplier", multiplier=multiplier, note=note)
    total = 15 - shift
    note = "the distances of shifts count modulo 64"
    if total > 0:
        note = f"adds half and drops {total} bits: {draw_dropped(accumulator * reduced + 2 ** (total - 1), total)}"
    scaled = n.step(
        "rescaled",
        "multiply_by_15_bits",
        x=accumulator,
        multiplier=reduced,
        shift=shift,
        note=note,
        real=None if unit is None else accumulator * reduced / 2.0**total * unit,
    )
    return int(n.step("as int32", "wrap_int32", x=scaled))


def explain_code(n: Narration, scaled: int, zero_point: int, low: int, high: int) -> None:
    """Add the output's zero point and clamp."""
    code = n.step("with the zero point", "add", a=scaled, b=zero_point, real=scaled * n.scale)
    code = n.step("as int32", "wrap_int32", x=code) if not -(2**31) <= code <= HIGHEST else code
    note = f"inside [{low}, {high}]" if low <= code <= high else f"saturates to [{low}, {high}]"
    real = (min(max(code, low), high) - n.zero_point) * n.scale
    code = n.step("output code", "clamp", x=code, low=low, high=high, note=note, real=real)
    if not np.iinfo(n.dtype).min <= code <= np.iinfo(n.dtype).max:
        explain_as_type(n, f"as {n.dtype}", code, n.dtype)


def explain_as_type(n: Narration, name: str, x: int, dtype: np.dtype) -> int:
    """Narrate how a result becomes a number of an integer type, in which it may wrap."""
    value = int(x)
    if dtype == np.bool_:
        return int(n.step(name, "copy", x=value))
    limits = np.iinfo(dtype)
    if limits.min <= value <= limits.max:
        return int(n.step(name, "copy", x=value))
    if dtype.kind == "u":
        return int(n.step(name, "modulo", x=value, by=2**limits.bits, note=f"{dtype} wraps"))
    return int(n.step(name, f"wrap_int{limits.bits}", x=value, note=f"{dtype} wraps"))


def explain_any_shift(
    n: Narration, name: str, x: int, multiplier: int, shift: int, wraps: bool, real: float | None = None
) -> int:
    """Multiply an int32 by a Q0.31 multiplier and then by ``2**shift``, whatever the shift."""
    high = explain_high_multiply(n, x, multiplier)
    if -31 <= shift <= 0:
        return explain_right_shift(n, name, high, -shift, real)
    if wraps:
        return explain_wrapping_shift(n, name, high, -shift)
    if shift > 0:
        note = "a left shift, which saturates"
        return int(n.step(name, "saturating_shift_left", x=high, by=min(shift, 31), bits=32, note=note, real=real))
    return int(
        n.step(name, "multiply", a=high, b=0, note=f"a shift of {-shift} to the right leaves nothing", real=real)
    )


def explain_wrapping_shift(n: Narration, name: str, x: int, exponent: int) -> int:
    """Narrate the reference's defect where a right shift is not within 0 to 31."""
    note = f"a defect: {exponent} counts modulo 32, and what is not negative is always rounded up"
    shifted = n.step("shifted", "shift_right", x=x, by=exponent & 31, note=note)
    return int(n.step(name, "add", a=shifted, b=int(x >= 0)))
