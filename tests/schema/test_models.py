"""Files made by others, and LiteRT running files made here."""

from __future__ import annotations

import os
import random
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conformance.shared import SHARED, needs_shared, random_inputs
from q31.schema import (
    Buffer,
    Graph,
    GraphBuilder,
    ModelError,
    TensorType,
    UnsupportedOperatorError,
    constant_array,
    read,
    read_file,
    write,
)
from q31.tools.conformance.oracle import Answer, Oracle

FILES = sorted(SHARED.glob("models/**/*.tflite"))
MUTATIONS = int(os.environ.get("Q31_FUZZ_MUTATIONS", "15000")) // 100


@needs_shared
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_real_model_survives_reading_and_writing(path: Path) -> None:
    graph = read_file(path)
    again = read(write(graph))
    assert again == graph
    assert write(again) == write(graph)
    for number, subgraph in enumerate(graph.subgraphs):
        for index, tensor in enumerate(subgraph.tensors):
            value = constant_array(graph, number, index)
            assert value is None or value.shape == tensor.shape


@needs_shared
@pytest.mark.parametrize("name", ["mlperf_tiny/kws_int8", "tflm/mnist_lstm_int8", "tflm/seanet/conv0"])
def test_litert_computes_the_same_from_a_rewritten_model(name: str, oracle: Oracle) -> None:
    file = (SHARED / "models" / f"{name}.tflite").read_bytes()
    graph = read(file)
    inputs = random_inputs(np.random.default_rng(), graph.subgraphs[0])
    first, second = (oracle.run(data, inputs, all_tensors=True) for data in (file, write(graph)))
    assert isinstance(first, Answer) and isinstance(second, Answer), f"{first} {second}"
    assert len(first.outputs) == len(second.outputs)
    for ours, theirs in zip(first.outputs, second.outputs, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def addition() -> Graph:
    """x + constant, with an empty constant beside it."""
    builder = GraphBuilder()
    x = builder.tensor("x", TensorType.FLOAT32, (2, 2))
    c = builder.tensor("c", TensorType.FLOAT32, (2, 2), value=[[1, 2], [3, 4]])
    y = builder.tensor("y", TensorType.FLOAT32, (2, 2))
    builder.operator("ADD", [x, c], [y])
    return builder.build([x], [y])


@pytest.mark.parametrize("external", [False, True])
def test_litert_runs_a_model_made_here_with_its_buffers_inside_and_outside(external: bool, oracle: Oracle) -> None:
    graph = addition()
    graph = replace(graph, buffers=(Buffer(), *(replace(buffer, external=external) for buffer in graph.buffers[1:])))
    answer = oracle.run(write(graph), [np.full((2, 2), 10, np.float32)])
    assert isinstance(answer, Answer), str(answer)
    np.testing.assert_array_equal(answer.outputs[0], [[11, 12], [13, 14]])


def test_litert_takes_an_explicitly_empty_constant_for_a_constant(oracle: Oracle) -> None:
    """A reshape to a scalar: its new shape has no elements, and is known only if it counts as a constant."""
    builder = GraphBuilder()
    x = builder.tensor("x", TensorType.FLOAT32, (1, 1))
    shape = builder.tensor("shape", TensorType.INT32, (0,), value=np.zeros(0))
    y = builder.tensor("y", TensorType.FLOAT32, ())
    builder.operator("RESHAPE", [x, shape], [y])
    graph = builder.build([x], [y])
    assert graph.buffers[1].explicitly_empty
    answer = oracle.run(write(graph), [np.ones((1, 1), np.float32)])
    assert isinstance(answer, Answer), str(answer)
    assert answer.outputs[0].shape == ()


def test_litert_knows_operators_whose_code_does_not_fit_a_byte(oracle: Oracle) -> None:
    builder = GraphBuilder()
    x = builder.tensor("x", TensorType.FLOAT32, (2,))
    y = builder.tensor("y", TensorType.FLOAT32, (2,))
    builder.operator("RELU_0_TO_1", [x], [y])
    answer = oracle.run(write(builder.build([x], [y])), [np.array([0.5, 7], np.float32)])
    assert isinstance(answer, Answer), str(answer)
    np.testing.assert_array_equal(answer.outputs[0], np.array([0.5, 1], np.float32))


@needs_shared
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_real_model_with_a_changed_byte_is_read_or_refused(path: Path) -> None:
    file = path.read_bytes()
    seed = random.randrange(2**32)
    source = random.Random(seed)
    deadline = time.monotonic() + 30
    for number in range(MUTATIONS if len(file) < 100_000 else MUTATIONS // 20):
        data = bytearray(file)
        for _ in range(source.choice([1, 1, 4])):
            # Half of them in the tables, which lie in front of the buffers or behind them.
            edge = source.choice([source.randrange(min(8000, len(file))), -1 - source.randrange(min(8000, len(file)))])
            data[source.choice([edge, source.randrange(len(file))])] = source.randrange(256)
        try:
            graph = read(data)
            for subgraph_index, subgraph in enumerate(graph.subgraphs):
                for index in range(len(subgraph.tensors)):
                    constant_array(graph, subgraph_index, index)
        except (ModelError, UnsupportedOperatorError):
            pass
        except Exception as error:
            pytest.fail(f"seed {seed}, mutation {number}: {error!r}")
        assert time.monotonic() < deadline
