"""The index of the greatest element along an axis; the least is the greatest of what was turned round."""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import float32_view, helper, int32_view, int64_view, read_block, uint8_view
from .byte_vectors import first_equal, greater_codes, greatest_of, load_codes, splat_codes
from .layouts import fields
from .vectors import LANES

ARG_MAX8 = fields("arg_max8")
ARG_MAX_FLOAT32 = fields("arg_max_float32")

LOWEST = np.float32(-np.inf)


@helper
def store(p: Any, position: Any, index: Any) -> None:
    """Write an index as int32 or int64."""
    count = p.outer * p.inner
    if p.wide:
        int64_view(p.output, count)[position] = index
    else:
        int32_view(p.output, count)[position] = index


@helper
def greatest_code(source: Any, at: Any, count: Any, flip: Any) -> Any:
    """Return the greatest of a run of bytes whose bits are flipped, as int64."""
    if count >= LANES:
        flips = splat_codes(flip)
        best = load_codes(source, at + count - LANES) ^ flips
        for i in range(0, count - LANES, LANES):
            best = greater_codes(best, load_codes(source, at + i) ^ flips)
        return greatest_of(best)
    greatest = np.int64(0)
    for i in range(count):
        greatest = max(greatest, np.int64(source[at + i]) ^ flip)
    return greatest


@helper
def place_of(source: Any, at: Any, count: Any, code: Any) -> Any:
    """Return the place of the first byte of a run that is ``code``, which one of them is."""
    i = np.int64(0)
    if count >= LANES:
        place = first_equal(load_codes(source, at), code)
        while place == LANES:
            i = min(i + LANES, count - LANES)
            place = first_equal(load_codes(source, at + i), code)
        return i + place
    while source[at + i] != code:
        i += 1
    return i


def arg_max8(block: Any) -> None:
    """Find the greatest byte of ``input ^ flip``: flipping bits orders int8 as uint8 and turns the order round."""
    p = read_block(block, ARG_MAX8)
    source = uint8_view(p.input, p.outer * p.size * p.inner)
    for outer in range(p.outer if p.inner == 1 else 0):
        greatest = greatest_code(source, outer * p.size, p.size, p.flip)
        store(p, outer, place_of(source, outer * p.size, p.size, greatest ^ p.flip))
    for outer in range(p.outer if p.inner > 1 else 0):
        for inner in range(p.inner):
            first = outer * p.size * p.inner + inner
            best, index = source[first] ^ p.flip, 0
            for i in range(1, p.size):
                candidate = source[first + i * p.inner] ^ p.flip
                if candidate > best:
                    best, index = candidate, i
            store(p, outer * p.inner + inner, index)


def arg_max_float32(block: Any) -> None:
    """Find the greatest of ``input * sign``; a NaN is never greater."""
    p = read_block(block, ARG_MAX_FLOAT32)
    source = float32_view(p.input, p.outer * p.size * p.inner)
    sign = np.float32(p.sign)
    for outer in range(p.outer):
        for inner in range(p.inner):
            first = outer * p.size * p.inner + inner
            best, index = LOWEST, 0
            for i in range(p.size):
                candidate = source[first + i * p.inner] * sign
                if candidate > best:
                    best, index = candidate, i
            store(p, outer * p.inner + inner, index)
