"""FULLY_CONNECTED of few rows on 8-bit codes, and what is the same: a matrix times a vector or two.

Each weight is used once or twice, so that its way from memory counts. Weights are int8, half of what
:mod:`.convolution` reads, and are not widened either: ``pmaddubsw`` multiplies bytes, uint8 codes with int8 weights,
and adds two products in int16. It saturates, but not where codes are below 16. So a code is two numbers of four bits,
whose products are summed apart, eight times two of them in int16 (``8 * 2 * 15 * 128 < 2**15``), then in int32::

    sum(code * weight) = 16 * sum((code >> 4) * weight) + sum((code & 15) * weight)

Codes, zero points and packed weights are otherwise those of :mod:`.quad_convolution`.
"""

from __future__ import annotations

from typing import Any

from .addressing import fragment, helper, int8_view, int32_view, read_block, uint8_view
from .byte_vectors import load_codes, splat_codes, splat_pair_of, store_codes
from .layouts import fields
from .quads import QUAD, constant_quads, multiply_bytes, splat_quad
from .requantize import finish_row, load_requantization
from .vectors import LANES, constant_int32, dot_pairs, splat_int32

MATRIX_VECTOR8 = fields("matrix_vector8")

STEPS = 8
"""Quads of the depth of which the products are summed in int16."""


def matrix_vector8(block: Any) -> None:
    """Multiply each row of codes (rows, inner) with the packed weights; output (rows, output_channels)."""
    p = read_block(block, MATRIX_VECTOR8)
    blocks = -(-p.output_channels // LANES)
    first, last = blocks * p.part // p.parts, blocks * (p.part + 1) // p.parts
    for row in range(p.rows):
        split_codes(p, row)
        term = splat_int32(row_term(p, row))
        index = first
        while index + 1 < last:
            multiply_two_blocks(p, row, index, term)
            index += 2
        if index < last:
            multiply_block(p, row, index, term)


@fragment
def split_codes(p: Any, row: Any) -> None:
    """Write the lower four bits of each code of a row, and from ``depth`` on the upper ones."""
    source, halves = uint8_view(p.input, p.input_size), uint8_view(p.codes, 2 * p.depth)
    start, done = row * p.inner, 0
    while done + LANES <= p.inner:
        codes = load_codes(source, start + done) ^ splat_codes(p.sign_flip)
        store_codes(halves, done, codes & splat_codes(15))
        store_codes(halves, p.depth + done, (codes >> splat_codes(4)) & splat_codes(15))
        done += LANES
    while done < p.inner:
        code = int(source[start + done]) ^ p.sign_flip
        halves[done] = code & 15
        halves[p.depth + done] = code >> 4
        done += 1


@fragment
def row_term(p: Any, row: Any) -> Any:
    """Return what the weights' zero point takes from the sums of a row."""
    total = 0
    if p.filter_zero_point != 0:
        source = uint8_view(p.input, p.input_size)
        for k in range(p.inner):
            total += int(source[row * p.inner + k]) ^ p.sign_flip
    return -p.filter_zero_point * total


@fragment
def multiply_two_blocks(p: Any, row: Any, index: Any, term: Any) -> None:
    """Multiply one row with the weights of two blocks of 16 channels, requantize and store."""
    halves, weights = uint8_view(p.codes, 2 * p.depth), int8_view(p.filter, (index + 2) * p.depth * LANES)
    bias = int32_view(p.bias, (index + 2) * LANES)
    total0 = constant_int32(bias, index * LANES) + term
    total1 = constant_int32(bias, (index + 1) * LANES) + term
    w0 = index * p.depth * LANES
    w1 = w0 + p.depth * LANES
    k = 0
    while k + STEPS * QUAD <= p.depth:
        lower0 = upper0 = lower1 = upper1 = splat_pair_of(0, 0)
        for step in range(STEPS):  # LLVM unrolls it
            place = k + step * QUAD
            lower, upper = splat_quad(halves, place), splat_quad(halves, p.depth + place)
            quads = constant_quads(weights, w0 + place * LANES)
            lower0 = lower0 + multiply_bytes(lower, quads)
            upper0 = upper0 + multiply_bytes(upper, quads)
            quads = constant_quads(weights, w1 + place * LANES)
            lower1 = lower1 + multiply_bytes(lower, quads)
            upper1 = upper1 + multiply_bytes(upper, quads)
        total0 = add_halves(total0, lower0, upper0)
        total1 = add_halves(total1, lower1, upper1)
        k += STEPS * QUAD
    while k < p.depth:
        lower, upper = splat_quad(halves, k), splat_quad(halves, p.depth + k)
        quads = constant_quads(weights, w0 + k * LANES)
        total0 = add_halves(total0, multiply_bytes(lower, quads), multiply_bytes(upper, quads))
        quads = constant_quads(weights, w1 + k * LANES)
        total1 = add_halves(total1, multiply_bytes(lower, quads), multiply_bytes(upper, quads))
        k += QUAD
    finish_block(p, total0, row, index, LANES)
    finish_block(p, total1, row, index + 1, min(LANES, p.output_channels - (index + 1) * LANES))


@fragment
def multiply_block(p: Any, row: Any, index: Any, term: Any) -> None:
    """Do the same with one block, the last of an odd number."""
    halves, weights = uint8_view(p.codes, 2 * p.depth), int8_view(p.filter, (index + 1) * p.depth * LANES)
    total = constant_int32(int32_view(p.bias, (index + 1) * LANES), index * LANES) + term
    w = index * p.depth * LANES
    k = 0
    while k + STEPS * QUAD <= p.depth:
        lower = upper = splat_pair_of(0, 0)
        for step in range(STEPS):
            place = k + step * QUAD
            quads = constant_quads(weights, w + place * LANES)
            lower = lower + multiply_bytes(splat_quad(halves, place), quads)
            upper = upper + multiply_bytes(splat_quad(halves, p.depth + place), quads)
        total = add_halves(total, lower, upper)
        k += STEPS * QUAD
    while k < p.depth:
        quads = constant_quads(weights, w + k * LANES)
        lower, upper = splat_quad(halves, k), splat_quad(halves, p.depth + k)
        total = add_halves(total, multiply_bytes(lower, quads), multiply_bytes(upper, quads))
        k += QUAD
    finish_block(p, total, row, index, min(LANES, p.output_channels - index * LANES))


@fragment
def add_halves(total: Any, lower: Any, upper: Any) -> Any:
    """Add to 16 sums those of products with the lower and the upper four bits, each in two parts of int16."""
    return dot_pairs(dot_pairs(total, lower, splat_pair_of(1, 1)), upper, splat_pair_of(16, 16))


@helper
def finish_block(p: Any, total: Any, row: Any, index: Any, channels: Any) -> None:
    """Requantize and store the sums of a row and a block of channels."""
    channel = index * LANES
    finish_row(p, total, channel, load_requantization(p, channel), row * p.output_channels + channel, channels)
