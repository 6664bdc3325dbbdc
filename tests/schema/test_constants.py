"""Constants as arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_strategies import sparse
from q31.schema import (
    Buffer,
    DimensionMetadata,
    ExternalBuffer,
    ExternalBufferGroup,
    Graph,
    GraphBuilder,
    ModelError,
    Sparsity,
    TensorType,
    UnsupportedOperatorError,
    constant_array,
    encode_constant,
    numpy_dtype,
    read,
    verify,
    write,
)
from q31.schema.types import DimensionType

BOUNDS = {TensorType.INT4: (-8, 7), TensorType.UINT4: (0, 15), TensorType.INT2: (-2, 1)}
NUMBERS = [t for t in TensorType if t.name not in ("STRING", "RESOURCE", "VARIANT", "FLOAT8_E4M3FN", "FLOAT8_E5M2")]


def constant(tensor_type: TensorType, value: np.ndarray) -> Graph:
    builder = GraphBuilder()
    return builder.build([], [builder.tensor("c", tensor_type, value.shape, value=value)])


@pytest.mark.parametrize("tensor_type", NUMBERS)
@given(data=st.data())
def test_a_constant_of_each_type_is_read_back(tensor_type: TensorType, data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(0, 5), max_size=3)))
    dtype = numpy_dtype(tensor_type)
    low, high = BOUNDS.get(tensor_type, (0, 1) if dtype.kind == "b" else (-100 if dtype.kind != "u" else 0, 100))
    source = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    value = source.integers(low, high + 1, shape).astype(dtype)
    found = constant_array(read(write(constant(tensor_type, value))), 0, 0)
    assert found is not None
    assert (found.dtype, found.shape) == (dtype, shape)
    assert not found.flags.writeable
    np.testing.assert_array_equal(found, value)


def test_four_and_two_bit_elements_start_in_the_lowest_bits() -> None:
    assert encode_constant(np.array([1, -2, 7]), TensorType.INT4) == bytes([0xE1, 0x07])
    assert encode_constant(np.array([1, 15]), TensorType.UINT4) == bytes([0xF1])
    assert encode_constant(np.array([1, -2, 0, -1, 1]), TensorType.INT2) == bytes([0b11001001, 0b01])


def test_values_outside_a_packed_type_are_refused() -> None:
    with pytest.raises(ModelError, match="between -8 and 7"):
        encode_constant(np.array([8]), TensorType.INT4)
    with pytest.raises(ModelError, match="between 0 and 15"):
        encode_constant(np.array([16]), TensorType.UINT4)


def test_types_without_an_array_are_unsupported() -> None:
    builder = GraphBuilder()
    builder.tensor("b", TensorType.FLOAT8_E5M2, (2,), buffer=1)
    graph = replace(builder.build([], []), buffers=(Buffer(), Buffer(memoryview(bytes(2)))))
    verify(graph)
    with pytest.raises(UnsupportedOperatorError, match=r"tensors\[0\]: constants of type FLOAT8_E5M2"):
        constant_array(graph, 0, 0)
    with pytest.raises(ModelError, match="FLOAT8_E5M2"):
        encode_constant(np.zeros(2), TensorType.FLOAT8_E5M2)


def test_constants_in_another_file_are_unsupported() -> None:
    builder = GraphBuilder()
    builder.tensor("b", TensorType.INT8, (2,), external_buffer=4)
    graph = replace(
        builder.build([], []),
        external_buffers=(ExternalBuffer(4, 0, 0, 2),),
        external_buffer_groups=(ExternalBufferGroup("w"),),
    )
    verify(graph)
    with pytest.raises(UnsupportedOperatorError, match="another file"):
        constant_array(graph, 0, 0)


def test_a_constant_is_a_view_and_not_a_copy() -> None:
    value = np.arange(1000, dtype=np.int32)
    file = write(constant(TensorType.INT32, value))
    found = constant_array(read(file), 0, 0)
    assert found is not None
    start = np.frombuffer(file, np.uint8).__array_interface__["data"][0]
    assert start <= found.__array_interface__["data"][0] < start + len(file)


def test_what_has_no_data_is_no_constant() -> None:
    builder = GraphBuilder()
    x = builder.tensor("x", TensorType.INT8, (2,))
    e = builder.tensor("e", TensorType.INT32, (0,))
    graph = builder.build([x], [])
    assert constant_array(graph, 0, x) is None
    empty = constant_array(graph, 0, e)
    assert empty is not None
    assert (empty.shape, empty.dtype) == ((0,), np.int32)


def naive_densify(values: np.ndarray, sparsity: Sparsity, shape: tuple[int, ...]) -> np.ndarray:
    """Walk the levels one by one, as the format's description does."""
    rank = len(shape)
    block_sizes = [
        sparsity.dim_metadata[sparsity.traversal_order.index(rank + i)].dense_size
        for i in range(len(sparsity.block_map))
    ]
    dense = np.zeros(shape, values.dtype)
    stored = iter(values)

    def walk(level: int, position: int, coordinates: dict[int, int]) -> int:
        if level == len(sparsity.traversal_order):
            index = [coordinates[d] for d in range(rank)]
            for i, dimension in enumerate(sparsity.block_map):
                index[dimension] = index[dimension] * block_sizes[i] + coordinates[rank + i]
            dense[tuple(index)] = next(stored)
            return 1
        dimension, metadata = sparsity.traversal_order[level], sparsity.dim_metadata[level]
        if metadata.format == DimensionType.DENSE:
            for i in range(metadata.dense_size):
                walk(level + 1, position * metadata.dense_size + i, {**coordinates, dimension: i})
        else:
            for entry in range(metadata.array_segments[position], metadata.array_segments[position + 1]):
                walk(level + 1, entry, {**coordinates, dimension: metadata.array_indices[entry]})
        return 0

    walk(0, 0, {})
    assert next(stored, None) is None
    return dense


