"""Vectors of quads: four bytes side by side in each of 16 lanes, of which the products are summed.

``vpdpbusd`` sums the products of four unsigned codes with four signed weights, and the running sum, in one
instruction, where pairs of int16 need two of another and twice the memory. Nothing in it saturates.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import INTERPRETED
from .isa import FEATURES
from .vector_types import Vector, define, emit_constant_load, emit_lanes, emit_load, emit_splat, emit_store
from .vectors import INT8, INT16, INT32, LANES, PAIRS

QUAD = 4
"""Bytes of a lane."""

BYTES = QUAD * LANES
"""Bytes of a vector of quads."""

QUADS = Vector(types.int8, BYTES)

_TAKES_BYTES = binding.llvm_version_info[0] >= 22
"""Whether LLVM's intrinsic takes vectors of bytes; before, it took them as int32."""


def _emit_splat_quad(builder: ir.IRBuilder, kind: Any, view: Any, index: Any) -> Any:
    word = ir.IntType(32)
    quad = builder.load(builder.bitcast(builder.gep(view, [index]), word.as_pointer()), align=1)
    return builder.bitcast(emit_splat(builder, ir.VectorType(word, LANES), quad), kind)


def _emit_dot_quads(builder: ir.IRBuilder, kind: Any, total: Any, codes: Any, weights: Any) -> Any:
    if "avx512vnni" in FEATURES:
        operand = codes.type if _TAKES_BYTES else kind
        function_type = ir.FunctionType(kind, [kind, operand, operand])
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.x86.avx512.vpdpbusd.512")
        return builder.call(function, [total, *(builder.bitcast(one, operand) for one in (codes, weights))])
    codes, weights = builder.bitcast(codes, kind), builder.bitcast(weights, kind)
    for position in range(QUAD):
        low, high, top, mask = (
            ir.Constant(kind, [value] * LANES) for value in (8 * position, 24 - 8 * position, 24, 255)
        )
        code = builder.and_(builder.lshr(codes, low), mask)
        weight = builder.ashr(builder.shl(weights, high), top)
        total = builder.add(total, builder.mul(code, weight))
    return total


