"""Calibration: the ranges of every tensor, exact, and the same for any split of the examples."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import q31
from q31.schema import Graph, InputError, QuantizationError, Signature, TensorType, write
from q31.schema.builder import GraphBuilder
from q31.schema.options import AddOptions, MulOptions
from q31.tools.conformance.control_flow_graphs import arithmetic, branching, counting, joined, looping
from q31.tools.digits.bundle import model_path
from q31.tools.quantization import sharing
from q31.tools.quantization.calibration import Calibration, Recorder, calibrate
from q31.tools.quantization.calibration_file import from_json, to_json

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


def recorded(graph: Graph, data: Any, **options: Any) -> dict[tuple[int, int], tuple[list[int], list[Any]]]:
    """Return examples and ranges of every tensor."""
    found = calibrate(write(graph), data, **options)
    return {
        key: (one.examples.tolist(), np.stack([one.minima, one.maxima], axis=1).tolist())
        for key, one in found.tensors.items()
    }


def test_branches_are_recorded_where_they_are_taken() -> None:
    x = np.array([[1, -2, 3]], np.float32)
    examples = [(np.array([True]), x), (np.array([False]), x * 2), (np.array([True]), x * 3)]
    found = recorded(branching(), examples)
    assert found == {
        (0, 1): ([0, 1, 2], [[-2, 3], [-4, 6], [-6, 9]]),  # x
        (0, 2): ([0, 1, 2], [[-6, 9], [3, 13], [-18, 27]]),  # 3 x, or x + 7
        (0, 3): ([0, 1, 2], [[-8, 12], [-1, 19], [-24, 36]]),  # the sum of both
        (1, 0): ([0, 2], [[-2, 3], [-6, 9]]),
        (1, 2): ([0, 2], [[-6, 9], [-18, 27]]),
        (2, 0): ([1], [[-4, 6]]),
        (2, 2): ([1], [[3, 13]]),
    }


def test_a_branch_that_one_shard_alone_takes_is_merged() -> None:
    content, x = write(branching()), np.ones((1, 3), np.float32)
    first, second = (
        calibrate(content, [(np.array([taken]), x)], first_example=number, histogram=True)
        for number, taken in enumerate([True, False])
    )
    whole = calibrate(content, [(np.array([taken]), x) for taken in (True, False)], histogram=True)
    assert to_json(first.merge(second)) == to_json(second.merge(first)) == to_json(whole)
    assert from_json(to_json(whole).encode()).tensors[1, 0].examples.tolist() == [0]
    assert whole.range(3, 0) is None and first.range(2, 0) is None


def test_every_turn_of_a_loop_is_recorded() -> None:
    graph = looping()
    model = q31.load(write(graph))
    (body,) = [one.options.body_subgraph_index for one in graph.subgraphs[0].operators if one.name == "WHILE"]
    x = np.array([[1, 2, 3]], np.float32)
    found = calibrate(model, [x, x / 4])
    entered, left = (graph.subgraphs[body].inputs[0], graph.subgraphs[body].outputs[0])
    taken, given = found.tensors[body, entered], found.tensors[body, left]
    assert taken.minima.tolist() == [1.0, 0.25]  # of the first turn
    assert given.maxima.tolist() == [float(model(x).max()), float(model(x / 4).max())]  # of the last one
    assert given.count == taken.count > 2 * 3


def test_each_example_begins_anew() -> None:
    x = np.ones((1, 3), np.float32)
    found = recorded(counting(), [x, 2 * x, x])  # a variable that is 10 at first, and grows by x in every run
    assert [ranges for _, ranges in found.values()] == [
        [[1, 1], [2, 2], [1, 1]],
        [[10, 10]] * 3,
        [[11, 11], [12, 12], [11, 11]],
    ]


def test_signatures_record_their_own_subgraphs() -> None:
    graph = joined(arithmetic("double", MulOptions(), 2.0, "MUL"), arithmetic("more", AddOptions(), 1.0, "ADD"))
    signatures = tuple(Signature(key, i, (("x", 0),), (("y", 2),)) for i, key in enumerate(("double", "more")))
    x = np.array([[1, 2, 3]], np.float32)
    found = recorded(replace(graph, signatures=signatures), [("more", {"x": x}), ("double", {"x": x})])
    assert found == {
        (0, 0): ([1], [[1, 3]]),
        (0, 2): ([1], [[2, 6]]),
        (1, 0): ([0], [[1, 3]]),
        (1, 2): ([0], [[2, 4]]),
    }


def test_inputs_of_other_sizes_are_resized() -> None:
    builder = GraphBuilder()
    x = builder.tensor("x", TensorType.FLOAT32, (1, 1), shape_signature=(-1, -1))
    y = builder.tensor("y", TensorType.FLOAT32, (1, 1), shape_signature=(-1, -1))
    builder.operator("RELU", [x], [y])
    found = calibrate(write(builder.build([x], [y])), [np.full((1, n), n - 2, np.float32) for n in (1, 2, 3, 2)])
    assert found.tensors[0, x].minima.tolist() == [-1, 0, 1, 0]
    assert found.tensors[0, y].count == 8


def test_the_back_ends_record_the_same(model: q31.Model) -> None:
    readable = q31.load(FLOAT, backend="numpy")
    data = images(model)[:2]
    assert to_json(calibrate(readable, data, histogram=True)) == to_json(calibrate(model, data, histogram=True))


def test_calibrating_leaves_the_model_as_it_was() -> None:
    model = q31.load(write(counting()))
    x = np.ones((1, 3), np.float32)
    assert float(model(x)[0, 0]) == 11
    calibrate(model, [x])
    assert float(model(x)[0, 0]) == 12


def test_a_tensor_that_overflows_is_named_with_its_example() -> None:
    builder = GraphBuilder()
    x, y, z = (builder.tensor(name, TensorType.FLOAT32, (1, 2)) for name in "xyz")
    builder.operator("SQUARE", [x], [y])
    builder.operator("RELU", [y], [z])
    data = [np.ones((1, 2), np.float32), np.array([[1, 1e30]], np.float32)]
    with pytest.raises(QuantizationError, match=r"^example 41: subgraph 0: tensor 1 \('y'\) has infinity among"):
        calibrate(write(builder.build([x], [y, z])), data, first_example=40)


def test_a_model_without_floats_is_refused() -> None:
    with pytest.raises(QuantizationError, match="no floating-point tensors"):
        calibrate(model_path("integer_int8"), [np.zeros((1, 28, 28), np.int8)])


def test_a_method_that_needs_histograms_says_so(model: q31.Model, shards: list[Calibration]) -> None:
    plain = calibrate(model, images(model)[:1], first_example=99)
    with pytest.raises(QuantizationError, match=r"^mse needs histograms"):
        plain.range(0, 0, "mse")
    with pytest.raises(InputError, match=r"^no method is named 'best'; there are min-max, "):
        plain.range(0, 0, "best")
    with pytest.raises(InputError, match="only one of the calibrations has histograms"):
        plain.merge(shards[0])


def test_what_does_not_belong_together_is_not_merged(shards: list[Calibration]) -> None:
    both = shards[0].merge(shards[1])
    with pytest.raises(InputError, match=r"^example 1 is in both calibrations"):
        both.merge(shards[1])
    with pytest.raises(InputError, match=r"^calibrations of different models: "):
        both.merge(replace(shards[2], model_sha256="0" * 64))
    with pytest.raises(InputError, match=r"^calibrations of different versions of q31: "):
        both.merge(replace(shards[2], q31_version="0.0.1"))


@pytest.mark.parametrize("first", [-1, 1.5, True, "1"])
def test_a_wrong_number_of_the_first_example(first: Any, model: q31.Model) -> None:
    with pytest.raises(InputError, match=r"^first_example: expected an integer of 0 or more"):
        calibrate(model, images(model), first_example=first)


def test_wrong_files_are_one_clear_error(shards: list[Calibration], model: q31.Model, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    text = to_json(shards[3])
    for content, message in (
        ("", "expected a calibration as JSON"),
        ("[" * 100000, "expected a calibration as JSON"),
        ("[1]", 'expected a calibration: JSON with "format"'),
        (text.replace('"version": 1', '"version": 2'), "expected a calibration of version 1, got 2"),
        (text.replace('"minima"', '"minimum"', 1), "damaged: 'minima' is missing"),
        (text.replace('"minima":[', '"minima":[NaN,'), "damaged: tensor 0 of subgraph 0: a range for each example"),
        (text.replace('"tensor":7', '"tensor":0'), "damaged: tensor 0 of subgraph 0 is there twice"),
        (text.replace('"counts":[', '"counts":[1,', 1), "damaged: tensor 0 of subgraph 0: a count for each bucket"),
        (text.replace('s":[', 's":[-1,'), "tensor 0 of subgraph 0: expected ascending buckets"),
        (text.replace('"count":', '"count":1', 1), "the counts do not make up its values"),
        (text.replace("3,\n   4", "4,\n   3"), "damaged: expected ascending spans of examples"),
        (text.replace("3,\n   4", "0,\n   9999999999999"), "damaged: too many examples"),
        (text.replace('"histogram": true', '"histogram": 1'), "damaged: expected true or false as histogram"),
    ):
        assert content != text
        path.write_text(content)
        with pytest.raises(InputError, match=rf"c\.json: .*{re.escape(message)}"):
            Calibration.load(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="expected a calibration as JSON"):
        Calibration.load(path)
    replace(shards[3], model_sha256="0" * 64).save(path)
    with pytest.raises(InputError, match=r"c\.json: the calibration is of model 000000000000\.\.\., not of "):
        Calibration.load(path, model)


@given(content=st.data())
def test_damaged_files_are_errors_or_calibrations(content: st.DataObject, shards: list[Calibration]) -> None:
    text = to_json(shards[0].merge(shards[2]))
    start = content.draw(st.integers(0, len(text)))
    damaged = text[:start] + content.draw(st.text('0123456789,[]{}"-:eE.', max_size=3)) + text[start + 1 :]
    try:
        found = from_json(damaged.encode())
    except InputError:
        return
    assert to_json(from_json(to_json(found).encode())) == to_json(found)


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads, however many processors there are."""
    monkeypatch.setattr(sharing, "choose_threads", lambda num_threads, backend: num_threads)


