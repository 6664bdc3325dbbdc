"""Bytes <-> Graph: reads, verifies and writes .tflite files. Knows no arithmetic."""

from .builder import GraphBuilder
from .constants import constant_array, encode_constant
from .errors import Error, InputError, ModelError, StateError, UnsupportedOperatorError
from .graph import (
    BlockwiseQuantization,
    Buffer,
    DimensionMetadata,
    ExternalBuffer,
    ExternalBufferGroup,
    Graph,
    Metadata,
    MultiAxisQuantization,
    Operator,
    Quantization,
    Signature,
    Sparsity,
    Subgraph,
    Tensor,
    VariantSubType,
)
from .reader import map_file, read, read_file
from .types import ActivationFunctionType, Padding, TensorType, bit_width, numpy_dtype
from .verify import verify
from .writer import write

__all__ = [
    "ActivationFunctionType",
    "BlockwiseQuantization",
    "Buffer",
    "DimensionMetadata",
    "Error",
    "ExternalBuffer",
    "ExternalBufferGroup",
    "Graph",
    "GraphBuilder",
    "InputError",
    "Metadata",
    "ModelError",
    "MultiAxisQuantization",
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
    "constant_array",
    "encode_constant",
    "map_file",
    "numpy_dtype",
    "read",
    "read_file",
    "verify",
    "write",
]
