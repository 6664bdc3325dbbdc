"""Operators in float32 that call the C library, whose functions' addresses are fields.

The library's own functions give the bits of the reference; a vector of exponentials at a time would give others.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import call_float, float32_view, float_field, read_block
from .layouts import fields

APPLY_FLOAT32 = fields("apply_float32")
ELU_FLOAT32 = fields("elu_float32")
LOGISTIC_FLOAT32 = fields("logistic_float32")
SOFTMAX_FLOAT32 = fields("softmax_float32")

ONE = np.float32(1)
LOGISTIC_IS_ONE = np.float32(16.619047164916992)
LOGISTIC_IS_EXP = np.float32(-9)
LOWEST = np.float32(np.finfo(np.float32).min)


def apply_float32(block: Any) -> None:
    """Apply a function to each element."""
    p = read_block(block, APPLY_FLOAT32)
    source, target = float32_view(p.input, p.size), float32_view(p.output, p.size)
    for i in range(p.size):
        target[i] = call_float(p.function, source[i])


def elu_float32(block: Any) -> None:
    """ELU: a function of what is negative."""
    p = read_block(block, ELU_FLOAT32)
    source, target = float32_view(p.input, p.size), float32_view(p.output, p.size)
    for i in range(p.size):
        target[i] = call_float(p.function, source[i]) if source[i] < 0 else source[i]


def logistic_float32(block: Any) -> None:
    """LOGISTIC, with the reference's cut-offs."""
    p = read_block(block, LOGISTIC_FLOAT32)
    source, target = float32_view(p.input, p.size), float32_view(p.output, p.size)
    for i in range(p.size):
        x = source[i]
        if x > LOGISTIC_IS_ONE:
            target[i] = ONE
        elif x < LOGISTIC_IS_EXP:
            target[i] = call_float(p.exponential, x)
        else:
            target[i] = ONE / (ONE + call_float(p.exponential, -x))


def softmax_float32(block: Any) -> None:
    """SOFTMAX over rows; the sum runs left to right."""
    p = read_block(block, SOFTMAX_FLOAT32)
    source, target = float32_view(p.input, p.rows * p.depth), float32_view(p.output, p.rows * p.depth)
    beta = np.float32(float_field(p.beta))
    for row in range(p.rows):
        at = row * p.depth
        greatest = LOWEST
        for i in range(p.depth):
            if source[at + i] > greatest:
                greatest = source[at + i]
        total = np.float32(0)
        for i in range(p.depth):
            exponential = call_float(p.exponential, (source[at + i] - greatest) * beta)
            target[at + i] = exponential
            total = total + exponential
        for i in range(p.depth):
            target[at + i] = target[at + i] / total
