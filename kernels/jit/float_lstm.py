"""LSTMs of float32, with float32 weights or, hybrid, with int8 ones. States are read and written where they are.

A step takes ``rows`` sequences at a time: the whole batch where time is first, else one. Its gates' sums lie in
``sums`` as [rows][input, forget, cell, output gate][cells, whole vectors]. Weights are packed gate by gate.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import call_float, float32_view, float_field, fragment, helper, int16_view, int32_view, read_block
from .hybrid import quantize_run
from .layouts import fields
from .recurrent import add_products, set_sums
from .vector_activation import squared_exp, tanh
from .vectors import LANES, load_float32, splat_float32, store_float32

LSTM_FLOAT = fields("lstm_float")

GATES = 4
INPUT, FORGET, UPDATE, OUTPUT = range(GATES)
VECTOR = 4
"""Elements of the reference's vectors."""

BLOCK = 8
"""Elements that are rounded together when activations are quantized."""

ONE = np.float32(1)
NORMALIZATION_GUARD = np.float32(1e-8)
LOGISTIC_IS_ONE = np.float32(16.6355324)


def lstm_float(block: Any) -> None:
    """Apply the layer to every step of every sequence."""
    p = read_block(block, LSTM_FLOAT)
    rows = p.batches if p.time_major else 1
    for index in range(p.batches // rows):
        for passed in range(p.steps):
            step = p.steps - 1 - passed if p.backward else passed
            apply_step(p, index * rows, step, rows)


@fragment
def apply_step(p: Any, first: Any, step: Any, rows: Any) -> None:
    """Apply one step to the sequences ``first`` to ``first + rows - 1``."""
    size = p.batches * p.steps
    width = GATES * p.cell_blocks * LANES
    sums, bias = float32_view(p.sums, rows * width), float32_view(p.bias, width)
    hidden = float32_view(p.hidden, p.batches * p.outputs)
    target = float32_view(p.output, size * p.output_width)
    start = step * p.batches if p.time_major else first * p.steps + step
    for row in range(rows):
        for i in range(width):
            sums[row * width + i] = bias[i]
    add_matrix(p, p.input, size * p.inputs, start * p.inputs, rows, p.inputs, p.input_weights, p.input_scales)
    at = first * p.outputs
    add_matrix(p, p.hidden, p.batches * p.outputs, at, rows, p.outputs, p.hidden_weights, p.hidden_scales)
    update_cells(p, first, rows)
    if p.projected:
        project(p, first, rows)
    for row in range(rows):
        for i in range(p.outputs):
            target[(start + row) * p.output_width + p.output_start + i] = hidden[(first + row) * p.outputs + i]


@helper
def add_matrix(p: Any, address: Any, size: Any, at: Any, rows: Any, depth: Any, weights: Any, scales: Any) -> None:
    """Add the products of some rows, which lie from ``at`` on in ``size`` numbers, with the gates' matrices."""
    width = GATES * p.cell_blocks * LANES
    source, sums = float32_view(address, size), float32_view(p.sums, rows * width)
    if p.hybrid == 0:
        packed = float32_view(weights, width * depth)
        for row in range(rows):
            add_ordered_products(source, at + row * depth, packed, depth, GATES * p.cell_blocks, sums, row * width)
    elif is_any(source, at, rows * depth):
        for row in range(rows):
            scale = quantize_vector(p, address, at + row * depth, depth)
            multiply_codes(p, weights, depth, GATES * p.cell_blocks)
            products, factors = int32_view(p.products, width), float32_view(scales, GATES)
            for gate in range(GATES):
                factor = np.float32(factors[gate] * scale)
                for i in range(gate * p.cell_blocks * LANES, (gate + 1) * p.cell_blocks * LANES):
                    sums[row * width + i] = sums[row * width + i] + np.float32(products[i]) * factor


@helper
def is_any(numbers: Any, at: Any, count: Any) -> Any:
    """Whether any number is not 0."""
    found = False
    for i in range(at, at + count):
        found = found or numbers[i] != 0
    return found


@helper
def quantize_vector(p: Any, address: Any, at: Any, depth: Any) -> Any:
    """Quantize a row into ``p.vector``, filled up with a zero; return its scale."""
    vector = int16_view(p.vector, p.vector_size)
    vector[depth] = np.int16(0)
    return quantize_run(p, address, at, depth, depth // BLOCK * BLOCK * p.quirks, vector, 0)


@helper
def multiply_codes(p: Any, weights: Any, depth: Any, blocks: Any) -> None:
    """Multiply the vector of codes with packed int16, into ``p.products``."""
    even = depth + depth % 2
    products, zeros = int32_view(p.products, blocks * LANES), int32_view(p.zeros, blocks * LANES)
    set_sums(products, zeros, blocks * LANES)
    add_products(int16_view(p.vector, even), int16_view(weights, blocks * LANES * even), even, blocks, products)


@helper
def add_ordered_products(
    vector: Any, start: Any, packed: Any, depth: Any, blocks: Any, sums: Any, position: Any
) -> None:
    """Sum the products of a vector with a packed matrix from the first to the last, then add that to sums."""
    width, whole = depth * LANES, blocks // 4 * 4
    for index in range(0, whole, 4):  # several sums that do not wait for each other
        c0 = c1 = c2 = c3 = splat_float32(np.float32(0))
        f = index * width
        for k in range(depth):
            factor, at = splat_float32(vector[start + k]), f + k * LANES
            c0 = c0 + factor * load_float32(packed, at)
            c1 = c1 + factor * load_float32(packed, at + width)
            c2 = c2 + factor * load_float32(packed, at + 2 * width)
            c3 = c3 + factor * load_float32(packed, at + 3 * width)
        to = position + index * LANES
        store_float32(sums, to, c0 + load_float32(sums, to))
        store_float32(sums, to + LANES, c1 + load_float32(sums, to + LANES))
        store_float32(sums, to + 2 * LANES, c2 + load_float32(sums, to + 2 * LANES))
        store_float32(sums, to + 3 * LANES, c3 + load_float32(sums, to + 3 * LANES))
    for index in range(whole, blocks):
        total = splat_float32(np.float32(0))
        for k in range(depth):
            total = total + splat_float32(vector[start + k]) * load_float32(packed, index * width + k * LANES)
        to = position + index * LANES
        store_float32(sums, to, total + load_float32(sums, to))


@fragment
def update_cells(p: Any, first: Any, rows: Any) -> None:
    """Write the cell state, and the hidden state or what is projected to it (``p.cells_out``)."""
    cell = float32_view(p.cell, p.batches * p.cells)
    gates = float32_view(p.sums, rows * GATES * p.cell_blocks * LANES)
    result = float32_view(p.cells_out, rows * p.cells)
    if p.peepholes:
        if p.coupled == 0:
            add_peephole(p, INPUT, 0, first, rows)
        add_peephole(p, FORGET, 1, first, rows)
    if p.normalized:
        for gate in range(p.coupled, OUTPUT):
            normalize(p, gate, rows)
    if p.coupled == 0:
        apply_logistic(p, INPUT, 0, first, rows)
    apply_logistic(p, FORGET, 2 - p.coupled, first, rows)
    for row in range(rows):
        for i in range(p.cells):
            state = (first + row) * p.cells + i
            forget = gates[gate_at(p, row, FORGET) + i]
            let_in = ONE - forget if p.coupled else gates[gate_at(p, row, INPUT) + i]
            kept = np.float32(forget * cell[state])
            added = np.float32(tanh(gates[gate_at(p, row, UPDATE) + i]) * let_in)
            cell[state] = clip(np.float32(kept + added), np.float32(float_field(p.cell_clip)))
    if p.peepholes:
        add_peephole(p, OUTPUT, 2, first, rows)
    if p.normalized:
        normalize(p, OUTPUT, rows)
    apply_logistic(p, OUTPUT, 3 - p.coupled, first, rows)
    for row in range(rows):
        for i in range(p.cells):
            number = tanh(cell[(first + row) * p.cells + i])
            result[row * p.cells + i] = gates[gate_at(p, row, OUTPUT) + i] * number
    if p.projected == 0:
        hidden = float32_view(p.hidden, p.batches * p.outputs)
        for i in range(rows * p.cells):
            hidden[first * p.cells + i] = result[i]


@helper
def gate_at(p: Any, row: Any, gate: Any) -> Any:
    """Return where a gate of a row begins among the sums."""
    return (row * GATES + gate) * p.cell_blocks * LANES


@helper
def add_peephole(p: Any, gate: Any, number: Any, first: Any, rows: Any) -> None:
    """Add the cell state by weights to a gate's sums."""
    cell, weights = float32_view(p.cell, p.batches * p.cells), float32_view(p.peephole_weights, 3 * p.cells)
    gates = float32_view(p.sums, rows * GATES * p.cell_blocks * LANES)
    for row in range(rows):
        at = gate_at(p, row, gate)
        for i in range(p.cells):
            product = np.float32(weights[number * p.cells + i] * cell[(first + row) * p.cells + i])
            gates[at + i] = gates[at + i] + product


@helper
def normalize(p: Any, gate: Any, rows: Any) -> None:
    """Bring a gate's sums to mean 0 and variance 1, then to its factors and bias; totals run from left to right."""
    factors, bias = float32_view(p.norm_factors, GATES * p.cells), float32_view(p.norm_bias, GATES * p.cells)
    gates = float32_view(p.sums, rows * GATES * p.cell_blocks * LANES)
    count = np.float32(p.cells)
    for row in range(rows):
        at = gate_at(p, row, gate)
        total = squares = np.float32(0)
        for i in range(p.cells):
            total = np.float32(total + gates[at + i])
        mean = np.float32(total / count)
        for i in range(p.cells):
            apart = np.float32(gates[at + i] - mean)
            squares = np.float32(squares + np.float32(apart * apart))
        inverse = ONE / np.float32(np.sqrt(np.float32(np.float32(squares / count) + NORMALIZATION_GUARD)))
        for i in range(p.cells):
            scaled = np.float32(np.float32(gates[at + i] - mean) * inverse)
            gates[at + i] = np.float32(scaled * factors[gate * p.cells + i]) + bias[gate * p.cells + i]


@helper
def apply_logistic(p: Any, gate: Any, slot: Any, first: Any, rows: Any) -> None:
    """Apply the logistic function to a gate; ``slot`` is its place among the gates in the reference's memory.

    What fills whole aligned vectors there goes through a polynomial, the rest through the C library.
    """
    gates = float32_view(p.sums, rows * GATES * p.cell_blocks * LANES)
    place = (slot * p.batches + first) * p.cells
    count = rows * p.cells
    head = min((VECTOR - place % VECTOR) % VECTOR, count)
    end = head + (count - head) // VECTOR * VECTOR
    for row in range(rows):
        at, passed = gate_at(p, row, gate), row * p.cells
        first_whole = min(max(head - passed, 0), p.cells)
        end_whole = max(min(end - passed, p.cells), first_whole)
        for i in range(first_whole):
            gates[at + i] = logistic_of_library(p, gates[at + i])
        for i in range(first_whole, end_whole):
            exponential = squared_exp(bounded(gates[at + i]))
            gates[at + i] = exponential / np.float32(ONE + exponential)
        for i in range(end_whole, p.cells):
            gates[at + i] = logistic_of_library(p, gates[at + i])


@helper
def bounded(x: Any) -> Any:
    """Return a number, but no more than that whose logistic function is 1."""
    return LOGISTIC_IS_ONE if x > LOGISTIC_IS_ONE else x


@helper
def logistic_of_library(p: Any, x: Any) -> Any:
    """Return the logistic function by the C library's exponential."""
    exponential = call_float(p.exponential, bounded(x))
    return exponential / np.float32(ONE + exponential)


@helper
def clip(x: Any, bound: Any) -> Any:
    """Clamp to +-``bound``, where there is one; a NaN stays."""
    above = -bound if x < -bound else x
    return x if bound <= 0 else bound if above > bound else above


@fragment
def project(p: Any, first: Any, rows: Any) -> None:
    """Write the hidden state: the projection of what the cells give."""
    width = p.output_blocks * LANES
    hidden = float32_view(p.hidden, p.batches * p.outputs)
    source, sums = float32_view(p.cells_out, rows * p.cells), float32_view(p.projection_sums, width)
    bias = float32_view(p.projection_bias, width)
    whole_step = p.hybrid != 0 and is_any(source, 0, rows * p.cells)
    for row in range(rows):
        for i in range(width):
            sums[i] = bias[i]
        if p.hybrid == 0:
            packed = float32_view(p.projection_weights, width * p.cells)
            add_ordered_products(source, row * p.cells, packed, p.cells, p.output_blocks, sums, 0)
        elif whole_step:
            scale = quantize_vector(p, p.cells_out, row * p.cells, p.cells)
            multiply_codes(p, p.projection_weights, p.cells, p.output_blocks)
            products = int32_view(p.products, width)
            factor = np.float32(np.float32(float_field(p.projection_scale)) * scale)
            for i in range(width):
                sums[i] = sums[i] + np.float32(products[i]) * factor
        for i in range(p.outputs):
            hidden[(first + row) * p.outputs + i] = clip(sums[i], np.float32(float_field(p.projection_clip)))
