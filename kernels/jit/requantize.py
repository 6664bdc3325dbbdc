"""From int32 accumulators to output codes, 16 channels at a time.

Double and single rounding are one formula, in int64 (form ``WIDE``)::

    ((wrap32(a << left_shift) * multiplier + rounding + (a & sign_mask)) >> right_shift)

Single rounding is that formula with no sign mask. Double rounding first rounds the high half of the doubled
product, then rounds a right shift by ``e`` halves away from zero; for ``e > 0`` both floors nest into one::

    s = floor((a*M + 2**30) / 2**31)
    floor((s + 2**(e-1) - [s < 0]) / 2**e) = floor((a*M + 2**30 + 2**(30+e) - 2**31 * [a < 0]) / 2**(31+e))

(``a < 0`` with ``s == 0`` gives 0 either way), and ``a & -2**31`` of a sign-extended int32 is ``-2**31`` where
it is negative and 0 elsewhere.

Accumulators within +-2**29 need no int64 (form ``NARROW``). ``M`` is an odd number times ``2**j``; the bias has ``B``
added, the least odd multiple of ``2**(30-j)`` that is not below ``2**29``, so that an accumulator ``u = a + B`` is in
0 to ``2**31``, and the upper half ``t`` of the product of ``u`` and ``2*M``, no negative number either, is ``s`` plus a
constant ``T``::

    floor(u * 2M / 2**32) = floor((a*M + 2**30) / 2**31) + T,  T = floor(B * 2M / 2**32)

What is left is one shift: ``(t + H) >> e`` with ``H = 2**(e-1) - T + (zero_point << e)``, and one less where ``s`` is
negative, that is ``t < T``. Single rounding does not round ``s``: ``B = 2**31``, ``u`` and ``t`` are unsigned, and one
``H`` does for all. One ``H`` also does where the lower clamp is at the zero point or above (form ``NARROW_FROM_ZERO``:
RELU, RELU6), since a negative ``s`` ends below zero, or at it, with either.

Codes saturate as int8 does, and are clamped as bytes: those of uint8 are 128 less until they are stored
(``code_flip``), and so are the limits of the clamp.
``kernels/convolution/requantization.py`` makes the constants of every form.
"""

from __future__ import annotations

from typing import Any

from .addressing import float64_view, helper, int8_view, int32_view, int64_view
from .saturation import (
    first_of_two,
    flip,
    flip_two,
    saturate_int8,
    saturate_two,
    second_of_two,
    splat_int8,
    store_first_int8,
    within,
    within_two,
)
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
    narrow_to_int32,
    splat_int32,
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
    limits = splat_int8(p.activation_min), splat_int8(p.activation_max), splat_int8(p.code_flip)
    return (multiplier, threshold, offset, offset_below, exponent), limits


@helper
def requantize(p: Any, accumulators: Any, channel: Any, constants: Any) -> Any:
    """Turn the accumulators of channels ``channel`` to ``channel + 15`` into codes, still as int32 and not clamped."""
    if p.form == NARROW_FROM_ZERO:
        return narrow_from_zero(accumulators, constants)
    if p.form == NARROW:
        return narrow(accumulators, constants)
    return requantize_widely(p, accumulators, channel)


@helper
def narrow_from_zero(accumulators: Any, constants: Any) -> Any:
    """Compute the form ``NARROW_FROM_ZERO``."""
    (multiplier, _threshold, offset, _offset_below, exponent), _limits = constants
    return (multiply_high(accumulators, multiplier) + offset) >> exponent


@helper
def narrow(accumulators: Any, constants: Any) -> Any:
    """Compute the form ``NARROW``."""
    (multiplier, threshold, offset, offset_below, exponent), _limits = constants
    scaled = multiply_high(accumulators, multiplier)
    return (scaled + choose_below(scaled, threshold, offset_below, offset)) >> exponent


@helper
def requantize_widely(p: Any, accumulators: Any, channel: Any) -> Any:
    """Compute the other forms, whose numbers with the zero point may wrap as the reference's do."""
    if p.form == IN_FLOAT64:
        factors = constant_float64(float64_view(p.real_multiplier, channel + LANES), channel)
        scaled = multiply_and_round(accumulators, factors)
    else:
        multiplier = constant_int32(int32_view(p.multiplier, channel + LANES), channel)
        left_shift = constant_int32(int32_view(p.left_shift, channel + LANES), channel)
        right_shift = constant_int64(int64_view(p.right_shift, channel + LANES), channel)
        rounding = constant_int64(int64_view(p.rounding, channel + LANES), channel)
        sign_mask = constant_int64(int64_view(p.sign_mask, channel + LANES), channel)
        wide = widen(accumulators << left_shift)
        product = wide * widen(multiplier)
        scaled = narrow_to_int32((product + rounding + (wide & sign_mask)) >> right_shift)
    codes = at_least(scaled + splat_int32(p.output_zero_point), splat_int32(p.code_flip - 128))
    return at_most(codes, splat_int32(p.code_flip + 127)) - splat_int32(p.code_flip)


@helper
def finish_row(p: Any, accumulators: Any, channel: Any, constants: Any, position: Any, channels: Any) -> None:
    """Requantize 16 accumulators and store their codes at ``position`` of the output: the first ``channels``, or all.

    ``constants`` are those of :func:`load_requantization`.
    """
    codes = saturate_int8(requantize(p, accumulators, channel, constants))
    _numbers, (low, high, bits) = constants
    store_row(p, flip(within(codes, low, high), bits), position, channels)


@helper
def finish_two_rows(
    p: Any, first: Any, second: Any, channel: Any, constants: Any, position: Any, step: Any, channels: Any
) -> None:
    """Do the same with two rows, the second ``step`` bytes behind the first: they share what packs and clamps them."""
    if p.form == NARROW_FROM_ZERO:
        one, other = narrow_from_zero(first, constants), narrow_from_zero(second, constants)
    elif p.form == NARROW:
        one, other = narrow(first, constants), narrow(second, constants)
    else:
        one, other = requantize_widely(p, first, channel), requantize_widely(p, second, channel)
    _numbers, (low, high, bits) = constants
    codes = flip_two(within_two(saturate_two(one, other), low, high), bits)
    store_row(p, first_of_two(codes), position, channels)
    store_row(p, second_of_two(codes), position + step, channels)


@helper
def finish_rows(
    p: Any,
    first: Any,
    second: Any,
    rows: Any,
    channel: Any,
    constants: Any,
    position: Any,
    step: Any,
    channels: Any,
) -> None:
    """Do the same with two rows, or, where ``rows`` is 1, with the first only."""
    if rows > 1:
        finish_two_rows(p, first, second, channel, constants, position, step, channels)
    else:
        finish_row(p, first, channel, constants, position, channels)


@helper
def store_row(p: Any, codes: Any, position: Any, channels: Any) -> None:
    """Store the first ``channels`` bytes, or all 16."""
    output = int8_view(p.output, position + channels)
    if channels >= LANES:
        store_int8(output, position, codes)
    else:
        store_first_int8(output, position, codes, channels)
