"""Small graphs of several subgraphs: branches, loops, composites and resource variables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flatbuffers import flexbuffers

from ...schema import Graph, TensorType
from ...schema.builder import GraphBuilder
from ...schema.options import (
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


def arithmetic(name: str, options: Any, constant: float, operator: str) -> Graph:
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


def looping(body: Graph | None = None) -> Graph:
    """While ``x[0, 0] < 100``: x *= 1.5, or what the body does."""
    builder = GraphBuilder()
    x = builder.tensor("x", FLOAT32, (1, 3))
    y = builder.tensor("y", FLOAT32, (1, 3))
    builder.operator("WHILE", [x], [y], WhileOptions(1, 2))
    condition = GraphBuilder()
    value = condition.tensor("value", FLOAT32, (1, 3))
    begin = condition.tensor("begin", TensorType.INT32, (2,), value=[0, 0])
    size = condition.tensor("size", TensorType.INT32, (2,), value=[1, 1])
    vector = condition.tensor("vector", TensorType.INT32, (1,), value=[1])
    limit = condition.tensor("limit", FLOAT32, (1,), value=[100.0])
    corner = condition.tensor("corner", FLOAT32, (1, 1))
    first = condition.tensor("first", FLOAT32, (1,))
    less = condition.tensor("less", BOOL, (1,))
    condition.operator("SLICE", [value, begin, size], [corner])
    condition.operator("RESHAPE", [corner, vector], [first])
    condition.operator("LESS", [first, limit], [less])
    return joined(
        builder.build([x], [y]),
        condition.build([value], [less], name="condition"),
        body or arithmetic("body", MulOptions(), 1.5, "MUL"),
    )
