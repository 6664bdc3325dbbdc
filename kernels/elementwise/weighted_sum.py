"""ADD and SUB of 8-bit codes as one weighted sum, where that gives every code that three rescalings give.

What the reference computes is, but for the roundings of intermediate results, a weighted sum of the two codes. With
weights of some 20 bits the difference shows only in sums that lie next to a half. There are 65,536 pairs of codes, and
those whose sums lie there are few: they are computed by the definition, and a bias is chosen with which the weighted
sum gives their codes, too. Where there is none, neither with the weights a trifle larger or smaller, there is no
weighted sum.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ...schema.deferred import dataclass

_ADJUSTMENTS = tuple(n * 2.0**-21 for n in (0, 1, 2, 4, 8, -1, -2))
"""By what parts of themselves weights are changed. Larger ones take halves away from zero on both its sides."""

_SPLIT = 15
"""Bits of a weight's lower part, which is not negative."""


@dataclass(frozen=True)
class WeightedSum:
    """``(bias + weight1 * code1 + weight2 * code2) >> right_shift``; of codes as bytes, and still to be clamped."""

    weight1: int
    weight2: int
    bias: int
    right_shift: int

    @property
    def weights(self) -> np.ndarray:
        """The upper parts of both weights, then the lower parts, int16 (4,)."""
        both = np.array([self.weight1, self.weight2])
        return np.concatenate((both >> _SPLIT, both & ((1 << _SPLIT) - 1))).astype(np.int16)


@dataclass(frozen=True)
class Definition:
    """What is computed, of codes as bytes.

    Parameters
    ----------
    scale1, scale2 : what a step of either code adds to the output.
    zero_points : of the operands and of the output.
    code_min, code_max : clamp of the output.
    noise : what the roundings of intermediate results add to the output, or take from it, at most.
    codes : the exact codes of pairs of codes.
    """

    scale1: float
    scale2: float
    zero_points: tuple[int, int, int]
    code_min: int
    code_max: int
    noise: float
    codes: Callable[[np.ndarray, np.ndarray], np.ndarray]


def find_weighted_sum(definition: Definition) -> WeightedSum | None:
    """Return the weighted sum that is exact for all pairs of codes, if one is found."""
    reach = 256 * (abs(definition.scale1) + abs(definition.scale2)) + 512
    right_shift = min(math.floor(math.log2((2**31 - 1) / reach)), 24)
    if right_shift < 8:
        return None
    for adjustment in _ADJUSTMENTS:
        found = _try(definition, right_shift, 1 + adjustment)
        if found is not None:
            return found
    return None


def _try(definition: Definition, right_shift: int, factor: float) -> WeightedSum | None:
    one, (zero1, zero2, zero) = 1 << right_shift, definition.zero_points
    exact = [definition.scale1 * one, definition.scale2 * one]
    weight1, weight2 = (round(x * factor) for x in exact)
    bias = zero * one + one // 2 - weight1 * zero1 - weight2 * zero2
    codes = np.arange(256, dtype=np.int32)
    terms1, terms2 = weight1 * codes + np.int32(bias), weight2 * codes
    # How far a sum may lie from the number that the definition rounds, and as much again for another bias.
    error = 255 * (abs(weight1 - exact[0]) + abs(weight2 - exact[1])) + definition.noise * one + 1
    margin = math.ceil(2 * error)
    if 2 * margin < one:
        sums = (terms1 + np.int32(margin))[:, None] + terms2
        sums &= np.int32(one - 1)
        near = np.flatnonzero(sums < 2 * margin)
    else:
        near = np.arange(1 << 16)
    code1, code2 = near >> 8, near & 255
    right = definition.codes(code1, code2).astype(np.int64)
    there = (terms1[code1] + terms2[code2]).astype(np.int64)
    lowest = np.max(((right << right_shift) - there)[right > definition.code_min], initial=-math.floor(error))
    highest = np.min(((right + 1 << right_shift) - 1 - there)[right < definition.code_max], initial=math.floor(error))
    if lowest > highest:
        return None
    return WeightedSum(weight1, weight2, int(bias + (lowest + highest) // 2), right_shift)
