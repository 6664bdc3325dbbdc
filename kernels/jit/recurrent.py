"""UNIDIRECTIONAL_SEQUENCE_LSTM and SVDF of int8. States are read and written where they are.

A layer's functions of one int16, logistic and tanh, are tables of 65536. All constants of rescalings stand in one array
of rows ``left shift, multiplier, rounding, sign mask, right shift``, as :mod:`.requantize` has them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import fragment, helper, int8_view, int16_view, int32_view, int64_view, read_block
from .layouts import fields
from .vectors import LANES, PAIRED, constant_pairs, dot_pairs, load_int32, splat_int32, splat_pair, store_int32

LSTM8 = fields("lstm8")
SVDF8 = fields("svdf8")

RESCALING = 5
"""Elements of a row of constants."""

GATES = 4
RECURRENT = 4
HIDDEN = 8
PROJECTED = 9
RESCALINGS = 10
"""Rows of constants of an LSTM: of its gates' input products, of their recurrent ones, of hidden state, projection."""


@helper
def rescale_row(constants: Any, row: Any, x: Any) -> Any:
    """Rescale an int32 with one row of constants."""
    at = row * RESCALING
    wide = np.int64(np.int32(np.int64(np.int32(x)) << constants[at]))
    scaled = (wide * constants[at + 1] + constants[at + 2] + (wide & constants[at + 3])) >> constants[at + 4]
    return np.int64(np.int32(scaled))


@helper
def divide_by_power(x: Any, exponent: Any) -> Any:
    """Divide by a power of two, halves away from zero."""
    half = np.int64(1) << (exponent - 1)
    return -((half - x) >> exponent) if x < 0 else (x + half) >> exponent


@helper
def saturate8(x: Any) -> Any:
    """Clamp to int8."""
    return min(max(x, -128), 127)


@helper
def saturate16(x: Any) -> Any:
    """Clamp to int16."""
    return min(max(x, -32768), 32767)


@helper
def clip(x: Any, bound: Any) -> Any:
    """Clamp to +-``bound``, where there is one."""
    return min(max(x, -bound), bound) if bound > 0 else x


@helper
def add_products(vector: Any, packed: Any, depth: Any, blocks: Any, sums: Any) -> None:
    """Add the products of a vector of int16 with a packed matrix to int32 sums, 16 at a time."""
    for index in range(blocks):
        c0 = load_int32(sums, index * LANES)
        c1 = c2 = c3 = splat_int32(0)
        f = index * depth * LANES
        k = 0
        while k + 8 <= depth:
            c0 = dot_pairs(c0, splat_pair(vector, k), constant_pairs(packed, f + k * LANES))
            c1 = dot_pairs(c1, splat_pair(vector, k + 2), constant_pairs(packed, f + k * LANES + PAIRED))
            c2 = dot_pairs(c2, splat_pair(vector, k + 4), constant_pairs(packed, f + k * LANES + 2 * PAIRED))
            c3 = dot_pairs(c3, splat_pair(vector, k + 6), constant_pairs(packed, f + k * LANES + 3 * PAIRED))
            k += 8
        while k < depth:
            c0 = dot_pairs(c0, splat_pair(vector, k), constant_pairs(packed, f + k * LANES))
            k += 2
        store_int32(sums, index * LANES, (c0 + c1) + (c2 + c3))


@helper
def center(codes: Any, start: Any, count: Any, zero_point: Any, vector: Any, depth: Any) -> None:
    """Write codes less their zero point, as int16, filled up with zeros to ``depth``."""
    for i in range(count):
        vector[i] = np.int16(np.int32(codes[start + i]) - np.int32(zero_point))
    for i in range(count, depth):
        vector[i] = np.int16(0)


@helper
def set_sums(sums: Any, values: Any, count: Any) -> None:
    """Start sums from a bias."""
    for i in range(count):
        sums[i] = values[i]


def lstm8(block: Any) -> None:
    """Apply the layer to every step of every sequence; gates stand in the order input, forget, cell, output."""
    p = read_block(block, LSTM8)
    source = int8_view(p.input, p.batches * p.steps * p.inputs)
    target = int8_view(p.output, p.batches * p.steps * p.outputs)
    hidden = int8_view(p.hidden, p.batches * p.outputs)
    vector = int16_view(p.vector, p.vector_size)
    width = GATES * p.gate_blocks * LANES
    of_input, of_hidden = int32_view(p.input_sums, width), int32_view(p.hidden_sums, width)
    input_weights = int16_view(p.input_weights, width * p.input_depth)
    hidden_weights = int16_view(p.hidden_weights, width * p.hidden_depth)
    zeros = int32_view(p.zeros, width)
    bias = int32_view(p.bias, width)
    for step in range(p.steps):
        for batch in range(p.batches):
            position = step * p.batches + batch if p.time_major else batch * p.steps + step
            set_sums(of_input, bias, width)
            center(source, position * p.inputs, p.inputs, p.input_zero_point, vector, p.input_depth)
            add_products(vector, input_weights, p.input_depth, GATES * p.gate_blocks, of_input)
            set_sums(of_hidden, zeros, width)
            center(hidden, batch * p.outputs, p.outputs, p.output_zero_point, vector, p.hidden_depth)
            add_products(vector, hidden_weights, p.hidden_depth, GATES * p.gate_blocks, of_hidden)
            update_cells(p, batch, of_input, of_hidden, hidden, vector)
            if p.projected:
                project(p, batch, vector, hidden)
            for i in range(p.outputs):
                target[position * p.outputs + i] = hidden[batch * p.outputs + i]


