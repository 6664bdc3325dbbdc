"""Cases of the operators that run subgraphs or keep values: what they call is drawn too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from flatbuffers import flexbuffers
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from ...schema import Graph, GraphBuilder, TensorType
from ...schema.options import (
    AddOptions,
    AssignVariableOptions,
    CallOnceOptions,
    ConcatenationOptions,
    IfOptions,
    LessOptions,
    MulOptions,
    RandomOptions,
    ReadVariableOptions,
    RNNOptions,
    StableHLOCompositeOptions,
    SubOptions,
    VarHandleOptions,
    WhileOptions,
)
from .case import Case
from .control_flow_graphs import joined
from .strategies import float_arrays, shapes

FLOAT32, INT32, BOOL, RESOURCE = TensorType.FLOAT32, TensorType.INT32, TensorType.BOOL, TensorType.RESOURCE
Shape = tuple[int, ...]
ARITHMETIC: dict[str, Any] = {"ADD": AddOptions(), "MUL": MulOptions(), "SUB": SubOptions()}


class Function:
    """A subgraph in the making: a count (int32) and an array (float32) are its inputs, and its outputs."""

    def __init__(self, shape: Shape) -> None:
        self.builder = GraphBuilder()
        self.count = self.builder.tensor("count", INT32, ())
        self.array = self.builder.tensor("array", FLOAT32, shape)
        self.inputs = [self.count, self.array]
        self.shape = shape

    def new(self, tensor_type: TensorType = FLOAT32, shape: Shape | None = None) -> int:
        return self.builder.tensor("t", tensor_type, self.shape if shape is None else shape)

    def constant(self, tensor_type: TensorType, value: Any, shape: Shape = ()) -> int:
        return self.builder.tensor("c", tensor_type, shape, value=value)

    def apply(self, name: str, inputs: Sequence[int], options: Any = None, tensor_type: TensorType = FLOAT32) -> int:
        target = self.new(tensor_type, () if tensor_type is not FLOAT32 else None)
        self.builder.operator(name, list(inputs), [target], options)
        return target

    def random(self) -> int:
        size = self.constant(INT32, list(self.shape), (len(self.shape),))
        return self.apply("RANDOM_UNIFORM", [size], RandomOptions(1, 2))

    def recurrent(self, array: int) -> int:
        width = self.shape[1]
        weights = [self.constant(FLOAT32, np.eye(width) / 2, (width, width)) for _ in range(2)]
        bias = self.constant(FLOAT32, 0.25, (width,))
        state = self.builder.tensor("state", FLOAT32, self.shape, is_variable=True)
        return self.apply("RNN", [array, *weights, bias, state], RNNOptions())

    def build(self, count: int, array: int) -> Graph:
        return self.builder.build(self.inputs, [count, array])


@st.composite
def step(draw: DrawFn, shape: Shape, grows: bool = False) -> Graph:
    """Count on, and change the array by a number; where it grows, append it to itself or a row to it.

    Random numbers and a layer with a state go on from step to step of a loop, and begin anew with every other call.
    """
    function = Function(shape)
    name = draw(st.sampled_from(list(ARITHMETIC)))
    number = function.constant(FLOAT32, draw(st.sampled_from([0.5, 1.5, -1.0, 0.1])))
    array = function.apply(name, [function.array, number], ARITHMETIC[name])
    if draw(st.integers(0, 3)) == 3:
        array = function.apply("ADD", [array, function.random()], AddOptions())
    if draw(st.integers(0, 3)) == 3 and len(shape) == 2:
        array = function.recurrent(array)
    if grows:
        row = function.constant(FLOAT32, 7.0, (1, *shape[1:])) if draw(st.booleans()) else array
        array = function.apply("CONCATENATION", [array, row], ConcatenationOptions(0))
    count = function.apply("ADD", [function.count, function.constant(INT32, 1)], AddOptions(), INT32)
    return function.build(count, array)


def unchanged(shape: Shape) -> Graph:
    """What comes in goes out."""
    function = Function(shape)
    return function.build(function.count, function.array)


def below(shape: Shape, limit: int) -> Graph:
    """Whether the count is below a limit."""
    function = Function(shape)
    less = function.apply("LESS", [function.count, function.constant(INT32, limit)], LessOptions(), BOOL)
    return function.builder.build(function.inputs, [less])


def calling(shape: Shape, name: str, options: Any, condition: int | None = None) -> Graph:
    """Call other subgraphs on what comes in; IF by whether the count is below ``condition``, and then count on."""
    function = Function(shape)
    inputs = list(function.inputs)
    if condition is not None:
        limit = function.constant(INT32, condition)
        inputs.insert(0, function.apply("LESS", [function.count, limit], LessOptions(), BOOL))
    count, array = function.new(INT32, ()), function.new()
    function.builder.operator(name, inputs, [count, array], options)
    return function.build(count, array)


@st.composite
def case_of(draw: DrawFn, graphs: Sequence[Graph], shape: Shape) -> Case:
    """Join the graphs, of which the first is the model; each invoke gets a count of its own."""
    runs = [
        (np.array(draw(st.integers(0, 4)), np.int32), draw(float_arrays(shape))) for _ in range(draw(st.integers(1, 3)))
    ]
    return Case(joined(*graphs), runs[0], more=tuple(runs[1:]))


@st.composite
def if_case(draw: DrawFn) -> Case:
    """Branches of the same shape or of another, one of which may choose again."""
    shape = draw(shapes(1, 3, high=4))
    limit = draw(st.integers(0, 4))
    branches = [draw(st.one_of(step(shape), step(shape, grows=True), st.just(unchanged(shape)))) for _ in range(2)]
    graphs = [calling(shape, "IF", IfOptions(1, 2), limit), *branches]
    if draw(st.booleans()):
        inner = draw(st.one_of(step(shape), step(shape, grows=True)))
        graphs[2] = calling(shape, "IF", IfOptions(3, 4), draw(st.integers(0, 4)))
        graphs += [inner, branches[1]]
    return draw(case_of(graphs, shape))


@st.composite
def while_case(draw: DrawFn) -> Case:
    """Loops, also whose arrays grow, and whose bodies choose or loop again."""
    shape = draw(shapes(1, 3, high=4))
    limit = draw(st.integers(0, 4))
    kind = draw(st.sampled_from(["plain", "grows", "chooses", "loops"]))
    graphs = [calling(shape, "WHILE", WhileOptions(1, 2)), below(shape, limit)]
    if kind in ("plain", "grows"):
        graphs.append(draw(step(shape, grows=kind == "grows")))
    elif kind == "chooses":
        graphs.append(calling(shape, "IF", IfOptions(3, 4), draw(st.integers(0, 4))))
        graphs += [draw(step(shape)), draw(step(shape))]
    else:
        # The inner loop counts on beyond the outer one's limit now and then.
        graphs.append(calling(shape, "WHILE", WhileOptions(3, 4)))
        graphs += [below(shape, max(limit, draw(st.integers(0, 5)))), draw(step(shape))]
    return draw(case_of(graphs, shape))


@st.composite
def composite_case(draw: DrawFn) -> Case:
    """Composites with and without attributes, which may hold another, a choice or a loop."""
    shape = draw(shapes(1, 3, high=4))
    none, some = bytes(flexbuffers.Dumps({})), bytes(flexbuffers.Dumps({"axis": 1, "name": "x"}))
    # The reference refuses a composite without even an empty map.
    attributes = draw(st.sampled_from([none, none, some, some, some, b""]))
    options = StableHLOCompositeOptions("some.name", 1, attributes)
    graphs = [calling(shape, "STABLEHLO_COMPOSITE", options)]
    kind = draw(st.sampled_from(["plain", "composite", "chooses", "loops"]))
    if kind == "plain":
        graphs.append(draw(step(shape)))
    elif kind == "composite":
        inner = StableHLOCompositeOptions("inner", 2, draw(st.sampled_from([none, some])))
        graphs += [calling(shape, "STABLEHLO_COMPOSITE", inner), draw(step(shape))]
    elif kind == "chooses":
        graphs += [calling(shape, "IF", IfOptions(2, 3), 2), draw(step(shape)), draw(step(shape))]
    else:
        graphs += [calling(shape, "WHILE", WhileOptions(2, 3)), below(shape, 3), draw(step(shape))]
    return draw(case_of(graphs, shape))


@st.composite
def variables(draw: DrawFn) -> Case:
    """Variables set once, read, changed by the input and written; two handles may be one variable's."""
    shape = draw(shapes(1, 3, high=4))
    names = draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3))
    container = draw(st.sampled_from(["", "box"]))
    main, first = GraphBuilder(), GraphBuilder()
    x = main.tensor("x", FLOAT32, shape)
    main.operator("CALL_ONCE", [], [], CallOnceOptions(1))
    outputs = []

    def handle(builder: GraphBuilder, name: str) -> int:
        target = builder.tensor("handle", RESOURCE, draw(st.sampled_from([(), (1,)])))
        builder.operator("VAR_HANDLE", [], [target], VarHandleOptions(container, name))
        return target

    for name in sorted(set(names)):
        value = first.tensor("value", FLOAT32, shape, value=draw(st.sampled_from([0.0, 10.0, -2.5])))
        first.operator("ASSIGN_VARIABLE", [handle(first, name), value], [], AssignVariableOptions())
    for name in names:
        # The file says the variable's shape, or that it is a scalar, which stands for any shape.
        before = main.tensor("before", FLOAT32, draw(st.sampled_from([shape, shape, ()])))
        after = main.tensor("after", FLOAT32, shape)
        main.operator("READ_VARIABLE", [handle(main, name)], [before], ReadVariableOptions())
        if draw(st.booleans()):
            # A smaller shape than the variable's: the reference gives its first elements.
            part = main.tensor("part", FLOAT32, tuple(draw(st.integers(1, size)) for size in shape))
            main.operator("READ_VARIABLE", [handle(main, name)], [part], ReadVariableOptions())
            outputs.append(part)
        operator = draw(st.sampled_from(list(ARITHMETIC)))
        main.operator(operator, [before, x], [after], ARITHMETIC[operator])
        if draw(st.booleans()):
            main.operator("ASSIGN_VARIABLE", [handle(main, name), after], [], AssignVariableOptions())
        outputs.append(after)
    runs = [(draw(float_arrays(shape)),) for _ in range(draw(st.integers(1, 4)))]
    graph = joined(main.build([x], outputs), first.build([], [], name="first"))
    return Case(graph, runs[0], more=tuple(runs[1:]), resets=draw(st.booleans()))


CASES: dict[str, st.SearchStrategy[Case]] = {
    "IF graph": if_case(),
    "WHILE graph": while_case(),
    "STABLEHLO_COMPOSITE graph": composite_case(),
    **{f"{name} graph": variables() for name in ("ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE")},
}
