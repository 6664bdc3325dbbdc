"""A loop that does nothing but multiply and add the codes of the tier: the most that the processor reaches.

It stands beside no operator. The benchmark says with it which share of the processor's peak an operator reaches.
"""

from __future__ import annotations

from typing import Any

from .addressing import helper, int8_view, int16_view, int32_view, read_block, uint8_view
from .isa import QUADS, TIER
from .layouts import fields
from .quads import tile_6x4
from .vectors import LANES, PAIRED, as_pairs, constant_int32, constant_pairs, dot_pairs, store_int32

INTEGER_PEAK = fields("integer_peak")

_DEPTH = 256

SUMS = 3 if TIER == "generic" else 6
"""Sums of pairs that stay in registers: a vector of 16 channels is two of AVX2's 16 registers, or four of SSE's."""

PRODUCTS = 6 * 4 * LANES * _DEPTH if QUADS else SUMS * PAIRED
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
    """Multiply what lies in registers.

    A sum is itself the factor of what is added to it: so no two products are the same, which LLVM would form once, and
    nothing else need be kept, which would take registers from the sums.
    """
    factor = constant_pairs(int16_view(p.numbers, PAIRED), 0)
    start, result = int32_view(p.numbers, 7 * LANES), int32_view(p.result, 6 * LANES)
    c0, c1, c2 = constant_int32(start, LANES), constant_int32(start, 2 * LANES), constant_int32(start, 3 * LANES)
    c3, c4, c5 = constant_int32(start, 4 * LANES), constant_int32(start, 5 * LANES), constant_int32(start, 6 * LANES)
    for _ in range(p.rounds):
        c0 = dot_pairs(c0, as_pairs(c0), factor)
        c1 = dot_pairs(c1, as_pairs(c1), factor)
        c2 = dot_pairs(c2, as_pairs(c2), factor)
        if SUMS > 3:
            c3 = dot_pairs(c3, as_pairs(c3), factor)
            c4 = dot_pairs(c4, as_pairs(c4), factor)
            c5 = dot_pairs(c5, as_pairs(c5), factor)
    store_int32(result, 0, c0)
    store_int32(result, LANES, c1)
    store_int32(result, 2 * LANES, c2)
    store_int32(result, 3 * LANES, c3)
    store_int32(result, 4 * LANES, c4)
    store_int32(result, 5 * LANES, c5)


run_rounds = multiply_quads if QUADS else multiply_pairs
