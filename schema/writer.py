"""Graph -> bytes of a .tflite file."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import TypeVar

from flatbuffers.builder import BuilderSizeError

from .errors import ModelError
from .graph import (
    Buffer,
    DimensionMetadata,
    Graph,
    Operator,
    Quantization,
    Signature,
    Sparsity,
    Subgraph,
    Tensor,
    VariantSubType,
)
from .operators import OPERATOR_CODES, PLACEHOLDER_CODE
from .options import BUILTIN_OPTIONS, BUILTIN_OPTIONS_2, FieldLayout, Options, layout
from .slots import (
    FILE_IDENTIFIER,
    NO_OFFSET,
    SPARSE_INDEX_VECTORS,
    BufferSlots,
    DimensionMetadataSlots,
    ExternalBufferGroupSlots,
    ExternalBufferSlots,
    MetadataSlots,
    ModelSlots,
    OperatorCodeSlots,
    OperatorSlots,
    QuantizationDetails,
    QuantizationDetailsSlots,
    QuantizationSlots,
    SignatureSlots,
    SparsitySlots,
    SubgraphSlots,
    TensorMapSlots,
    TensorSlots,
    VariantSubTypeSlots,
)
from .table_writer import Field, TableWriter

# Constant data starts at a multiple of this, inside the flatbuffer and after it.
ALIGNMENT = 16

_OPTIONS_CODES = {name: code for code, name in enumerate(BUILTIN_OPTIONS, 1)}
_OPTIONS_2_CODES = {name: code for code, name in enumerate(BUILTIN_OPTIONS_2, 1)}
_ELEMENTS = {"?": "|b1", "b": "|i1", "i": "<i4", "I": "<u4", "q": "<i8", "f": "<f4"}

OperatorCode = tuple[str, str, int]
Item = TypeVar("Item")


def write(graph: Graph) -> bytes:
    """Return the .tflite file of a graph; ``read`` gives the same graph back.

    Buffers marked external, and large custom options, follow the flatbuffer; everything else is in it.

    Raises
    ------
    ModelError
        Where a value does not fit the schema: an unknown operator, a number out of its range, a flatbuffer of 2 GiB.
    """
    outside = [buffer.data for buffer in graph.buffers if buffer.external]
    outside += [
        memoryview(operator.custom_options or b"")
        for subgraph in graph.subgraphs
        for operator in subgraph.operators
        if operator.large_custom_options
    ]
    try:
        flatbuffer = _GraphWriter(graph, [NO_OFFSET + 1] * len(outside)).write()
        if not outside:
            return flatbuffer
        # The offsets take the same room whatever they are: the first writing told where the flatbuffer ends.
        offsets, end = [], len(flatbuffer)
        for data in outside:
            offsets.append(_aligned(end))
            end = offsets[-1] + len(data)
        file = bytearray(_GraphWriter(graph, offsets).write())
    except (struct.error, TypeError, ValueError, OverflowError, BuilderSizeError) as error:
        raise error if isinstance(error, ModelError) else ModelError(f"the graph cannot be written: {error}") from error
    for offset, data in zip(offsets, outside, strict=True):
        file += bytes(offset - len(file))
        file += data
    return bytes(file)


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _distinct(items: Iterator[Item]) -> dict[Item, int]:
    return {item: index for index, item in enumerate(dict.fromkeys(items))}


class _GraphWriter:
    """Writes one graph. ``offsets``: where each piece outside the flatbuffer goes, buffers first, then operators."""

    def __init__(self, graph: Graph, offsets: Sequence[int]) -> None:
        self._graph = graph
        self._offsets = iter(offsets)
        inside = sum(len(buffer.data) + 32 for buffer in graph.buffers if not buffer.external)
        self._writer = TableWriter(inside + 4096)
        self._codes = _distinct(
            (operator.name, operator.custom_code, operator.version)
            for subgraph in graph.subgraphs
            for operator in subgraph.operators
        )

    def write(self) -> bytes:
        graph, writer = self._graph, self._writer
        # A flatbuffer grows from its end: the buffers, written first, come last in the file.
        buffers = [self._buffer(buffer) for buffer in graph.buffers]
        groups = [
            writer.table([Field(ExternalBufferGroupSlots.NAME, "O", writer.string(group.name))])
            for group in graph.external_buffer_groups
        ]
        externals = [
            writer.table(
                [
                    Field(ExternalBufferSlots.ID, "I", item.id),
                    Field(ExternalBufferSlots.GROUP, "I", item.group),
                    Field(ExternalBufferSlots.OFFSET, "Q", item.offset),
                    Field(ExternalBufferSlots.LENGTH, "Q", item.length),
                    Field(ExternalBufferSlots.PACKING, "O", writer.optional_string(item.packing)),
                ]
            )
            for item in graph.external_buffers
        ]
        metadata = [
            writer.table(
                [
                    Field(MetadataSlots.NAME, "O", writer.string(item.name)),
                    Field(MetadataSlots.BUFFER, "I", item.buffer),
                ]
            )
            for item in graph.metadata
        ]
        signatures = [self._signature(signature) for signature in graph.signatures]
        subgraphs = [self._subgraph(subgraph) for subgraph in graph.subgraphs]
        codes = [self._operator_code(code) for code in self._codes]
        root = writer.table(
            [
                Field(ModelSlots.VERSION, "I", graph.version),
                Field(ModelSlots.OPERATOR_CODES, "O", writer.offsets(codes)),
                Field(ModelSlots.SUBGRAPHS, "O", writer.offsets(subgraphs)),
                Field(ModelSlots.DESCRIPTION, "O", writer.optional_string(graph.description)),
                Field(ModelSlots.BUFFERS, "O", writer.offsets(buffers)),
                Field(ModelSlots.METADATA_BUFFER, "O", writer.optional_vector(graph.metadata_buffer, "<i4")),
                Field(ModelSlots.METADATA, "O", writer.optional_offsets(metadata)),
                Field(ModelSlots.SIGNATURE_DEFS, "O", writer.optional_offsets(signatures)),
                Field(ModelSlots.EXTERNAL_BUFFER_GROUPS, "O", writer.optional_offsets(groups)),
                Field(ModelSlots.EXTERNAL_BUFFERS, "O", writer.optional_offsets(externals)),
            ]
        )
        return writer.finish(root, FILE_IDENTIFIER)

    def _buffer(self, buffer: Buffer) -> int:
        if buffer.external:
            return self._writer.table(
                [
                    Field(BufferSlots.OFFSET, "Q", next(self._offsets)),
                    Field(BufferSlots.SIZE, "Q", len(buffer.data)),
                ]
            )
        present = len(buffer.data) or buffer.explicitly_empty
        data = self._writer.data(buffer.data, ALIGNMENT) if present else 0
        return self._writer.table([Field(BufferSlots.DATA, "O", data)])

    def _operator_code(self, code: OperatorCode) -> int:
        name, custom_code, version = code
        if name not in OPERATOR_CODES:
            raise ModelError(f"{name} is not an operator of the schema; custom operators are CUSTOM with a custom_code")
        builtin = OPERATOR_CODES[name]
        custom = self._writer.string(custom_code) if custom_code or name == "CUSTOM" else 0
        return self._writer.table(
            [
                Field(OperatorCodeSlots.DEPRECATED_BUILTIN_CODE, "b", min(builtin, PLACEHOLDER_CODE)),
                Field(OperatorCodeSlots.CUSTOM_CODE, "O", custom),
                Field(OperatorCodeSlots.VERSION, "i", version, 1),
                Field(OperatorCodeSlots.BUILTIN_CODE, "i", builtin),
            ]
        )

    def _signature(self, signature: Signature) -> int:
        writer = self._writer

        def maps(items: Sequence[tuple[str, int]]) -> int:
            return writer.offsets(
                [
                    writer.table(
                        [
                            Field(TensorMapSlots.NAME, "O", writer.string(name)),
                            Field(TensorMapSlots.TENSOR_INDEX, "I", index),
                        ]
                    )
                    for name, index in items
                ]
            )

        return writer.table(
            [
                Field(SignatureSlots.INPUTS, "O", maps(signature.inputs)),
                Field(SignatureSlots.OUTPUTS, "O", maps(signature.outputs)),
                Field(SignatureSlots.SIGNATURE_KEY, "O", writer.string(signature.key)),
                Field(SignatureSlots.SUBGRAPH_INDEX, "I", signature.subgraph_index),
            ]
        )

    def _subgraph(self, subgraph: Subgraph) -> int:
        writer = self._writer
        tensors = [self._tensor(tensor) for tensor in subgraph.tensors]
        operators = [self._operator(operator) for operator in subgraph.operators]
        return writer.table(
            [
                Field(SubgraphSlots.TENSORS, "O", writer.offsets(tensors)),
                Field(SubgraphSlots.INPUTS, "O", writer.vector(subgraph.inputs, "<i4")),
                Field(SubgraphSlots.OUTPUTS, "O", writer.vector(subgraph.outputs, "<i4")),
                Field(SubgraphSlots.OPERATORS, "O", writer.offsets(operators)),
                Field(SubgraphSlots.NAME, "O", writer.optional_string(subgraph.name)),
                Field(SubgraphSlots.DEBUG_METADATA_INDEX, "i", subgraph.debug_metadata_index, -1),
            ]
        )

    def _tensor(self, tensor: Tensor) -> int:
        writer = self._writer
        signature = 0 if tensor.shape_signature is None else writer.vector(tensor.shape_signature, "<i4")
        variants = [self._variant(item) for item in tensor.variant_tensors]
        return writer.table(
            [
                Field(TensorSlots.SHAPE, "O", writer.vector(tensor.shape, "<i4")),
                Field(TensorSlots.TYPE, "b", tensor.type),
                Field(TensorSlots.BUFFER, "I", tensor.buffer),
                Field(TensorSlots.NAME, "O", writer.string(tensor.name)),
                Field(TensorSlots.QUANTIZATION, "O", self._quantization(tensor.quantization)),
                Field(TensorSlots.IS_VARIABLE, "?", tensor.is_variable),
                Field(TensorSlots.SPARSITY, "O", self._sparsity(tensor.sparsity)),
                Field(TensorSlots.SHAPE_SIGNATURE, "O", signature),
                Field(TensorSlots.HAS_RANK, "?", tensor.has_rank),
                Field(TensorSlots.VARIANT_TENSORS, "O", writer.optional_offsets(variants)),
                Field(TensorSlots.EXTERNAL_BUFFER, "I", tensor.external_buffer),
            ]
        )

    def _variant(self, variant: VariantSubType) -> int:
        return self._writer.table(
            [
                Field(VariantSubTypeSlots.SHAPE, "O", self._writer.vector(variant.shape, "<i4")),
                Field(VariantSubTypeSlots.TYPE, "b", variant.type),
                Field(VariantSubTypeSlots.HAS_RANK, "?", variant.has_rank),
            ]
        )

    def _quantization(self, quantization: Quantization) -> int:
        if quantization == Quantization():
            return 0
        writer = self._writer
        details_type, details = self._quantization_details(quantization)
        return writer.table(
            [
                Field(QuantizationSlots.MIN, "O", writer.optional_vector(quantization.min, "<f4")),
                Field(QuantizationSlots.MAX, "O", writer.optional_vector(quantization.max, "<f4")),
                Field(QuantizationSlots.SCALE, "O", writer.optional_vector(quantization.scale, "<f4")),
                Field(QuantizationSlots.ZERO_POINT, "O", writer.optional_vector(quantization.zero_point, "<i8")),
                Field(QuantizationSlots.DETAILS_TYPE, "B", details_type),
                Field(QuantizationSlots.DETAILS, "O", details),
                Field(QuantizationSlots.QUANTIZED_DIMENSION, "i", quantization.quantized_dimension),
            ]
        )

    def _quantization_details(self, quantization: Quantization) -> tuple[int, int]:
        """Return the type code and the offset of the details union; (0, 0) for none."""
        writer, slots = self._writer, QuantizationDetailsSlots
        found = [d for d in (quantization.custom, quantization.blockwise, quantization.multi_axis) if d is not None]
        if len(found) > 1:
            raise ModelError("a quantization can be custom, blockwise or along several axes, not two of these")
        if quantization.custom is not None:
            data = writer.data(quantization.custom)
            return QuantizationDetails.CUSTOM, writer.table([Field(slots.CUSTOM, "O", data)])
        tensors = quantization.blockwise or quantization.multi_axis
        if tensors is None:
            return QuantizationDetails.NONE, 0
        fields = [
            Field(slots.SCALES, "i", tensors.scales),
            Field(slots.ZERO_POINTS, "i", tensors.zero_points),
            Field(slots.BLOCK_SIZE, "i", tensors.block_size),
        ]
        if quantization.multi_axis is None:
            return QuantizationDetails.BLOCKWISE, writer.table(fields)
        dimensions = writer.vector(quantization.multi_axis.quantized_dimensions, "<i4")
        fields.append(Field(slots.QUANTIZED_DIMENSIONS, "O", dimensions))
        return QuantizationDetails.MULTI_AXIS, writer.table(fields)

    def _sparsity(self, sparsity: Sparsity | None) -> int:
        if sparsity is None:
            return 0
        writer = self._writer
        dimensions = [self._dimension(dimension) for dimension in sparsity.dim_metadata]
        return writer.table(
            [
                Field(SparsitySlots.TRAVERSAL_ORDER, "O", writer.vector(sparsity.traversal_order, "<i4")),
                Field(SparsitySlots.BLOCK_MAP, "O", writer.optional_vector(sparsity.block_map, "<i4")),
                Field(SparsitySlots.DIM_METADATA, "O", writer.offsets(dimensions)),
            ]
        )

    def _dimension(self, dimension: DimensionMetadata) -> int:
        slots = DimensionMetadataSlots
        fields = [Field(slots.FORMAT, "b", dimension.format), Field(slots.DENSE_SIZE, "i", dimension.dense_size)]
        for values, kind, type_slot, slot in (
            (dimension.array_segments, dimension.segments_type, slots.ARRAY_SEGMENTS_TYPE, slots.ARRAY_SEGMENTS),
            (dimension.array_indices, dimension.indices_type, slots.ARRAY_INDICES_TYPE, slots.ARRAY_INDICES),
        ):
            if values is not None:
                vector = self._writer.vector(values, SPARSE_INDEX_VECTORS[kind])
                fields.append(Field(type_slot, "B", kind))
                fields.append(Field(slot, "O", self._writer.table([Field(0, "O", vector)])))
        return self._writer.table(fields)

    def _operator(self, operator: Operator) -> int:
        writer, slots = self._writer, OperatorSlots
        code = self._codes[operator.name, operator.custom_code, operator.version]
        fields = [
            Field(slots.OPCODE_INDEX, "I", code),
            Field(slots.INPUTS, "O", writer.vector(operator.inputs, "<i4")),
            Field(slots.OUTPUTS, "O", writer.vector(operator.outputs, "<i4")),
            Field(
                slots.MUTATING_VARIABLE_INPUTS, "O", writer.optional_vector(operator.mutating_variable_inputs, "|b1")
            ),
            Field(slots.INTERMEDIATES, "O", writer.optional_vector(operator.intermediates, "<i4")),
            Field(slots.DEBUG_METADATA_INDEX, "i", operator.debug_metadata_index, -1),
        ]
        if operator.large_custom_options:
            fields.append(Field(slots.LARGE_CUSTOM_OPTIONS_OFFSET, "Q", next(self._offsets)))
            fields.append(Field(slots.LARGE_CUSTOM_OPTIONS_SIZE, "Q", len(operator.custom_options or b"")))
        elif operator.custom_options is not None:
            fields.append(Field(slots.CUSTOM_OPTIONS, "O", writer.data(operator.custom_options)))
        if operator.options is not None:
            fields += self._options(operator.options)
        return writer.table(fields)

    def _options(self, options: Options) -> list[Field]:
        slots, name = OperatorSlots, type(options).__name__
        table = self._writer.table([self._option(options, field) for field in layout(type(options))])
        if name in _OPTIONS_2_CODES:
            code, type_slot, slot = _OPTIONS_2_CODES[name], slots.BUILTIN_OPTIONS_2_TYPE, slots.BUILTIN_OPTIONS_2
        elif name in _OPTIONS_CODES:
            code, type_slot, slot = _OPTIONS_CODES[name], slots.BUILTIN_OPTIONS_TYPE, slots.BUILTIN_OPTIONS
        else:
            raise ModelError(f"{name} is not an options table of the schema")
        return [Field(type_slot, "B", code), Field(slot, "O", table)]

    def _option(self, options: Options, field: FieldLayout) -> Field:
        value = getattr(options, field.name)
        if field.kind == "scalar":
            return Field(field.slot, field.format, value, field.default)
        if not value:
            return Field(field.slot, "O", 0)
        if field.kind == "string":
            return Field(field.slot, "O", self._writer.string(value))
        if field.kind == "bytes":
            return Field(field.slot, "O", self._writer.data(value))
        return Field(field.slot, "O", self._writer.vector(value, _ELEMENTS[field.format]))
