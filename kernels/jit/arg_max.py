"""The index of the greatest element along an axis; the least is the greatest of what was turned round."""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import float32_view, helper, int32_view, int64_view, read_block, uint8_view
from .layouts import fields

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


def arg_max8(block: Any) -> None:
    """Find the greatest byte of ``input ^ flip``: flipping bits orders int8 as uint8 and turns the order round."""
    p = read_block(block, ARG_MAX8)
    source = uint8_view(p.input, p.outer * p.size * p.inner)
    for outer in range(p.outer):
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
