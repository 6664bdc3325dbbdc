"""Calibration: the ranges of every tensor, exact, and the same for any split of the examples."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import q31
from q31.tools.digits.bundle import model_path
from q31.tools.quantization.calibration import Calibration, calibrate
from q31.tools.quantization.calibration_file import to_json

FLOAT = model_path("float32")
IMAGES = np.random.default_rng(5).uniform(-1, 1, (12, 28, 28, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> q31.Model:
    return q31.load(FLOAT)


@pytest.fixture(scope="module")
def shards(model: q31.Model) -> list[Calibration]:
    """One calibration an example."""
    return [
        calibrate(model, IMAGES[i : i + 1].reshape(1, *model.inputs[0].shape[1:]), histogram=True, first_example=i)
        for i in range(len(IMAGES))
    ]


def images(model: q31.Model) -> np.ndarray:
    return IMAGES.reshape(len(IMAGES), *model.inputs[0].shape[1:])


def test_min_max_is_that_of_every_tensor_of_every_trace(model: q31.Model) -> None:
    found = calibrate(model, images(model))
    traces = [model.trace(image[None]) for image in images(model)]
    subgraph = model.graph.subgraphs[0]
    dynamic = {*subgraph.inputs, *(index for operator in subgraph.operators for index in operator.outputs)}
    assert set(found.tensors) == {(0, i) for i in dynamic if traces[0][i].dtype == np.float32}
    for (_, index), statistics in found.tensors.items():
        assert statistics.min == min(float(trace[index].min()) for trace in traces)
        assert statistics.max == max(float(trace[index].max()) for trace in traces)
        assert statistics.count == sum(trace[index].size for trace in traces)
        assert found.range(0, index) == (statistics.min, statistics.max)
    assert found.examples == len(IMAGES) and found.model_sha256 == model.sha256


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(len(IMAGES))), cuts=st.sets(st.integers(1, len(IMAGES) - 1)))
def test_any_split_and_order_of_merging_gives_the_same_bytes(
    order: list[int], cuts: set[int], shards: list[Calibration], model: q31.Model
) -> None:
    groups, ends = [], [0, *sorted(cuts), len(IMAGES)]
    for first, end in itertools.pairwise(ends):
        group = shards[order[first]]
        for i in order[first + 1 : end]:
            group = group.merge(shards[i])
        groups.append(group)
    merged = groups[-1]
    for group in groups[:-1]:
        merged = merged.merge(group)
    assert to_json(merged) == to_json(calibrate(model, images(model), histogram=True))


def test_what_is_saved_is_loaded(model: q31.Model, shards: list[Calibration], tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    merged = shards[0].merge(shards[5])
    merged.save(path)
    loaded = Calibration.load(path, model)
    assert to_json(loaded) == to_json(merged)
    assert loaded.indices.tolist() == [0, 5]
