"""Batches: how they are cut, ``Model.map``, and weights that are packed once for programs of several sizes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import q31
from q31.engine.batches import chunk_sizes, largest_chunk
from q31.schema import GraphBuilder, Quantization, TensorType, write
from q31.schema.options import FullyConnectedOptions
from small_graphs import chain, classifier, two_inputs

BACKENDS = ["numba", "numpy"]


def codes(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, shape, np.int8)


@given(st.integers(1, 1000), st.integers(0, 6))
def test_chunks_cover_a_batch_with_little_to_spare(count: int, exponent: int) -> None:
    sizes = list(chunk_sizes(count, 1 << exponent))
    assert all(size & (size - 1) == 0 and size <= 1 << exponent for size in sizes)
    assert sum(sizes[:-1]) < count <= sum(sizes) <= count + sizes[-1] // 5


@given(st.integers(0, 10**12))
def test_the_largest_chunk_is_a_power_of_two_and_fits_its_memory(arena: int) -> None:
    size = largest_chunk(arena)
    assert size & (size - 1) == 0 and 1 <= size <= 64
    assert size == 1 or size * arena <= 8 << 20


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("count", [0, 1, 2, 70, 150])
def test_map_gives_what_calls_give(backend: str, count: int) -> None:
    model = q31.load(write(classifier()), backend=backend)
    images = codes(count, 3, 4)
    expected = [model(image[None]) for image in images]
    bare, whole = list(model.map(images)), list(model.map(image[None] for image in images))
    assert len(bare) == len(whole) == count
    for one, other, result in zip(bare, whole, expected, strict=True):
        np.testing.assert_array_equal(one[None], result)
        np.testing.assert_array_equal(other, result)


@pytest.mark.parametrize("backend", BACKENDS)
def test_map_runs_one_by_one_what_takes_no_batches(backend: str) -> None:
    model = q31.load(write(classifier((1, 12))), backend=backend)
    images = codes(9, 3, 4)
    np.testing.assert_array_equal(np.stack(list(model.map(images))), model(images))


def test_map_takes_several_inputs_by_order_and_by_name() -> None:
    model = q31.load(write(two_inputs()))
    pairs = [(codes(1, 4, seed=seed), codes(1, 4, seed=seed + 50)) for seed in range(5)]
    by_order, by_name = list(model.map(pairs)), list(model.map({"a": a, "b": b} for a, b in pairs))
    for pair, one, other in zip(pairs, by_order, by_name, strict=True):
        expected = model(*pair)
        for name in ("total", "positive"):
            np.testing.assert_array_equal(one[name], expected[name])
            np.testing.assert_array_equal(other[name], expected[name])


def test_map_reads_no_further_than_a_batch_ahead() -> None:
    model = q31.load(write(classifier()))
    taken = []

    def images() -> Iterator[np.ndarray]:
        for seed in range(1000):
            taken.append(seed)
            yield codes(3, 4, seed=seed)

    results = model.map(images())
    assert not taken
    next(results)
    assert len(taken) <= 64


def test_an_example_that_does_not_fit_is_told_after_the_results_before_it() -> None:
    model = q31.load(write(classifier()))
    results = model.map([codes(3, 4), codes(3, 4), codes(3, 5)])
    assert next(results).shape == next(results).shape == (12,)
    with pytest.raises(q31.InputError, match=r"input 'x': expected shape \[1, 3, 4\], got \[3, 5\]"):
        next(results)


def test_results_of_map_do_not_change_afterwards() -> None:
    model = q31.load(write(chain()))
    images = codes(130, *model.inputs[0].shape[1:])
    results = list(model.map(images))
    copies = [result.copy() for result in results]
    list(model.map(images[::-1]))
    assert all(np.array_equal(one, other) for one, other in zip(results, copies, strict=True))


def test_programs_of_several_sizes_share_packed_weights() -> None:
    builder = GraphBuilder()
    unit = Quantization((1.0,), (0,))
    x = builder.tensor("x", TensorType.INT8, (1, 128), unit)
    weights = builder.tensor("weights", TensorType.INT8, (64, 128), Quantization((0.01,), (0,)), value=codes(64, 128))
    y = builder.tensor("y", TensorType.INT8, (1, 64), unit)
    builder.operator("FULLY_CONNECTED", [x, weights, -1], [y], FullyConnectedOptions())
    model = q31.load(write(builder.build([x], [y])), backend="numba")
    model(codes(4, 128))
    model(codes(8, 128))
    programs = [model._batched[4], model._batched[8]]  # a single row may have a layout of its own
    large = [[id(array) for array in one._binder._alive if array.nbytes >= 64 * 128] for one in programs]
    assert large[0] and large[0] == large[1]
