"""Broken files: each gives a graph or a clear error, never another exception, never a hang.

``Q31_FUZZ_MUTATIONS=200000 pytest tests/schema/test_mutations.py`` runs the long version. Seeds are random; a failing
file is written where the message says.
"""

from __future__ import annotations

import os
import random
import struct
import tempfile
import time
from dataclasses import replace

import numpy as np
import pytest

from q31.schema import (
    BlockwiseQuantization,
    Buffer,
    DimensionMetadata,
    ExternalBuffer,
    ExternalBufferGroup,
    Graph,
    GraphBuilder,
    Metadata,
    ModelError,
    Quantization,
    Signature,
    Sparsity,
    Subgraph,
    TensorType,
    UnsupportedOperatorError,
    VariantSubType,
    constant_array,
    read,
    write,
)
from q31.schema import options as table
from q31.schema.types import DimensionType, Padding

MUTATIONS = int(os.environ.get("Q31_FUZZ_MUTATIONS", "15000"))
INTERESTING = [0, 1, 2, 3, 4, 7, 8, 16, 127, 128, 255, 256, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 4, 2**32 - 1]


def convolution() -> Graph:
    """A small quantized network with a signature and metadata."""
    builder = GraphBuilder()
    activation = Quantization((0.5,), (3,))
    weights = Quantization((0.1, 0.2), (0, 0), 0, (-1.0, -1.0), (1.0, 1.0))
    x = builder.tensor("x", TensorType.INT8, (1, 4, 4, 1), activation, shape_signature=(-1, 4, 4, 1))
    w = builder.tensor("w", TensorType.INT8, (2, 3, 3, 1), weights, np.arange(18).reshape(2, 3, 3, 1))
    b = builder.tensor("b", TensorType.INT32, (2,), Quantization((0.05, 0.1), (0, 0)), [7, -7])
    y = builder.tensor("y", TensorType.INT8, (1, 2, 2, 2), activation)
    shape = builder.tensor("shape", TensorType.INT32, (2,), value=[1, 8])
    z = builder.tensor("z", TensorType.INT8, (1, 8), activation)
    builder.operator("CONV_2D", [x, w, b], [y], table.Conv2DOptions(Padding.VALID, 1, 1), 3)
    builder.operator("RESHAPE", [y, shape], [z], table.ReshapeOptions((1, 8)))
    graph = builder.build([x], [z], description="small", signatures=[Signature("serve", 0, (("x", x),), (("z", z),))])
    return replace(graph, metadata=(Metadata("runtime", 1),))


def curiosities() -> Graph:
    """What is rare: strings, packed and sparse constants, blockwise quantization, custom options, data outside."""
    builder = GraphBuilder()
    names = builder.tensor("names", TensorType.STRING, (2,), value=np.array([b"one", b"two!"], dtype=object))
    packed = builder.tensor("packed", TensorType.INT4, (3,), Quantization(custom=b"xyz"), [-8, 7, 1])
    dimensions = (
        DimensionMetadata(DimensionType.DENSE, 2),
        DimensionMetadata(DimensionType.SPARSE_CSR, 0, (0, 1, 3), (1, 0, 2), 2, 3),
    )
    sparse = builder.tensor("sparse", TensorType.FLOAT32, (2, 3), sparsity=Sparsity((0, 1), (), dimensions))
    scales = builder.tensor("scales", TensorType.FLOAT16, (1,), value=[0.5])
    blocks = builder.tensor(
        "blocks", TensorType.INT8, (1, 2), Quantization(blockwise=BlockwiseQuantization(scales, -1, 32)), [[1, 2]]
    )
    elsewhere = builder.tensor("elsewhere", TensorType.INT8, (5,), external_buffer=9)
    variant = builder.tensor(
        "variant", TensorType.VARIANT, (), variant_tensors=(VariantSubType((1, 2), TensorType.INT8, True),)
    )
    state = builder.tensor("state", TensorType.FLOAT32, (1, 2), is_variable=True)
    builder.operator(
        "CUSTOM",
        [names, packed, -1],
        [variant],
        custom_code="mine",
        custom_options=b"options",
        mutating_variable_inputs=(True, False, False),
    )
    builder.operator("STABLEHLO_CASE", [], [], table.StablehloCaseOptions((0, 1)))
    builder.operator("VAR_HANDLE", [], [], table.VarHandleOptions("box", "shared"), intermediates=(state,))
    builder.operator("CUSTOM", [], [], custom_code="large", custom_options=b"far away", large_custom_options=True)
    graph = builder.build([], [variant, blocks, elsewhere])
    tensors = list(graph.subgraphs[0].tensors)
    tensors[sparse] = replace(tensors[sparse], buffer=len(graph.buffers))
    data = memoryview(np.arange(3, dtype=np.float32).tobytes())
    return replace(
        graph,
        subgraphs=(replace(graph.subgraphs[0], tensors=tuple(tensors)), Subgraph("other", (), (), (), ())),
        buffers=(*graph.buffers, Buffer(data, external=True)),
        external_buffer_groups=(ExternalBufferGroup("weights.bin"),),
        external_buffers=(ExternalBuffer(9, 0, 64, 5, "none"),),
    )


