"""SVDF in float32, with float32 weights or, hybrid, with int8 ones, in the order of the reference's four SIMD lanes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import float32_view, float_field, fragment, helper, int16_view, int32_view, read_block
from .hybrid import quantize_images
from .layouts import fields
from .recurrent import add_products, set_sums
from .vector_activation import activate
from .vectors import LANES, load_float32, splat_float32, store_float32

SVDF_FLOAT32 = fields("svdf_float32")
SVDF_HYBRID = fields("svdf_hybrid")

SIMD = 4
"""Lanes of the reference's sums: lane k has the terms k, k + 4 and so on."""


@helper
def add_float_products(vector: Any, start: Any, packed: Any, depth: Any, blocks: Any, sums: Any) -> None:
    """Add the products of a vector with a packed matrix to sums: the lanes first, then what four do not divide."""
    whole = depth // SIMD * SIMD
    for index in range(blocks):
        c0 = c1 = c2 = c3 = splat_float32(np.float32(0))
        f = index * depth * LANES
        for k in range(0, whole, SIMD):
            at = f + k * LANES
            c0 = c0 + splat_float32(vector[start + k]) * load_float32(packed, at)
            c1 = c1 + splat_float32(vector[start + k + 1]) * load_float32(packed, at + LANES)
            c2 = c2 + splat_float32(vector[start + k + 2]) * load_float32(packed, at + 2 * LANES)
            c3 = c3 + splat_float32(vector[start + k + 3]) * load_float32(packed, at + 3 * LANES)
        total = load_float32(sums, index * LANES) + (((c0 + c1) + c2) + c3)
        for k in range(whole, depth):
            total = total + splat_float32(vector[start + k]) * load_float32(packed, f + k * LANES)
        store_float32(sums, index * LANES, total)


@helper
def sum_products(first: Any, at: Any, second: Any, at2: Any, count: Any) -> Any:
    """Return the sum of the products of two vectors, in lanes."""
    s0 = s1 = s2 = s3 = np.float32(0)
    whole = count // SIMD * SIMD
    for k in range(0, whole, SIMD):
        s0 = s0 + first[at + k] * second[at2 + k]
        s1 = s1 + first[at + k + 1] * second[at2 + k + 1]
        s2 = s2 + first[at + k + 2] * second[at2 + k + 2]
        s3 = s3 + first[at + k + 3] * second[at2 + k + 3]
    total = ((s0 + s1) + s2) + s3
    for k in range(whole, count):
        total = total + first[at + k] * second[at2 + k]
    return total


@helper
def sum_numbers(numbers: Any, at: Any, count: Any) -> Any:
    """Return the sum of a vector, in lanes."""
    s0 = s1 = s2 = s3 = np.float32(0)
    whole = count // SIMD * SIMD
    for k in range(0, whole, SIMD):
        s0 = s0 + numbers[at + k]
        s1 = s1 + numbers[at + k + 1]
        s2 = s2 + numbers[at + k + 2]
        s3 = s3 + numbers[at + k + 3]
    total = ((s0 + s1) + s2) + s3
    for k in range(whole, count):
        total = total + numbers[at + k]
    return total


def svdf_float32(block: Any) -> None:
    """Push the newest features into the state, and weigh it over time."""
    p = read_block(block, SVDF_FLOAT32)
    width = p.blocks * LANES
    source, sums = float32_view(p.input, p.input_size), float32_view(p.sums, width)
    weights = float32_view(p.feature_weights, width * p.inputs)
    move_state(p)
    for batch in range(p.batches):
        for i in range(width):
            sums[i] = np.float32(0)
        add_float_products(source, batch * p.inputs, weights, p.inputs, p.blocks, sums)
        weigh(p, batch, sums)


def svdf_hybrid(block: Any) -> None:
    """Do the same with features that are quantized first, and feature weights of int8."""
    p = read_block(block, SVDF_HYBRID)
    width = p.blocks * LANES
    codes, vector = int16_view(p.codes, p.input_size), int16_view(p.vector, p.depth)
    products, zeros = int32_view(p.products, width), int32_view(p.zeros, width)
    weights = int16_view(p.feature_weights, width * p.depth)
    sums, scales = float32_view(p.sums, width), float32_view(p.scales, p.batches)
    quantize_images(p, codes)
    move_state(p)
    for batch in range(p.batches):
        for i in range(p.inputs):
            vector[i] = codes[batch * p.inputs + i]
        for i in range(p.inputs, p.depth):
            vector[i] = np.int16(0)
        set_sums(products, zeros, width)
        add_products(vector, weights, p.depth, p.blocks, products)
        scale = np.float32(np.float32(float_field(p.filter_scale)) * scales[batch])
        for i in range(width):
            sums[i] = np.float32(0) + np.float32(products[i]) * scale
        weigh(p, batch, sums)


@fragment
def move_state(p: Any) -> None:
    """Move the whole state by one feature, across filters and batches: the last of each is written anew."""
    size = p.batches * p.filters * p.memory
    state = float32_view(p.state, size)
    for i in range(size - 1):
        state[i] = state[i + 1]


@fragment
def weigh(p: Any, batch: Any, newest: Any) -> None:
    """Write one batch's newest features to the state, and its output."""
    size = p.filters * p.memory
    state, time = float32_view(p.state, p.batches * size), float32_view(p.time_weights, size)
    bias, target = float32_view(p.bias, p.units), float32_view(p.output, p.batches * p.units)
    for i in range(p.filters):
        at = batch * size + i * p.memory
        state[at + p.memory - 1] = newest[i]
        newest[i] = sum_products(state, at, time, i * p.memory, p.memory)
    for unit in range(p.units):
        total = sum_numbers(newest, unit * p.rank, p.rank)
        if p.biased:
            total = total + bias[unit]
        target[batch * p.units + unit] = activate(p, total)
