"""Models that pass the schema's verification but make little sense: each gets an answer, the same bits from both back
ends, or an error of q31. Nothing crashes, hangs, leaves its memory or raises anything else.

``Q31_ROBUSTNESS_EXAMPLES=5000 pytest tests/engine/test_malformed_models.py`` breaks so many models of each operator.
The models run in a process of their own; ``tests/robustness/`` has it, and the mutations.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import small_graphs
from conformance.shared import SHARED
from conformance.test_operators import CASES
from q31 import Interpreter, load, tools
from q31.engine import program
from q31.engine.preparation import prepare
from q31.kernels.profiles import LITERT
from q31.kernels.registry import REGISTRY
from q31.schema import (
    Error,
    Graph,
    GraphBuilder,
    InputError,
    ModelError,
    Quantization,
    Signature,
    TensorType,
    read,
    write,
)
from q31.schema.options import PadOptions, ReducerOptions, ResizeNearestNeighborOptions
from q31.tools.conformance import control_flow_graphs
from robustness.jobs import Job
from robustness.judge import hold
from robustness.mutations import mutate, odd_input_shapes
from robustness.process import Worker

EXAMPLES = int(os.environ.get("Q31_ROBUSTNESS_EXAMPLES", "0"))

INT8 = TensorType.INT8
OPERATORS = sorted({*REGISTRY, *(name.split()[0] for name in CASES)} - {"network"})
LOWERED = [name for name in OPERATORS if name in REGISTRY and REGISTRY[name].lower]
MODELS = sorted(Path(next(iter(tools.__path__)), "digits", "models").glob("*.tflite"))
MODELS += sorted((SHARED / "models" / "tflm").glob("*.tflite"))
MODELS.append(SHARED / "models" / "mlperf_tiny" / "kws_int8.tflite")


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as process:
        yield process


@pytest.fixture(scope="module")
def interpreting_worker() -> Iterator[Worker]:
    """A process in which the compiled kernels are Python, on memory with bounds."""
    with Worker(interpreted=True) as process:
        yield process


def graphs_of(operator: str) -> st.SearchStrategy[Graph]:
    """Return the graphs of an operator's conformance cases."""
    strategies = [strategy for name, strategy in CASES.items() if name.split()[0] == operator]
    if not strategies:
        pytest.skip(f"{operator} has no conformance cases")
    return st.one_of(strategies).map(lambda case: case.graph)


def broken_job(graph: Graph, random: Random, most_elements: int) -> tuple[Job, list[str]]:
    """Break a graph; a mutant that the schema cannot hold is no example."""
    graph, mutations = mutate(graph, random)
    try:
        model = bytes(write(graph))
    except Error:
        assume(False)
    job = Job(
        model,
        seed=random.getrandbits(32),
        resized=odd_input_shapes(graph, random),
        profile=random.choice(("litert", "litert", "tflm", "single")),
        preserve_all=random.random() < 0.2,
        thorough=random.random() < 0.25,
        most_elements=most_elements,
    )
    return job, mutations


def check(worker: Worker, name: str, graphs: st.SearchStrategy[Graph], examples: int, most_elements: int) -> None:
    @settings(max_examples=EXAMPLES or examples)
    @given(graph=graphs, random=st.randoms(use_true_random=False))
    def broken_models_are_held(graph: Graph, random: Random) -> None:
        job, mutations = broken_job(graph, random, most_elements)
        hold(worker, job, f"{name} after {', '.join(mutations)}")

    # One operator's failures are kept apart from another's.
    broken_models_are_held.hypothesis.inner_test._hypothesis_internal_add_digest = name.encode()  # type: ignore[attr-defined]
    broken_models_are_held()


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_broken_operator_is_answered_alike_or_refused(operator: str, worker: Worker) -> None:
    check(worker, operator, graphs_of(operator), 15, 1 << 15)


@pytest.mark.parametrize("operator", LOWERED)
def test_interpreted_kernels_stay_within_their_memory(operator: str, interpreting_worker: Worker) -> None:
    check(interpreting_worker, operator, graphs_of(operator), 4, 1 << 10)


