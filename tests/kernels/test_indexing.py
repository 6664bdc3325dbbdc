"""What the oracle cannot say of the indexing operators: values worked out by hand, and indices out of bounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import LITERT, SINGLE, Profile
from q31.kernels.registry import REGISTRY
from q31.schema import BlockwiseQuantization, ModelError, Quantization, TensorType, UnsupportedOperatorError
from q31.schema.options import EmbeddingLookupSparseOptions, GatherOptions
from q31.schema.types import CombinerType

OF = {
    np.dtype(np.float32): TensorType.FLOAT32,
    np.dtype(np.int32): TensorType.INT32,
    np.dtype(np.uint8): TensorType.UINT8,
}


def run(name: str, profile: Profile, output: TensorType, *arrays: np.ndarray, options: Any = None) -> Any:
    kernel = REGISTRY[name]
    inputs = [TensorSpec("t", OF[a.dtype], a.shape, Quantization(), a) for a in arrays]
    if name == "EMBEDDING_LOOKUP":
        inputs[1] = replace(inputs[1], quantization=Quantization((0.5,), (0,)))
    node = Node(name, kernel.versions[0], options, tuple(inputs), (TensorSpec("o", output, ()),))
    return kernel.evaluate(kernel.prepare(node, profile), *arrays)


def test_embedding_lookup_of_uint8_reads_int8_only_where_quirks_are_reproduced() -> None:
    rows, table = np.array([1], np.int32), np.array([[1, 2], [127, 255]], np.uint8)
    litert = run("EMBEDDING_LOOKUP", LITERT, TensorType.FLOAT32, rows, table)
    assert litert.tolist() == [[63.5, -0.5]]
    assert run("EMBEDDING_LOOKUP", SINGLE, TensorType.FLOAT32, rows, table).tolist() == [[63.5, 127.5]]


def of_blocks(scales: np.ndarray | None, block_size: int, kind: TensorType = TensorType.INT4) -> Any:
    """Row 1 of [[1, 2, 3, 4], [5, 6, -7, -8]], whose blocks have scales."""
    blocks = Quantization(blockwise=BlockwiseQuantization(0, -1, block_size))
    table = np.array([[1, 2, 3, 4], [5, 6, -7, -8]], np.int8)
    spec = TensorSpec("table", kind, table.shape, blocks, block_scales=scales)
    inputs = (TensorSpec("rows", TensorType.INT32, (1,)), spec)
    kernel = REGISTRY["EMBEDDING_LOOKUP"]
    node = Node("EMBEDDING_LOOKUP", 4, None, inputs, (TensorSpec("o", TensorType.FLOAT32, ()),))
    return kernel.evaluate(kernel.prepare(node, LITERT), np.array([1], np.int32), table)


def test_embedding_lookup_scales_each_block_by_its_own() -> None:
    scales = np.array([[1, 1], [0.5, 0.25]], np.float16)
    assert of_blocks(scales, 2).tolist() == [[2.5, 3, -1.75, -2]]


def test_embedding_lookup_refuses_blocks_that_do_not_fit() -> None:
    scales = np.array([[1, 1], [0.5, 0.25]], np.float16)
    for misfit in ((scales, 3), (scales, 4), (scales, 0)):
        with pytest.raises(ModelError, match=r"blocks|scales"):
            of_blocks(*misfit)
    for unknown in ((None, 2), (scales.astype(np.float32), 2), (scales, 2, TensorType.INT8)):
        with pytest.raises(UnsupportedOperatorError, match="blocks"):
            of_blocks(*unknown)


def test_gather_nd_beyond_an_axis_is_another_row_only_where_quirks_are_reproduced() -> None:
    x, indices = np.arange(6, dtype=np.float32).reshape(2, 3), np.array([[0, 4]], np.int32)
    assert run("GATHER_ND", LITERT, TensorType.FLOAT32, x, indices).tolist() == [4.0]
    with pytest.raises(ModelError, match="GATHER_ND"):
        run("GATHER_ND", SINGLE, TensorType.FLOAT32, x, indices)


@pytest.mark.parametrize("position", [-1, 3])
def test_gather_refuses_positions_beyond_the_axis(position: int) -> None:
    x = np.arange(3, dtype=np.float32)
    with pytest.raises(ModelError, match="GATHER"):
        run("GATHER", LITERT, TensorType.FLOAT32, x, np.array([position], np.int32), options=GatherOptions())


def looked_up(combiner: CombinerType, *, row: int = 2, size: int = 3) -> Any:
    """Rows 1 and 2 of a table, with weights 3 and 4, in the last of three places."""
    rows, indices = np.array([1, row], np.int32), np.array([[2, 0], [2, 1]], np.int32)
    weights, table = np.array([3, 4], np.float32), np.array([[0], [10], [100]], np.float32)
    arrays = (rows, indices, np.array([size, 5], np.int32), weights, table)
    options = EmbeddingLookupSparseOptions(combiner)
    return run("EMBEDDING_LOOKUP_SPARSE", LITERT, TensorType.FLOAT32, *arrays, options=options)


def test_sparse_rows_are_combined_in_three_ways() -> None:
    expected = {CombinerType.SUM: 430, CombinerType.MEAN: 430 / 7, CombinerType.SQRTN: 430 / 5}
    for combiner, value in expected.items():
        assert looked_up(combiner).tolist() == [[0], [0], [np.float32(value)]]


@pytest.mark.parametrize("beyond", [{"row": 3}, {"row": -1}, {"size": 2}, {"size": -1}])
def test_sparse_rows_out_of_bounds_are_refused(beyond: dict[str, int]) -> None:
    with pytest.raises(ModelError, match="EMBEDDING_LOOKUP_SPARSE"):
        looked_up(CombinerType.SUM, **beyond)


def test_range_counts_steps_up_and_down() -> None:
    def numbers(*values: int) -> list[int]:
        return run("RANGE", LITERT, TensorType.INT32, *(np.array(v, np.int32) for v in values)).tolist()

    assert numbers(0, 5, 2) == [0, 2, 4]
    assert numbers(5, 0, -2) == [5, 3, 1]
    assert numbers(3, 3, 1) == []
    with pytest.raises(ModelError, match="RANGE"):
        numbers(0, 5, -1)
