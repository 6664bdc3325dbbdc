"""EMBEDDING_LOOKUP: rows of a table, dequantized where the output is float32."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..checks import require_arity
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile
from ..shape.arguments import FIXED_TYPES
from .bounds import require_within

_CODES = (TensorType.INT8, TensorType.UINT8)


@dataclass(frozen=True)
class EmbeddingLookup(Prepared):
    """The scale of each row of the table, float32, where rows are dequantized.

    ``codes`` is the data type as which they are read.
    """

    scales: np.ndarray | None
    codes: np.dtype


def _codes_as_read(table: TensorType, profile: Profile) -> np.dtype:
    """Return the data type as which the table is dequantized; the reference reads uint8 as int8.

    Notes
    -----
    Source: ``EvalHybrid`` in ``kernels/embedding_lookup.cc``.
    """
    as_int8 = table is TensorType.INT8 or profile.reproduces_quirks
    return np.dtype(np.int8 if as_int8 else np.uint8)


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
    shape = (rows.shape[0], *table.shape[1:])
    if target.type is table.type:
        node.require(len(table.quantization.scale) <= 1 or table.type in _CODES, "one scale")
        return EmbeddingLookup((shape,), None, table.dtype)
    node.require(table.type in _CODES and target.type is TensorType.FLOAT32, "one data type, or codes to float32")
    scales = np.array(table.quantization.scale, np.float32)
    node.require(len(scales) in (1, table.shape[0]), "a scale, or one for each row")
    node.require(len(scales) == 1 or table.quantization.quantized_dimension == 0, "scales along axis 0")
    node.require(all(math.isfinite(scale) for scale in scales), "finite scales")
    node.require(not any(table.quantization.zero_point), "zero points of 0")
    every = np.broadcast_to(scales, (table.shape[0],)).copy()
    return EmbeddingLookup((shape,), every, _codes_as_read(table.type, profile))


def evaluate(prepared: EmbeddingLookup, rows: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Pick the rows.

    Raises
    ------
    ModelError
        Where the table has no such row.
    """
    require_within("EMBEDDING_LOOKUP", rows, 0, len(table))
    picked = table[rows]
    if prepared.scales is None:
        return picked
    scales = prepared.scales[rows].reshape(-1, *(1,) * (table.ndim - 1))
    with np.errstate(over="ignore"):
        return picked.view(prepared.codes).astype(np.float32) * scales


KERNELS = (Kernel("EMBEDDING_LOOKUP", (1, 5), FIXED_TYPES, prepare, evaluate, selector=1),)
