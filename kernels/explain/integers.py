"""Integers that stand for themselves: quotients rounded down, bits, casts, and StableHLO's operators on two of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..elementwise.binary import Binary, FloorDiv
from ..elementwise.unary import Unary
from ..indexing.segments import Cumsum
from ..operator import Node, Prepared, Shape
from ..quantize.cast import Cast
from .elementwise import element
from .narration import Narration
from .requantization import explain_as_type

Arrays = Sequence[np.ndarray | None]


def explain_floor_div(n: Narration, prepared: FloorDiv, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate FLOOR_DIV of integers."""
    n.scale = 0.0
    a, b = (element(array, prepared.output_shape, at) for array in arrays[:2])
    quotient = n.step("quotient", "floor_divide", a=a, b=b, note="rounded down")
    flat = int(np.ravel_multi_index(at, prepared.output_shape)) if at else 0
    dtype = node.output().dtype
    if flat < prepared.elements_in_blocks and quotient > np.iinfo(dtype).max:
        note = "a defect: in blocks of eight the one quotient that overflows saturates"
        n.step("saturated", "minimum", terms=[quotient, int(np.iinfo(dtype).max)], note=note)
        return
    explain_as_type(n, f"as {dtype}", quotient, dtype)


_BINARY = {
    "FLOOR_MOD": "floor_modulo",
    "BITWISE_XOR": "xor",
    "STABLEHLO_AND": "and",
    "STABLEHLO_ADD": "add",
    "STABLEHLO_MULTIPLY": "multiply",
    "STABLEHLO_MAXIMUM": "maximum",
    "STABLEHLO_MINIMUM": "minimum",
}


def explain_binary(n: Narration, prepared: Binary, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate an operation on two integers, and how the result becomes one of the type."""
    n.scale = 0.0
    a, b = (element(array, prepared.output_shape, at) for array in arrays[:2])
    operation, dtype = _BINARY[node.name], node.output().dtype
    if operation in ("maximum", "minimum"):
        n.step("result", operation, terms=[a, b])
        return
    if dtype == np.bool_ and operation in ("add", "multiply"):
        n.step("result", "maximum" if operation == "add" else "minimum", terms=[a, b], note="of bool")
        return
    explain_as_type(n, f"as {dtype}", n.step("result", operation, a=a, b=b), dtype)


def explain_shift(n: Narration, prepared: Binary, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate RIGHT_SHIFT or STABLEHLO_SHIFT_LEFT."""
    n.scale = 0.0
    x, by = (element(array, prepared.output_shape, at) for array in arrays[:2])
    dtype = node.output().dtype
    bits = 8 * dtype.itemsize
    if node.name == "RIGHT_SHIFT":
        distance = n.step("distance", "clamp", x=by, low=0, high=bits - 1, note="limited to the bits of the type")
        n.step("result", "shift_right", x=x, by=distance)
    elif not 0 <= by < bits:
        n.step("result", "copy", x=0, note=f"a distance of {by} is not within the {bits} bits: nothing is left")
    else:
        explain_as_type(n, f"as {dtype}", n.step("shifted", "shift_left", x=x, by=by), dtype)


def explain_sign(n: Narration, prepared: Unary, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate SIGN of integers."""
    n.scale = 0.0
    assert arrays[0] is not None
    n.step("result", "clamp", x=int(arrays[0][at]), low=-1, high=1)


def explain_cast(n: Narration, prepared: Cast, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate CAST between integers: the lower bits stay."""
    n.scale = 0.0
    assert arrays[0] is not None
    value, dtype = int(arrays[0][at]), node.output().dtype
    if dtype == np.bool_:
        n.step("result", "not_equal", a=value, b=0, note="anything but 0 is true")
        return
    explain_as_type(n, f"as {dtype}", value, dtype)


def explain_zeros(n: Narration, prepared: Prepared, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate a FULLY_CONNECTED without columns."""
    n.step("output code", "copy", x=0, note="the filter has no columns: zeros, whatever the bias and the zero point")


def explain_cumsum(n: Narration, prepared: Cumsum, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate CUMSUM of integers: the sum of what comes before along the axis."""
    n.scale = 0.0
    assert arrays[0] is not None
    place = at[prepared.axis]
    others = (*at[: prepared.axis], *at[prepared.axis + 1 :])
    line = [int(one) for one in np.moveaxis(arrays[0], prepared.axis, -1)[others]]
    own = int(prepared.exclusive)
    terms = line[place + own :] if prepared.reverse else line[: place + 1 - own]
    note = ("from the end, " if prepared.reverse else "") + ("without" if prepared.exclusive else "with") + " its own"
    explain_as_type(n, f"as {node.output().dtype}", n.step("sum", "sum", terms=terms, note=note), node.output().dtype)


def explain_segment(n: Narration, prepared: Prepared, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate SEGMENT_SUM or UNSORTED_SEGMENT_*: what the segment's elements come to."""
    n.scale = 0.0
    data, ids = arrays[0], arrays[1]
    assert data is not None and ids is not None
    slices = data.reshape(ids.size, *prepared.output_shape[1:])
    found = [int(one[at[1:]]) for one, segment in zip(slices, ids.ravel(), strict=True) if segment == at[0]]
    n.table(f"{len(found)} elements of segment {at[0]}", ("input",), [(one,) for one in found])
    kind, limits = node.name.rsplit("_", 1)[1], np.iinfo(data.dtype)
    if kind == "PROD":
        n.step("product", "wrapping_product", terms=found, bits=limits.bits)
    elif kind == "SUM":
        explain_as_type(n, f"as {data.dtype}", n.step("sum", "sum", terms=found), data.dtype)
    elif kind == "MAX":
        n.step("greatest", "maximum", terms=[int(limits.min), *found])
    else:
        n.step("least", "minimum", terms=[int(limits.max), *found])
