"""Control flow and resource variables: subgraphs that call each other, held to LiteRT."""

from dataclasses import replace

import numpy as np
import pytest
from flatbuffers import flexbuffers

import q31
from conformance.oracle import Answer
from q31.schema import Graph, Signature, TensorType, write
from q31.schema.builder import GraphBuilder
from q31.schema.options import (
    AddOptions,
    AssignVariableOptions,
    CallOnceOptions,
    IfOptions,
    MulOptions,
    ReadVariableOptions,
    StableHLOCompositeOptions,
    VarHandleOptions,
    WhileOptions,
)

FLOAT32, BOOL, RESOURCE = TensorType.FLOAT32, TensorType.BOOL, TensorType.RESOURCE
BACKENDS = ["numba", "numpy"]


def joined(*graphs: Graph) -> Graph:
    """Put graphs of one subgraph each into one model; buffers are renumbered."""
    buffers, subgraphs = list(graphs[0].buffers[:1]), []
    for graph in graphs:
        offset = len(buffers) - 1
        buffers += graph.buffers[1:]
        (subgraph,) = graph.subgraphs
        tensors = tuple(replace(t, buffer=t.buffer + offset if t.buffer else 0) for t in subgraph.tensors)
        subgraphs.append(replace(subgraph, tensors=tensors))
    return replace(graphs[0], subgraphs=tuple(subgraphs), buffers=tuple(buffers))


def arithmetic(name: str, options, constant: float, operator: str) -> Graph:
    """One input, ``operator`` with a constant, one output."""
    builder = GraphBuilder()
    x = builder.tensor(f"{name}_x", FLOAT32, (1, 3))
    c = builder.tensor(f"{name}_c", FLOAT32, (1,), value=[constant])
    y = builder.tensor(f"{name}_y", FLOAT32, (1, 3))
    builder.operator(operator, [x, c], [y], options)
    return builder.build([x], [y], name=name)


def branching() -> Graph:
    builder = GraphBuilder()
    condition = builder.tensor("condition", BOOL, (1,))
    x = builder.tensor("x", FLOAT32, (1, 3))
    y = builder.tensor("y", FLOAT32, (1, 3))
    z = builder.tensor("z", FLOAT32, (1, 3))
    builder.operator("IF", [condition, x], [y], IfOptions(1, 2))
    builder.operator("ADD", [y, x], [z], AddOptions())
    main = builder.build([condition, x], [z])
    return joined(main, arithmetic("then", MulOptions(), 3.0, "MUL"), arithmetic("else", AddOptions(), 7.0, "ADD"))


def composite() -> Graph:
    builder = GraphBuilder()
    x = builder.tensor("x", FLOAT32, (1, 3))
    y = builder.tensor("y", FLOAT32, (1, 3))
    options = StableHLOCompositeOptions("some.op", 1, composite_attributes=flexbuffers.Dumps({}))
    builder.operator("STABLEHLO_COMPOSITE", [x], [y], options)
    return joined(builder.build([x], [y]), arithmetic("inner", MulOptions(), 0.5, "MUL"))


def counting() -> Graph:
    """A variable set to 10 once, and increased by the input at every run."""
    builder = GraphBuilder()
    x = builder.tensor("x", FLOAT32, (1, 3))
    handle = builder.tensor("handle", RESOURCE, ())
    before = builder.tensor("before", FLOAT32, (1, 3))
    after = builder.tensor("after", FLOAT32, (1, 3))
    builder.operator("CALL_ONCE", [], [], CallOnceOptions(1))
    builder.operator("VAR_HANDLE", [], [handle], VarHandleOptions("", "count"))
    builder.operator("READ_VARIABLE", [handle], [before], ReadVariableOptions())
    builder.operator("ADD", [before, x], [after], AddOptions())
    builder.operator("ASSIGN_VARIABLE", [handle, after], [], AssignVariableOptions())
    main = builder.build([x], [after])
    first = GraphBuilder()
    handle = first.tensor("handle", RESOURCE, ())
    ten = first.tensor("ten", FLOAT32, (1, 3), value=[[10.0]])
    first.operator("VAR_HANDLE", [], [handle], VarHandleOptions("", "count"))
    first.operator("ASSIGN_VARIABLE", [handle, ten], [], AssignVariableOptions())
    return joined(main, first.build([], [], name="first"))


def looping() -> Graph:
    """While ``x[0] < 100``: x *= 1.5."""
    builder = GraphBuilder()
    x = builder.tensor("x", FLOAT32, (1, 3))
    y = builder.tensor("y", FLOAT32, (1, 3))
    builder.operator("WHILE", [x], [y], WhileOptions(1, 2))
    condition = GraphBuilder()
    value = condition.tensor("value", FLOAT32, (1, 3))
    begin = condition.tensor("begin", TensorType.INT32, (2,), value=[0, 0])
    size = condition.tensor("size", TensorType.INT32, (2,), value=[1, 1])
    limit = condition.tensor("limit", FLOAT32, (1, 1), value=[[100.0]])
    first = condition.tensor("first", FLOAT32, (1, 1))
    less = condition.tensor("less", BOOL, (1, 1))
    condition.operator("SLICE", [value, begin, size], [first])
    condition.operator("LESS", [first, limit], [less])
    return joined(
        builder.build([x], [y]),
        condition.build([value], [less], name="condition"),
        arithmetic("body", MulOptions(), 1.5, "MUL"),
    )


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
    pytest.importorskip("q31.kernels.elementwise.comparison", reason="LESS is not there yet")
    hold(looping(), [[np.array([[1 + i, 2, 3]], np.float32)] for i in range(3)], backend, oracle)


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
