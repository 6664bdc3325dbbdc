"""The dictionaries with which LiteRT's Python interpreter describes a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.operator import Shape
from ..schema import Tensor, TensorType, numpy_dtype


def tensor_details(index: int, tensor: Tensor, shape: Shape | None) -> dict[str, Any]:
    """Describe a tensor with the keys, types and values of LiteRT's ``get_tensor_details``.

    Parameters
    ----------
    index : the tensor's index in its subgraph.
    tensor : the tensor as the file has it.
    shape : its actual shape, or None where it is not known before the model runs.

    Raises
    ------
    UnsupportedOperatorError
        Where NumPy has no data type for the tensor's.
    """
    quantization = tensor.quantization
    per_tensor = len(quantization.scale) == 1
    signature = tensor.shape_signature if tensor.shape_signature else tensor.shape
    return {
        "name": tensor.name,
        "index": index,
        "shape": np.array(tensor.shape if shape is None else shape, np.int32),
        "shape_signature": np.array(signature, np.int32),
        "dtype": _python_type(tensor.type),
        "quantization": (
            (quantization.scale[0], int(_as_int32(quantization.zero_point)[0]))
            if per_tensor and quantization.zero_point
            else (0.0, 0)
        ),
        "quantization_parameters": {
            "scales": np.array(quantization.scale, np.float32),
            "zero_points": _as_int32(quantization.zero_point),
            "quantized_dimension": quantization.quantized_dimension,
            "block_size": quantization.blockwise.block_size if quantization.blockwise else 0,
        },
        "sparsity_parameters": _sparsity(tensor),
    }


def _as_int32(zero_points: tuple[int, ...]) -> np.ndarray:
    """Return zero points, which are int64 in the file, cut to 32 bits as LiteRT cuts them."""
    return np.array(zero_points, np.int64).astype(np.int32)


def _python_type(tensor_type: TensorType) -> type:
    if tensor_type is TensorType.STRING:
        return np.bytes_
    if tensor_type in (TensorType.RESOURCE, TensorType.VARIANT):
        return np.object_
    return numpy_dtype(tensor_type).type


def _sparsity(tensor: Tensor) -> dict[str, Any]:
    if tensor.sparsity is None:
        return {}
    sparsity = tensor.sparsity
    return {
        "traversal_order": np.array(sparsity.traversal_order, np.int32),
        "block_map": np.array(sparsity.block_map, np.int32),
        "dim_metadata": [
            {"format": dimension.format, "dense_size": dimension.dense_size}
            if dimension.format == 0
            else {
                "format": dimension.format,
                "array_segments": np.array(dimension.array_segments or (), np.int32),
                "array_indices": np.array(dimension.array_indices or (), np.int32),
            }
            for dimension in sparsity.dim_metadata
        ],
    }
