"""Bytes <-> Graph: reads, verifies and writes .tflite files. Knows no arithmetic.

What makes and writes graphs is imported when it is first asked for: running a model needs none of it.
"""

from typing import TYPE_CHECKING, Any

from .constants import constant_array, encode_constant
from .errors import (
    DistributedError,
    Error,
    InputError,
    ModelError,
    QuantizationError,
    StateError,
    UnsupportedOperatorError,
)
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

if TYPE_CHECKING:
    from .builder import GraphBuilder
    from .writer import write

__all__ = [
    "ActivationFunctionType",
    "BlockwiseQuantization",
    "Buffer",
    "DimensionMetadata",
    "DistributedError",
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
    "QuantizationError",
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


def __getattr__(name: str) -> Any:
    home = {"GraphBuilder": "builder", "write": "writer"}.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = found
    return found
