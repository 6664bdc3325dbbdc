"""From int32 accumulators to output codes, 16 channels at a time.

Double and single rounding are one formula, in int64::

    ((wrap32(a << left_shift) * multiplier + rounding + (a & sign_mask)) >> right_shift)

Single rounding is that formula with no sign mask. Double rounding first rounds the high half of the doubled
product, then rounds a right shift by ``e`` halves away from zero; for ``e > 0`` both floors nest into one::

    s = floor((a*M + 2**30) / 2**31)
    floor((s + 2**(e-1) - [s < 0]) / 2**e) = floor((a*M + 2**30 + 2**(30+e) - 2**31 * [a < 0]) / 2**(31+e))

(``a < 0`` with ``s == 0`` gives 0 either way), and ``a & -2**31`` of a sign-extended int32 is ``-2**31`` where
it is negative and 0 elsewhere. ``kernels/convolution/lowering.py`` makes the constants.
"""

from __future__ import annotations

from typing import Any

from .addressing import float64_view, helper, int8_view, int32_view, int64_view
from .vectors import (
    LANES,
    at_least,
    at_most,
    constant_float64,
    constant_int32,
    constant_int64,
    multiply_and_round,
    narrow_to_int8,
    narrow_to_int32,
    splat_int32,
    store_first_int8,
    store_int8,
    widen,
)


@helper
def load_requantization(p: Any, channel: Any) -> Any:
    """Load the constants of channels ``channel`` to ``channel + 15``, to be kept in registers over a loop.

    ``p`` is a parameter block with the fields ``REQUANTIZATION`` of :mod:`.layouts`, of which the arrays are padded
    to whole vectors.
    """
    multiplier = constant_int32(int32_view(p.multiplier, channel + LANES), channel)
    left_shift = constant_int32(int32_view(p.left_shift, channel + LANES), channel)
    right_shift = constant_int64(int64_view(p.right_shift, channel + LANES), channel)
    rounding = constant_int64(int64_view(p.rounding, channel + LANES), channel)
    sign_mask = constant_int64(int64_view(p.sign_mask, channel + LANES), channel)
    return multiplier, left_shift, right_shift, rounding, sign_mask


@helper
def requantize(p: Any, accumulators: Any, channel: Any, constants: Any) -> Any:
    """Turn the accumulators of channels ``channel`` to ``channel + 15`` into codes, clamped, still as int32."""
    if p.in_float64:
        factors = constant_float64(float64_view(p.real_multiplier, channel + LANES), channel)
        scaled = multiply_and_round(accumulators, factors)
    else:
        multiplier, left_shift, right_shift, rounding, sign_mask = constants
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