def test_broken_networks_are_answered_alike_or_refused(worker: Worker) -> None:
    functions = [small_graphs.chain, small_graphs.classifier, small_graphs.dynamic_reshape, small_graphs.two_inputs]
    functions += [control_flow_graphs.branching, control_flow_graphs.composite, control_flow_graphs.counting]
    networks = [strategy.map(lambda case: case.graph) for name, strategy in CASES.items() if "network" in name]
    check(worker, "network", st.one_of([*map(st.builds, functions), *networks]), 60, 1 << 15)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_broken_real_models_are_answered_alike_or_refused(path: Path, worker: Worker) -> None:
    if not path.exists():
        pytest.skip("no ../shared beside the checkout: real models are absent")
    check(worker, path.stem, st.just(read(path.read_bytes())), 3, 1 << 18)


# What the mutations found, and what they are too small to find


RAGGED = [[1, 2], [3]]


def single(name: str, options: object, *inputs: tuple, output: tuple) -> bytes:
    """Build a model of one operator from (type, shape, quantization, value) of its tensors."""
    builder = GraphBuilder()
    indices = [builder.tensor(f"in{number}", *fields) for number, fields in enumerate(inputs)]
    result = builder.tensor("out", *output)
    builder.operator(name, indices, [result], options)
    dynamic = [index for index, fields in zip(indices, inputs, strict=True) if len(fields) < 4]
    return write(builder.build(dynamic, [result]))


FINE = Quantization((0.05,), (3,))
BYTES = (INT8, (1, 1, 1, 1), FINE)
ONE = (*BYTES, 1)


def padded(last: int, first: tuple = BYTES) -> bytes:
    paddings = (TensorType.INT64, (4, 2), None, [[0, 0]] * 3 + [[0, last]])
    return single("PAD", PadOptions(), first, paddings, output=BYTES)


def resized(size: int, first: tuple = BYTES) -> bytes:
    sizes = (TensorType.INT32, (2,), None, [size, size])
    return single("RESIZE_NEAREST_NEIGHBOR", ResizeNearestNeighborOptions(), first, sizes, output=BYTES)


def averaged(columns: int) -> bytes:
    axis = (TensorType.INT32, (1,), None, [0])
    return single("MEAN", ReducerOptions(), (INT8, (2, columns), FINE), axis, output=(INT8, (columns,), FINE))


HUGE = {
    "a PAD to 100 GB": padded(100 << 30),
    "a PAD beyond 64 bits": padded(2**63 - 1),
    "a PAD to 2 GB": padded(2**31 - 2),
    "a PAD of a constant to 2 GB": padded(2**31 - 2, ONE),
    "a RESIZE of a constant to 1 GB": resized(1 << 15, ONE),
    "a RESIZE to 256 TB": resized(1 << 24),
    "scratch memory of 8 GB": averaged(2**31 - 1),
}


@pytest.mark.parametrize("name", HUGE)
def test_a_tiny_model_that_asks_for_huge_memory_is_prepared_in_little_or_refused(name: str, worker: Worker) -> None:
    for outcome in worker.ask(Job(HUGE[name], most_elements=1 << 20)).values():
        assert outcome.kind == "large" or (outcome.name == "ModelError" and "memory" in outcome.text), outcome


@pytest.mark.parametrize("shape", [(2**31 - 1,) * 2, (2**31 - 1,) * 5, (0, 2**31 - 1, 2**31 - 1, 2**31 - 1), (1,) * 33])
def test_inputs_cannot_be_resized_beyond_memory(shape: tuple[int, ...]) -> None:
    interpreter = Interpreter(model_content=write(small_graphs.chain()))
    interpreter.resize_tensor_input(0, shape)
    with pytest.raises(ModelError, match="memory"):
        interpreter.allocate_tensors()
    with pytest.raises(Error):
        interpreter.invoke()
    interpreter.resize_tensor_input(0, (1, 64))
    interpreter.allocate_tensors()
    interpreter.invoke()


