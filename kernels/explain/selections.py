"""Pools, tables and what else chooses or averages codes: one output value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..activations.lookup import Lookup
from ..activations.relu import QuantizedLeakyRelu, QuantizedRelu
from ..activations.softmax import ACCUMULATION_INTEGER_BITS, QuantizedSoftmax
from ..gemmlowp import reciprocal
from ..operator import Node, Shape
from ..pooling.pool_2d import Pool2D
from .elementwise import bounded, operand
from .narration import Narration
from .operations import rounding_divide_by_pot
from .requantization import (
    explain_code,
    explain_high_multiply,
    explain_multiplier,
    explain_rescaling,
    explain_right_shift,
)

Arrays = Sequence[np.ndarray | None]


def _under(n: Narration, prepared: Pool2D, x: np.ndarray, at: Shape) -> list[int]:
    """Narrate the codes under the window, without those outside the image."""
    batch, y, column, channel = at
    window, rows = prepared.window, []
    for tap_y in range(window.filter_height):
        for tap_x in range(window.filter_width):
            source_y = y * window.stride_height - window.padding_top + tap_y
            source_x = column * window.stride_width - window.padding_left + tap_x
            if 0 <= source_y < window.input_height and 0 <= source_x < window.input_width:
                place = (batch, source_y, source_x, channel)
                rows.append((str(list(place)), int(x[place])))
    taps = window.filter_height * window.filter_width
    n.table(f"window: {len(rows)} of {taps} taps inside the image", ("input at", "input"), rows)
    return [code for _, code in rows]


def explain_average_pool(n: Narration, prepared: Pool2D, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate an output value of AVERAGE_POOL_2D: input and output have one scale, so that codes are averaged."""
    assert arrays[0] is not None
    codes = _under(n, prepared, arrays[0], at)
    total = n.step("sum of codes", "sum", terms=codes)
    way = "divide_half_up" if prepared.rounds_half_up else "divide_half_away"
    note = "taps outside the image do not count; halves " + ("up" if prepared.rounds_half_up else "away from zero")
    average = n.step("average", way, a=total, b=len(codes), note=note)
    n.exact = bounded(n, (total / len(codes) - n.zero_point) * n.scale, *_limits(prepared))
    _clamp(n, average, prepared)


