"""Slot numbers of the schema's tables, in the schema's order. Those of the options tables follow from their fields."""

from __future__ import annotations


class ModelSlots:
    """Root table."""

    VERSION, OPERATOR_CODES, SUBGRAPHS, DESCRIPTION, BUFFERS, METADATA_BUFFER, METADATA, SIGNATURE_DEFS = range(8)
    EXTERNAL_BUFFER_GROUPS, EXTERNAL_BUFFERS = range(8, 10)


class OperatorCodeSlots:
    """Which operator, and which version of it; operators refer to these by index."""

    DEPRECATED_BUILTIN_CODE, CUSTOM_CODE, VERSION, BUILTIN_CODE = range(4)


class SubgraphSlots:
    """Tensors, operators, inputs and outputs."""

    TENSORS, INPUTS, OUTPUTS, OPERATORS, NAME, DEBUG_METADATA_INDEX = range(6)


class TensorSlots:
    """A tensor."""

    SHAPE, TYPE, BUFFER, NAME, QUANTIZATION, IS_VARIABLE, SPARSITY, SHAPE_SIGNATURE, HAS_RANK = range(9)
    VARIANT_TENSORS, EXTERNAL_BUFFER = range(9, 11)


class QuantizationSlots:
    """Quantization parameters."""

    MIN, MAX, SCALE, ZERO_POINT, DETAILS_TYPE, DETAILS, QUANTIZED_DIMENSION = range(7)


class QuantizationDetails:
    """Type codes of the union QuantizationDetails."""

    NONE, CUSTOM, BLOCKWISE, MULTI_AXIS = range(4)


class QuantizationDetailsSlots:
    """Tables of that union; CUSTOM belongs to the first of them, the rest to the two others."""

    CUSTOM = 0
    SCALES, ZERO_POINTS, BLOCK_SIZE, QUANTIZED_DIMENSIONS = range(4)


class SparsitySlots:
    """Sparse storage."""

    TRAVERSAL_ORDER, BLOCK_MAP, DIM_METADATA = range(3)


class DimensionMetadataSlots:
    """Sparse storage of a dimension."""

    FORMAT, DENSE_SIZE, ARRAY_SEGMENTS_TYPE, ARRAY_SEGMENTS, ARRAY_INDICES_TYPE, ARRAY_INDICES = range(6)


class VariantSubTypeSlots:
    """Element of a VARIANT tensor."""

    SHAPE, TYPE, HAS_RANK = range(3)


class OperatorSlots:
    """An operator of a subgraph."""

    OPCODE_INDEX, INPUTS, OUTPUTS, BUILTIN_OPTIONS_TYPE, BUILTIN_OPTIONS, CUSTOM_OPTIONS = range(6)
    CUSTOM_OPTIONS_FORMAT, MUTATING_VARIABLE_INPUTS, INTERMEDIATES = range(6, 9)
    LARGE_CUSTOM_OPTIONS_OFFSET, LARGE_CUSTOM_OPTIONS_SIZE = range(9, 11)
    BUILTIN_OPTIONS_2_TYPE, BUILTIN_OPTIONS_2, DEBUG_METADATA_INDEX = range(11, 14)


class BufferSlots:
    """Bytes, inside the flatbuffer or after it."""

    DATA, OFFSET, SIZE = range(3)


class ExternalBufferGroupSlots:
    """A file of external buffers."""

    NAME = 0


class ExternalBufferSlots:
    """A slice of such a file."""

    ID, GROUP, OFFSET, LENGTH, PACKING = range(5)


class MetadataSlots:
    """A named buffer."""

    NAME, BUFFER = range(2)


class TensorMapSlots:
    """A name and a tensor index of a signature."""

    NAME, TENSOR_INDEX = range(2)


class SignatureSlots:
    """A signature."""

    INPUTS, OUTPUTS, SIGNATURE_KEY, DEPRECATED_TAG, SUBGRAPH_INDEX = range(5)


# Element types, as NumPy writes them, of the union SparseIndexVector: Int32Vector, Uint16Vector, Uint8Vector.
SPARSE_INDEX_VECTORS = {1: "<i4", 2: "<u2", 3: "|u1"}

FILE_IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
# What an offset out of the flatbuffer must exceed to be one; the schema reserves 0 and 1.
NO_OFFSET = 1
