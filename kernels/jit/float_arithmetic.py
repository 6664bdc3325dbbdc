"""Element-wise operators in float32. Each operation rounds by itself: nothing may be contracted.

A clamp keeps a NaN, and which of two zeros it gives is that of C++'s ``std::min(std::max(x, low), high)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import float32_view, float_field, fragment, helper, int64_view, read_block
from .copies import box_offset, box_size
from .layouts import fields

ARITHMETIC_FLOAT32 = fields("arithmetic_float32")
CLAMP_FLOAT32 = fields("clamp_float32")
HARD_SWISH_FLOAT32 = fields("hard_swish_float32")

ADD, SUB, MUL, PRELU, LEAKY_RELU, MAXIMUM, MINIMUM, DIV = range(8)
"""Values of the field ``operation``."""


@helper
def clamp(x: Any, low: Any, high: Any) -> Any:
    """Clamp a number; a NaN stays."""
    above = low if x < low else x
    return high if high < above else above


@helper
def add(a: Any, b: Any) -> Any:
    """Return the sum."""
    return a + b


@helper
def subtract(a: Any, b: Any) -> Any:
    """Return the difference."""
    return a - b


@helper
def multiply(a: Any, b: Any) -> Any:
    """Return the product."""
    return a * b


@helper
def divide(a: Any, b: Any) -> Any:
    """Return the quotient."""
    return a / b


@helper
def prelu(a: Any, b: Any) -> Any:
    """Return ``a``, times ``b`` where it is negative or a NaN."""
    return a if a >= np.float32(0) else a * b


@helper
def leaky_relu(a: Any, b: Any) -> Any:
    """Return ``a`` where it is positive, else ``a`` times ``b``."""
    return a if a > np.float32(0) else a * b


@helper
def maximum(a: Any, b: Any) -> Any:
    """Return the greater; ``b`` where they cannot be compared."""
    return a if a > b else b


@helper
def minimum(a: Any, b: Any) -> Any:
    """Return the lesser; ``b`` where they cannot be compared."""
    return a if a < b else b


def arithmetic_float32(block: Any) -> None:
    """ADD and the other operations, with broadcasting; the walk is that of :mod:`.elementwise`."""
    p = read_block(block, ARITHMETIC_FLOAT32)
    if p.operation == ADD:
        combine_rows(p, add)
    elif p.operation == SUB:
        combine_rows(p, subtract)
    elif p.operation == MUL:
        combine_rows(p, multiply)
    elif p.operation == DIV:
        combine_rows(p, divide)
    elif p.operation == PRELU:
        combine_rows(p, prelu)
    elif p.operation == MAXIMUM:
        combine_rows(p, maximum)
    elif p.operation == MINIMUM:
        combine_rows(p, minimum)
    else:
        combine_rows(p, leaky_relu)


@fragment
def combine_rows(p: Any, operation: Any) -> None:
    """Apply an operation of two numbers row by row, and clamp."""
    sizes = int64_view(p.sizes, p.rank)
    strides1 = int64_view(p.input1_strides, p.rank)
    strides2 = int64_view(p.input2_strides, p.rank)
    first = float32_view(p.input1, p.input1_size)
    second = float32_view(p.input2, p.input2_size)
    low, high = np.float32(float_field(p.activation_min)), np.float32(float_field(p.activation_max))
    last = p.rank - 1
    run = sizes[last]
    rows = box_size(sizes, last)
    target = float32_view(p.output, rows * run)
    for row in range(rows):
        at1 = box_offset(row, sizes, strides1, last)
        at2 = box_offset(row, sizes, strides2, last)
        to = row * run
        step1, step2 = strides1[last], strides2[last]
        if step2 == 0:
            b = second[at2]
            for i in range(run):
                target[to + i] = clamp(operation(first[at1 + i], b), low, high)
        else:
            for i in range(run):
                target[to + i] = clamp(operation(first[at1 + i * step1], second[at2 + i * step2]), low, high)


def clamp_float32(block: Any) -> None:
    """RELU and its kin."""
    p = read_block(block, CLAMP_FLOAT32)
    source, target = float32_view(p.input, p.size), float32_view(p.output, p.size)
    low, high = np.float32(float_field(p.activation_min)), np.float32(float_field(p.activation_max))
    for i in range(p.size):
        target[i] = clamp(source[i], low, high)


def hard_swish_float32(block: Any) -> None:
    """HARD_SWISH: ``x * min(max(x + 3, 0), 6) / 6``, left to right."""
    p = read_block(block, HARD_SWISH_FLOAT32)
    source, target = float32_view(p.input, p.size), float32_view(p.output, p.size)
    for i in range(p.size):
        shifted = source[i] + np.float32(3)
        clamped = shifted if shifted > np.float32(0) else np.float32(0)
        clamped = clamped if clamped < np.float32(6) else np.float32(6)
        target[i] = (source[i] * clamped) / np.float32(6)
