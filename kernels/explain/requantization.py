"""From an accumulator to an output code: multiplier, rounding with the bits it drops, zero point, clamp."""

from __future__ import annotations

from ..convolution.prepared import Requantization
from ..profiles import Rounding
from .narration import Narration
from .operations import HIGHEST, compute

_LEFT_FIRST = "double rounding shifts to the left before it multiplies; int32 wraps"


def draw_q31(mantissa: int) -> str:
    """Write a Q0.31 mantissa in binary, with its point: 0.1101..."""
    return f"0.{mantissa:031b}b"


def draw_dropped(x: int, bits: int) -> str:
    """Write the lower bits of x that a right shift drops, apart from those that stay."""
    if bits <= 0:
        return ""
    width = max(32, x.bit_length() + 1, bits + 1)
    digits = f"{x & (2**width - 1):0{width}b}"
    return f"{digits[:-bits]}|{digits[-bits:]}"


def explain_multiplier(n: Narration, name: str, real_multiplier: float) -> tuple[int, int]:
    """Write a real multiplier as mantissa and shift."""
    mantissa, shift = compute("quantize_multiplier", {"real_multiplier": real_multiplier})  # type: ignore[misc]
    n.step(
        name,
        "quantize_multiplier",
        real_multiplier=real_multiplier,
        real=mantissa / 2**31 * 2.0**shift,
        text=f"{real_multiplier!r} = {mantissa} * 2**({shift} - 31)",
        note=f"M = {mantissa} = 0x{mantissa:08X} = {draw_q31(mantissa)}, shift {shift}",
    )
    return mantissa, shift


def explain_rescaling(
    n: Narration, name: str, x: int, multiplier: int, shift: int, rounding: Rounding, unit: float | None = None
) -> int:
    """Multiply an int32 by ``multiplier * 2**(shift - 31)``; ``unit`` is what a step of the result stands for."""

    def real(code: float) -> float | None:
        return None if unit is None else code * unit

    drawn = f"M = {multiplier}, shift {shift}"
    if rounding is Rounding.SINGLE:
        total = 31 - shift
        product = x * multiplier
        dropped = product & (2**total - 1) if total > 0 else 0
        note = f"{drawn}; adds 2**{total - 1} and drops {total} bits, {dropped} of {2**total}: one rounding"
        return int(
            n.step(
                name,
                "single_rounding_multiply",
                x=x,
                multiplier=multiplier,
                shift=shift,
                note=note,
                real=real(product / 2**total),
            )
        )
    if shift > 0:
        x = n.step("shifted left", "shift_left", x=x, by=shift, note=_LEFT_FIRST)
        x = n.step("as int32", "wrap_int32", x=x)
    product = x * multiplier
    note = f"{drawn}; the product is {product}; plus a nudge of 2**30, less 31 bits: {draw_dropped(product, 31)}"
    if x == multiplier == -HIGHEST - 1:
        note += "; the one product that saturates"
    high = n.step("high multiply", "high_multiply", a=x, b=multiplier, note=note)
    exponent = max(-shift, 0)
    remainder, threshold = high & (2**exponent - 1), ((2**exponent - 1) >> 1) + (high < 0)
    direction = "up" if remainder > threshold else "down"
    note = (
        f"drops {exponent} bits, {draw_dropped(high, exponent)}: remainder {remainder}, threshold {threshold}, "
        f"so it rounds {direction}"
        if exponent
        else "no right shift"
    )
    return int(
        n.step(
            name,
            "rounding_divide_by_pot",
            x=high,
            exponent=exponent,
            note=note,
            real=real(product / 2.0 ** (31 + exponent)),
        )
    )


def explain_requantization(
    n: Narration, prepared: Requantization, channel: int, accumulator: int, scales: tuple[float, float]
) -> None:
    """Narrate from the accumulator of a channel to its code; ``scales`` are the input's and the filter's."""
    real_multiplier = float(prepared.real_multiplier[channel])
    multiplier, shift = int(prepared.multiplier[channel]), int(prepared.shift[channel])
    input_scale, filter_scale = scales
    precision = "float64" if input_scale * filter_scale / n.scale == real_multiplier else "float32"
    n.step(
        "real multiplier",
        "real_multiplier",
        input_scale=input_scale,
        filter_scale=filter_scale,
        output_scale=n.scale,
        precision=precision,
        text=f"{input_scale!r} * {filter_scale!r} / {n.scale!r} = {real_multiplier!r}",
        note=f"input scale * filter scale / output scale, the product in {precision}",
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
            scaled = _explain_int64(n, accumulator, multiplier, shift)
        else:
            scaled = explain_rescaling(n, "rescaled", accumulator, multiplier, shift, prepared.rounding, n.scale)
    explain_code(n, scaled, prepared.output_zero_point, prepared.activation_min, prepared.activation_max)


def _explain_int64(n: Narration, accumulator: int, multiplier: int, shift: int) -> int:
    reduced = n.step(
        "15-bit multiplier",
        "reduce_multiplier",
        multiplier=multiplier,
        note=f"M = {multiplier} = 0x{multiplier:08X} = {draw_q31(multiplier)} rounded by 16 bits",
    )
    total = 15 - shift
    scaled = n.step(
        "rescaled",
        "multiply_by_15_bits",
        x=accumulator,
        multiplier=reduced,
        shift=shift,
        note=f"adds 2**{total - 1} and drops {total} bits {draw_dropped(accumulator * reduced, total)}",
        real=accumulator * reduced / 2.0**total * n.scale,
    )
    return int(n.step("as int32", "wrap_int32", x=scaled))


def explain_code(n: Narration, scaled: int, zero_point: int, low: int, high: int) -> None:
    """Add the output's zero point and clamp."""
    code = n.step("with the zero point", "add", a=scaled, b=zero_point, real=scaled * n.scale)
    code = n.step("as int32", "wrap_int32", x=code) if not -(2**31) <= code <= HIGHEST else code
    note = "inside" if low <= code <= high else "saturates"
    n.step(
        "output code",
        "clamp",
        x=code,
        low=low,
        high=high,
        note=f"{note}: [{low}, {high}]",
        real=(max(low, min(code, high)) - n.zero_point) * n.scale,
    )
