"""What verification refuses, with the place in the message, and what it lets pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from q31.schema import (
    BlockwiseQuantization,
    Buffer,
    DimensionMetadata,
    ExternalBuffer,
    Graph,
    GraphBuilder,
    Metadata,
    ModelError,
    Operator,
    Quantization,
    Signature,
    Sparsity,
    TensorType,
    UnsupportedOperatorError,
    constant_array,
    read,
    verify,
    write,
)
from q31.schema import options as table
from q31.schema.types import DimensionType


def network() -> Graph:
    """x, constant w -> FULLY_CONNECTED -> h -> RELU -> y; tensors 0 to 3."""
    builder = GraphBuilder()
    x = builder.tensor("x", TensorType.FLOAT32, (1, 2))
    w = builder.tensor("w", TensorType.FLOAT32, (3, 2), value=np.ones((3, 2)))
    h = builder.tensor("h", TensorType.FLOAT32, (1, 3))
    y = builder.tensor("y", TensorType.FLOAT32, (1, 3))
    builder.operator("FULLY_CONNECTED", [x, w, -1], [h], table.FullyConnectedOptions())
    builder.operator("RELU", [h], [y])
    return builder.build([x], [y])


def with_tensor(index: int, **fields: Any) -> Graph:
    graph = network()
    tensors = list(graph.subgraphs[0].tensors)
    tensors[index] = replace(tensors[index], **fields)
    return replace(graph, subgraphs=(replace(graph.subgraphs[0], tensors=tuple(tensors)),))


def with_operator(index: int, **fields: Any) -> Graph:
    graph = network()
    operators = list(graph.subgraphs[0].operators)
    operators[index] = replace(operators[index], **fields)
    return replace(graph, subgraphs=(replace(graph.subgraphs[0], operators=tuple(operators)),))


def with_subgraph(**fields: Any) -> Graph:
    graph = network()
    return replace(graph, subgraphs=(replace(graph.subgraphs[0], **fields),))


def quantized(*scale: float, **fields: Any) -> Quantization:
    return Quantization(scale, (0,) * len(scale), **fields)


DENSE = DimensionMetadata(DimensionType.DENSE, 3)
ROW = DimensionMetadata(DimensionType.SPARSE_CSR, 0, (0, 1, 1, 2), (0, 1))

REFUSED: dict[str, tuple[Graph, str]] = {
    "version": (replace(network(), version=4), r"^version: .* 4, expected 3"),
    "no subgraphs": (replace(network(), subgraphs=()), r"^subgraphs: the model has none"),
    "negative dimension": (with_tensor(1, shape=(-3, 2)), r"^subgraphs\[0\].tensors\[1\].shape: \[-3, 2\]"),
    "too many dimensions": (with_tensor(0, shape=(1,) * 33), r"tensors\[0\].shape: 33 dimensions"),
    "size overflow": (with_tensor(0, shape=(2**31 - 1,) * 3), r"tensors\[0\].shape: .* 63 bits"),
    "size overflow beside a zero": (with_tensor(0, shape=(2**31 - 1,) * 3 + (0,)), r"tensors\[0\].shape: .* 63 bits"),
    "shape signature": (with_tensor(0, shape_signature=(-1,)), r"tensors\[0\].shape_signature"),
    "buffer index": (with_tensor(1, buffer=9), r"tensors\[1\].buffer: 9 is out of range; there are 2 buffers"),
    "buffer length": (with_tensor(1, shape=(3, 3)), r"tensors\[1\].buffer: buffer 1 has 24 bytes; FLOAT32 .* takes 36"),
    "external buffer id": (with_tensor(1, external_buffer=3), r"tensors\[1\].external_buffer"),
    "zero points": (
        with_tensor(1, quantization=Quantization((1.0,), (0, 0))),
        r"tensors\[1\].quantization.zero_point: 2 zero points for 1 scales",
    ),
    "scales of no dimension": (
        with_tensor(1, quantization=quantized(1.0, 2.0, 3.0, quantized_dimension=2)),
        r"tensors\[1\].quantization.quantized_dimension: 2",
    ),
    "scales of another dimension": (
        with_tensor(1, quantization=quantized(1.0, 2.0, 3.0, quantized_dimension=1)),
        r"tensors\[1\].quantization.scale: 3 scales; expected 1, or 2",
    ),
    "blockwise scales": (
        with_tensor(1, quantization=Quantization(blockwise=BlockwiseQuantization(7, -1, 32))),
        r"tensors\[1\].quantization.scales: 7 is out of range",
    ),
    "operator input": (with_operator(0, inputs=(0, 8)), r"^subgraphs\[0\].operators\[0\].inputs\[1\]: 8 is out of"),
    "operator output": (with_operator(0, outputs=(-1,)), r"operators\[0\].outputs\[0\]: -1 is out of range"),
    "operator intermediate": (with_operator(0, intermediates=(4,)), r"operators\[0\].intermediates\[0\]: 4"),
    "mutating inputs": (with_operator(0, mutating_variable_inputs=(True,)), r"mutating_variable_inputs: 1 entries"),
    "subgraph index": (
        with_operator(1, name="IF", options=table.IfOptions(0, 5)),
        r"operators\[1\].builtin_options.else_subgraph_index: 5 is out of range; there are 1 subgraphs",
    ),
    "read before written": (
        with_subgraph(operators=tuple(reversed(network().subgraphs[0].operators))),
        r"operators\[0\].inputs\[0\]: tensor 2 \('h'\) is read",
    ),
    "written twice": (
        with_operator(1, outputs=(2,)),
        r"operators\[1\].outputs\[0\]: tensor 2 \('h'\) is written already",
    ),
    "an input written": (with_operator(1, outputs=(0,)), r"operators\[1\].outputs\[0\]: tensor 0 \('x'\) is an input"),
    "a constant written": (with_operator(1, outputs=(1,)), r"operators\[1\].outputs\[0\]: tensor 1 \('w'\) is a const"),
    "output nobody writes": (with_subgraph(operators=(), outputs=(3,)), r"^subgraphs\[0\].outputs\[0\]: no operator"),
    "subgraph input": (with_subgraph(inputs=(4,)), r"^subgraphs\[0\].inputs\[0\]: 4 is out of range"),
    "subgraph output": (with_subgraph(outputs=(-1,)), r"^subgraphs\[0\].outputs\[0\]: -1 is out of range"),
    "signature subgraph": (
        replace(network(), signatures=(Signature("s", 1, (), ()),)),
        r"^signature_defs\[0\].subgraph_index: 1",
    ),
    "signature tensor": (
        replace(network(), signatures=(Signature("s", 0, (), (("y", 4),)),)),
        r"^signature_defs\[0\].outputs\[0\]: 4",
    ),
    "metadata buffer": (replace(network(), metadata=(Metadata("m", 2),)), r"^metadata\[0\].buffer: 2 is out of range"),
    "external group": (
        replace(network(), external_buffers=(ExternalBuffer(1, 0, 0, 0),)),
        r"^external_buffers\[0\].group: 0",
    ),
    "traversal order": (
        with_tensor(1, sparsity=Sparsity((0, 0), (), (DENSE, ROW))),
        r"tensors\[1\].sparsity.traversal_order: \[0, 0\]",
    ),
    "segments": (
        with_tensor(1, sparsity=Sparsity((0, 1), (), (DENSE, replace(ROW, array_segments=(0, 1, 2))))),
        r"sparsity.dim_metadata\[1\].array_segments: 3 entries; expected 4",
    ),
    "indices": (
        with_tensor(1, sparsity=Sparsity((0, 1), (), (DENSE, replace(ROW, array_indices=(0, 2))))),
        r"sparsity.dim_metadata\[1\].array_indices: an index is out of range for a dimension of 2",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_graph_that_makes_no_sense_is_refused_with_the_place(name: str) -> None:
    graph, message = REFUSED[name]
    with pytest.raises(ModelError, match=message):
        verify(graph)
    with pytest.raises(ModelError, match=message):
        read(write(graph))


ACCEPTED: dict[str, Graph] = {
    "a huge activation": with_tensor(2, shape=(2**20, 2**20)),
    "a bias quantized along its only dimension, under another number": with_tensor(
        1, shape=(6,), quantization=quantized(1, 2, 3, 4, 5, 6, quantized_dimension=3)
    ),
    "one scale and a dimension out of range": with_tensor(2, quantization=quantized(1.0, quantized_dimension=7)),
    "an input without elements that nobody writes": with_tensor(2, shape=(0,)),
    "a tensor that nobody uses": with_subgraph(operators=network().subgraphs[0].operators[:1], outputs=(2,)),
    "a variable read before it is written": with_tensor(2, is_variable=True),
    "an input as output": with_subgraph(outputs=(0, 1)),
    "the same output twice": with_subgraph(outputs=(3, 3)),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_graph_that_is_only_unusual_is_read(name: str) -> None:
    assert read(write(ACCEPTED[name])) == ACCEPTED[name]


def test_options_of_another_operator_are_refused() -> None:
    with pytest.raises(ModelError, match=r"operators\[0\]: FULLY_CONNECTED takes FullyConnectedOptions, not Conv2DO"):
        read(write(with_operator(0, options=table.Conv2DOptions())))
    # RELU has no options and does not look at any.
    assert read(write(with_operator(1, options=table.AddOptions())))


def test_an_unknown_enumeration_value_is_refused_with_the_field() -> None:
    file = write(with_operator(0, options=table.FullyConnectedOptions(fused_activation_function=4)))
    changed = [file[:i] + b"\x55" + file[i + 1 :] for i, byte in enumerate(file) if byte == 4]
    messages = []
    for broken in changed:
        try:
            read(broken)
        except ModelError as error:
            messages.append(str(error))
    expected = "subgraphs[0].operators[0].builtin_options.fused_activation_function: 85 is not a ActivationFunctionType"
    assert expected in messages


def test_an_operator_newer_than_the_schema_is_unsupported() -> None:
    graph = with_operator(1, name="STABLEHLO_CASE")
    file = write(graph).replace((209).to_bytes(4, "little"), (250).to_bytes(4, "little"))
    with pytest.raises(UnsupportedOperatorError, match="operator 250"):
        read(file)


def test_old_files_without_the_wide_operator_code_are_read() -> None:
    """Before schema version 3a the byte-sized code was the only one."""
    flatbuffers = pytest.importorskip("flatbuffers")
    tflite = pytest.importorskip("tflite")
    file = bytearray(write(network()))
    model = tflite.Model.GetRootAs(file)
    for index in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(index)
        offset = flatbuffers.table.Table(file, code._tab.Pos).Offset(10)
        position = code._tab.Pos + offset
        assert int.from_bytes(file[position : position + 4], "little") == code.DeprecatedBuiltinCode()
        file[position : position + 4] = bytes(4)
    assert read(file) == network()


def test_string_buffers_are_verified() -> None:
    builder = GraphBuilder()
    s = builder.tensor("s", TensorType.STRING, (2,), value=np.array([b"a", b"bc"], dtype=object))
    graph = builder.build([], [s])
    value = constant_array(read(write(graph)), 0, s)
    assert value is not None
    assert value.tolist() == [b"a", b"bc"]
    good = bytes(graph.buffers[1].data)
    for bad, message in (
        (good[:3], "too few"),
        (good[:-1], "not in order or lead out"),
        (b"\x09" + good[1:], "cannot hold 9 strings"),
        (good[:4] + b"\x02" + good[5:], "not in order or lead out"),
        (b"\x01" + good[1:], "it holds 1 strings; the shape is"),
    ):
        with pytest.raises(ModelError, match=f"tensors\\[0\\].buffer: .*{message}"):
            verify(replace(graph, buffers=(Buffer(), Buffer(memoryview(bad)))))


def test_an_operator_of_a_hand_built_graph_may_lack_options() -> None:
    verify(with_operator(0, options=None))
    assert isinstance(read(write(with_operator(0, options=None))).subgraphs[0].operators[0], Operator)
