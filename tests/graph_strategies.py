"""Hypothesis strategies for graphs that the schema allows, whether or not anything could run them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from q31.schema import (
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
    TensorType,
    VariantSubType,
    bit_width,
)
from q31.schema.operators import OPERATOR_NAMES, options_table
from q31.schema.options import BUILTIN_OPTIONS, BUILTIN_OPTIONS_2, Options, layout, options_class
from q31.schema.strings import encode_strings
from q31.schema.types import DimensionType

TABLES = (*BUILTIN_OPTIONS, *BUILTIN_OPTIONS_2)
RANGES = {"b": (-(2**7), 2**7 - 1), "i": (-(2**31), 2**31 - 1), "q": (-(2**63), 2**63 - 1), "I": (0, 2**32 - 1)}

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
floats = st.floats(width=32, allow_nan=False)
int32 = st.integers(*RANGES["i"])
small_shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)
variants = st.builds(VariantSubType, small_shapes, st.sampled_from(TensorType), st.booleans())


def scalars(field: Any) -> st.SearchStrategy[Any]:
    """Values of one field, or of one element of it."""
    if field.enum is not None:
        return st.sampled_from(field.enum)
    if field.format == "?":
        return st.booleans()
    return floats if field.format == "f" else st.integers(*RANGES[field.format])


def field_values(field: Any, subgraph_count: int) -> st.SearchStrategy[Any]:
    """Values of a field of an options table."""
    if field.kind == "string":
        return text
    if field.kind == "bytes":
        return st.binary(max_size=8)
    element = st.integers(0, subgraph_count - 1) if "subgraph" in field.name else scalars(field)
    if field.kind == "scalar":
        return st.just(field.default).map(field.enum or (lambda value: value)) | element
    return st.lists(element, max_size=4).map(tuple)


def options_of(table: type[Options], subgraph_count: int = 1) -> st.SearchStrategy[Options]:
    """Values of an options table; subgraph indices exist."""
    return st.builds(table, **{field.name: field_values(field, subgraph_count) for field in layout(table)})


def _length_of(tensor_type: TensorType, shape: tuple[int, ...]) -> int:
    return (int(np.prod(shape)) * bit_width(tensor_type) + 7) // 8


@st.composite
def quantizations(draw: Any, shape: tuple[int, ...], tensor_count: int) -> Quantization:
    kind = draw(st.sampled_from(["none", "none", "tensor", "channel", "custom", "blockwise", "axes"]))
    extra = {
        "min": tuple(draw(st.lists(floats, max_size=2))),
        "max": tuple(draw(st.lists(floats, max_size=2))),
    }
    indices = st.integers(0, tensor_count - 1)
    if kind == "tensor":
        dimension = draw(st.integers(-3, 5))
        return Quantization((draw(floats),), (draw(st.integers(*RANGES["q"])),), dimension, **extra)
    if kind == "channel" and shape:
        dimension = draw(st.integers(0, len(shape) - 1))
        count = shape[dimension]
        scales = draw(st.lists(floats, min_size=count, max_size=count))
        return Quantization(tuple(scales), tuple(range(count)), dimension, **extra)
    if kind == "custom":
        return Quantization(custom=draw(st.binary(max_size=20)), **extra)
    if kind == "blockwise":
        return Quantization(blockwise=BlockwiseQuantization(draw(indices), draw(st.just(-1) | indices), draw(int32)))
    if kind == "axes":
        axes = tuple(draw(st.lists(int32, max_size=3)))
        return Quantization(multi_axis=MultiAxisQuantization(draw(indices), draw(st.just(-1) | indices), 32, axes))
    return Quantization()


@st.composite
def sparse(draw: Any, shape: tuple[int, ...]) -> Sparsity:
    """Parameters for a tensor without blocks, each dimension dense or sparse."""
    order = tuple(draw(st.permutations(range(len(shape)))))
    positions, dimensions = 1, []
    for dimension in order:
        size = shape[dimension]
        if draw(st.booleans()):
            dimensions.append(DimensionMetadata(DimensionType.DENSE, size))
            positions *= size
            continue
        kept = [
            sorted(draw(st.sets(st.integers(0, size - 1), max_size=size))) if size else [] for _ in range(positions)
        ]
        segments = tuple(int(end) for end in np.cumsum([0, *map(len, kept)]))
        indices = tuple(index for row in kept for index in row)
        kinds = draw(st.sampled_from([1, 2, 3])), draw(st.sampled_from([1, 2, 3]))
        dimensions.append(DimensionMetadata(DimensionType.SPARSE_CSR, 0, segments, indices, *kinds))
        positions = len(indices)
    return Sparsity(order, (), tuple(dimensions))


@st.composite
def constants(draw: Any, tensor_type: TensorType, shape: tuple[int, ...]) -> bytes:
    """Return the bytes of a constant."""
    if tensor_type == TensorType.STRING:
        count = int(np.prod(shape))
        return encode_strings(draw(st.lists(st.binary(max_size=5), min_size=count, max_size=count)))
    size = _length_of(tensor_type, shape)
    return draw(st.binary(min_size=size, max_size=size))


@st.composite
def operators(draw: Any, known: list[int], written: list[int], subgraph_count: int) -> Operator:
    """Return an operator that reads some of the known tensors and writes the given ones."""
    name = draw(st.sampled_from([name for name in OPERATOR_NAMES if not name.startswith("PLACEHOLDER")]))
    table = options_table(name) or draw(st.sampled_from(TABLES))
    inputs = tuple(draw(st.lists(st.sampled_from([-1, *known]), max_size=4)))
    custom_options = draw(st.none() | st.binary(max_size=20))
    return Operator(
        name=name,
        version=draw(st.integers(1, 9)),
        inputs=inputs,
        outputs=tuple(written),
        options=draw(st.none() | options_of(options_class(table), subgraph_count)),
        custom_code=draw(text) if name == "CUSTOM" else "",
        custom_options=custom_options,
        intermediates=tuple(draw(st.lists(st.sampled_from([-1, *known]), max_size=2))),
        mutating_variable_inputs=draw(st.sampled_from([(), tuple(index % 2 == 0 for index in inputs)])),
        debug_metadata_index=draw(st.sampled_from([-1, 0, 7])),
        large_custom_options=custom_options is not None and draw(st.booleans()),
    )


@st.composite
def subgraphs(draw: Any, buffers: list[Buffer], subgraph_count: int) -> Subgraph:
    """Return a subgraph and append the buffers of its constants to ``buffers``."""
    count = draw(st.integers(1, 8))
    tensors: list[Tensor] = []
    sources: list[int] = []
    free: list[int] = []
    for index in range(count):
        shape = draw(small_shapes)
        tensor_type = draw(st.sampled_from(TensorType))
        kind = draw(st.sampled_from(["constant", "input", "variable", "activation", "sparse", "external"]))
        fields: dict[str, Any] = {
            "is_variable": kind == "variable",
            "has_rank": draw(st.booleans()),
            "shape_signature": draw(st.sampled_from([None, (), (-1,) * len(shape)])),
            "variant_tensors": tuple(draw(st.lists(variants, max_size=1))),
            "external_buffer": 77 if kind == "external" else 0,
        }
        if kind in ("constant", "sparse"):
            data = draw(constants(tensor_type, shape))
            if kind == "sparse":
                fields["sparsity"] = draw(sparse(shape))
            buffers.append(Buffer(memoryview(data), draw(st.booleans())))
            if not data and not buffers[-1].external:
                buffers[-1] = Buffer(explicitly_empty=draw(st.booleans()))
            fields["buffer"] = len(buffers) - 1
        is_constant = kind in ("constant", "sparse", "external") and not (kind != "external" and not data)
        (free if kind == "activation" and not is_constant else sources).append(index)
        quantization = draw(quantizations(shape, count))
        tensors.append(Tensor(draw(text), tensor_type, shape, quantization=quantization, **fields))
    inputs = tuple(
        index
        for index in sources
        if not (tensors[index].buffer or tensors[index].external_buffer or tensors[index].is_variable)
    )
    # A constant without bytes whose shape has elements is no constant: it has to come from outside.
    inputs += tuple(
        index for index in sources if tensors[index].buffer and not len(buffers[tensors[index].buffer].data)
    )
    known, made = list(sources), []
    for index in free:
        made.append(draw(operators(known, [index], subgraph_count)))
        known.append(index)
    return Subgraph(
        name=draw(text),
        tensors=tuple(tensors),
        operators=tuple(made),
        inputs=inputs,
        outputs=tuple(draw(st.lists(st.sampled_from(known), max_size=3))) if known else (),
        debug_metadata_index=draw(st.sampled_from([-1, 0, 3])),
    )


@st.composite
def graphs(draw: Any) -> Graph:
    """Graphs with every kind of table in them."""
    count = draw(st.integers(1, 3))
    buffers = [Buffer()]
    made = tuple(draw(subgraphs(buffers, count)) for _ in range(count))
    metadata = tuple(
        Metadata(draw(text), draw(st.integers(0, len(buffers) - 1))) for _ in range(draw(st.integers(0, 2)))
    )
    signatures = []
    for _ in range(draw(st.integers(0, 2))):
        number = draw(st.integers(0, count - 1))
        pairs = st.lists(st.tuples(text, st.integers(0, len(made[number].tensors) - 1)), max_size=2).map(tuple)
        signatures.append(Signature(draw(text), number, draw(pairs), draw(pairs)))
    return Graph(
        subgraphs=made,
        buffers=tuple(buffers),
        description=draw(text),
        signatures=tuple(signatures),
        metadata=metadata,
        metadata_buffer=tuple(draw(st.lists(int32, max_size=2))),
        external_buffer_groups=(ExternalBufferGroup("weights.bin"),),
        external_buffers=(ExternalBuffer(77, 0, draw(st.integers(0, 2**64 - 1)), 5, draw(text)),),
    )
