"""Bytes <-> Graph: reads, verifies and writes .tflite files. Knows no arithmetic."""

from .errors import Error, InputError, ModelError, StateError, UnsupportedOperatorError
from .graph import (
    BlockwiseQuantization,
    Buffer,
    DimensionMetadata,
    Graph,
    Metadata,
    Operator,
    Quantization,
    Signature,
    Sparsity,
    Subgraph,
    Tensor,
    VariantSubType,
)
from .types import ActivationFunctionType, Padding, TensorType, bit_width, numpy_dtype

__all__ = [
    "ActivationFunctionType",
    "BlockwiseQuantization",
    "Buffer",
    "DimensionMetadata",
    "Error",
    "Graph",
    "InputError",
    "Metadata",
    "ModelError",
    "Operator",
    "Padding",
    "Quantization",
    "Signature",
    "Sparsity",
    "StateError",
    "Subgraph",
    "Tensor",
    "TensorType",
    "UnsupportedOperatorError",
    "VariantSubType",
    "bit_width",
    "numpy_dtype",
]
