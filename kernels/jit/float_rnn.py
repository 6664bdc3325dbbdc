"""RNNs of float32, with float32 weights or, hybrid, with int8 ones. The state is read and written where it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import float32_view, float_field, fragment, helper, int32_view, read_block
from .float_lstm import is_any, multiply_codes, quantize_vector
from .float_recurrent import add_float_products
from .layouts import fields
from .vector_activation import activate
from .vectors import LANES

RNN_FLOAT = fields("rnn_float")


def rnn_float(block: Any) -> None:
    """Apply the cell to every step of every sequence; of the whole batch at a time where time is first."""
    p = read_block(block, RNN_FLOAT)
    rows = p.batches if p.time_major else 1
    for index in range(p.batches // rows):
        for passed in range(p.steps):
            step = p.steps - 1 - passed if p.backward else passed
            start = step * p.batches if p.time_major else index * p.steps + step
            apply_step(p, index * rows, start, rows)


@fragment
def apply_step(p: Any, first: Any, start: Any, rows: Any) -> None:
    """Make the new states of the sequences ``first`` to ``first + rows - 1`` from the inputs from ``start`` on."""
    size, width = p.batches * p.steps, p.blocks * LANES
    source, target = float32_view(p.input, size * p.inputs), float32_view(p.output, size * p.output_width)
    hidden = float32_view(p.hidden, p.batches * p.units)
    sums, bias = float32_view(p.sums, width), float32_view(p.bias, width)
    # Hybrid products are left out of a step whose numbers are all 0.
    is_input = p.hybrid == 0 or is_any(source, start * p.inputs, rows * p.inputs)
    is_hidden = p.hybrid == 0 or is_any(hidden, first * p.units, rows * p.units)
    for row in range(rows):
        for i in range(width):
            sums[i] = bias[i]
        if is_input:
            add_row(p, p.input, size * p.inputs, (start + row) * p.inputs, p.inputs, p.weights, p.weights_scale)
        at = (first + row) * p.units
        if is_hidden:
            add_row(p, p.hidden, p.batches * p.units, at, p.units, p.recurrent, p.recurrent_scale)
        for i in range(p.units):
            state = activate(p, sums[i])
            hidden[at + i] = state
            target[(start + row) * p.output_width + p.output_start + i] = state


@helper
def add_row(p: Any, address: Any, size: Any, at: Any, depth: Any, weights: Any, scale: Any) -> None:
    """Add the products of a row, which lies from ``at`` on in ``size`` numbers, with a matrix to the sums."""
    width = p.blocks * LANES
    sums = float32_view(p.sums, width)
    if p.hybrid == 0:
        packed = float32_view(weights, width * depth)
        add_float_products(float32_view(address, size), at, packed, depth, p.blocks, sums)
    else:
        factor = np.float32(float_field(scale))
        factor = np.float32(factor * quantize_vector(p, address, at, depth))
        multiply_codes(p, weights, depth, p.blocks)
        products = int32_view(p.products, width)
        for i in range(width):
            sums[i] = sums[i] + np.float32(products[i]) * factor
