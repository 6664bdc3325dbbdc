"""A loop that does nothing but multiply and add the codes of the tier: the most that the processor reaches.

It stands beside no operator. The benchmark says with it which share of the processor's peak an operator reaches.
"""

from __future__ import annotations

from typing import Any

from .addressing import helper, int8_view, int16_view, int32_view, read_block, uint8_view
from .isa import QUADS
from .layouts import fields
from .quads import tile_6x4
from .vectors import LANES, PAIRED, constant_pairs, dot_pairs, load_pairs, splat_int32, store_int32

INTEGER_PEAK = fields("integer_peak")

_DEPTH = 64

PRODUCTS = 6 * 4 * LANES * _DEPTH if QUADS else 6 * PAIRED
"""Products of a round."""

NUMBERS = 4 * LANES * _DEPTH
"""Bytes of the numbers to multiply."""

RESULTS = 6 * 4 * LANES
"""Sums, int32."""


def integer_peak(block: Any) -> None:
    """Run so many rounds."""
    run_rounds(read_block(block, INTEGER_PEAK))


@helper
def multiply_quads(p: Any) -> None:
    """Multiply what lies in the nearest cache: a tile of quads."""
    panel, packed = uint8_view(p.numbers, NUMBERS), int8_view(p.numbers, NUMBERS)
    bias, sums = int32_view(p.numbers, NUMBERS // 4), int32_view(p.result, RESULTS)
    for _ in range(p.rounds):
        tile_6x4(panel, 0, _DEPTH, packed, 0, _DEPTH * LANES, bias, 0, sums)


@helper
def multiply_pairs(p: Any) -> None:
    """Multiply what lies in registers: six sums of products of int16 pairs."""
    numbers, result = int16_view(p.numbers, 5 * PAIRED), int32_view(p.result, LANES)
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


run_rounds = multiply_quads if QUADS else multiply_pairs
