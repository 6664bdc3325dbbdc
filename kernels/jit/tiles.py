"""Products of 8-bit codes by tiles: 16 rows of 64 bytes each, multiplied as matrices (AMX).

``tdpbusd`` adds the product of a tile of uint8 rows and a tile of int8 quads to a tile of int32 sums. A *square* is
four of those: two tiles of rows and two of 16 channels. Weights are packed int8 ``[depth/64][2][16][16][4]`` for a
square's 32 channels. Tiles are registers that the compiler does not assign, so a kernel names them, configures
them before it uses them, and releases them at its end.

Where the processor has no tiles the same squares are computed by sums of quads.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import INTERPRETED
from .addressing import helper, int8_view, int32_view, uint8_view
from .isa import FEATURES
from .quads import BYTES, QUAD, constant_quads, dot_quads, splat_quad
from .vectors import LANES, load_int32, store_int32

TILE_ROWS = 16
"""The most rows of a tile."""

TILE_BYTES = TILE_ROWS * BYTES
"""Bytes of a tile of weights."""

CONFIG_BYTES = 64
"""Bytes of a description of the tiles."""

HAS_TILES = "amx-int8" in FEATURES and not INTERPRETED
"""Whether the instructions are there."""

_SUMS, _ROWS, _COLUMNS = ((0, 1), (2, 3)), (4, 5), (6, 7)  # the tiles' numbers


@intrinsic
def _load_config(typing_context: Any, config: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        _call(builder, "ldtilecfg", _pointer(builder, arguments[0], 0))
        return context.get_dummy_value()

    return types.void(types.int64), generate


@intrinsic
def _release(typing_context: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        _call(builder, "tilerelease")
        return context.get_dummy_value()

    return types.void(), generate


def _call(builder: ir.IRBuilder, name: str, *arguments: Any) -> None:
    function_type = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
    function = cgutils.get_or_insert_function(builder.module, function_type, f"llvm.x86.{name}")
    builder.call(function, arguments)


def _tile(number: int) -> Any:
    return ir.Constant(ir.IntType(8), number)


def _pointer(builder: ir.IRBuilder, address: Any, offset: Any) -> Any:
    size = ir.IntType(64)
    place = builder.add(address, ir.Constant(size, offset) if isinstance(offset, int) else offset)
    return builder.inttoptr(place, ir.IntType(8).as_pointer())


@intrinsic
def _multiply_square(
    typing_context: Any, rows: Any, row_step: Any, tile_rows: Any, weights: Any, depth: Any, bias: Any, sums: Any
) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        rows, row_step, tile_rows, weights, depth, bias, sums = arguments
        size = ir.IntType(64)
        zero, line, wide = (ir.Constant(size, value) for value in (0, BYTES, 2 * BYTES))
        second = builder.mul(tile_rows, row_step)  # bytes to the second tile of rows
        for pair in _SUMS:
            for column, tile in enumerate(pair):  # every row of it starts from the bias
                _call(builder, "tileloadd64", _tile(tile), _pointer(builder, bias, column * BYTES), zero)
        with cgutils.for_range(builder, builder.udiv(depth, line)) as loop:
            left = builder.add(rows, builder.mul(loop.index, line))
            right = builder.add(weights, builder.mul(loop.index, ir.Constant(size, 2 * TILE_BYTES)))
            for offset, tile in zip((zero, second), _ROWS, strict=True):
                _call(builder, "tileloadd64", _tile(tile), _pointer(builder, left, offset), row_step)
            for column, tile in enumerate(_COLUMNS):
                _call(builder, "tileloadd64", _tile(tile), _pointer(builder, right, column * TILE_BYTES), line)
            for pair, row in zip(_SUMS, _ROWS, strict=True):
                for tile, column in zip(pair, _COLUMNS, strict=True):
                    _call(builder, "tdpbusd", _tile(tile), _tile(row), _tile(column))
        below = builder.mul(tile_rows, wide)
        for offset, pair in zip((zero, below), _SUMS, strict=True):
            for column, tile in enumerate(pair):
                place = builder.add(offset, ir.Constant(size, column * BYTES))
                _call(builder, "tilestored64", _tile(tile), _pointer(builder, sums, place), wide)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 7), generate


@helper
def _multiply_square_by_quads(
    rows: Any, row_step: Any, tile_rows: Any, weights: Any, depth: Any, bias: Any, sums: Any
) -> None:
    left = uint8_view(rows, (2 * tile_rows - 1) * row_step + depth)
    right = int8_view(weights, 2 * LANES * depth)
    first, target = int32_view(bias, 2 * LANES), int32_view(sums, 4 * LANES * tile_rows)
    for row in range(2 * tile_rows):
        for column in range(2):
            total = load_int32(first, column * LANES)
            for k in range(depth // QUAD):
                place = (2 * (k // TILE_ROWS) + column) * TILE_BYTES + k % TILE_ROWS * BYTES
                total = dot_quads(total, splat_quad(left, row * row_step + QUAD * k), constant_quads(right, place))
            store_int32(target, (2 * row + column) * LANES, total)


@helper
def _load_no_config(config: Any) -> None:
    """Do nothing: there are no tiles."""


@helper
def _release_nothing() -> None:
    """Do nothing."""


multiply_square: Any = _multiply_square if HAS_TILES else _multiply_square_by_quads
"""``multiply_square(rows, row_step, tile_rows, weights, depth, bias, sums)``: all addresses and sizes, in bytes.

``2 * tile_rows`` rows of ``depth`` codes, a multiple of 64, by 32 channels; int32 ``[2 * tile_rows][32]``, each row
beginning with the 32 numbers of the bias."""

load_config: Any = _load_config if HAS_TILES else _load_no_config
"""``load_config(address)``: configure the tiles of this thread as :func:`write_config` describes."""

release_tiles: Any = _release if HAS_TILES else _release_nothing
"""``release_tiles()``: give the tiles back, so that the thread's state is small again."""


@helper
def write_config(address: Any, tile_rows: Any) -> None:
    """Describe tiles with so many rows of codes and sums, and with 16 of weights; all are 64 bytes wide."""
    config = uint8_view(address, CONFIG_BYTES)
    for i in range(CONFIG_BYTES):
        config[i] = 0
    config[0] = 1  # the palette
    for tile in range(8):
        config[16 + 2 * tile] = BYTES
        config[48 + tile] = TILE_ROWS if tile >= 6 else tile_rows
