"""SOFTMAX of int16 and LOG_SOFTMAX of 8-bit codes: one output value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..activations.log_softmax import QuantizedLogSoftmax
from ..activations.softmax import Int16Softmax, look_up_int16
from ..fixed_point import multiply_by_quantized_multiplier
from ..operator import Node, Shape
from .elementwise import bounded
from .functions import explain_interpolation
from .narration import Narration
from .requantization import explain_multiplier, explain_rescaling, explain_right_shift

Arrays = Sequence[np.ndarray | None]

_LIMITS: Mapping[str, Any] = {"low": -(2**15), "high": 2**15 - 1}


def _row(arrays: Arrays, at: Shape) -> list[int]:
    assert arrays[0] is not None
    return [int(code) for code in arrays[0][at[:-1]]]


def explain_softmax_int16(n: Narration, prepared: Int16Softmax, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate SOFTMAX of int16 codes, by two tables."""
    p, row, last = prepared, _row(arrays, at), at[-1]
    real_scale = float(node.input(0).scale) * float(getattr(node.options, "beta", 1.0))
    weights = np.exp((np.array(row, np.float64) - max(row)) * real_scale)
    n.exact = float(weights[last] / weights.sum())
    greatest = n.step("greatest code of the row", "maximum", terms=row)
    differences = np.array(row, np.int32) - np.int32(greatest)
    scaled = multiply_by_quantized_multiplier(differences, p.input_multiplier, p.input_shift, p.rounding)
    places = np.clip(scaled.astype(np.int64) + 2**15 - 1, -(2**15), 2**15 - 1)
    exponentials = [int(one) for one in look_up_int16(p.exp_table, places)]
    n.table(
        f"row of {len(row)}: exponentials in Q0.15, by the steps below",
        ("input", "less the greatest", "exponential"),
        [(code, int(one), e) for code, one, e in zip(row, differences, exponentials, strict=True)],
    )
    total = n.step("sum of exponentials", "sum", terms=exponentials, real=sum(exponentials) / 2**15)
    length = total.bit_length()
    headroom = 32 - length
    note = f"to 1 and a fraction: {headroom} bits of 32 are free"
    shifted = n.step("sum, normalized", "shift_left", x=total, by=max(headroom - 1, 0), note=note)
    shifted = n.step("nudged", "add", a=shifted, b=1 << 13)
    shifted = n.step("upper bits", "shift_right", x=shifted, by=14)
    shifted = n.step("fraction, from the middle", "subtract", a=shifted, b=(1 << 15) + (1 << 16))
    place = n.step("within int16", "clamp", x=shifted, **_LIMITS)
    reciprocal = explain_interpolation(n, place, p.reciprocal_table)
    difference = n.step("difference to the greatest", "subtract", a=row[last], b=greatest)
    explain_multiplier(n, "multiplier, to steps of 10/65535", p.input_multiplier * 2.0 ** (p.input_shift - 31))
    steps = explain_rescaling(n, "rescaled", difference, p.input_multiplier, p.input_shift, p.rounding)
    moved = n.step("from the end of the table", "add", a=steps, b=2**15 - 1)
    place = n.step("within int16", "clamp", x=moved, **_LIMITS)
    exponential = explain_interpolation(n, place, p.exp_table)
    product = n.step("exponential by reciprocal", "multiply", a=exponential, b=reciprocal)
    right = 31 - headroom
    nudged = n.step("nudged", "add", a=product, b=1 << (right - 1))
    share = n.step("share", "shift_right", x=nudged, by=right, real=product / 2.0**right / 2**15)
    n.step("output code", "clamp", x=share, low=0, high=2**15 - 1, real=share / 2**15)


def explain_log_softmax(n: Narration, prepared: QuantizedLogSoftmax, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate LOG_SOFTMAX of 8-bit codes."""
    p, row, last = prepared, _row(arrays, at), at[-1]
    scale = float(node.input(0).scale)
    reals = (np.array(row, np.float64) - max(row)) * scale
    n.exact = bounded(n, float(reals[last] - np.log(np.exp(reals).sum())), p.output_min, p.output_max)
    exponentials = [int(one) for one in p.exponentials]
    greatest = n.step("greatest code of the row", "maximum", terms=row)
    terms = [exponentials[greatest - code] for code in row]
    n.table(
        f"row of {len(row)}: exponentials in Q12.19 of the differences",
        ("input", "less the greatest", "exponential"),
        [(code, code - greatest, term) for code, term in zip(row, terms, strict=True)],
    )
    total = n.step("sum of exponentials", "sum", terms=terms, note="Q12.19", real=sum(terms) / 2**19)
    total = n.step("as int32", "wrap_int32", x=total)
    note = "Q12.19 to Q5.26, by a rational function of gemmlowp's"
    log_total = n.step("logarithm of the sum", "log_q5_26", x=total, note=note, real=np.log(max(total, 1) / 2**19))
    difference = n.step("difference to the greatest", "subtract", a=row[last], b=greatest, real=reals[last])
    moved = n.step("as far as Q5.26 reaches", "subtract", a=log_total, b=2**31)
    moved = n.step("as int32", "wrap_int32", x=moved)
    explain_multiplier(n, "multiplier back to codes", p.reverse_multiplier * 2.0 ** (p.reverse_shift - 31))
    lowest = explain_rescaling(n, "in codes", moved, p.reverse_multiplier, p.reverse_shift, p.rounding)
    limit = n.step("lowest difference", "maximum", terms=[p.diff_min - 1, lowest])
    if difference <= limit:
        n.step("output code", "copy", x=p.output_min, note=f"{difference} is not above {limit}: the least code")
        return
    explain_multiplier(n, "multiplier to Q5.26", p.input_multiplier * 2.0 ** (p.input_left_shift - 31))
    scaled = explain_rescaling(n, "rescaled", difference, p.input_multiplier, p.input_left_shift, p.rounding, 2.0**-26)
    logarithm = n.step("logarithm", "subtract", a=scaled, b=log_total, note="Q5.26", real=(scaled - log_total) / 2**26)
    logarithm = n.step("as int32", "wrap_int32", x=logarithm)
    steps = explain_right_shift(n, "in sixteenths", logarithm, 22, logarithm / 2**26)
    code = n.step("with the zero point", "add", a=steps, b=p.output_zero_point)
    code = n.step("as int32", "wrap_int32", x=code)
    real = (max(p.output_min, min(code, p.output_max)) - n.zero_point) * n.scale
    n.step("output code", "clamp", x=code, low=p.output_min, high=p.output_max, real=real)