def test_memory_beyond_the_machines_is_refused_where_the_system_would_grant_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "physical_memory", lambda: 100)
    with pytest.raises(ModelError, match="which cannot be had"):
        load(write(small_graphs.chain()))


def test_a_constant_is_folded_where_that_takes_no_more_than_the_file_warrants() -> None:
    for size, folded in ((16, True), (1 << 15, False)):
        preparation = prepare(read(resized(size, ONE)), 0, LITERT)
        assert preparation.operators[0].folded is folded


def test_a_dropped_program_frees_its_memory_at_once() -> None:
    interpreter = Interpreter(model_content=write(small_graphs.dynamic_reshape()))
    interpreter.allocate_tensors()
    built = weakref.ref(interpreter._runtime._programs[0])
    del interpreter
    assert built() is None


def test_a_zero_point_of_64_bits_is_cut_as_litert_cuts_it() -> None:
    graph = small_graphs.chain()
    tensors = [
        replace(tensor, quantization=Quantization((0.5,), (2**40 + 7,))) for tensor in graph.subgraphs[0].tensors
    ]
    graph = replace(graph, subgraphs=(replace(graph.subgraphs[0], tensors=tuple(tensors)),))
    (detail,) = Interpreter(model_content=write(graph)).get_input_details()
    assert detail["quantization"] == (0.5, 7)
    assert detail["quantization_parameters"]["zero_points"].tolist() == [7]


def test_tensors_of_types_without_an_array_are_left_out_of_the_details() -> None:
    builder = GraphBuilder()
    x, y = builder.tensor("x", TensorType.FLOAT32, (1,)), builder.tensor("y", TensorType.FLOAT32, (1,))
    builder.tensor("tiny", TensorType.FLOAT8_E5M2, (1,))
    builder.tensor("handle", TensorType.RESOURCE, (1,))
    builder.operator("RELU", [x], [y])
    details = Interpreter(model_content=write(builder.build([x], [y]))).get_tensor_details()
    assert [(detail["name"], detail["dtype"]) for detail in details][2:] == [("handle", np.object_)]


def test_batches_of_a_model_without_them_are_refused() -> None:
    builder = GraphBuilder()
    x, y = builder.tensor("x", INT8, (1, 4), FINE), builder.tensor("y", INT8, (4, 1), FINE)
    builder.operator("TRANSPOSE", [x, builder.tensor("p", TensorType.INT32, (2,), value=[1, 0])], [y])
    model = load(write(builder.build([x], [y])))
    assert model(np.zeros((1, 4), np.int8)).shape == (4, 1)
    for batch in (0, 3):
        with pytest.raises(InputError, match="takes no batches: output 'y' has shape"):
            model(np.zeros((batch, 4), np.int8))


def test_what_is_no_array_is_refused_by_name() -> None:
    graph = small_graphs.chain()
    graph = replace(graph, signatures=(Signature("serve", 0, (("x", 0),), (("y", 6),)),))
    interpreter = Interpreter(model_content=write(graph))
    interpreter.allocate_tensors()
    for call in (
        lambda: interpreter.set_tensor(0, RAGGED),
        lambda: load(write(graph))(RAGGED),
        lambda: interpreter.get_signature_runner("serve")(x=RAGGED),
    ):
        with pytest.raises(InputError, match="expected an array, got list"):
            call()


def test_variables_are_filled_with_the_zero_points_lowest_byte() -> None:
    builder = GraphBuilder()
    state = builder.tensor("state", INT8, (2,), Quantization((1.0,), (0x7F05,)), is_variable=True)
    y = builder.tensor("y", TensorType.FLOAT32, (2,))
    builder.operator("DEQUANTIZE", [state], [y])
    interpreter = Interpreter(model_content=write(builder.build([], [y])), backend="numpy")
    interpreter.allocate_tensors()
    assert interpreter.get_tensor(state).tolist() == [5, 5]