def _python_dot_quads(total: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    products = codes.view(np.uint8).astype(np.int32) * weights
    return total + products.reshape(LANES, QUAD).sum(axis=1, dtype=np.int32)


def _python_store_quads(view: np.ndarray, i: int, value: np.ndarray) -> None:
    view[i : i + BYTES] = value


def _python_store_bytes(view: np.ndarray, i: int, value: np.ndarray) -> None:
    view[i : i + BYTES] = value.view(np.uint8)


load_bytes = define(
    QUADS(types.CPointer(types.uint8), types.int64), emit_load, lambda view, i: view[i : i + BYTES].view(np.int8)
)
"""``load_bytes(view, i)``: 64 bytes from ``i`` on."""

store_bytes = define(types.void(types.CPointer(types.uint8), types.int64, QUADS), emit_store, _python_store_bytes)
"""``store_bytes(view, i, value)``: 64 bytes from ``i`` on."""

splat_byte = define(
    QUADS(types.int64),
    lambda builder, kind, value: emit_splat(builder, kind, builder.trunc(value, kind.element)),
    lambda value: np.full(BYTES, value, np.uint8).view(np.int8),
)
"""``splat_byte(value)``: the value, cut to 8 bits, in every byte."""


load_quads = define(
    QUADS(types.CPointer(types.int8), types.int64), emit_load, lambda view, i: view[i : i + BYTES].copy()
)
"""``load_quads(view, i)``: the quads of 16 channels."""

splat_quad = define(
    QUADS(types.CPointer(types.uint8), types.int64),
    _emit_splat_quad,
    lambda view, i: np.tile(view[i : i + QUAD].view(np.int8), LANES),
)
"""``splat_quad(view, i)``: bytes ``i`` to ``i + 3`` as the quad of every lane."""

constant_quads = define(
    QUADS(types.CPointer(types.int8), types.int64), emit_constant_load, lambda view, i: view[i : i + BYTES].copy()
)
"""``constant_quads(view, i)``: the same of memory that no kernel writes."""

store_quads = define(types.void(types.CPointer(types.int8), types.int64, QUADS), emit_store, _python_store_quads)
"""``store_quads(view, i, value)``: the quads of 16 channels."""

dot_quads = define(INT32(INT32, QUADS, QUADS), _emit_dot_quads, _python_dot_quads)
"""``dot_quads(total, codes, weights)``: each lane's four products of uint8 and int8 added, in int32, wrapping."""

_MULTIPLY_ADD_BYTES = (
    ("avx512bw", "llvm.x86.avx512.pmaddubs.w.512", 64),
    ("avx2", "llvm.x86.avx2.pmadd.ub.sw", 32),
    ("ssse3", "llvm.x86.ssse3.pmadd.ub.sw.128", 16),
)
"""Feature, intrinsic and bytes of the instruction pmaddubsw, the widest first."""


def _emit_multiply_bytes(builder: ir.IRBuilder, kind: Any, codes: Any, weights: Any) -> Any:
    for feature, name, count in _MULTIPLY_ADD_BYTES:
        if feature in FEATURES:
            return _multiply_add_bytes(builder, name, count, codes, weights)
    codes, weights = builder.bitcast(codes, kind), builder.bitcast(weights, kind)
    eight, mask = (ir.Constant(kind, [value] * kind.count) for value in (8, 255))
    first = builder.mul(builder.and_(codes, mask), builder.ashr(builder.shl(weights, eight), eight))
    return builder.add(first, builder.mul(builder.lshr(codes, eight), builder.ashr(weights, eight)))


def _multiply_add_bytes(builder: ir.IRBuilder, name: str, count: int, codes: Any, weights: Any) -> Any:
    part, result = ir.VectorType(ir.IntType(8), count), ir.VectorType(ir.IntType(16), count // 2)
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, [part, part]), name)
    parts = []
    for start in range(0, BYTES, count):
        chosen = list(range(start, start + count))
        parts.append(builder.call(function, [emit_lanes(builder, x, x, chosen) for x in (codes, weights)]))
    while len(parts) > 1:
        both = list(range(2 * parts[0].type.count))
        parts = [emit_lanes(builder, low, high, both) for low, high in zip(parts[0::2], parts[1::2], strict=True)]
    return parts[0]


