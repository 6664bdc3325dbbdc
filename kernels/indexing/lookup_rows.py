"""EMBEDDING_LOOKUP: rows of a table, dequantized where the output is float32 or float16."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.types import bit_width
from ..checks import require_arity
from ..operator import Instruction, Kernel, Node, Prepared, TensorSpec
from ..profiles import Profile
from ..shape import copies
from ..shape.arguments import FIXED_TYPES
from .bounds import require_within

_CODES = (TensorType.INT8, TensorType.UINT8, TensorType.INT4, TensorType.INT2)
_REALS = (TensorType.FLOAT32, TensorType.FLOAT16)


@dataclass(frozen=True)
class EmbeddingLookup(Prepared):
    """The scales of each row of the table, float32, where rows are dequantized; None where they are copied.

    Each of a row's scales counts for a block of it, all of one length. ``codes`` is the data type as which they are
    read, ``dtype`` that of the output. ``row_unit``: a block is read from the last multiple of so many elements before
    its begin, as in the reference; 1 where it is read as it is.
    """

    scales: np.ndarray | None
    codes: np.dtype
    dtype: np.dtype
    row_unit: int
    unpacked: int


def _codes_as_read(table: TensorType, profile: Profile) -> np.dtype:
    """Return the data type as which the table is dequantized; the reference reads uint8 as int8.

    Notes
    -----
    Source: ``EvalHybrid`` in ``kernels/embedding_lookup.cc``.
    """
    as_int8 = table is not TensorType.UINT8 or profile.reproduces_quirks
    return np.dtype(np.int8 if as_int8 else np.uint8)


def _row_unit(table: TensorType, profile: Profile) -> int:
    """Return how many elements share a byte, where the reference begins rows with a whole one; otherwise 1.

    Notes
    -----
    Source: ``EvalHybrid`` in ``kernels/embedding_lookup.cc``.
    """
    return 8 // bit_width(table) if profile.reproduces_quirks else 1


def _scales_of_blocks(node: Node, table: TensorSpec) -> np.ndarray:
    """Return the scales of a table quantized by blocks, a row for each of its rows.

    Notes
    -----
    Source: ``EvalBlockwise`` in ``kernels/embedding_lookup.cc``.
    """
    blocks, scales = table.quantization.blockwise, table.block_scales
    if blocks is None or bit_width(table.type) >= 8 or len(table.shape) != 2:
        raise node.unsupported("blocks in matrices of int4 and int2")
    if scales is None or scales.dtype != np.float16:
        raise node.unsupported("constant float16 scales of blocks")
    rows, columns = table.shape
    node.require(blocks.block_size > 0 and columns % blocks.block_size == 0, "rows of whole blocks")
    count = columns // blocks.block_size
    node.require(scales.size == rows * count, f"{count} scales for each row")
    return np.asarray(scales.reshape(rows, count), np.float32)


def _scales_of_rows(node: Node, table: TensorSpec) -> np.ndarray:
    scales = np.array(table.quantization.scale, np.float32)
    node.require(len(scales) in (1, table.shape[0]), "a scale, or one for each row")
    node.require(len(scales) == 1 or table.quantization.quantized_dimension == 0, "scales along axis 0")
    node.require(not any(table.quantization.zero_point), "zero points of 0")
    return np.broadcast_to(scales[:, np.newaxis], (table.shape[0], 1)).copy()


def prepare(node: Node, profile: Profile) -> EmbeddingLookup:
    """Prepare EMBEDDING_LOOKUP: input 0 has the rows' numbers, input 1 is the table.

    Notes
    -----
    Source: ``Prepare`` and ``Eval`` in ``kernels/embedding_lookup.cc``.
    """
    require_arity(node, 2)
    rows, table, target = node.input(0), node.input(1), node.output()
    node.require(rows.type is TensorType.INT32 and len(rows.shape) == 1, "an int32 vector of rows")
    node.require(len(table.shape) >= 2, "a table of rank 2 or more")
    by_blocks = table.quantization.blockwise is not None
    shape = (rows.shape[0], *table.shape[1:])
    per_byte = max(1, 8 // bit_width(table.type))
    if target.type is table.type and not by_blocks:
        node.require(len(table.quantization.scale) <= 1 or table.type in _CODES, "one scale")
        node.require(math.prod(shape[1:]) % per_byte == 0, f"rows of whole bytes, {per_byte} elements each")
        return EmbeddingLookup((shape,), None, table.dtype, table.dtype, 1, 1)
    node.require(table.type in _CODES and target.type in _REALS, "one data type, or codes to float32 or float16")
    scales = _scales_of_blocks(node, table) if by_blocks else _scales_of_rows(node, table)
    node.require(bool(np.isfinite(scales).all()), "finite scales")
    codes, unit = _codes_as_read(table.type, profile), _row_unit(table.type, profile)
    return EmbeddingLookup((shape,), scales, codes, target.dtype, unit, 2 ** (8 - bit_width(table.type)))


def evaluate(prepared: EmbeddingLookup, rows: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Pick the rows.

    Packed codes are dequantized from the top of their byte, by a scale that is as much smaller.

    Raises
    ------
    ModelError
        Where the table has no such row.
    """
    require_within("EMBEDDING_LOOKUP", rows, 0, len(table))
    if prepared.scales is None:
        return table[rows]
    length = math.prod(table.shape[1:])
    block = length // max(1, prepared.scales.shape[1])
    begins = rows.astype(np.int64)[:, np.newaxis] * length + np.arange(0, length, max(1, block))
    begins -= begins % prepared.row_unit
    picked = table.reshape(-1)[begins[..., np.newaxis] + np.arange(block)].view(prepared.codes)
    with np.errstate(over="ignore"):
        scales = (prepared.scales[rows] / np.float32(prepared.unpacked))[..., np.newaxis]
        reals = (picked.astype(np.float32) * np.float32(prepared.unpacked)) * scales
        return reals.astype(prepared.dtype).reshape(prepared.output_shape)


def lower(prepared: EmbeddingLookup, node: Node) -> Instruction | None:
    """Lower rows that are copied as they are to ``gather``."""
    return copies.gather(node, 1, 0, prepared.output_shape) if prepared.scales is None else None


_TYPES = (*FIXED_TYPES, TensorType.INT4, TensorType.INT2)

KERNELS = (Kernel("EMBEDDING_LOOKUP", (1, 5), _TYPES, prepare, evaluate, lower, selector=1),)
