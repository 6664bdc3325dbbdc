"""Vectors of 16 channels, as values that kernels compute with.

A vector of 16 int32 is one register of AVX-512, two of AVX2, four of SSE or Neon: LLVM splits it as the CPU needs.
Arithmetic is lane by lane and wraps. Loads and stores need no alignment. In interpreted kernels (``Q31_JIT=0``) a
vector is a NumPy array.

Pairs: products of 16-bit numbers are summed two by two, :func:`dot_pairs`, because that is one instruction
(``pmaddwd``, with the running sum ``vpdpwssd``) where a 32-bit multiplication and addition are several. So weights
and activations are laid out with the two factors that a channel gets side by side.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import lower_builtin, type_callable

from .isa import FEATURES
from .vector_types import (
    INDEX,
    Vector,
    define,
    emit_constant_load,
    emit_lanes,
    emit_load,
    emit_splat,
    emit_store,
)

LANES = 16
"""Channels of a vector."""

PAIRED = 2 * LANES
"""int16 elements of a vector of pairs."""


INT8 = Vector(types.int8, LANES)
INT16 = Vector(types.int16, LANES)
PAIRS = Vector(types.int16, PAIRED)
INT32 = Vector(types.int32, LANES)
INT64 = Vector(types.int64, LANES)
FLOAT32 = Vector(types.float32, LANES)
FLOAT64 = Vector(types.float64, LANES)


def _define_load(element: Any, vector: Vector, generate: Callable[..., Any] = emit_load) -> Any:
    """Return ``load(view, i)``: the elements of a view from ``i`` on. Bytes become int16."""

    def python(view: np.ndarray, i: int) -> np.ndarray:
        return view[i : i + vector.lanes].astype(np.int16 if view.dtype == np.uint8 else view.dtype)

    return define(vector(types.CPointer(element), types.int64), generate, python)


def _load_bytes(builder: ir.IRBuilder, kind: Any, view: Any, index: Any) -> Any:
    return builder.zext(emit_load(builder, ir.VectorType(ir.IntType(8), LANES), view, index), kind)


def _define_store(element: Any, vector: Vector) -> Any:
    """Return ``store(view, i, value)``."""

    def python(view: np.ndarray, i: int, value: np.ndarray) -> None:
        view[i : i + vector.lanes] = value

    return define(types.void(types.CPointer(element), types.int64, vector), emit_store, python)


load_uint8 = _define_load(types.uint8, INT16, _load_bytes)
load_int16 = _define_load(types.int16, INT16)
load_pairs = _define_load(types.int16, PAIRS)
load_int32 = _define_load(types.int32, INT32)
load_int64 = _define_load(types.int64, INT64)
load_float32 = _define_load(types.float32, FLOAT32)

# Of memory that no kernel writes: LLVM need not load it again after a store, which might have changed it.
constant_pairs = _define_load(types.int16, PAIRS, emit_constant_load)
constant_int32 = _define_load(types.int32, INT32, emit_constant_load)
constant_int64 = _define_load(types.int64, INT64, emit_constant_load)
constant_float32 = _define_load(types.float32, FLOAT32, emit_constant_load)
constant_float64 = _define_load(types.float64, FLOAT64, emit_constant_load)

store_int8 = _define_store(types.int8, INT8)
store_int16 = _define_store(types.int16, INT16)
store_pairs = _define_store(types.int16, PAIRS)
store_int32 = _define_store(types.int32, INT32)
store_int64 = _define_store(types.int64, INT64)
store_float32 = _define_store(types.float32, FLOAT32)


def _first_lanes(builder: ir.IRBuilder, count: Any) -> Any:
    lanes = ir.Constant(ir.VectorType(INDEX, LANES), list(range(LANES)))
    return builder.icmp_signed("<", lanes, emit_splat(builder, lanes.type, builder.trunc(count, INDEX)))


def _call_masked(builder: ir.IRBuilder, operation: str, vector: Any, result: Any, arguments: list[Any]) -> Any:
    function_type = ir.FunctionType(result, [argument.type for argument in arguments])
    name = f"llvm.masked.{operation}.v{LANES}{vector.element.intrinsic_name}.p0"
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), arguments)


def emit_load_first(builder: ir.IRBuilder, kind: Any, view: Any, index: Any, count: Any) -> Any:
    """Emit a load of the first ``count`` lanes, fewer than 16, and zeros."""
    source = builder.bitcast(builder.gep(view, [index]), kind.as_pointer())
    arguments = [source, ir.Constant(INDEX, 1), _first_lanes(builder, count), ir.Constant(kind, None)]
    return _call_masked(builder, "load", kind, kind, arguments)


def _load_first_bytes(builder: ir.IRBuilder, kind: Any, view: Any, index: Any, count: Any) -> Any:
    return builder.zext(emit_load_first(builder, ir.VectorType(ir.IntType(8), LANES), view, index, count), kind)


def emit_store_first(builder: ir.IRBuilder, kind: Any, view: Any, index: Any, value: Any, count: Any) -> Any:
    """Emit a store of the first ``count`` lanes, fewer than 16."""
    target = builder.bitcast(builder.gep(view, [index]), value.type.as_pointer())
    arguments = [value, target, ir.Constant(INDEX, 1), _first_lanes(builder, count)]
    _call_masked(builder, "store", value.type, ir.VoidType(), arguments)


def _define_load_first(
    element: Any, vector: Vector, dtype: type, generate: Callable[..., Any] = emit_load_first
) -> Any:
    """Return ``load(view, i, count)``: fewer than 16 elements, then zeros; nothing beyond them is touched."""

    def python(view: np.ndarray, i: int, count: int) -> np.ndarray:
        return np.concatenate((view[i : i + count], np.zeros(LANES - count))).astype(dtype)

    return define(vector(types.CPointer(element), types.int64, types.int64), generate, python)


def _define_store_first(element: Any, vector: Vector) -> Any:
    """Return ``store(view, i, value, count)``: the first ``count`` lanes only, fewer than 16."""

    def python(view: np.ndarray, i: int, value: np.ndarray, count: int) -> None:
        view[i : i + count] = value[:count]

    return define(types.void(types.CPointer(element), types.int64, vector, types.int64), emit_store_first, python)


load_first_uint8 = _define_load_first(types.uint8, INT16, np.int16, _load_first_bytes)
load_first_int16 = _define_load_first(types.int16, INT16, np.int16)
load_first_float32 = _define_load_first(types.float32, FLOAT32, np.float32)
store_first_int16 = _define_store_first(types.int16, INT16)
store_first_int32 = _define_store_first(types.int32, INT32)
store_first_float32 = _define_store_first(types.float32, FLOAT32)


def _define_splat(element: Any, vector: Vector, dtype: type) -> Any:
    """Return ``splat(value)``: the value, cut to the element's type, in every lane."""

    def generate(builder: ir.IRBuilder, kind: Any, value: Any) -> Any:
        return emit_splat(builder, kind, builder.trunc(value, kind.element))

    return define(vector(types.int64), generate, lambda value: np.full(LANES, value, dtype))


