"""A loop that does nothing but multiply and add in registers: the most that the processor reaches.

It stands beside no operator. The benchmark says with it which share of the processor's peak an operator reaches.
"""

from __future__ import annotations

from typing import Any

from .addressing import int16_view, int32_view, read_block
from .layouts import fields
from .vectors import PAIRED, constant_pairs, dot_pairs, load_pairs, splat_int32, store_int32

INTEGER_PEAK = fields("integer_peak")

PRODUCTS = 6 * PAIRED
"""Products of a round."""


def integer_peak(block: Any) -> None:
    """Run so many rounds of six sums of products of int16 pairs."""
    p = read_block(block, INTEGER_PEAK)
    numbers, result = int16_view(p.numbers, 5 * PAIRED), int32_view(p.result, 16)
    first, step = load_pairs(numbers, 0), constant_pairs(numbers, PAIRED)
    b0, b1, b2 = (
        constant_pairs(numbers, 2 * PAIRED),
        constant_pairs(numbers, 3 * PAIRED),
        constant_pairs(numbers, 4 * PAIRED),
    )
    c0 = c1 = c2 = c3 = c4 = c5 = splat_int32(0)
    for _ in range(p.rounds):
        first = first + step  # another factor in every round: products of the same could be formed once
        second = first ^ step
        c0 = dot_pairs(c0, first, b0)
        c1 = dot_pairs(c1, first, b1)
        c2 = dot_pairs(c2, first, b2)
        c3 = dot_pairs(c3, second, b0)
        c4 = dot_pairs(c4, second, b1)
        c5 = dot_pairs(c5, second, b2)
    store_int32(result, 0, ((c0 + c1) + (c2 + c3)) + (c4 + c5))
