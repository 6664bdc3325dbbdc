"""The dataclasses a .tflite file becomes: :class:`Graph` and what it is made of.

Names follow the TFLite schema. Everything is frozen; two graphs compare equal when every field does,
buffers by content.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from .deferred import dataclass
from .types import DimensionType, TensorType, as_float32


@dataclass(frozen=True)
class BlockwiseQuantization:
    """Blockwise quantization: scales and zero points live in tensors of their own.

    ``scales`` and ``zero_points`` are tensor indices; ``zero_points`` is -1 where all of them are 0.
    """

    scales: int
    zero_points: int
    block_size: int


@dataclass(frozen=True)
class MultiAxisQuantization:
    """Quantization along several dimensions; as :class:`BlockwiseQuantization`, ``block_size`` 0 without blocks."""

    scales: int
    zero_points: int
    block_size: int
    quantized_dimensions: tuple[int, ...]


@dataclass(frozen=True)
class Quantization:
    """Quantization parameters: ``real = scale * (quantized - zero_point)``.

    One scale means per-tensor; several mean per-channel along ``quantized_dimension``; none means
    that the tensor is not quantized. Scales, min and max are rounded to float32, as the file holds them. Of ``custom``,
    ``blockwise`` and ``multi_axis`` at most one is there; it then stands in place of the other fields.
    """

    scale: tuple[float, ...] = ()
    zero_point: tuple[int, ...] = ()
    quantized_dimension: int = 0
    min: tuple[float, ...] = ()
    max: tuple[float, ...] = ()
    custom: bytes | None = None
    blockwise: BlockwiseQuantization | None = None
    multi_axis: MultiAxisQuantization | None = None

    def __post_init__(self) -> None:
        for name in ("scale", "min", "max"):
            values = getattr(self, name)
            if values:
                object.__setattr__(self, name, as_float32(values))


@dataclass(frozen=True)
class DimensionMetadata:
    """How one dimension of a sparse tensor is stored.

    ``segments_type`` and ``indices_type`` say which vector of the schema's union holds the numbers:
    1 is Int32Vector, 2 is Uint16Vector, 3 is Uint8Vector.
    """

    format: DimensionType
    dense_size: int = 0
    array_segments: tuple[int, ...] | None = None
    array_indices: tuple[int, ...] | None = None
    segments_type: int = 1
    indices_type: int = 1


@dataclass(frozen=True)
class Sparsity:
    """Sparse storage of a constant tensor."""

    traversal_order: tuple[int, ...] = ()
    block_map: tuple[int, ...] = ()
    dim_metadata: tuple[DimensionMetadata, ...] = ()


@dataclass(frozen=True)
class VariantSubType:
    """Element description of a VARIANT tensor."""

    shape: tuple[int, ...]
    type: TensorType
    has_rank: bool = False


@dataclass(frozen=True)
class Tensor:
    """A tensor of a subgraph.

    ``shape_signature`` has -1 where the size is free; None where the file has none. ``buffer`` 0 means no data.
    ``external_buffer`` is the id of an :class:`ExternalBuffer`, 0 for none.
    """

    name: str
    type: TensorType
    shape: tuple[int, ...]
    buffer: int = 0
    quantization: Quantization = field(default_factory=Quantization)
    shape_signature: tuple[int, ...] | None = None
    is_variable: bool = False
    has_rank: bool = False
    sparsity: Sparsity | None = None
    variant_tensors: tuple[VariantSubType, ...] = ()
    external_buffer: int = 0


@dataclass(frozen=True)
class Operator:
    """An operator: its schema name (``"CONV_2D"``; ``"CUSTOM"`` with ``custom_code``), version and options.

    ``inputs`` and ``outputs`` are tensor indices; -1 marks an optional input left out.
    ``options`` is the decoded options dataclass of :mod:`q31.schema.options`, or None.
    ``large_custom_options``: the custom options are stored outside the flatbuffer.
    """

    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any = None
    custom_code: str = ""
    custom_options: bytes | None = None
    intermediates: tuple[int, ...] = ()
    mutating_variable_inputs: tuple[bool, ...] = ()
    debug_metadata_index: int = -1
    large_custom_options: bool = False


@dataclass(frozen=True)
class Subgraph:
    """A subgraph: tensors, operators in execution order, and the tensor indices of inputs and outputs."""

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    debug_metadata_index: int = -1


@dataclass(frozen=True)
class Signature:
    """A named entry point: input and output names mapped to tensor indices of one subgraph."""

    key: str
    subgraph_index: int
    inputs: tuple[tuple[str, int], ...]
    outputs: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Metadata:
    """A named metadata entry and the index of the buffer that holds it."""

    name: str
    buffer: int


@dataclass(frozen=True)
class Buffer:
    """Raw bytes as a read-only view into the file (zero-copy).

    ``external``: stored outside the flatbuffer, by offset and size. ``explicitly_empty``: no bytes, but the file
    has the vector; LiteRT takes a tensor of such a buffer for a constant, and a tensor of a buffer without the
    vector for an activation.
    """

    data: memoryview = field(default_factory=lambda: memoryview(b""))
    external: bool = False
    explicitly_empty: bool = False


@dataclass(frozen=True)
class ExternalBufferGroup:
    """A file, beside the model, that holds external buffers."""

    name: str


@dataclass(frozen=True)
class ExternalBuffer:
    """A slice of another file. Tensors refer to it by ``id``; ``group`` is an index of an external buffer group."""

    id: int
    group: int
    offset: int
    length: int
    packing: str = ""


@dataclass(frozen=True)
class Graph:
    """A whole model. ``buffers[0]`` is the empty buffer that stands for no data."""

    subgraphs: tuple[Subgraph, ...]
    buffers: tuple[Buffer, ...]
    description: str = ""
    version: int = 3
    signatures: tuple[Signature, ...] = ()
    metadata: tuple[Metadata, ...] = ()
    metadata_buffer: tuple[int, ...] = ()
    external_buffer_groups: tuple[ExternalBufferGroup, ...] = ()
    external_buffers: tuple[ExternalBuffer, ...] = ()
