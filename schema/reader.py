"""Bytes of a .tflite file -> Graph."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from enum import IntEnum
from typing import Any, TypeVar

from .errors import ModelError, UnsupportedOperatorError
from .flatbuffer import Flatbuffer, Table
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
from .operators import OPERATOR_NAMES, options_table
from .options import BUILTIN_OPTIONS, BUILTIN_OPTIONS_2, Options, layout, options_class
from .slots import (
    FILE_IDENTIFIER,
    NO_OFFSET,
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
from .types import CustomOptionsFormat, DimensionType, TensorType
from .verify import verify

_NO_QUANTIZATION = Quantization()
# How struct writes the elements of the union SparseIndexVector.
_SPARSE_CODES = {1: "i", 2: "H", 3: "B"}

Enumeration = TypeVar("Enumeration", bound=IntEnum)
Item = TypeVar("Item")


def read(data: Any) -> Graph:
    """Read and verify a .tflite file.

    Parameters
    ----------
    data : bytes, bytearray, memoryview or mmap of the whole file. The graph's buffers are views into it.

    Raises
    ------
    ModelError
        The file is malformed: the message names the place, what is there and what was expected.
    UnsupportedOperatorError
        The file uses an operator that the schema did not have when q31 was made.
    """
    view = memoryview(data).toreadonly().cast("B")
    identifier = bytes(view[4:8])
    if identifier != FILE_IDENTIFIER:
        raise ModelError(f"not a .tflite file: its file identifier is {identifier!r}, expected {FILE_IDENTIFIER!r}")
    graph = _GraphReader(view).graph()
    verify(graph)
    return graph


def map_file(path: str | os.PathLike[str]) -> memoryview:
    """Map a file into memory, read-only.

    Raises
    ------
    OSError
        The file cannot be opened.
    ModelError
        The file is empty, which cannot be mapped.
    """
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise ModelError("the file is empty")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def read_file(path: str | os.PathLike[str]) -> Graph:
    """Read and verify the .tflite file at ``path``; it is mapped into memory, and its buffers are not copied.

    Raises
    ------
    OSError
        The file cannot be opened.
    ModelError, UnsupportedOperatorError
        As :func:`read`.
    """
    return read(map_file(path))


def _enum(table: Table, slot: int, enumeration: type[Enumeration]) -> Enumeration:
    value = table.integer(slot, "b")
    try:
        return enumeration(value)
    except ValueError:
        raise ModelError(f"{table.where(slot)}: {value} is not a {enumeration.__name__}") from None


class _GraphReader:
    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._root = Flatbuffer(data).root(ModelSlots)
        self._codes = tuple(self._root.tables(ModelSlots.OPERATOR_CODES, OperatorCodeSlots))
        self._decoded_codes: dict[int, tuple[str, str, int]] = {}

    def graph(self) -> Graph:
        root, slots = self._root, ModelSlots

        def each(slot: int, names: type, read_one: Callable[[Table], Item]) -> tuple[Item, ...]:
            return tuple(read_one(table) for table in root.tables(slot, names))

        return Graph(
            subgraphs=each(slots.SUBGRAPHS, SubgraphSlots, self._subgraph),
            buffers=each(slots.BUFFERS, BufferSlots, self._buffer),
            description=root.string(slots.DESCRIPTION),
            version=root.integer(slots.VERSION, "I"),
            signatures=each(slots.SIGNATURE_DEFS, SignatureSlots, self._signature),
            metadata=each(slots.METADATA, MetadataSlots, self._metadata),
            metadata_buffer=root.numbers(slots.METADATA_BUFFER, "i"),
            external_buffer_groups=each(slots.EXTERNAL_BUFFER_GROUPS, ExternalBufferGroupSlots, self._group),
            external_buffers=each(slots.EXTERNAL_BUFFERS, ExternalBufferSlots, self._external_buffer),
        )

    def _outside(self, table: Table, offset_slot: int, size_slot: int) -> memoryview | None:
        """Return the bytes that a table places outside the flatbuffer; None where it places none."""
        offset, size = table.integer(offset_slot, "Q"), table.integer(size_slot, "Q")
        if offset <= NO_OFFSET:
            return None
        if offset + size > len(self._data):
            place, end = table.where(offset_slot), len(self._data)
            raise ModelError(f"{place}: {size} bytes from byte {offset} exceed the file of {end} bytes")
        return self._data[offset : offset + size]

    def _buffer(self, table: Table) -> Buffer:
        data = table.data(BufferSlots.DATA)
        if data is not None:
            return Buffer(data, explicitly_empty=not len(data))
        outside = self._outside(table, BufferSlots.OFFSET, BufferSlots.SIZE)
        return Buffer() if outside is None else Buffer(outside, external=True)

    def _group(self, table: Table) -> ExternalBufferGroup:
        return ExternalBufferGroup(table.string(ExternalBufferGroupSlots.NAME))

    def _external_buffer(self, table: Table) -> ExternalBuffer:
        slots = ExternalBufferSlots
        return ExternalBuffer(
            id=table.integer(slots.ID, "I"),
            group=table.integer(slots.GROUP, "I"),
            offset=table.integer(slots.OFFSET, "Q"),
            length=table.integer(slots.LENGTH, "Q"),
            packing=table.string(slots.PACKING),
        )

    def _metadata(self, table: Table) -> Metadata:
        return Metadata(table.string(MetadataSlots.NAME), table.integer(MetadataSlots.BUFFER, "I"))

    def _signature(self, table: Table) -> Signature:
        def maps(slot: int) -> tuple[tuple[str, int], ...]:
            return tuple(
                (item.string(TensorMapSlots.NAME), item.integer(TensorMapSlots.TENSOR_INDEX, "I"))
                for item in table.tables(slot, TensorMapSlots)
            )

        return Signature(
            key=table.string(SignatureSlots.SIGNATURE_KEY),
            subgraph_index=table.integer(SignatureSlots.SUBGRAPH_INDEX, "I"),
            inputs=maps(SignatureSlots.INPUTS),
            outputs=maps(SignatureSlots.OUTPUTS),
        )

    def _subgraph(self, table: Table) -> Subgraph:
        slots = SubgraphSlots
        return Subgraph(
            name=table.string(slots.NAME),
            tensors=tuple(self._tensor(item) for item in table.tables(slots.TENSORS, TensorSlots)),
            operators=tuple(self._operator(item) for item in table.tables(slots.OPERATORS, OperatorSlots)),
            inputs=table.numbers(slots.INPUTS, "i"),
            outputs=table.numbers(slots.OUTPUTS, "i"),
            debug_metadata_index=table.integer(slots.DEBUG_METADATA_INDEX, "i", -1),
        )

    def _tensor(self, table: Table) -> Tensor:
        slots = TensorSlots
        quantization = table.table(slots.QUANTIZATION, QuantizationSlots)
        sparsity = table.table(slots.SPARSITY, SparsitySlots)
        has_signature = table.has(slots.SHAPE_SIGNATURE)
        return Tensor(
            name=table.string(slots.NAME),
            type=_enum(table, slots.TYPE, TensorType),
            shape=table.numbers(slots.SHAPE, "i"),
            buffer=table.integer(slots.BUFFER, "I"),
            quantization=_NO_QUANTIZATION if quantization is None else self._quantization(quantization),
            shape_signature=table.numbers(slots.SHAPE_SIGNATURE, "i") if has_signature else None,
            is_variable=table.boolean(slots.IS_VARIABLE),
            has_rank=table.boolean(slots.HAS_RANK),
            sparsity=None if sparsity is None else self._sparsity(sparsity),
            variant_tensors=tuple(
                self._variant(item) for item in table.tables(slots.VARIANT_TENSORS, VariantSubTypeSlots)
            ),
            external_buffer=table.integer(slots.EXTERNAL_BUFFER, "I"),
        )

    def _variant(self, table: Table) -> VariantSubType:
        slots = VariantSubTypeSlots
        return VariantSubType(
            table.numbers(slots.SHAPE, "i"), _enum(table, slots.TYPE, TensorType), table.boolean(slots.HAS_RANK)
        )

    def _quantization(self, table: Table) -> Quantization:
        slots = QuantizationSlots
        custom: bytes | None = None
        blockwise: BlockwiseQuantization | None = None
        multi_axis: MultiAxisQuantization | None = None
        kind = table.integer(slots.DETAILS_TYPE, "B")
        if kind != QuantizationDetails.NONE:
            details = table.table(slots.DETAILS, QuantizationDetailsSlots)
            if details is None or kind > QuantizationDetails.MULTI_AXIS:
                raise ModelError(f"{table.where(slots.DETAILS)}: no details, or of the unknown type {kind}")
            if kind == QuantizationDetails.CUSTOM:
                custom = details.copied_data(QuantizationDetailsSlots.CUSTOM) or b""
            elif kind == QuantizationDetails.BLOCKWISE:
                blockwise = BlockwiseQuantization(*self._quantization_tensors(details))
            else:
                dimensions = details.numbers(QuantizationDetailsSlots.QUANTIZED_DIMENSIONS, "i")
                multi_axis = MultiAxisQuantization(*self._quantization_tensors(details), dimensions)
        return Quantization(
            scale=table.numbers(slots.SCALE, "f"),
            zero_point=table.numbers(slots.ZERO_POINT, "q"),
            quantized_dimension=table.integer(slots.QUANTIZED_DIMENSION, "i"),
            min=table.numbers(slots.MIN, "f"),
            max=table.numbers(slots.MAX, "f"),
            custom=custom,
            blockwise=blockwise,
            multi_axis=multi_axis,
        )

    def _quantization_tensors(self, table: Table) -> tuple[int, int, int]:
        slots = QuantizationDetailsSlots
        return (
            table.integer(slots.SCALES, "i"),
            table.integer(slots.ZERO_POINTS, "i"),
            table.integer(slots.BLOCK_SIZE, "i"),
        )

    def _sparsity(self, table: Table) -> Sparsity:
        slots = SparsitySlots
        return Sparsity(
            traversal_order=table.numbers(slots.TRAVERSAL_ORDER, "i"),
            block_map=table.numbers(slots.BLOCK_MAP, "i"),
            dim_metadata=tuple(
                self._dimension(item) for item in table.tables(slots.DIM_METADATA, DimensionMetadataSlots)
            ),
        )

    def _dimension(self, table: Table) -> DimensionMetadata:
        slots = DimensionMetadataSlots

        def vector(type_slot: int, slot: int) -> tuple[tuple[int, ...] | None, int]:
            kind = table.integer(type_slot, "B")
            values = table.table(slot, ("values",)) if kind else None
            if values is None:
                return None, 1
            if kind not in _SPARSE_CODES:
                raise ModelError(f"{table.where(type_slot)}: {kind} is not a SparseIndexVector")
            return values.numbers(0, _SPARSE_CODES[kind]), kind

        segments, segments_type = vector(slots.ARRAY_SEGMENTS_TYPE, slots.ARRAY_SEGMENTS)
        indices, indices_type = vector(slots.ARRAY_INDICES_TYPE, slots.ARRAY_INDICES)
        return DimensionMetadata(
            format=_enum(table, slots.FORMAT, DimensionType),
            dense_size=table.integer(slots.DENSE_SIZE, "i"),
            array_segments=segments,
            array_indices=indices,
            segments_type=segments_type,
            indices_type=indices_type,
        )

    def _operator(self, table: Table) -> Operator:
        slots = OperatorSlots
        name, custom_code, version = self._code(table)
        _enum(table, slots.CUSTOM_OPTIONS_FORMAT, CustomOptionsFormat)
        custom_options = table.copied_data(slots.CUSTOM_OPTIONS)
        large = None
        if custom_options is None:
            large = self._outside(table, slots.LARGE_CUSTOM_OPTIONS_OFFSET, slots.LARGE_CUSTOM_OPTIONS_SIZE)
        return Operator(
            name=name,
            version=version,
            inputs=table.numbers(slots.INPUTS, "i"),
            outputs=table.numbers(slots.OUTPUTS, "i"),
            options=self._options(table, name),
            custom_code=custom_code,
            custom_options=custom_options if large is None else table.copy(large),
            intermediates=table.numbers(slots.INTERMEDIATES, "i"),
            mutating_variable_inputs=table.numbers(slots.MUTATING_VARIABLE_INPUTS, "?"),
            debug_metadata_index=table.integer(slots.DEBUG_METADATA_INDEX, "i", -1),
            large_custom_options=large is not None,
        )

    def _code(self, table: Table) -> tuple[str, str, int]:
        """Return name, custom code and version of an operator."""
        index = table.integer(OperatorSlots.OPCODE_INDEX, "I")
        if index >= len(self._codes):
            place = table.where(OperatorSlots.OPCODE_INDEX)
            raise ModelError(f"{place}: {index} is out of range; the model has {len(self._codes)} operator codes")
        if index not in self._decoded_codes:
            self._decoded_codes[index] = self._decode_code(self._codes[index])
        return self._decoded_codes[index]

    def _decode_code(self, code: Table) -> tuple[str, str, int]:
        slots = OperatorCodeSlots
        # Old files have the deprecated field only; new ones put a placeholder in it where the code does not fit.
        builtin = max(code.integer(slots.BUILTIN_CODE, "i"), code.integer(slots.DEPRECATED_BUILTIN_CODE, "b"))
        if builtin < 0:
            raise ModelError(f"{code.where(slots.BUILTIN_CODE)}: {builtin} is not an operator")
        if builtin >= len(OPERATOR_NAMES):
            raise UnsupportedOperatorError(f"{code.where(slots.BUILTIN_CODE)}: operator {builtin} is not known to q31")
        return OPERATOR_NAMES[builtin], code.string(slots.CUSTOM_CODE), code.integer(slots.VERSION, "i", 1)

    def _options(self, table: Table, operator: str) -> Options | None:
        slots = OperatorSlots
        options: Options | None = None
        for type_slot, slot, union in (
            (slots.BUILTIN_OPTIONS_TYPE, slots.BUILTIN_OPTIONS, BUILTIN_OPTIONS),
            (slots.BUILTIN_OPTIONS_2_TYPE, slots.BUILTIN_OPTIONS_2, BUILTIN_OPTIONS_2),
        ):
            kind = table.integer(type_slot, "B")
            if kind == 0:
                continue
            if kind > len(union):
                raise ModelError(f"{table.where(type_slot)}: {kind} is not an options table of the schema")
            if options is not None:
                raise ModelError(f"{table.where(type_slot)}: the operator has two options tables")
            options_type = options_class(union[kind - 1])
            names = tuple(field.name for field in layout(options_type))
            found = table.table(slot, ("",) * options_type.first_slot + names)
            if found is None:
                raise ModelError(f"{table.where(slot)}: the table of type {union[kind - 1]} is missing")
            options = _read_options(found, options_type)
        expected = options_table(operator)
        # An operator whose table has no fields has no use for it and may have any; the others rely on its type.
        if options is not None and expected not in (None, type(options).__name__) and layout(options_class(expected)):
            raise ModelError(f"{table.place}: {operator} takes {expected}, not {type(options).__name__}")
        return options


def _read_options(table: Table, options_type: type[Options]) -> Options:
    values: dict[str, Any] = {}
    for field in layout(options_type):
        if field.kind == "scalar":
            values[field.name] = field.decode(table.scalar(field.slot, field.format, field.default), table.place)
        elif field.kind == "vector":
            numbers = table.numbers(field.slot, field.format)
            values[field.name] = tuple(field.decode(n, table.place) for n in numbers) if field.enum else numbers
        elif field.kind == "string":
            values[field.name] = table.string(field.slot)
        else:
            values[field.name] = table.copied_data(field.slot) or b""
    return options_type(**values)