def mutate(file: bytes, random_source: random.Random) -> bytes:
    """Return the file with one to three things broken."""
    data = bytearray(file)
    for _ in range(random_source.choice([1, 1, 1, 2, 3])):
        position = random_source.randrange(max(len(data), 1))
        kind = random_source.randrange(7)
        if kind == 0:
            data[position : position + 1] = bytes([random_source.randrange(256)])
        elif kind == 1 and data:
            data[min(position, len(data) - 1)] ^= 1 << random_source.randrange(8)
        elif kind == 2:
            word = random_source.choice([*INTERESTING, len(file), len(file) - position, random_source.randrange(64)])
            position &= ~3
            data[position : position + 4] = struct.pack("<I", word % 2**32)[: max(len(data) - position, 0)]
        elif kind == 3:
            del data[position:]
        elif kind == 4:
            source = random_source.randrange(max(len(data), 1)) & ~3
            size = random_source.choice([2, 4, 8, 16, 64])
            data[position & ~3 : (position & ~3) + size] = data[source : source + size]
        elif kind == 5:
            data[position:position] = bytes(random_source.choice([1, 4, 16]))
        else:
            del data[position : position + random_source.choice([1, 4, 16])]
    return bytes(data)


def attempt(file: bytes) -> str:
    """Read a file and all its constants; say how it went."""
    try:
        graph = read(file)
    except (ModelError, UnsupportedOperatorError) as error:
        assert str(error), "an error without a message"
        return "refused"
    for number, subgraph in enumerate(graph.subgraphs):
        for index in range(len(subgraph.tensors)):
            try:
                constant_array(graph, number, index)
            except (ModelError, UnsupportedOperatorError) as error:
                assert str(error)
    return "read"


@pytest.mark.parametrize("make", [convolution, curiosities])
def test_the_models_to_break_are_sound(make) -> None:
    graph = make()
    assert read(write(graph)) == graph


@pytest.mark.parametrize("make", [convolution, curiosities])
def test_mutated_files_are_read_or_refused(make) -> None:
    file = write(make())
    seed = random.randrange(2**32)
    random_source = random.Random(seed)
    outcomes = {"refused": 0, "read": 0}
    for number in range(MUTATIONS):
        broken = mutate(file, random_source)
        start = time.perf_counter()
        try:
            outcomes[attempt(broken)] += 1
        except Exception as error:
            with tempfile.NamedTemporaryFile(suffix=".tflite", delete=False) as kept:
                kept.write(broken)
            pytest.fail(f"seed {seed}, mutation {number}: {error!r}; the file is {kept.name}")
        assert time.perf_counter() - start < 10, f"seed {seed}, mutation {number} took too long"
    # Both ways are walked.
    assert min(outcomes.values()) > MUTATIONS // 50


@pytest.mark.parametrize("make", [convolution, curiosities])
def test_every_truncation_is_refused_or_loses_nothing(make) -> None:
    graph = make()
    file = write(graph)
    for size in range(len(file)):
        try:
            found = read(file[:size])
        except ModelError:
            continue
        # Only the padding at the end may go.
        assert found == graph


@pytest.mark.parametrize("make", [convolution, curiosities])
def test_every_byte_set_to_its_extremes_is_read_or_refused(make) -> None:
    file = write(make())
    for position in range(len(file)):
        for value in (0x00, 0x7F, 0x80, 0xFF):
            attempt(file[:position] + bytes([value]) + file[position + 1 :])


@pytest.mark.parametrize(
    "data", [b"", b"TFL3", b"\0\0\0\0TFL3", b"\x08\0\0\0TFL3", b"\xff" * 64, b"hello world, this is text"]
)
def test_what_is_no_model_is_a_model_error(data: bytes) -> None:
    with pytest.raises(ModelError):
        read(data)


def test_a_tree_of_shared_tables_is_refused_before_it_grows() -> None:
    """A kilobyte of offsets to one subgraph, whose kilobyte of offsets leads to one tensor with a long shape."""
    count = 4000
    vtable_model = struct.pack("<HHHHHHH", 14, 20, 4, 0, 8, 0, 12)
    # Laid out by hand: header, vtables, then the tables from the root down.
    file = bytearray(b"\0\0\0\0TFL3")

    def place(data: bytes) -> int:
        file.extend(bytes(-len(file) % 4))
        file.extend(data)
        return len(file) - len(data)

    model_vtable = place(vtable_model)
    subgraph_vtable = place(struct.pack("<HHH", 6, 8, 4))
    tensor_vtable = place(struct.pack("<HHH", 6, 8, 4))
    model = place(struct.pack("<iIIII", 0, 3, 0, 0, 0))
    struct.pack_into("<i", file, model, model - model_vtable)
    struct.pack_into("<I", file, 0, model)
    subgraph_vector = place(struct.pack("<I", count) + bytes(4 * count))
    subgraph = place(struct.pack("<iI", 0, 0))
    struct.pack_into("<i", file, subgraph, subgraph - subgraph_vtable)
    tensor_vector = place(struct.pack("<I", count) + bytes(4 * count))
    tensor = place(struct.pack("<iI", 0, 0))
    struct.pack_into("<i", file, tensor, tensor - tensor_vtable)
    shape = place(struct.pack("<I", 30) + struct.pack("<30i", *[1] * 30))
    struct.pack_into("<I", file, model + 8, subgraph_vector - model - 8)
    struct.pack_into("<I", file, subgraph + 4, tensor_vector - subgraph - 4)
    struct.pack_into("<I", file, tensor + 4, shape - tensor - 4)
    for i in range(count):
        position = subgraph_vector + 4 + 4 * i
        struct.pack_into("<I", file, position, subgraph - position)
        position = tensor_vector + 4 + 4 * i
        struct.pack_into("<I", file, position, tensor - position)
    start = time.perf_counter()
    with pytest.raises(ModelError, match="over and over"):
        read(bytes(file))
    assert time.perf_counter() - start < 5