splat_int16 = _define_splat(types.int16, INT16, np.int16)
splat_int32 = _define_splat(types.int32, INT32, np.int32)


splat_float32 = define(FLOAT32(types.float32), emit_splat, lambda value: np.full(LANES, value, np.float32))


def _generate_splat_pair(builder: ir.IRBuilder, kind: Any, view: Any, index: Any) -> Any:
    word = ir.IntType(32)
    pair = builder.load(builder.bitcast(builder.gep(view, [index]), word.as_pointer()), align=2)
    return builder.bitcast(emit_splat(builder, ir.VectorType(word, LANES), pair), kind)


splat_pair = define(
    PAIRS(types.CPointer(types.int16), types.int64),
    _generate_splat_pair,
    lambda view, i: np.tile(view[i : i + 2], LANES),
)
"""``splat_pair(view, i)``: elements ``i`` and ``i + 1`` as the pair of every lane."""


_MULTIPLY_ADD_PAIRS = (
    ("avx512bw", "llvm.x86.avx512.pmaddw.d.512", 16),
    ("avx2", "llvm.x86.avx2.pmadd.wd", 8),
    ("sse2", "llvm.x86.sse2.pmadd.wd", 4),
)
"""Feature, intrinsic and lanes of the instruction pmaddwd, the widest first."""


