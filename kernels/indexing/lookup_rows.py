"""EMBEDDING_LOOKUP: rows of a table, dequantized where the output is float32 or float16."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.types import bit_width
from ..checks import require_arity
from ..operator import Instruction, Kernel, Node, Prepared
from ..profiles import Profile
from ..shape import copies
from ..shape.arguments import FIXED_TYPES
from .bounds import require_within

_CODES = (TensorType.INT8, TensorType.UINT8, TensorType.INT4, TensorType.INT2)
_REALS = (TensorType.FLOAT32, TensorType.FLOAT16)


@dataclass(frozen=True)
class EmbeddingLookup(Prepared):
    """The scale of each row of the table, float32, where rows are dequantized; None where they are copied.

    ``codes`` is the data type as which they are read, ``dtype`` that of the output. ``row_unit``: a row is read from
    the last multiple of so many elements before its begin, as in the reference; 1 where it is read as it is.
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
    if table.quantization.blockwise is not None:
        raise node.unsupported("a scale, or one for each row")
    shape = (rows.shape[0], *table.shape[1:])
    per_byte = max(1, 8 // bit_width(table.type))
    if target.type is table.type:
        node.require(len(table.quantization.scale) <= 1 or table.type in _CODES, "one scale")
        node.require(math.prod(shape[1:]) % per_byte == 0, f"rows of whole bytes, {per_byte} elements each")
        return EmbeddingLookup((shape,), None, table.dtype, table.dtype, 1, 1)
    node.require(table.type in _CODES and target.type in _REALS, "one data type, or codes to float32 or float16")
    scales = np.array(table.quantization.scale, np.float32)
    node.require(len(scales) in (1, table.shape[0]), "a scale, or one for each row")
    node.require(len(scales) == 1 or table.quantization.quantized_dimension == 0, "scales along axis 0")
    node.require(all(math.isfinite(scale) for scale in scales), "finite scales")
    node.require(not any(table.quantization.zero_point), "zero points of 0")
    every = np.broadcast_to(scales, (table.shape[0],)).copy()
    codes, unit = _codes_as_read(table.type, profile), _row_unit(table.type, profile)
    return EmbeddingLookup((shape,), every, codes, target.dtype, unit, 2 ** (8 - bit_width(table.type)))


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
    begins = rows.astype(np.int64) * length
    begins -= begins % prepared.row_unit
    picked = table.reshape(-1)[begins[:, np.newaxis] + np.arange(length)].view(prepared.codes)
    with np.errstate(over="ignore"):
        scales = (prepared.scales[rows] / np.float32(prepared.unpacked))[:, np.newaxis]
        reals = (picked.astype(np.float32) * np.float32(prepared.unpacked)) * scales
        return reals.astype(prepared.dtype).reshape(prepared.output_shape)


def lower(prepared: EmbeddingLookup, node: Node) -> Instruction | None:
    """Lower rows that are copied as they are to ``gather``."""
    return copies.gather(node, 1, 0, prepared.output_shape) if prepared.scales is None else None


_TYPES = (*FIXED_TYPES, TensorType.INT4, TensorType.INT2)

KERNELS = (Kernel("EMBEDDING_LOOKUP", (1, 5), _TYPES, prepare, evaluate, lower, selector=1),)