def sparse_constant(sparsity: Sparsity, shape: tuple[int, ...], count: int) -> Graph:
    builder = GraphBuilder()
    builder.tensor("s", TensorType.INT32, shape, buffer=1, sparsity=sparsity)
    data = memoryview(np.arange(1, count + 1, dtype=np.int32).tobytes())
    return replace(builder.build([], []), buffers=(Buffer(), Buffer(data)))


@given(st.data())
def test_sparse_constants_come_dense(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 4), max_size=3)))
    sparsity = data.draw(sparse(shape))
    count = 1
    for metadata in sparsity.dim_metadata:
        dense = metadata.format == DimensionType.DENSE
        count = count * metadata.dense_size if dense else len(metadata.array_indices)
    graph = read(write(sparse_constant(sparsity, shape, count)))
    found = constant_array(graph, 0, 0)
    if count == 0:
        assert found is None
        return
    np.testing.assert_array_equal(found, naive_densify(np.arange(1, count + 1, dtype=np.int32), sparsity, shape))


def test_block_sparse_constants_come_dense() -> None:
    """A 4 x 4 matrix of 2 x 2 blocks, of which the first and the last are stored."""
    dense2 = DimensionMetadata(DimensionType.DENSE, 2)
    rows = DimensionMetadata(DimensionType.SPARSE_CSR, 0, (0, 1, 2), (0, 1))
    sparsity = Sparsity((0, 1, 2, 3), (0, 1), (dense2, rows, dense2, dense2))
    found = constant_array(read(write(sparse_constant(sparsity, (4, 4), 8))), 0, 0)
    np.testing.assert_array_equal(found, [[1, 2, 0, 0], [3, 4, 0, 0], [0, 0, 5, 6], [0, 0, 7, 8]])
    np.testing.assert_array_equal(found, naive_densify(np.arange(1, 9, dtype=np.int32), sparsity, (4, 4)))


def test_a_sparse_constant_with_missing_values_is_refused() -> None:
    rows = DimensionMetadata(DimensionType.SPARSE_CSR, 0, (0, 2), (0, 1))
    graph = sparse_constant(Sparsity((0,), (), (rows,)), (5,), 1)
    with pytest.raises(ModelError, match="describe 2 values; the buffer has 1"):
        constant_array(graph, 0, 0)


def test_a_sparse_constant_of_absurd_size_is_refused() -> None:
    rows = DimensionMetadata(DimensionType.SPARSE_CSR, 0, (0, 1), (0,))
    graph = sparse_constant(Sparsity((0,), (), (rows,)), (2**31 - 1,), 1)
    verify(graph)
    with pytest.raises(ModelError, match="too large"):
        constant_array(graph, 0, 0)
