"""Control flow and resource variables: subgraphs that call each other, held to LiteRT."""

from dataclasses import replace

import numpy as np
import pytest
from flatbuffers import flexbuffers

import q31
from q31.schema import Signature, TensorType, write
from q31.schema.builder import GraphBuilder
from q31.schema.options import (
    AddOptions,
    ConcatenationOptions,
    IfOptions,
    MulOptions,
    StableHLOCompositeOptions,
    WhileOptions,
)
from q31.tools.conformance.control_flow_graphs import (
    FLOAT32,
    arithmetic,
    branching,
    composite,
    counting,
    joined,
    looping,
)
from q31.tools.conformance.oracle import Answer

BACKENDS = ["numba", "numpy"]
NO_ATTRIBUTES = bytes(flexbuffers.Dumps({}))


def hold(graph, runs, backend, oracle):
    content = write(graph)
    answer = oracle.run_many(content, runs)
    assert isinstance(answer, Answer), answer
    interpreter = q31.Interpreter(model_content=content, backend=backend)
    interpreter.allocate_tensors()
    for arrays, values in zip(runs, answer.runs, strict=True):
        for detail, array in zip(interpreter.get_input_details(), arrays, strict=True):
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        for detail, value in zip(interpreter.get_output_details(), values, strict=True):
            np.testing.assert_array_equal(interpreter.get_tensor(detail["index"]), value)


def floats():
    return np.random.default_rng().normal(size=(1, 3)).astype(np.float32)


@pytest.mark.parametrize("backend", BACKENDS)
def test_if_takes_the_branch_that_litert_takes(backend, oracle):
    runs = [[np.array([choice]), floats()] for choice in (True, False, True)]
    hold(branching(), runs, backend, oracle)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_composite_runs_its_decomposition(backend, oracle):
    hold(composite(), [[floats()] for _ in range(3)], backend, oracle)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_variable_is_set_once_and_carried_from_run_to_run(backend, oracle):
    hold(counting(), [[floats()] for _ in range(4)], backend, oracle)


@pytest.mark.parametrize("backend", BACKENDS)
def test_while_runs_its_body_as_often_as_litert_does(backend, oracle):
    hold(looping(), [[np.array([[1 + i, 2, 3]], np.float32)] for i in range(3)], backend, oracle)


@pytest.mark.parametrize("graph", [branching(), composite(), looping()], ids=["if", "composite", "while"])
def test_shapes_behind_control_flow_are_known_beforehand(graph):
    model = q31.load(write(graph))
    assert all(model._program.preparation.shapes[index] == (1, 3) for index in graph.subgraphs[0].outputs)


def test_a_loop_whose_shapes_grow_has_shapes_at_run_time_only():
    twice = GraphBuilder()
    x, y = twice.tensor("x", FLOAT32, (1, 3)), twice.tensor("y", FLOAT32, (2, 3))
    twice.operator("CONCATENATION", [x, x], [y], ConcatenationOptions(0))
    model = q31.load(write(looping(twice.build([x], [y]))))
    assert model._program.preparation.shapes[1] is None


def test_a_model_that_keeps_variables_is_run_example_by_example():
    model = q31.load(write(counting()))
    x = np.ones((4, 3), np.float32)
    np.testing.assert_array_equal(model(x)[:, 0], [11, 12, 13, 14])


def test_a_subgraph_that_calls_itself_is_refused():
    graph = branching()
    looped = replace(graph.subgraphs[1].operators[0], name="IF", options=IfOptions(1, 1))
    condition = graph.subgraphs[0].tensors[0]
    tensors = (*graph.subgraphs[1].tensors, replace(condition, buffer=0))
    operator = replace(looped, inputs=(3, 0), outputs=(2,))
    inner = replace(graph.subgraphs[1], tensors=tensors, operators=(operator,), inputs=(0, 3))
    outer = replace(graph.subgraphs[0].operators[0], inputs=(0, 1, 0))
    main = replace(graph.subgraphs[0], operators=(outer, graph.subgraphs[0].operators[1]))
    content = write(replace(graph, subgraphs=(main, inner, inner)))
    with pytest.raises(q31.ModelError):
        q31.load(content)(np.array([True]), np.ones((1, 3), np.float32))


def test_a_condition_that_is_no_bool_is_one_clear_line():
    graph = branching()
    main = graph.subgraphs[0]
    tensors = (replace(main.tensors[0], type=FLOAT32), *main.tensors[1:])
    content = write(replace(graph, subgraphs=(replace(main, tensors=tensors), *graph.subgraphs[1:])))
    with pytest.raises(q31.ModelError, match="subgraph 0 operator 0: IF: expected a condition of one bool"):
        q31.load(content)(np.ones(1, np.float32), np.ones((1, 3), np.float32))