def explain_max_pool(n: Narration, prepared: Pool2D, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate an output value of MAX_POOL_2D."""
    assert arrays[0] is not None
    codes = _under(n, prepared, arrays[0], at)
    greatest = n.step("greatest code", "maximum", terms=codes, real=(max(codes) - n.zero_point) * n.scale)
    n.exact = bounded(n, (greatest - n.zero_point) * n.scale, *_limits(prepared))
    _clamp(n, greatest, prepared)


def _limits(prepared: Pool2D) -> tuple[int, int]:
    return int(prepared.activation_min), int(prepared.activation_max)


def _clamp(n: Narration, code: int, prepared: Pool2D) -> None:
    low, high = _limits(prepared)
    n.step(
        "output code", "clamp", x=code, low=low, high=high, real=(max(low, min(code, high)) - n.zero_point) * n.scale
    )


def _gelu(x: float, node: Node) -> float:
    if getattr(node.options, "approximate", False):
        return x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x / 2 * math.erfc(-x / math.sqrt(2))


_REAL: Mapping[str, Callable[[float, Node], float | None]] = {
    "LOGISTIC": lambda x, node: 1 / (1 + math.exp(-x)) if x > -700 else 0.0,
    "TANH": lambda x, node: math.tanh(x),
    "EXP": lambda x, node: math.exp(x) if x < 700 else math.inf,
    "LOG": lambda x, node: math.log(x) if x > 0 else None,
    "ELU": lambda x, node: x if x >= 0 else math.expm1(x),
    "GELU": _gelu,
}
"""Operator -> its function in real numbers; None where that has no value."""


def explain_lookup(n: Narration, prepared: Lookup, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate an output value of an operator that is a table of codes."""
    source = node.input(0)
    assert arrays[0] is not None
    code = int(arrays[0][at])
    limits = np.iinfo(prepared.table.dtype)
    real = _REAL[node.name]((code - source.zero_point) * float(source.scale), node)
    n.exact = None if real is None else bounded(n, real, int(limits.min), int(limits.max))
    table = [int(one) for one in prepared.table]
    index = code % len(table)
    n.step(
        "input less its zero point",
        "subtract",
        a=code,
        b=source.zero_point,
        real=(code - source.zero_point) * float(source.scale),
    )
    note = f"{node.name} of every code was computed beforehand; the table is laid out by the unsigned code"
    n.step("output code", "look_up", index=index, table=table, note=note, real=(table[index] - n.zero_point) * n.scale)


def explain_softmax(n: Narration, prepared: QuantizedSoftmax, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate an output value of SOFTMAX on 8-bit codes, in gemmlowp's fixed point."""
    x, source = arrays[0], node.input(0)
    assert x is not None
    row, last = [int(code) for code in x[at[:-1]]], at[-1]
    beta_scale = float(source.scale) * float(getattr(node.options, "beta", 1.0))
    exponentials = [int(one) for one in prepared.exponentials]
    greatest = n.step("greatest code of the row", "maximum", terms=row)
    terms = [_divided(exponentials[greatest - code], ACCUMULATION_INTEGER_BITS) for code in row]
    n.table(
        f"row of {len(row)}: exponentials in Q0.31 of the differences, and in Q12.19 for the sum",
        ("input", "less the greatest", "exponential", "term"),
        [(code, code - greatest, exponentials[greatest - code], term) for code, term in zip(row, terms, strict=True)],
    )
    total = n.step("sum of exponentials", "sum", terms=terms, note="Q12.19: 12 integer bits", real=sum(terms) / 2**19)
    scale, over = (int(one) for one in reciprocal(np.int64(total), ACCUMULATION_INTEGER_BITS))
    n.step(
        "reciprocal of the sum",
        "reciprocal_q31",
        x=total,
        integer_bits=ACCUMULATION_INTEGER_BITS,
        note=f"Q0.31 mantissa by three Newton-Raphson steps; it stands for mantissa * 2**-{over}",
        real=scale / 2.0 ** (31 + over),
    )
    difference = n.step(
        "difference to the greatest", "subtract", a=greatest, b=row[last], real=(row[last] - greatest) * beta_scale
    )
    exponential = n.step(
        "exponential",
        "look_up",
        index=difference,
        table=exponentials,
        real=exponentials[difference] / 2**31,
        note="exp in Q0.31, by gemmlowp's polynomial and constants",
    )
    product = explain_high_multiply(n, scale, exponential)
    limits = np.iinfo(prepared.output_dtype)
    exponent = over + 31 - limits.bits
    real = product / 2.0**exponent * n.scale
    share = explain_right_shift(n, "share in steps of the output", product, exponent, real)
    weights = np.exp((np.array(row, np.float64) - greatest) * beta_scale)
    n.exact = float(weights[last] / weights.sum())
    explain_code(n, share, int(limits.min), int(limits.min), int(limits.max))


def _divided(x: int, exponent: int) -> int:
    return rounding_divide_by_pot(x, exponent)


def explain_relu(n: Narration, prepared: QuantizedRelu, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate an output value of RELU and the like: rescaling and clamp."""
    assert arrays[0] is not None
    source = node.input(0)
    code = int(arrays[0][at])
    difference = operand(n, "input", code, source)
    n.exact = bounded(n, difference * float(source.scale), prepared.activation_min, prepared.activation_max)
    explain_multiplier(n, "multiplier", prepared.multiplier * 2.0 ** (prepared.shift - 31))
    scaled = explain_rescaling(
        n, "rescaled", difference, prepared.multiplier, prepared.shift, prepared.rounding, n.scale
    )
    explain_code(n, scaled, prepared.output_zero_point, prepared.activation_min, prepared.activation_max)


def explain_leaky_relu(n: Narration, prepared: QuantizedLeakyRelu, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate an output value of LEAKY_RELU: one of two multipliers by the sign."""
    assert arrays[0] is not None
    source = node.input(0)
    difference = operand(n, "input", int(arrays[0][at]), source)
    alpha = float(getattr(node.options, "alpha", 1.0)) if difference < 0 else 1.0
    n.exact = bounded(n, difference * float(source.scale) * alpha, prepared.activation_min, prepared.activation_max)
    if difference >= 0:
        multiplier, shift = prepared.identity_multiplier, prepared.identity_shift
    else:
        multiplier, shift = prepared.alpha_multiplier, prepared.alpha_shift
    explain_multiplier(
        n, "multiplier" if difference >= 0 else "multiplier with alpha", multiplier * 2.0 ** (shift - 31)
    )
    scaled = explain_rescaling(n, "rescaled", difference, multiplier, shift, prepared.rounding, n.scale)
    if difference < 0 and prepared.negative_alpha:
        scaled = n.step("negated", "subtract", a=0, b=scaled)
    explain_code(n, scaled, prepared.output_zero_point, prepared.activation_min, prepared.activation_max)
