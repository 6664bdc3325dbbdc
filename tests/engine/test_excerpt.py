"""Operators cut out of models: by themselves they give the bits that they gave in the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import q31
from conformance.shared import model_path as shared_path
from conformance.shared import needs_shared
from q31.engine.excerpt import constants_of, cut, run, stands_alone
from q31.schema import Graph, InputError, Quantization, TensorType, read, write
from q31.schema.builder import GraphBuilder
from q31.schema.options import AddOptions
from q31.tools.arrays import random_array
from q31.tools.conformance.cases_networks import networks
from q31.tools.conformance.control_flow_graphs import branching, composite, looping
from q31.tools.digits.bundle import FORMS, model_path


def hold(content: Path | bytes, backend: str | None = None, seed: int = 0) -> int:
    """Cut out every operator of a model, write it, read it, run it on the traced inputs; returns how many."""
    model = q31.load(content, backend=backend)
    generator = np.random.default_rng(seed)
    trace = model.trace({port.name: random_array(port, generator) for port in model.inputs})
    count = 0
    for traced in trace.operators:
        if not stands_alone(model.graph.subgraphs[0].operators[traced.index]):
            continue
        excerpt = cut(model.graph, traced.index, trace.tensors, constants_of(model))
        file = write(excerpt.graph)
        assert len(file) < 2 * model._content.nbytes + 4096  # constants of float16 become float32
        excerpt = type(excerpt)(read(memoryview(file)), excerpt.inputs, excerpt.outputs)
        results = run(excerpt, trace.tensors, "litert", backend)
        for index, result in zip(excerpt.outputs, results, strict=True):
            assert result.tobytes() == trace.tensors[index].tobytes(), (traced.index, traced.name)
        count += 1
    return count


@pytest.mark.parametrize("form", FORMS)
def test_operators_of_the_bundled_models(form: str) -> None:
    assert hold(model_path(form)) >= 5


@needs_shared
@pytest.mark.parametrize("name", ["mlperf_tiny/ad01_int8", "mlperf_tiny/kws_int8", "tflm/mnist_lstm_int8"])
def test_operators_of_shared_models(name: str) -> None:
    assert hold(shared_path(name)) >= 3


@pytest.mark.parametrize("graph", [branching(), composite(), looping()], ids=["IF", "STABLEHLO_COMPOSITE", "WHILE"])
def test_operators_that_run_subgraphs_bring_them_along(graph: Graph) -> None:
    assert hold(write(graph)) >= 1


@settings(max_examples=10)
@given(networks(), st.integers(0, 1000))
def test_operators_of_random_networks(case, seed: int) -> None:
    assert hold(case.model, "numpy", seed) >= 1


def test_constants_that_operators_make_are_constants() -> None:
    builder = GraphBuilder()
    scale = Quantization((0.5,), (0,))
    one = builder.tensor("one", TensorType.INT8, (4,), scale, value=[1, 2, 3, 4])
    two = builder.tensor("two", TensorType.INT8, (4,), scale, value=[5, 6, 7, 8])
    made = builder.tensor("made", TensorType.INT8, (4,), scale)
    x = builder.tensor("x", TensorType.INT8, (4,), scale)
    y = builder.tensor("y", TensorType.INT8, (4,), scale)
    builder.operator("ADD", [one, two], [made], AddOptions())
    builder.operator("ADD", [x, made], [y], AddOptions())
    model = q31.load(write(builder.build([x], [y])))
    trace = model.trace(np.zeros(4, np.int8))
    excerpt = cut(model.graph, 1, {**trace.tensors, made: np.full(4, 10, np.int8)}, constants_of(model))
    assert excerpt.inputs == (x,)
    assert run(excerpt, {x: np.ones(4, np.int8)}, "litert", None)[0].tolist() == [11] * 4


def test_there_is_no_such_operator() -> None:
    model = q31.load(model_path("integer_int8"))
    with pytest.raises(InputError, match="operator 99: expected 0 to 4"):
        cut(model.graph, 99, {}, ())