def _generate_dot_pairs(builder: ir.IRBuilder, kind: Any, total: Any, a: Any, b: Any) -> Any:
    for feature, name, lanes in _MULTIPLY_ADD_PAIRS:
        if feature in FEATURES:
            return builder.add(total, _multiply_add_pairs(builder, name, lanes, a, b))
    wide = ir.VectorType(kind.element, PAIRED)
    products = builder.mul(builder.sext(a, wide), builder.sext(b, wide))
    even = emit_lanes(builder, products, products, list(range(0, PAIRED, 2)))
    odd = emit_lanes(builder, products, products, list(range(1, PAIRED, 2)))
    return builder.add(total, builder.add(even, odd))


def _multiply_add_pairs(builder: ir.IRBuilder, name: str, lanes: int, a: Any, b: Any) -> Any:
    """Emit an intrinsic of ``lanes`` lanes as often as 16 lanes need it, and put the results together."""
    part, result = ir.VectorType(ir.IntType(16), 2 * lanes), ir.VectorType(ir.IntType(32), lanes)
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, [part, part]), name)
    parts = []
    for start in range(0, PAIRED, 2 * lanes):
        chosen = list(range(start, start + 2 * lanes))
        parts.append(builder.call(function, [emit_lanes(builder, x, x, chosen) for x in (a, b)]))
    while len(parts) > 1:
        both = list(range(2 * parts[0].type.count))
        parts = [emit_lanes(builder, low, high, both) for low, high in zip(parts[0::2], parts[1::2], strict=True)]
    return parts[0]