@helper
def gate_sum(p: Any, gate: Any, cell: Any, of_input: Any, of_hidden: Any) -> Any:
    """Return the argument of a gate's function, as an index of its table."""
    constants = int64_view(p.constants, RESCALINGS * RESCALING)
    at = gate * p.gate_blocks * LANES + cell
    sums = saturate16(rescale_row(constants, gate, of_input[at]))
    return saturate16(sums + rescale_row(constants, RECURRENT + gate, of_hidden[at])) & 0xFFFF


@fragment
def update_cells(p: Any, batch: Any, of_input: Any, of_hidden: Any, hidden: Any, vector: Any) -> None:
    """Make the new cell state from the gates, and from it the hidden state, or in ``vector`` what is projected."""
    constants = int64_view(p.constants, RESCALINGS * RESCALING)
    cells = int16_view(p.cell, p.batches * p.cells)
    logistic, tanh = int16_view(p.logistic, 1 << 16), int16_view(p.tanh, 1 << 16)
    cell_tanh = int16_view(p.cell_tanh, 1 << 16)
    for i in range(p.cells):
        forget = np.int64(logistic[gate_sum(p, 1, i, of_input, of_hidden)])
        update = np.int64(tanh[gate_sum(p, 2, i, of_input, of_hidden)])
        output = np.int64(logistic[gate_sum(p, 3, i, of_input, of_hidden)])
        let_in = 32767 - forget if p.coupled else np.int64(logistic[gate_sum(p, 0, i, of_input, of_hidden)])
        kept = divide_by_power(forget * np.int64(cells[batch * p.cells + i]), 15)
        added = divide_by_power(let_in * update, p.update_shift)
        cell = clip(saturate16(kept + added), p.cell_clip)
        cells[batch * p.cells + i] = np.int16(cell)
        product = rescale_row(constants, HIDDEN, output * np.int64(cell_tanh[cell & 0xFFFF]))
        if p.projected:
            vector[i] = np.int16(saturate8(product + p.hidden_zero_point) - p.hidden_zero_point)
        else:
            hidden[batch * p.outputs + i] = np.int8(saturate8(product + p.hidden_zero_point))
    if p.projected:
        for i in range(p.cells, p.projection_depth):
            vector[i] = np.int16(0)


@fragment
def project(p: Any, batch: Any, vector: Any, hidden: Any) -> None:
    """Make the hidden state by the projection."""
    constants = int64_view(p.constants, RESCALINGS * RESCALING)
    width = p.projection_blocks * LANES
    sums = int32_view(p.projection_sums, width)
    set_sums(sums, int32_view(p.projection_bias, width), width)
    weights = int16_view(p.projection_weights, width * p.projection_depth)
    add_products(vector, weights, p.projection_depth, p.projection_blocks, sums)
    for i in range(p.outputs):
        code = saturate8(rescale_row(constants, PROJECTED, sums[i]) + p.output_zero_point)
        hidden[batch * p.outputs + i] = np.int8(clip(code, p.projection_clip))


def svdf8(block: Any) -> None:
    """Push the newest features into the state, and weigh it over time. The state is of int16."""
    p = read_block(block, SVDF8)
    source = int8_view(p.input, p.batches * p.inputs)
    target = int8_view(p.output, p.batches * p.units)
    size = p.filters * p.memory
    state = int16_view(p.state, p.batches * size)
    time = int16_view(p.time_weights, size)
    bias = int32_view(p.bias, p.units)
    constants = int64_view(p.constants, 2 * RESCALING)
    vector = int16_view(p.vector, p.depth)
    width = p.blocks * LANES
    sums = int32_view(p.sums, width)
    weights = int16_view(p.feature_weights, width * p.depth)
    zeros = int32_view(p.zeros, width)
    for i in range(p.batches * size - 1):  # across filters and batches: the last of each is written anew
        state[i] = state[i + 1]
    for batch in range(p.batches):
        set_sums(sums, zeros, width)
        center(source, batch * p.inputs, p.inputs, p.input_zero_point, vector, p.depth)
        add_products(vector, weights, p.depth, p.blocks, sums)
        for i in range(p.filters):
            newest = saturate16(rescale_row(constants, 0, sums[i]))
            state[batch * size + i * p.memory + p.memory - 1] = np.int16(newest)
        for unit in range(p.units):
            total = np.int64(bias[unit])
            for i in range(unit * p.rank * p.memory, (unit + 1) * p.rank * p.memory):
                total += np.int64(state[batch * size + i]) * np.int64(time[i])
            code = np.int32(rescale_row(constants, 1, total) + p.output_zero_point)
            target[batch * p.units + unit] = np.int8(saturate8(code))
