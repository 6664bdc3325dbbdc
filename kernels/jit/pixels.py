"""Four pixels of up to four channels as a vector of 16, each where it lies in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from .vector_types import INDEX, define, emit_lanes, emit_load
from .vectors import INT8, INT32

_PIXEL = 4


def _generate_load(builder: ir.IRBuilder, kind: Any, view: Any, *places: Any) -> Any:
    part = ir.VectorType(kind.element, _PIXEL)
    pixels = [emit_load(builder, part, view, place) for place in places]
    first, second = (emit_lanes(builder, a, b, [*range(2 * _PIXEL)]) for a, b in (pixels[:2], pixels[2:]))
    return emit_lanes(builder, first, second, [*range(4 * _PIXEL)])


load_four = define(
    INT32(types.CPointer(types.int32), *[types.int64] * 4),
    _generate_load,
    lambda view, *places: np.concatenate([view[place : place + _PIXEL] for place in places]),
)
"""``load_four(view, i, j, k, l)``: four elements each from four places."""


def _generate_store(builder: ir.IRBuilder, kind: Any, view: Any, to: Any, step: Any, codes: Any) -> Any:
    words = builder.bitcast(codes, ir.VectorType(INDEX, _PIXEL))
    for number in range(_PIXEL):
        word = builder.extract_element(words, ir.Constant(INDEX, number))
        builder.store(word, builder.bitcast(builder.gep(view, [to]), INDEX.as_pointer()), align=1)
        to = builder.add(to, step)


def _python_store(view: np.ndarray, to: int, step: int, codes: np.ndarray) -> None:
    for number in range(_PIXEL):
        view[to + number * step : to + number * step + _PIXEL] = codes[_PIXEL * number : _PIXEL * (number + 1)]


store_four = define(
    types.void(types.CPointer(types.int8), types.int64, types.int64, INT8), _generate_store, _python_store
)
"""``store_four(view, to, step, codes)``: four bytes each, ``step`` apart, one after the other."""
