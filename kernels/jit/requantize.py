"""From int32 accumulators to output codes, 16 channels at a time.

Double and single rounding are one formula, in int64 (form ``WIDE``)::

    ((wrap32(a << left_shift) * multiplier + rounding + (a & sign_mask)) >> right_shift)

Single rounding is that formula with no sign mask. Double rounding first rounds the high half of the doubled
product, then rounds a right shift by ``e`` halves away from zero; for ``e > 0`` both floors nest into one::

    s = floor((a*M + 2**30) / 2**31)
    floor((s + 2**(e-1) - [s < 0]) / 2**e) = floor((a*M + 2**30 + 2**(30+e) - 2**31 * [a < 0]) / 2**(31+e))

(``a < 0`` with ``s == 0`` gives 0 either way), and ``a & -2**31`` of a sign-extended int32 is ``-2**31`` where
it is negative and 0 elsewhere.

Accumulators within +-2**30 need no int64 (form ``NARROW``). ``M`` is an odd number times ``2**j``; the bias has
``B = 2**31 + 2**(30-j)`` added, so that an accumulator ``u = a + B`` is unsigned, and the upper half ``t`` of the
unsigned product of ``u`` and ``2*M`` is ``s`` plus a constant ``T``::

    floor(u * 2M / 2**32) = floor((a*M + 2**30) / 2**31) + T,  T = floor(B * 2M / 2**32)

What is left is one shift: ``(t + H) >> e`` with ``H = 2**(e-1) - T + (zero_point << e)``, and one less where ``s`` is
negative, that is ``t < T``. Single rounding does not round ``s``: ``B = 2**31``, and one ``H`` for all. One ``H`` also
does where the lower clamp is at the zero point or above (form ``NARROW_FROM_ZERO``: RELU, RELU6), since a negative
``s`` ends below zero, or at it, with either.
``kernels/convolution/requantization.py`` makes the constants of every form.
"""

from __future__ import annotations

from typing import Any

from .addressing import float64_view, helper, int8_view, int32_view, int64_view
from .vectors import (
    LANES,
    at_least,
    at_most,
    choose_below,
    constant_float64,
    constant_int32,
    constant_int64,
    multiply_and_round,
    multiply_high,
    narrow_to_int8,
    narrow_to_int32,
    splat_int32,
    store_first_int8,
    store_int8,
    widen,
)

WIDE, IN_FLOAT64, NARROW, NARROW_FROM_ZERO = 0, 1, 2, 3
"""The forms of a requantization."""


@helper
def load_requantization(p: Any, channel: Any) -> Any:
    """Load the constants of the narrow forms of channels ``channel`` to ``channel + 15``, to be kept in registers.

    ``p`` is a parameter block with the fields ``REQUANTIZATION`` of :mod:`.layouts`, of which the arrays are padded
    to whole vectors.
    """
    multiplier = constant_int32(int32_view(p.doubled_multiplier, channel + LANES), channel)
    threshold = constant_int32(int32_view(p.threshold, channel + LANES), channel)
    offset = constant_int32(int32_view(p.offset, channel + LANES), channel)
    offset_below = constant_int32(int32_view(p.offset_below, channel + LANES), channel)
    exponent = constant_int32(int32_view(p.exponent, channel + LANES), channel)
    return multiplier, threshold, offset, offset_below, exponent


@helper
def requantize(p: Any, accumulators: Any, channel: Any, constants: Any) -> Any:
    """Turn the accumulators of channels ``channel`` to ``channel + 15`` into codes, clamped, still as int32."""
    if p.form == NARROW_FROM_ZERO:
        multiplier, threshold, offset, offset_below, exponent = constants
        codes = (multiply_high(accumulators, multiplier) + offset) >> exponent
    elif p.form == NARROW:
        multiplier, threshold, offset, offset_below, exponent = constants
        scaled = multiply_high(accumulators, multiplier)
        codes = (scaled + choose_below(scaled, threshold, offset_below, offset)) >> exponent
    elif p.form == IN_FLOAT64:
        factors = constant_float64(float64_view(p.real_multiplier, channel + LANES), channel)
        codes = multiply_and_round(accumulators, factors) + splat_int32(p.output_zero_point)
    else:
        multiplier = constant_int32(int32_view(p.multiplier, channel + LANES), channel)
        left_shift = constant_int32(int32_view(p.left_shift, channel + LANES), channel)
        right_shift = constant_int64(int64_view(p.right_shift, channel + LANES), channel)
        rounding = constant_int64(int64_view(p.rounding, channel + LANES), channel)
        sign_mask = constant_int64(int64_view(p.sign_mask, channel + LANES), channel)
        wide = widen(accumulators << left_shift)
        product = wide * widen(multiplier)
        scaled = narrow_to_int32((product + rounding + (wide & sign_mask)) >> right_shift)
        codes = scaled + splat_int32(p.output_zero_point)
    return at_most(at_least(codes, splat_int32(p.activation_min)), splat_int32(p.activation_max))


@helper
def store_codes(p: Any, codes: Any, position: Any, channels: Any) -> None:
    """Store the codes of a vector as bytes at ``position`` of the output: the first ``channels``, or all 16."""
    output = int8_view(p.output, position + channels)
    if channels >= LANES:
        store_int8(output, position, narrow_to_int8(codes))
    else:
        store_first_int8(output, position, narrow_to_int8(codes), channels)
