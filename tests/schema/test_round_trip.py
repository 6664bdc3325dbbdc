"""What the writer writes, the reader reads back, the same in every field."""

from __future__ import annotations

import mmap
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_strategies import TABLES, graphs, options_of
from q31.schema import Buffer, Graph, GraphBuilder, ModelError, Operator, TensorType, read, read_file, write
from q31.schema.operators import OPERATOR_NAMES, options_table
from q31.schema.options import Conv2DOptions, Options, layout, options_class
from q31.schema.types import Padding


def single(options: Options | None, name: str = "CUSTOM", **fields: object) -> Graph:
    """A graph of one operator with these options."""
    builder = GraphBuilder()
    x = builder.tensor("x", TensorType.FLOAT32, (1,))
    y = builder.tensor("y", TensorType.FLOAT32, (1,))
    builder.operator(name, [x], [y], options, **fields)
    return builder.build([x], [y])


def read_operator(graph: Graph) -> Operator:
    return read(write(graph)).subgraphs[0].operators[0]


@given(graphs())
def test_a_written_graph_is_read_back_equal(graph: Graph) -> None:
    assert read(write(graph)) == graph


@given(graphs())
def test_writing_is_deterministic_and_stable_under_reading(graph: Graph) -> None:
    written = write(graph)
    assert write(read(written)) == written


@given(st.sampled_from(TABLES).flatmap(lambda table: options_of(options_class(table))))
def test_options_are_read_back_equal(options: Options) -> None:
    found = read_operator(single(options)).options
    assert type(found) is type(options)
    assert found == options


@pytest.mark.parametrize("table", TABLES)
def test_default_options_are_left_out_of_the_file(table: str) -> None:
    options = options_class(table)()
    graph = single(options)
    assert read(write(graph)) == graph
    # The empty table takes a vtable offset, and the operator the union's type and offset.
    assert len(write(graph)) <= len(write(single(None))) + 32


def test_every_operator_is_read_back_by_name() -> None:
    for name in OPERATOR_NAMES:
        if not name.startswith("PLACEHOLDER"):
            table = options_table(name)
            options = options_class(table)() if table else None
            operator = read_operator(single(options, name, version=5))
            assert (operator.name, operator.version, operator.options) == (name, 5, options)


def test_equal_operator_codes_are_written_once() -> None:
    builder = GraphBuilder()
    indices = [builder.tensor(f"t{i}", TensorType.INT8, (1,)) for i in range(4)]
    for i in range(3):
        builder.operator("RELU" if i < 2 else "TANH", [indices[i]], [indices[i + 1]])
    graph = builder.build([indices[0]], [indices[3]])
    tflite = pytest.importorskip("tflite")
    assert tflite.Model.GetRootAs(write(graph)).OperatorCodesLength() == 2
    assert read(write(graph)) == graph


def test_external_buffers_follow_the_flatbuffer_aligned() -> None:
    builder = GraphBuilder()
    x = builder.tensor("x", TensorType.INT8, (3,), value=[1, 2, 3])
    w = builder.tensor("w", TensorType.INT8, (5,), value=[4, 5, 6, 7, 8])
    graph = builder.build([], [x, w])
    inside = write(graph)
    external = replace(graph, buffers=(Buffer(), *(replace(buffer, external=True) for buffer in graph.buffers[1:])))
    outside = write(external)
    assert read(outside) == external
    assert read(outside) != graph
    assert bytes([1, 2, 3]) + bytes(13) + bytes([4, 5, 6, 7, 8]) == outside[-21:]
    assert (len(outside) - 21) % 16 == 0
    assert inside.endswith(outside[-21:]) is False


def test_large_custom_options_follow_the_flatbuffer() -> None:
    graph = single(None, custom_code="mine", custom_options=b"0123456789", large_custom_options=True)
    assert write(graph).endswith(b"0123456789")
    assert read_operator(graph).custom_options == b"0123456789"


def test_constant_data_is_aligned_to_16_bytes() -> None:
    builder = GraphBuilder()
    indices = [builder.tensor(f"c{i}", TensorType.INT8, (i,), value=[100 + i] * i) for i in range(1, 20)]
    file = write(builder.build([], indices))
    for i in range(1, 20):
        assert file.index(i.to_bytes(4, "little") + bytes([100 + i] * i)) % 16 == 12


def test_buffers_are_read_only_views_into_the_file() -> None:
    builder = GraphBuilder()
    x = builder.tensor("x", TensorType.INT8, (3,), value=[1, 2, 3])
    file = bytearray(write(builder.build([], [x])))
    view = read(file).buffers[1].data
    assert view.readonly
    file[file.rindex(bytes([1, 2, 3]))] = 9
    assert bytes(view) == bytes([9, 2, 3])


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview, lambda data: memoryview(data).cast("b")])
def test_any_bytes_like_object_can_be_read(form: type) -> None:
    graph = single(None)
    assert read(form(write(graph))) == graph


def test_a_file_is_read_through_a_memory_map(tmp_path) -> None:
    builder = GraphBuilder()
    x = builder.tensor("x", TensorType.INT8, (3,), value=[1, 2, 3])
    graph = builder.build([], [x])
    path = tmp_path / "model.tflite"
    path.write_bytes(write(graph))
    found = read_file(path)
    assert found == graph
    assert isinstance(found.buffers[1].data.obj, mmap.mmap)


def test_an_empty_file_is_a_model_error(tmp_path) -> None:
    path = tmp_path / "empty.tflite"
    path.touch()
    with pytest.raises(ModelError, match="empty"):
        read_file(path)


def test_an_option_that_its_field_cannot_hold_is_a_model_error() -> None:
    with pytest.raises(ModelError, match="cannot be written"):
        write(single(Conv2DOptions(stride_w=2**31)))
    with pytest.raises(ModelError, match="cannot be written"):
        write(replace(single(None), metadata_buffer=(2**40,)))


def test_an_unknown_operator_cannot_be_written() -> None:
    with pytest.raises(ModelError, match="CONV_9D"):
        write(single(None, "CONV_9D"))


def test_enumerations_are_read_as_enumerations() -> None:
    options = read_operator(single(Conv2DOptions(padding=Padding.VALID))).options
    assert options.padding is Padding.VALID
    assert options.quantized_bias_type is TensorType.FLOAT32


def test_option_fields_hold_the_slots_after_the_deprecated_ones() -> None:
    assert [field.slot for field in layout(options_class("ResizeBilinearOptions"))] == [2, 3]
