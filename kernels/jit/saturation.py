"""From int32 to signed bytes that saturate, of one vector or of two at once, and how they are clamped and stored."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from .isa import FEATURES
from .vector_types import Vector, define, emit_lanes, emit_splat
from .vectors import INT8, INT32, LANES, emit_store_first

TWO = 2 * LANES
"""Codes of two vectors."""

TWICE_INT8 = Vector(types.int8, TWO)
_BYTE = ir.IntType(8)
_PACKS = "avx2" in FEATURES and "avx512bw" not in FEATURES  # AVX-512 narrows a vector in one instruction


def _generate_saturate(builder: ir.IRBuilder, kind: Any, numbers: Any) -> Any:
    # With constant bounds LLVM finds the instructions that saturate and pack.
    low, high = (emit_splat(builder, numbers.type, ir.Constant(numbers.type.element, x)) for x in (-128, 127))
    numbers = builder.select(builder.icmp_signed("<", numbers, low), low, numbers)
    numbers = builder.select(builder.icmp_signed(">", numbers, high), high, numbers)
    return builder.trunc(numbers, kind)


def _python_saturate(numbers: np.ndarray) -> np.ndarray:
    return np.clip(numbers, -128, 127).astype(np.int8)


saturate_int8 = define(INT8(INT32), _generate_saturate, _python_saturate)
"""``saturate_int8(numbers)``: int32 as signed bytes, -128 and 127 for what is beyond them."""


def _generate_saturate_two(builder: ir.IRBuilder, kind: Any, first: Any, second: Any) -> Any:
    if not _PACKS:
        low, high = (_generate_saturate(builder, ir.VectorType(_BYTE, LANES), x) for x in (first, second))
        return emit_lanes(builder, low, high, list(range(TWO)))
    words, half, dwords = (ir.VectorType(ir.IntType(bits), count) for bits, count in ((16, 16), (32, 8), (32, 8)))
    pack_words = _function(builder, words, half, "llvm.x86.avx2.packssdw")
    pack_bytes = _function(builder, kind, words, "llvm.x86.avx2.packsswb")
    packed = []
    for numbers in (first, second):
        halves = [emit_lanes(builder, numbers, numbers, list(range(i, i + 8))) for i in (0, 8)]
        packed.append(builder.call(pack_words, halves))
    # Both instructions pack the halves of registers apart: what belongs together lies four dwords from each other.
    mixed = builder.bitcast(builder.call(pack_bytes, packed), dwords)
    return builder.bitcast(emit_lanes(builder, mixed, mixed, [0, 4, 1, 5, 2, 6, 3, 7]), kind)


def _function(builder: ir.IRBuilder, result: Any, argument: Any, name: str) -> Any:
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, [argument] * 2), name)


saturate_two = define(
    TWICE_INT8(INT32, INT32),
    _generate_saturate_two,
    lambda first, second: np.concatenate((_python_saturate(first), _python_saturate(second))),
)
"""``saturate_two(first, second)``: the same of two vectors, one behind the other."""

first_of_two, second_of_two = (
    define(
        INT8(TWICE_INT8),
        lambda builder, kind, codes, start=start: emit_lanes(builder, codes, codes, list(range(start, start + LANES))),
        lambda codes, start=start: codes[start : start + LANES],
    )
    for start in (0, LANES)
)
"""``first_of_two(codes)``, ``second_of_two(codes)``: what :func:`saturate_two` put together."""


def _define_within(vector: Vector) -> Any:
    """Return ``within(codes, low, high)``: signed bytes clamped to those of ``low`` and ``high``."""

    def generate(builder: ir.IRBuilder, kind: Any, codes: Any, low: Any, high: Any) -> Any:
        low, high = (emit_lanes(builder, x, x, list(range(vector.lanes))) for x in (low, high))
        codes = builder.select(builder.icmp_signed("<", codes, low), low, codes)
        return builder.select(builder.icmp_signed(">", codes, high), high, codes)

    def python(codes: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        return np.clip(codes, low[: vector.lanes], high[: vector.lanes])

    return define(vector(vector, TWICE_INT8, TWICE_INT8), generate, python)


within, within_two = _define_within(INT8), _define_within(TWICE_INT8)


def _define_flip(vector: Vector) -> Any:
    """Return ``flip(codes, bits)``: signed bytes with those bits flipped."""

    def generate(builder: ir.IRBuilder, kind: Any, codes: Any, bits: Any) -> Any:
        return builder.xor(codes, emit_lanes(builder, bits, bits, list(range(vector.lanes))))

    return define(vector(vector, TWICE_INT8), generate, lambda codes, bits: codes ^ bits[: vector.lanes])


flip, flip_two = _define_flip(INT8), _define_flip(TWICE_INT8)

splat_int8 = define(
    TWICE_INT8(types.int64),
    lambda builder, kind, value: emit_splat(builder, kind, builder.trunc(value, _BYTE)),
    lambda value: np.full(TWO, np.uint8(value & 0xFF).view(np.int8)),
)
"""``splat_int8(value)``: the last 8 bits of a number in every lane of two vectors."""


def _generate_store_first(builder: ir.IRBuilder, kind: Any, view: Any, index: Any, codes: Any, count: Any) -> Any:
    """Emit stores of 8, 4, 2 bytes and 1, by the bits of the count: there is no instruction that stores some bytes."""
    if "avx512bw" in FEATURES:
        emit_store_first(builder, kind, view, index, codes, count)
        return
    size = ir.IntType(64)
    halves = builder.bitcast(codes, ir.VectorType(size, 2))
    low, high = (builder.extract_element(halves, ir.Constant(ir.IntType(32), i)) for i in range(2))
    left, place = low, builder.gep(view, [index])
    for bytes_ in (8, 4, 2, 1):
        wanted = builder.icmp_unsigned("!=", builder.and_(count, ir.Constant(size, bytes_)), ir.Constant(size, 0))
        part = ir.IntType(8 * bytes_)
        with builder.if_then(wanted):
            builder.store(
                left if bytes_ == 8 else builder.trunc(left, part), builder.bitcast(place, part.as_pointer()), align=1
            )
        if bytes_ == 1:
            return
        after = high if bytes_ == 8 else builder.lshr(left, ir.Constant(size, 8 * bytes_))
        left = builder.select(wanted, after, left)
        place = builder.select(wanted, builder.gep(place, [ir.Constant(size, bytes_)]), place)


def _define_store_first(element: Any, vector: Vector) -> Any:
    def python(view: np.ndarray, i: int, codes: np.ndarray, count: int) -> None:
        view[i : i + count] = codes[:count]

    signature = types.void(types.CPointer(element), types.int64, vector, types.int64)
    return define(signature, _generate_store_first, python)


store_first_int8 = _define_store_first(types.int8, INT8)
"""``store_first_int8(view, i, codes, count)``: the first ``count`` codes only, fewer than 16."""
