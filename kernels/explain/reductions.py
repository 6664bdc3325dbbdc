"""SUM, REDUCE_PROD, REDUCE_MAX, REDUCE_MIN, ARG_MAX and ARG_MIN of integers: one output value."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..operator import Node, Shape
from ..reduce.arg_max import ArgMax
from ..reduce.reductions import Reduction, rows_of
from ..reduce.sum_prod import QuantizedReduction
from .elementwise import bounded
from .narration import Narration
from .requantization import explain_as_type, explain_code, explain_fifteen_bits, explain_multiplier, explain_rescaling

Arrays = Sequence[np.ndarray | None]


def _row(n: Narration, prepared: Reduction, x: np.ndarray | None, at: Shape) -> list[int]:
    """Narrate the elements that become the output's."""
    assert x is not None
    number = int(np.ravel_multi_index(at, prepared.output_shape)) if at else 0
    codes = [int(code) for code in rows_of(prepared, x)[number]]
    n.table(f"{len(codes)} elements along axes {list(prepared.axes)}", ("input",), [(code,) for code in codes])
    return codes


def explain_extreme(n: Narration, prepared: Reduction, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate REDUCE_MAX or REDUCE_MIN: input and output have one scale and zero point."""
    codes, greatest = _row(n, prepared, arrays[0], at), node.name == "REDUCE_MAX"
    if not codes:
        dtype = node.output().dtype
        low, high = (0, 1) if dtype == np.bool_ else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
        least = low if greatest else high
        n.step("output code", "copy", x=least, note="of nothing, the end of the type's range")
        return
    operation = "maximum" if greatest else "minimum"
    code = n.step("greatest code" if greatest else "least code", operation, terms=codes)
    if n.scale:
        n.exact = (code - n.zero_point) * n.scale
    n.step("output code", "copy", x=code, real=n.exact)


def explain_plain(n: Narration, prepared: Reduction, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate SUM or REDUCE_PROD of integers that are not rescaled."""
    n.scale = 0.0
    codes = _row(n, prepared, arrays[0], at)
    dtype = node.output().dtype
    if dtype == np.bool_:
        n.step("all are true", "minimum", terms=[1, *codes])
    elif node.name == "SUM":
        explain_as_type(n, f"as {dtype}", n.step("sum", "sum", terms=codes), dtype)
    else:
        product = n.step("product", "wrapping_product", terms=codes, bits=8 * dtype.itemsize)
        explain_as_type(n, f"as {dtype}", product, dtype)


def explain_sum(n: Narration, prepared: QuantizedReduction, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate SUM of codes."""
    p, source = prepared, node.input(0)
    codes = _row(n, p, arrays[0], at)
    scale = float(source.scale)
    exact = sum(code - source.zero_point for code in codes) * scale
    if not codes and arrays[0] is not None and arrays[0].size == 0:
        n.step("output code", "copy", x=0, note="of nothing")
        return
    if p.as_uint8:
        rows = [(code, code % 256) for code in codes]
        n.table("a defect: the bytes of int8 codes are read as uint8", ("input", "read as"), rows)
        codes = [code % 256 for code in codes]
    total = n.step("sum of codes", "sum", terms=codes)
    total = n.step("as int32", "wrap_int32", x=total) if not -(2**31) <= total < 2**31 else total
    zero = n.step("so many zero points", "multiply", a=p.input_zero_point, b=p.count)
    centred = n.step("sum less the zero points", "subtract", a=total, b=zero, real=(total - zero) * scale)
    centred = n.step("as int32", "wrap_int32", x=centred) if not -(2**31) <= centred < 2**31 else centred
    n.exact = bounded(n, exact, *(int(limit) for limit in _limits(node)))
    explain_multiplier(n, "multiplier", scale / n.scale)
    scaled = explain_rescaling(n, "rescaled", centred, p.multiplier, p.shift, p.rounding, n.scale)
    if not p.as_uint8:
        explain_code(n, scaled, p.output_zero_point, p.output_min, p.output_max)
        return
    code = n.step("with the zero point", "add", a=scaled, b=p.output_zero_point)
    code = n.step("as int32", "wrap_int32", x=code)
    code = n.step("clamped", "clamp", x=code, low=p.output_min, high=p.output_max, note="to the range of uint8")
    n.step("output code", "wrap_int8", x=code, note="the byte read as int8 again")


def _limits(node: Node) -> tuple[int, int]:
    limits = np.iinfo(node.output().dtype)
    return int(limits.min), int(limits.max)


def explain_product(n: Narration, prepared: QuantizedReduction, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate REDUCE_PROD of codes, of which each product is rescaled at once."""
    p, source = prepared, node.input(0)
    codes = _row(n, p, arrays[0], at)
    exact = math.prod((code - source.zero_point) * float(source.scale) for code in codes)
    n.exact = bounded(n, exact, p.output_min, p.output_max)
    explain_multiplier(n, "multiplier", p.multiplier * 2.0 ** (p.shift - 31))
    product = n.step("first factor", "subtract", a=codes[0], b=p.input_zero_point)
    for number, code in enumerate(codes[1:], 2):
        factor = n.step(f"factor {number}", "subtract", a=code, b=p.input_zero_point)
        wide = n.step(f"product of {number}", "multiply", a=product, b=factor)
        product = explain_fifteen_bits(n, wide, p.multiplier, p.shift)
    product = explain_fifteen_bits(n, product, p.multiplier, p.shift, n.scale)
    explain_code(n, product, p.output_zero_point, p.output_min, p.output_max)


def explain_arg_max(n: Narration, prepared: ArgMax, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate ARG_MAX or ARG_MIN: the first place of the greatest or least code."""
    x = arrays[0]
    assert x is not None
    axis, greatest = prepared.axis, node.name == "ARG_MAX"
    codes = [int(code) for code in np.moveaxis(x, axis, -1)[at]]
    n.scale = 0.0
    n.table(f"{len(codes)} elements along axis {axis}", ("place", "input"), list(enumerate(codes)))
    best = n.step("greatest" if greatest else "least", "maximum" if greatest else "minimum", terms=codes)
    note = f"of the places that hold {best}, the first"
    n.step("place", "index_of_maximum" if greatest else "index_of_minimum", terms=codes, note=note)