@pytest.mark.usefixtures("two_threads")
def test_threads_share_the_examples_and_give_the_same_bytes(model: q31.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: dict[int, list[int]] = {}
    run = Recorder.run

    def noted(self: Recorder, example: int, *rest: Any) -> None:
        ran.setdefault(id(self), []).append(example)
        time.sleep(0.005)  # so that one thread cannot take them all
        run(self, example, *rest)

    monkeypatch.setattr(Recorder, "run", noted)
    shared = calibrate(model, images(model), histogram=True, num_threads=2, first_example=3)
    assert len(ran) == 2 and sorted(number for numbers in ran.values() for number in numbers) == list(range(3, 15))
    assert all(numbers == sorted(numbers) for numbers in ran.values())
    alone = calibrate(model, images(model), histogram=True, num_threads=1, first_example=3)
    assert to_json(shared) == to_json(alone)
    assert to_json(calibrate(model, images(model)[:1], num_threads=2)) == to_json(calibrate(model, images(model)[:1]))


@pytest.mark.usefixtures("two_threads")
def test_threads_get_what_a_generator_writes_over(model: q31.Model) -> None:
    def one_buffer() -> Iterator[list[np.ndarray]]:
        buffer = np.empty(model.inputs[0].shape, np.float32)
        for image in images(model):
            buffer[...] = image
            yield [buffer]

    assert to_json(calibrate(model, one_buffer, num_threads=2)) == to_json(calibrate(model, images(model)))


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(("bad", "message"), [((3, 4), "example 3: subgraph 0"), ((9, 2), "example 2: input 'x'")])
def test_threads_raise_the_error_of_the_first_bad_example(bad: tuple[int, int], message: str) -> None:
    builder = GraphBuilder()
    x, y = (builder.tensor(name, TensorType.FLOAT32, (1, 2)) for name in "xy")
    builder.operator("SQUARE", [x], [y])
    data = np.ones((8, 2), np.float32)
    overflows, is_nan = bad
    if overflows < len(data):
        data[overflows] = 1e30
    data[is_nan] = np.nan
    for _ in range(5):
        with pytest.raises(q31.Error, match=f"^{message}"):
            calibrate(write(builder.build([x], [y])), data, num_threads=2)


def test_as_many_threads_as_are_of_use(model: q31.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "available_processors", lambda: 64)
    monkeypatch.setattr(sharing, "choose_threads", lambda num_threads, backend: num_threads)
    assert model.arena_size < sharing._WORTHWHILE
    assert sharing.threads_for(model, None, 100) == 1 and sharing.threads_for(model, 3, 100) == 3
    monkeypatch.setattr(sharing, "_WORTHWHILE", 0)
    assert [sharing.threads_for(model, None, total) for total in (8, 9, None)] == [1, 8, 8]
