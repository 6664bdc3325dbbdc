"""Vectors of bytes, for operators that are over in a few instructions: tables, extremes, weighted sums.

Bytes are unsigned: an int8 code with its top bit flipped is the uint8 code whose zero point is 128 higher, and in the
same order. :data:`CODES` are the codes that go with a vector of 16 int32; :data:`BYTES` are 32, a register of AVX2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from .isa import FEATURES
from .vector_types import INDEX, Vector, define, emit_constant_load, emit_lanes, emit_load, emit_splat, emit_store
from .vectors import INT16, INT32, LANES, PAIRS, emit_load_first, emit_store_first

WIDE = 32
"""Bytes of a vector of :data:`BYTES`."""

CODES = Vector(types.uint8, LANES)
BYTES = Vector(types.uint8, WIDE)
_VIEW = types.CPointer(types.uint8)


def _define_load(vector: Vector) -> Any:
    """Return ``load(view, i)``."""
    return define(vector(_VIEW, types.int64), emit_load, lambda view, i: view[i : i + vector.lanes].copy())


def _define_store(vector: Vector) -> Any:
    """Return ``store(view, i, value)``."""

    def python(view: np.ndarray, i: int, value: np.ndarray) -> None:
        view[i : i + vector.lanes] = value

    return define(types.void(_VIEW, types.int64, vector), emit_store, python)


def _define_splat(vector: Vector) -> Any:
    """Return ``splat(value)``: the value, cut to a byte, in every lane."""

    def generate(builder: ir.IRBuilder, kind: Any, value: Any) -> Any:
        return emit_splat(builder, kind, builder.trunc(value, kind.element))

    return define(vector(types.int64), generate, lambda value: np.full(vector.lanes, value & 0xFF, np.uint8))


def _define_choice(vector: Vector, compare: str, python: Callable[..., Any]) -> Any:
    """Return ``choose(a, b)``: lane by lane the one that compares so to the other."""

    def generate(builder: ir.IRBuilder, kind: Any, a: Any, b: Any) -> Any:
        return builder.select(builder.icmp_unsigned(compare, a, b), a, b)

    return define(vector(vector, vector), generate, python)


load_codes, store_codes, splat_codes = _define_load(CODES), _define_store(CODES), _define_splat(CODES)
load_bytes, store_bytes, splat_bytes = _define_load(BYTES), _define_store(BYTES), _define_splat(BYTES)
greater_codes, lesser_codes = _define_choice(CODES, ">", np.maximum), _define_choice(CODES, "<", np.minimum)
greater_bytes, lesser_bytes = _define_choice(BYTES, ">", np.maximum), _define_choice(BYTES, "<", np.minimum)


def _generate_saturate(builder: ir.IRBuilder, kind: Any, numbers: Any) -> Any:
    # With constant bounds LLVM finds the instructions that saturate and pack.
    low, high = (emit_splat(builder, numbers.type, ir.Constant(numbers.type.element, x)) for x in (0, 255))
    numbers = builder.select(builder.icmp_signed("<", numbers, low), low, numbers)
    numbers = builder.select(builder.icmp_signed(">", numbers, high), high, numbers)
    return builder.trunc(numbers, kind)


saturate = define(CODES(INT32), _generate_saturate, lambda numbers: np.clip(numbers, 0, 255).astype(np.uint8))
"""``saturate(numbers)``: int32 as bytes, 0 and 255 for what is beyond them."""


widen_codes = define(INT16(CODES), lambda builder, kind, a: builder.zext(a, kind), lambda a: a.astype(np.int16))
"""``widen_codes(codes)``: bytes as int16."""


widen_codes_to_int32 = define(
    INT32(CODES), lambda builder, kind, a: builder.zext(a, kind), lambda a: a.astype(np.int32)
)
"""``widen_codes_to_int32(codes)``: bytes as int32."""


def _generate_pair_codes(builder: ir.IRBuilder, kind: Any, a: Any, b: Any) -> Any:
    return builder.zext(emit_lanes(builder, a, b, [i + j for i in range(LANES) for j in (0, LANES)]), kind)


pair_codes = define(
    PAIRS(CODES, CODES), _generate_pair_codes, lambda a, b: np.stack((a, b), axis=-1).ravel().astype(np.int16)
)
"""``pair_codes(a, b)``: the pairs ``(a[i], b[i])`` of int16."""


def _generate_pair_with_zeros(builder: ir.IRBuilder, kind: Any, codes: Any) -> Any:
    return builder.bitcast(builder.zext(codes, ir.VectorType(INDEX, LANES)), kind)


pair_with_zeros = define(
    PAIRS(CODES),
    _generate_pair_with_zeros,
    lambda codes: np.stack((codes, np.zeros_like(codes)), axis=-1).ravel().astype(np.int16),
)
"""``pair_with_zeros(codes)``: the pairs ``(codes[i], 0)`` of int16."""


def _generate_splat_pair_of(builder: ir.IRBuilder, kind: Any, first: Any, second: Any) -> Any:
    low, high = (builder.zext(builder.trunc(value, kind.element), INDEX) for value in (first, second))
    pair = builder.or_(low, builder.shl(high, ir.Constant(INDEX, 16)))
    return builder.bitcast(emit_splat(builder, ir.VectorType(INDEX, LANES), pair), kind)


splat_pair_of = define(
    PAIRS(types.int64, types.int64),
    _generate_splat_pair_of,
    lambda first, second: np.tile(np.array([first, second], np.int16), LANES),
)
"""``splat_pair_of(first, second)``: two numbers, cut to int16, as the pair of every lane."""


saturate_int16 = define(CODES(INT16), _generate_saturate, lambda numbers: np.clip(numbers, 0, 255).astype(np.uint8))
"""``saturate_int16(numbers)``: int16 as bytes in the same way."""


def _generate_high_product(builder: ir.IRBuilder, kind: Any, a: Any, b: Any) -> Any:
    wide = ir.VectorType(INDEX, LANES)
    product = builder.mul(builder.zext(a, wide), builder.zext(b, wide))
    return builder.trunc(builder.lshr(product, emit_splat(builder, wide, ir.Constant(INDEX, 16))), kind)


high_product = define(
    INT16(INT16, INT16),
    _generate_high_product,
    lambda a, b: ((a.view(np.uint16).astype(np.uint32) * b.view(np.uint16)) >> 16).astype(np.uint16).view(np.int16),
)
"""``high_product(a, b)``: the upper half of the product of two unsigned numbers of 16 bits."""


HAS_SHUFFLES = "avx2" in FEATURES
"""Whether there is an instruction for :func:`look_up`; without it, loads one by one are as fast."""

_ROW = 16  # bytes that one shuffle chooses from
_QUARTER = 64  # bytes of the table, a register of AVX-512


def _define_look_up(load: Callable[..., Any]) -> Any:
    """Return ``look_up(table, indices)``: a byte of a table of 256 for each index."""

    def generate(builder: ir.IRBuilder, kind: Any, table: Any, indices: Any) -> Any:
        if "avx512vbmi" in FEATURES:
            return _choose_from_quarters(builder, table, indices, load)
        if HAS_SHUFFLES:
            return _shuffle_rows(builder, kind, table, indices, load)
        return ir.Constant(kind, None)  # never called

    return define(BYTES(_VIEW, BYTES), generate, lambda table, indices: table[0:256][indices])


def _choose_from_quarters(builder: ir.IRBuilder, table: Any, indices: Any, load: Callable[..., Any]) -> Any:
    """Emit the instruction that chooses from 128 bytes by 7 bits of an index, for both halves of the table."""
    kind = ir.VectorType(ir.IntType(8), _QUARTER)
    choose = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind] * 3), "llvm.x86.avx512.vpermi2var.qi.512"
    )
    places = [ir.Constant(ir.IntType(64), number * _QUARTER) for number in range(4)]
    quarters = [load(builder, kind, table, place) for place in places]
    wide = emit_lanes(builder, indices, indices, [*range(WIDE)] * 2)
    low, high = (builder.call(choose, [quarters[n], wide, quarters[n + 1]]) for n in (0, 2))
    is_high = builder.icmp_signed("<", wide, ir.Constant(kind, None))
    chosen = builder.select(is_high, high, low)
    return emit_lanes(builder, chosen, chosen, [*range(WIDE)])


def _shuffle_rows(builder: ir.IRBuilder, kind: Any, table: Any, indices: Any, load: Callable[..., Any]) -> Any:
    """Emit 16 shuffles, each of a row of the table, and choose among four quarters of the table by an index's top bits.

    A shuffle gives 0 where the top bit of an index is set, else a byte of the row by the index modulo 16. So with the
    lower six bits of the indices, less 16 each time, the shuffle of row ``r`` of a quarter counts for all indices of
    its row and of those after it; the rows are exclusive-ors with the row before, which leave the byte of the last row
    that counts.
    """
    byte, row_type = kind.element, ir.VectorType(kind.element, _ROW)
    shuffle = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind, kind]), "llvm.x86.avx2.pshuf.b"
    )
    blend = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind, kind, kind]), "llvm.x86.avx2.pblendvb"
    )
    step = emit_splat(builder, kind, ir.Constant(byte, _ROW))
    rows = _QUARTER // _ROW
    remaining = [builder.and_(indices, emit_splat(builder, kind, ir.Constant(byte, _QUARTER - 1)))]
    while len(remaining) < rows:
        remaining.append(builder.sub(remaining[-1], step))
    quarters = []
    for quarter in range(4):
        before: Any = None
        found: Any = None
        for number in range(rows):
            place = ir.Constant(ir.IntType(64), (rows * quarter + number) * _ROW)
            row = load(builder, row_type, table, place)
            difference = row if before is None else builder.xor(row, before)
            before = row
            doubled = emit_lanes(builder, difference, difference, [*range(_ROW)] * 2)
            chosen = builder.call(shuffle, [doubled, remaining[number]])
            found = chosen if found is None else builder.xor(found, chosen)
        quarters.append(found)
    is_odd = builder.add(indices, indices)  # by the top bit of each byte
    low, high = (builder.call(blend, [quarters[n], quarters[n + 1], is_odd]) for n in (0, 2))
    return builder.call(blend, [low, high, indices])


look_up = _define_look_up(emit_constant_load)
"""``look_up(table, indices)``: a byte of a constant table of 256 for each index."""

look_up_anew = _define_look_up(emit_load)
"""The same of a table that the kernel itself writes."""


def _generate_greatest(builder: ir.IRBuilder, kind: Any, codes: Any) -> Any:
    element = codes.type.element
    name = f"llvm.vector.reduce.umax.v{LANES}i8"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(element, [codes.type]), name)
    return builder.zext(builder.call(function, [codes]), kind)


greatest_of = define(types.int64(CODES), _generate_greatest, lambda codes: int(codes.max()))
"""``greatest_of(codes)``: the greatest of 16 bytes."""


def _generate_first_equal(builder: ir.IRBuilder, kind: Any, codes: Any, code: Any) -> Any:
    wanted = emit_splat(builder, codes.type, builder.trunc(code, codes.type.element))
    found = builder.zext(builder.bitcast(builder.icmp_unsigned("==", codes, wanted), ir.IntType(LANES)), kind)
    with_end = builder.or_(found, ir.Constant(kind, 1 << LANES))
    return builder.cttz(with_end, ir.Constant(ir.IntType(1), 1))


def _python_first_equal(codes: np.ndarray, code: int) -> int:
    places = np.flatnonzero(codes == code)
    return int(places[0]) if len(places) else LANES


first_equal = define(types.int64(CODES, types.int64), _generate_first_equal, _python_first_equal)
"""``first_equal(codes, code)``: the place of the first byte that is ``code``, 16 where none is."""

load_first_codes = define(
    CODES(_VIEW, types.int64, types.int64),
    emit_load_first,
    lambda view, i, count: np.concatenate((view[i : i + count], np.zeros(LANES - count, np.uint8))),
)
"""``load_first_codes(view, i, count)``: fewer than 16, then zeros; nothing beyond them is touched."""


def _store_first_codes(view: np.ndarray, i: int, value: np.ndarray, count: int) -> None:
    view[i : i + count] = value[:count]


store_first_codes = define(types.void(_VIEW, types.int64, CODES, types.int64), emit_store_first, _store_first_codes)
"""``store_first_codes(view, i, value, count)``: the first ``count`` only, fewer than 16."""
