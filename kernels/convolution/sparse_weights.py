"""Weights that the file holds sparse: for some formats the reference has kernels with an arithmetic of their own."""

from __future__ import annotations

import numpy as np

from ...schema import TensorType
from ...schema.types import DimensionType
from ..operator import Node, TensorSpec

_BLOCK = 16
_REFUSED = (TensorType.INT4, TensorType.INT2, TensorType.INT16)


def has_sparse_kernel(node: Node, weights: TensorSpec) -> bool:
    """Whether weights of codes are rows of blocks of 1x16, of which some are stored.

    Notes
    -----
    Source: ``EvalQuantized`` and ``EvalHybrid`` in ``kernels/fully_connected.cc``. The hybrid kernel reads any format
    as blocks of 1x16, and those of int16 and uint8 read it as dense, in most cases past its end: q31 computes with
    the weights that are stored.
    """
    sparsity, activations = weights.sparsity, node.input(0).type
    if sparsity is None or weights.type is TensorType.FLOAT32:
        return False
    blocks = (
        tuple(sparsity.traversal_order) == (0, 1, 2)
        and tuple(sparsity.block_map) == (1,)
        and sparsity.dim_metadata[0].format == DimensionType.DENSE
        and sparsity.dim_metadata[1].format == DimensionType.SPARSE_CSR
        and sparsity.dim_metadata[2].dense_size == _BLOCK
    )
    refused = activations is not TensorType.FLOAT32 and weights.type in _REFUSED
    if refused or (activations is TensorType.INT8 and not blocks):
        raise node.unsupported("sparse weights of float32, and of int8 in blocks of 1x16")
    types = (TensorType.INT8, TensorType.UINT8) if activations is TensorType.FLOAT32 else (TensorType.INT8,)
    return blocks and weights.type in types and activations in (TensorType.INT8, TensorType.FLOAT32)


def wrapping_pairs(codes: np.ndarray) -> np.ndarray:
    """Return int32 (rows, depth / 2): where int8 codes are -128 twice, eight columns apart in a block of 16.

    Quirk: the reference adds the products of two such columns in int16, which 2 * 128 * 128 leaves by one.
    """
    pairs = (codes == -128).reshape(len(codes), codes.shape[1] // _BLOCK, 2, _BLOCK // 2)
    return pairs.all(axis=2).reshape(len(codes), codes.shape[1] // 2).astype(np.int32)