def _python_multiply_bytes(codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    products = codes.view(np.uint8).astype(np.int16) * weights
    return products[0::2] + products[1::2]


multiply_bytes = define(PAIRS(QUADS, QUADS), _emit_multiply_bytes, _python_multiply_bytes)
"""``multiply_bytes(codes, weights)``: products of uint8 and int8, two by two, of which the sums must fit int16."""

load_codes = define(
    INT8(types.CPointer(types.uint8), types.int64), emit_load, lambda view, i: view[i : i + LANES].view(np.int8)
)
"""``load_codes(view, i)``: 16 bytes from ``i`` on."""

narrow_to_codes = define(
    INT8(INT16), lambda builder, kind, a: builder.trunc(a, kind), lambda a: a.astype(np.uint8).view(np.int8)
)
"""``narrow_to_codes(a)``: the lower bytes of int16."""

splat_code = define(
    INT8(types.int64),
    lambda builder, kind, value: emit_splat(builder, kind, builder.trunc(value, kind.element)),
    lambda value: np.full(LANES, value, np.uint8).view(np.int8),
)
"""``splat_code(value)``: the value, cut to 8 bits, in 16 bytes."""


def _emit_interleave(builder: ir.IRBuilder, kind: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    pairs = [i + j for i in range(LANES) for j in (0, LANES)]
    upper, lower = emit_lanes(builder, a, b, pairs), emit_lanes(builder, c, d, pairs)
    return emit_lanes(
        builder, upper, lower, [2 * i + j for i in range(LANES) for j in (0, 1, 2 * LANES, 2 * LANES + 1)]
    )


interleave_codes = define(
    QUADS(INT8, INT8, INT8, INT8), _emit_interleave, lambda *rows: np.stack(rows, axis=-1).ravel()
)
"""``interleave_codes(a, b, c, d)``: the quads ``(a[i], b[i], c[i], d[i])``."""


def _define_tile(rows: int, blocks: int) -> Any:
    """Return ``tile(panel, row, row_step, filter, block, block_step, bias, channel, sums)``.

    It multiplies ``rows`` rows of the panel, bytes ``row``, ``row + row_step``..., with ``blocks`` blocks of 16
    channels of the packed filter, bytes ``block``, ``block + block_step``..., and writes the sums, which start from the
    bias: int32 ``[rows][blocks][16]``. The depth is ``row_step``. All sums stay in registers until then.
    """

    def python(panel: Any, row: int, row_step: int, weights: Any, block: int, block_step: int, *rest: Any) -> None:
        bias, channel, sums = rest
        left = np.stack([panel[start : start + row_step] for start in row + row_step * np.arange(rows)])
        for j in range(blocks):
            start = block + j * block_step
            right = weights[start : start + row_step * LANES].reshape(-1, LANES, QUAD).transpose(0, 2, 1)
            products = left.astype(np.int32) @ right.reshape(-1, LANES).astype(np.int32)
            start = channel + j * LANES
            sums.reshape(-1)[: rows * blocks * LANES].reshape(rows, blocks, LANES)[:, j] = (
                products + bias[start : start + LANES]
            )

    if INTERPRETED:
        return python

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        panel, row, row_step, weights, block, block_step, bias, channel, sums = arguments
        kind, quads = (context.get_value_type(vector) for vector in (INT32, QUADS))
        size = row.type

        def times(value: Any, factor: int) -> Any:
            return builder.mul(value, ir.Constant(size, factor))

        row_starts = [builder.add(row, times(row_step, i)) for i in range(rows)]
        block_starts = [builder.add(block, times(block_step, j)) for j in range(blocks)]
        first = [
            emit_constant_load(builder, kind, bias, builder.add(channel, ir.Constant(size, j * LANES)))
            for j in range(blocks)
        ]
        totals = [[cgutils.alloca_once_value(builder, one) for one in first] for _ in range(rows)]
        steps = builder.udiv(row_step, ir.Constant(size, QUAD))
        with cgutils.for_range(builder, steps) as loop:
            offset = times(loop.index, BYTES)
            columns = [emit_constant_load(builder, quads, weights, builder.add(j, offset)) for j in block_starts]
            for start, row_totals in zip(row_starts, totals, strict=True):
                codes = _emit_splat_quad(builder, quads, panel, builder.add(start, times(loop.index, QUAD)))
                for column, total in zip(columns, row_totals, strict=True):
                    builder.store(_emit_dot_quads(builder, kind, builder.load(total), codes, column), total)
        for place, total in enumerate(one for row_totals in totals for one in row_totals):
            emit_store(builder, kind, sums, ir.Constant(size, place * LANES), builder.load(total))
        return context.get_dummy_value()

    signature = types.void(
        *(types.CPointer(types.uint8), types.int64, types.int64),
        *(types.CPointer(types.int8), types.int64, types.int64),
        *(types.CPointer(types.int32), types.int64, types.CPointer(types.int32)),
    )

    @intrinsic
    def tile(
        typing_context: Any,
        panel: Any,
        row: Any,
        row_step: Any,
        weights: Any,
        block: Any,
        block_step: Any,
        bias: Any,
        channel: Any,
        sums: Any,
    ) -> Any:
        return signature, generate

    return tile


# As many sums as leave registers for operands: AVX-512 has 32.
tile_6x4 = _define_tile(6, 4)
tile_12x2 = _define_tile(12, 2)
tile_12x1 = _define_tile(12, 1)
tile_1x4 = _define_tile(1, 4)
tile_1x1 = _define_tile(1, 1)
