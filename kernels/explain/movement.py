"""Operators that move codes: from which operand and index a value is copied, and what rescales it on the way.

The place is found by evaluating the operator on arrays of indices in place of the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..operator import Node, Prepared, Shape
from ..registry import REGISTRY
from ..shape.concatenation import Concatenation
from .narration import Narration
from .requantization import explain_code

Arrays = Sequence[np.ndarray | None]

_BEYOND_CODES = 1 << 40
"""Indices begin here, so that what is not one of them is a border."""

_DATA: Mapping[str, tuple[int, ...] | None] = {
    "CONCATENATION": None,
    "PACK": None,
    "SPLIT": (1,),
    "FILL": (1,),
    "PADV2": (0, 2),
    "SELECT": (1, 2),
    "SELECT_V2": (1, 2),
    "DYNAMIC_UPDATE_SLICE": (0, 1),
    "STABLEHLO_PAD": (0, 1),
    "DILATE": (0, 2),
    "EMBEDDING_LOOKUP": (1,),
}
"""Operator -> the inputs whose values it moves, None for all; of others the first."""


def _origin(prepared: Prepared, node: Node, arrays: Arrays, at: Shape) -> tuple[int, Shape] | None:
    """Return input and index that the value at a place comes from; None where it comes from no input."""
    data = _DATA.get(node.name, (0,)) or tuple(range(len(arrays)))
    indices: list[np.ndarray | None] = list(arrays)
    starts, start = {}, _BEYOND_CODES
    for number in data:
        array = arrays[number] if number < len(arrays) else None
        if array is not None:
            starts[number], indices[number] = start, np.arange(start, start + array.size).reshape(array.shape)
            start += array.size
    if isinstance(prepared, Concatenation):
        prepared = replace(prepared, tables=(None,) * len(prepared.tables))
    moved: Any = REGISTRY[node.name].evaluate(prepared, *indices)
    found = int((moved[0] if isinstance(moved, tuple) else moved)[at])
    if found < _BEYOND_CODES:
        return None
    number = max(number for number, start in starts.items() if start <= found)
    array = arrays[number]
    assert array is not None
    return number, tuple(int(i) for i in np.unravel_index(found - starts[number], array.shape))


def explain_movement(n: Narration, prepared: Prepared, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate a value that is copied."""
    origin = _origin(prepared, node, arrays, at)
    if origin is None:
        code = int(getattr(prepared, "pad_value", 0))
        real = (code - n.zero_point) * n.scale if n.scale else None
        n.exact = real
        n.step("output code", "copy", x=code, note="a border: no input reaches here", real=real)
        return
    number, place = origin
    array, spec = arrays[number], node.input(number)
    assert array is not None
    code = int(array[place])
    note = f"input {number} ({spec.name!r}) at {list(place)}"
    real = (code - spec.zero_point) * float(spec.scale) if spec.quantized else None
    if n.scale and real is not None:
        n.exact = real
    if isinstance(prepared, Concatenation) and prepared.tables[number] is not None:
        n.step("input code", "copy", x=code, note=note, real=real)
        _explain_float32(n, code, float(spec.scale), spec.zero_point)
        return
    n.step("output code", "copy", x=code, note=f"copied from {note}", real=real)


def _explain_float32(n: Narration, code: int, scale: float, zero_point: int) -> None:
    """Narrate how CONCATENATION of uint8 rescales: in float32, tabulated beforehand."""
    inverse = n.step("1 / output scale", "divide_float32", a=1.0, b=n.scale)
    ratio = n.step("scale ratio", "multiply_float32", a=scale, b=inverse, note="input scale over output scale")
    bias = n.step("bias", "multiply_float32", a=float(np.float32(-zero_point)), b=ratio, note="-zero point by that")
    product = n.step("product", "multiply_float32", a=float(code), b=ratio)
    total = n.step("rescaled", "add_float32", a=product, b=bias, real=(code - zero_point) * scale)
    rounded = n.step("rounded", "round_half_away", x=total)
    explain_code(n, rounded, n.zero_point, 0, 255)