def test_signatures_of_several_subgraphs_run_their_own():
    graph = joined(arithmetic("double", MulOptions(), 2.0, "MUL"), arithmetic("more", AddOptions(), 1.0, "ADD"))
    signatures = tuple(Signature(key, i, (("x", 0),), (("y", 2),)) for i, key in enumerate(("double", "more")))
    interpreter = q31.Interpreter(model_content=write(replace(graph, signatures=signatures)))
    x = floats()
    np.testing.assert_array_equal(interpreter.get_signature_runner("double")(x=x)["y"], x * 2)
    np.testing.assert_array_equal(interpreter.get_signature_runner("more")(x=x)["y"], x + 1)


@pytest.mark.parametrize("backend", BACKENDS)
def test_signatures_share_their_variables_as_in_litert(backend, oracle):
    graph = counting()
    count = graph.subgraphs[0]
    (first, handle, read, *_) = count.operators
    peek = replace(count, operators=(first, handle, read), inputs=(), outputs=read.outputs)
    keys = (Signature("count", 0, (("x", 0),), (("y", count.outputs[0]),)), Signature("peek", 2, (), (("y", 2),)))
    content = write(replace(graph, subgraphs=(*graph.subgraphs, peek), signatures=keys))
    calls = [("peek", {}), ("count", {"x": floats()}), ("count", {"x": floats()}), ("peek", {})]
    answer = oracle.run_signatures(content, calls)
    assert isinstance(answer, Answer), answer
    interpreter = q31.Interpreter(model_content=content, backend=backend)
    for (key, arrays), expected in zip(calls, answer.runs, strict=True):
        np.testing.assert_array_equal(interpreter.get_signature_runner(key)(**arrays)["y"], expected["y"])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_loop_that_never_runs_gives_its_inputs_memory_of_their_own(backend):
    builder = GraphBuilder()
    x, a, y, b, d = (builder.tensor(name, FLOAT32, (1, 3)) for name in "xaybd")
    one = builder.tensor("one", FLOAT32, (1,), value=[1.0])
    builder.operator("ADD", [x, one], [a], AddOptions())
    builder.operator("WHILE", [a], [y], WhileOptions(1, 2))
    builder.operator("ADD", [x, x], [b], AddOptions())
    builder.operator("ADD", [b, b], [d], AddOptions())
    never = GraphBuilder()
    value = never.tensor("value", FLOAT32, (1, 3))
    false = never.tensor("false", TensorType.BOOL, (1,), value=[False])
    main, condition = builder.build([x], [y, d]), never.build([value], [false])
    model = q31.load(write(joined(main, condition, arithmetic("body", MulOptions(), 2.0, "MUL"))), backend=backend)
    x = floats()
    np.testing.assert_array_equal(model(x)["y"], x + np.float32(1))


def test_a_composite_without_attributes_is_refused_as_the_reference_does():
    builder = GraphBuilder()
    x, y = builder.tensor("x", FLOAT32, (1, 3)), builder.tensor("y", FLOAT32, (1, 3))
    builder.operator("STABLEHLO_COMPOSITE", [x], [y], StableHLOCompositeOptions("some.op", 1))
    content = write(joined(builder.build([x], [y]), arithmetic("inner", MulOptions(), 2.0, "MUL")))
    with pytest.raises(q31.ModelError, match="composite_attributes"):
        q31.load(content)


def test_subgraphs_that_call_each_other_too_deeply_are_refused():
    links = []
    for number in range(1, 300):
        builder = GraphBuilder()
        x, y = builder.tensor("x", FLOAT32, (1, 3)), builder.tensor("y", FLOAT32, (1, 3))
        builder.operator("STABLEHLO_COMPOSITE", [x], [y], StableHLOCompositeOptions("link", number, NO_ATTRIBUTES))
        links.append(builder.build([x], [y]))
    content = write(joined(*links, arithmetic("last", MulOptions(), 2.0, "MUL")))
    with pytest.raises(q31.ModelError, match="call each other"):
        q31.load(content)(floats())


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_variable_is_read_in_the_shape_that_the_file_says(backend):
    def reading(shape):
        graph = counting()
        main, first = graph.subgraphs
        tensors = tuple(replace(t, shape=shape) if t.name == "before" else t for t in main.tensors)
        read = replace(
            main, tensors=tensors, operators=main.operators[:3], inputs=(), outputs=main.operators[2].outputs
        )
        return q31.load(write(replace(graph, subgraphs=(read, first))), backend=backend)()

    assert reading((1, 2)).tolist() == [[10, 10]]
    assert reading(()).shape == (1, 3)
    with pytest.raises(q31.ModelError, match="3 elements; the file says"):
        reading((2, 2))
