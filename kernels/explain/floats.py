"""Between codes and real numbers: DEQUANTIZE, and RESIZE_BILINEAR, which weighs four codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..operator import Node, Shape
from ..quantize.dequantize import Dequantize
from ..resize.bilinear import ResizeBilinear
from .narration import Narration
from .requantization import explain_as_type

Arrays = Sequence[np.ndarray | None]

_ONE = 1 << 10


def explain_dequantize(n: Narration, prepared: Dequantize, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate DEQUANTIZE of codes: the result is a float32."""
    x, affine = arrays[0], prepared.input
    assert x is not None and affine is not None
    channel = 0 if affine.axis is None else at[affine.axis]
    scale, zero_point, code = float(affine.scale[channel]), int(affine.zero_point[channel]), int(x[at])
    n.scale = 0.0
    difference = n.step("code less its zero point", "subtract", a=code, b=zero_point)
    n.exact = difference * scale
    if affine.axis is not None:
        n.step("times the scale", "multiply_float32", a=scale, b=float(difference), note=f"that of channel {channel}")
        return
    product = n.step("times the scale", "multiply_float64", x=difference, real_multiplier=scale, real=n.exact)
    n.step("output", "as_float32", x=product, note="rounded once")


def explain_resize_bilinear(n: Narration, prepared: ResizeBilinear, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate RESIZE_BILINEAR of codes: four neighbours with weights along both axes."""
    x = arrays[0]
    assert x is not None
    batch, y, column, channel = at
    rows, columns = prepared.rows, prepared.columns
    down, right = rows.distance[y].item(), columns.distance[column].item()
    places = [
        (batch, int(row), int(other), channel)
        for other in (columns.lower[column], columns.upper[column])
        for row in (rows.lower[y], rows.upper[y])
    ]
    codes = [int(x[place]) for place in places]
    if prepared.fixed_point:
        _explain_fixed_point(n, places, codes, (down, right), x.dtype)
    else:
        _explain_float32(n, places, codes, down, right)


def _explain_fixed_point(
    n: Narration, places: Sequence[Shape], codes: Sequence[int], distances: tuple[int, int], dtype: np.dtype
) -> None:
    down, right = distances
    up, left = _ONE - down, _ONE - right
    weights = [(up, left), (down, left), (up, right), (down, right)]
    rows = [
        (str(list(place)), code, vertical, horizontal, code * vertical * horizontal)
        for place, code, (vertical, horizontal) in zip(places, codes, weights, strict=True)
    ]
    n.table("four neighbours, weights in 1/1024", ("input at", "input", "along rows", "along columns", "product"), rows)
    exact = sum(row[4] for row in rows) / _ONE**2
    if n.scale:
        n.exact = (exact - n.zero_point) * n.scale
    total = n.step("sum of products", "sum", terms=[row[4] for row in rows], note="20 fractional bits")
    half = _ONE * _ONE // 2 if total > 0 else -_ONE * _ONE // 2
    nudged = n.step("nudged", "add", a=total, b=half, note="half, away from zero")
    real = (exact - n.zero_point) * n.scale if n.scale else exact
    code = n.step("rounded", "divide_truncating", a=nudged, b=_ONE * _ONE, real=real)
    explain_as_type(n, "output code", code, dtype)


def _explain_float32(n: Narration, places: Sequence[Shape], codes: Sequence[int], down: float, right: float) -> None:
    """Narrate the sum in the reference's order: each product rounds twice, each addition once."""
    up = n.step("weight of the upper row", "subtract_float32", a=1.0, b=down)
    left = n.step("weight of the left column", "subtract_float32", a=1.0, b=right)
    total = 0.0
    for number, (code, vertical, horizontal) in enumerate(
        zip(codes, (up, down, up, down), (left, left, right, right), strict=True), 1
    ):
        note = f"input at {list(places[number - 1])}"
        part = n.step(f"neighbour {number} by row", "multiply_float32", a=float(code), b=vertical, note=note)
        part = n.step(f"neighbour {number} by column", "multiply_float32", a=part, b=horizontal)
        total = part if number == 1 else n.step(f"sum of {number}", "add_float32", a=total, b=part)
    weights = (up * left, down * left, up * right, down * right)
    exact = sum(code * weight for code, weight in zip(codes, weights, strict=True))
    if n.scale:
        n.exact = (exact - n.zero_point) * n.scale
    nudged = n.step("nudged", "add_float32", a=total, b=0.5)
    code = n.step("cut off", "truncate_float", x=nudged)
    n.step("output code", "modulo", x=code, by=256, note="as uint8")