def _python_dot_pairs(total: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    products = a.astype(np.int32) * b.astype(np.int32)
    return total + products[0::2] + products[1::2]


dot_pairs = define(INT32(INT32, PAIRS, PAIRS), _generate_dot_pairs, _python_dot_pairs)
"""``dot_pairs(total, a, b)``: ``total[i] + a[2i] * b[2i] + a[2i+1] * b[2i+1]``, in int32, wrapping."""


def _generate_prefetch(builder: ir.IRBuilder, kind: Any, view: Any, index: Any) -> None:
    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    function_type = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
    to_read, second_cache, data = (ir.Constant(number, value) for value in (0, 2, 1))
    builder.call(function, [builder.bitcast(builder.gep(view, [index]), byte), to_read, second_cache, data])


prefetch = define(types.void(types.CPointer(types.int16), types.int64), _generate_prefetch, lambda view, i: None)
"""``prefetch(view, i)``: have the cache line of element ``i`` come to the second cache; it need not be of the view."""

interleave = define(
    PAIRS(INT16, INT16),
    lambda builder, kind, a, b: emit_lanes(builder, a, b, [i + j for i in range(LANES) for j in (0, LANES)]),
    lambda a, b: np.stack((a, b), axis=-1).ravel(),
)
"""``interleave(a, b)``: the pairs ``(a[i], b[i])``."""

as_pairs = define(
    PAIRS(INT32), lambda builder, kind, a: builder.bitcast(a, kind), lambda a: np.ascontiguousarray(a).view(np.int16)
)
"""``as_pairs(a)``: the halves of each int32 as a pair."""

widen = define(INT64(INT32), lambda builder, kind, a: builder.sext(a, kind), lambda a: a.astype(np.int64))
widen_int16 = define(INT32(INT16), lambda builder, kind, a: builder.sext(a, kind), lambda a: a.astype(np.int32))
narrow_to_int32 = define(INT32(INT64), lambda builder, kind, a: builder.trunc(a, kind), lambda a: a.astype(np.int32))
float32_from_int32 = define(
    FLOAT32(INT32), lambda builder, kind, a: builder.sitofp(a, kind), lambda a: a.astype(np.float32)
)
narrow_to_int16 = define(INT16(INT32), lambda builder, kind, a: builder.trunc(a, kind), lambda a: a.astype(np.int16))
narrow_to_int8 = define(INT8(INT32), lambda builder, kind, a: builder.trunc(a, kind), lambda a: a.astype(np.int8))


def _generate_multiply_and_round(builder: ir.IRBuilder, kind: Any, codes: Any, factors: Any) -> Any:
    product = builder.fmul(builder.sitofp(codes, factors.type), factors)
    zero, up, down = (ir.Constant(factors.type, [x] * LANES) for x in (0.0, _BELOW_HALF, -_BELOW_HALF))
    half = builder.select(builder.fcmp_ordered("<", product, zero), down, up)
    return builder.fptosi(builder.fadd(product, half), kind)


def _python_multiply_and_round(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    product = codes * factors
    return np.trunc(product + np.copysign(_BELOW_HALF, product)).astype(np.int32)


_BELOW_HALF = float(np.nextafter(0.5, 0))  # with 0.5 itself, the number below 0.5 would round to 1

multiply_and_round = define(INT32(INT32, FLOAT64), _generate_multiply_and_round, _python_multiply_and_round)
"""``multiply_and_round(a, b)``: the product in float64, halves away from zero; it must be within +-2**31."""

multiply_wide_and_round = define(INT32(INT64, FLOAT64), _generate_multiply_and_round, _python_multiply_and_round)
"""The same of int64."""


def _generate_round(builder: ir.IRBuilder, kind: Any, x: Any) -> Any:
    if "avx2" in FEATURES:
        return _round_as_x86(builder, x)
    zero, up, down, least, beyond = (
        ir.Constant(x.type, [float(bound)] * LANES)
        for bound in (0, _BELOW_FLOAT_HALF, -_BELOW_FLOAT_HALF, -(2**31), 2**31)
    )
    moved = builder.fadd(x, builder.select(builder.fcmp_ordered("<", x, zero), down, up))
    fits = builder.and_(builder.fcmp_ordered(">=", moved, least), builder.fcmp_ordered("<", moved, beyond))
    return builder.fptosi(builder.select(fits, moved, least), kind)


def _round_as_x86(builder: ir.IRBuilder, x: Any) -> Any:
    """Emit the instruction whose answer is -2**31 where a number does not fit, which LLVM's own leaves open."""
    bits = ir.VectorType(ir.IntType(32), LANES)
    half, sign = (ir.Constant(bits, [n] * LANES) for n in (int(_BELOW_FLOAT_HALF.view(np.int32)), -(2**31)))
    signed_half = builder.or_(builder.and_(builder.bitcast(x, bits), sign), half)
    moved = builder.fadd(x, builder.bitcast(signed_half, x.type))
    parts = [emit_lanes(builder, moved, moved, list(range(start, start + 8))) for start in (0, 8)]
    function_type = ir.FunctionType(ir.VectorType(ir.IntType(32), 8), [parts[0].type])
    convert = cgutils.get_or_insert_function(builder.module, function_type, "llvm.x86.avx.cvtt.ps2dq.256")
    parts = [builder.call(convert, [part]) for part in parts]
    return emit_lanes(builder, parts[0], parts[1], list(range(LANES)))


def _python_round(x: np.ndarray) -> np.ndarray:
    moved = x + np.copysign(_BELOW_FLOAT_HALF, x)
    return np.where((moved >= -(2**31)) & (moved < 2**31), moved, np.float32(-(2**31))).astype(np.int32)


_BELOW_FLOAT_HALF = np.nextafter(np.float32(0.5), np.float32(0))  # as with float64

round_to_int32 = define(INT32(FLOAT32), _generate_round, _python_round)
"""``round_to_int32(x)``: halves away from zero; what does not fit, and NaN, becomes -2**31."""


def _generate_multiply_high(builder: ir.IRBuilder, kind: Any, a: Any, b: Any) -> Any:
    wide = ir.VectorType(ir.IntType(64), LANES // 2)
    low, word = (ir.Constant(wide, [x] * (LANES // 2)) for x in (0xFFFFFFFF, 32))
    pairs = [builder.bitcast(x, wide) for x in (a, b)]
    even = builder.mul(*(builder.and_(x, low) for x in pairs))
    odd = builder.mul(*(builder.lshr(x, word) for x in pairs))
    upper = [i + j for i in range(1, LANES, 2) for j in (0, LANES)]
    return emit_lanes(builder, builder.bitcast(even, kind), builder.bitcast(odd, kind), upper)


def _python_multiply_high(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return ((a.view(np.uint32).astype(np.uint64) * b.view(np.uint32)) >> np.uint64(32)).astype(np.uint32).view(np.int32)


multiply_high = define(INT32(INT32, INT32), _generate_multiply_high, _python_multiply_high)
"""``multiply_high(a, b)``: the upper half of the product of two unsigned numbers."""


def _generate_multiply_rounded(builder: ir.IRBuilder, kind: Any, a: Any, b: Any) -> Any:
    wide = ir.VectorType(ir.IntType(64), LANES)
    product = builder.mul(builder.sext(a, wide), builder.sext(b, wide))
    rounded = builder.add(product, ir.Constant(wide, [1 << 30] * LANES))
    return builder.trunc(builder.lshr(rounded, ir.Constant(wide, [31] * LANES)), kind)


multiply_rounded = define(
    INT32(INT32, INT32),
    _generate_multiply_rounded,
    lambda a, b: ((a.astype(np.int64) * b + (1 << 30)) >> 31).astype(np.int32),
)
"""``multiply_rounded(a, b)``: the upper half of twice the product, rounded; it wraps where both are -2**31."""

choose_below = define(
    INT32(INT32, INT32, INT32, INT32),
    lambda builder, kind, value, bound, below, above: builder.select(
        builder.icmp_signed("<", value, bound), below, above
    ),
    lambda value, bound, below, above: np.where(value < bound, below, above),
)
"""``choose_below(value, bound, below, above)``: by whether the value is below the bound."""


def _define_clamp(vector: Vector, compare: str, python: Callable[..., Any]) -> Any:
    """Return ``clamp(value, bound)``: the bound where the value is beyond it. A NaN is beyond nothing."""

    def generate(builder: ir.IRBuilder, kind: Any, value: Any, bound: Any) -> Any:
        ordered = builder.icmp_signed if isinstance(kind.element, ir.IntType) else builder.fcmp_ordered
        return builder.select(ordered(compare, bound, value), bound, value)

    return define(vector(vector, vector), generate, python)


at_most = _define_clamp(INT32, "<", np.minimum)
at_least = _define_clamp(INT32, ">", np.maximum)
at_most_float32 = _define_clamp(FLOAT32, "<", lambda value, bound: np.where(bound < value, bound, value))
at_least_float32 = _define_clamp(FLOAT32, ">", lambda value, bound: np.where(bound > value, bound, value))


def _define_operator(function: Callable[..., Any], instruction: str) -> None:
    """Make an arithmetic operator of Python work on two vectors of one type."""

    def type_of(context: Any) -> Callable[[Any, Any], Any]:
        return lambda a, b: a if isinstance(a, Vector) and a == b else None

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        kind = "f" if isinstance(signature.return_type.element, types.Float) else ""
        return getattr(builder, kind + instruction)(*arguments)

    type_callable(function)(type_of)
    lower_builtin(function, Vector, Vector)(generate)


_define_operator(operator.add, "add")
_define_operator(operator.sub, "sub")
_define_operator(operator.mul, "mul")
_define_operator(operator.truediv, "div")
_define_operator(operator.and_, "and_")
_define_operator(operator.xor, "xor")
_define_operator(operator.lshift, "shl")
_define_operator(operator.rshift, "ashr")
