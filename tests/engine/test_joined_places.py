"""What is put one behind the other lies there from the start, with the same bits for whoever reads parts and whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from q31.engine.program import Program
from q31.kernels.profiles import LITERT
from q31.schema import Graph, Quantization, TensorType
from q31.schema.builder import GraphBuilder
from q31.schema.options import AddOptions, ConcatenationOptions, PackOptions, ReshapeOptions

FINE, OTHER = Quantization((0.05,), (3,)), Quantization((0.07,), (9,))
SHAPE = (1, 6, 64)


def join(
    axis: int = 1,
    batches: int = 1,
    name: str = "CONCATENATION",
    kind: TensorType = TensorType.INT8,
    scale: Quantization = FINE,
    twice: bool = False,
    given: bool = False,
    variable: bool = False,
    reshaped: bool = False,
) -> Graph:
    """``RELU(a)`` and ``RELU6(b)`` put together, then clamped; ``scale`` of the first, ``twice``: the first again."""
    builder = GraphBuilder()
    shape = (batches, *SHAPE[1:])
    flat = (batches, 3, 128)
    a, b = (builder.tensor(one, kind, shape, scale if one == "a" else FINE) for one in "ab")
    first = builder.tensor("first", kind, shape, scale, is_variable=variable)
    second = builder.tensor("second", kind, shape, FINE)
    builder.operator("RELU", [a], [first])
    builder.operator("RELU6", [b], [second])
    parts = [first, second, *([first] if twice else [])]
    if reshaped:
        parts = [builder.tensor(f"flat{part}", kind, flat, FINE) for part in parts]
        for source, target in zip((first, second), parts, strict=True):
            builder.operator("RESHAPE", [source], [target], ReshapeOptions(new_shape=flat))
    both, y = (builder.tensor(one, kind, (), FINE) for one in ("both", "y"))
    options: Any = ConcatenationOptions(axis=axis) if name == "CONCATENATION" else PackOptions(len(parts), axis)
    builder.operator(name, parts, [both], options)
    builder.operator("RELU_0_TO_1", [both], [y])
    return builder.build([a, b], [y, first] if given else [y])


def check(graph: Graph, **inputs: Any) -> Program:
    """Hold a compiled program to the operators one by one, and return it."""
    one, two = (Program(graph, profile=LITERT, compiled=compiled, **inputs) for compiled in (True, False))
    keeping = Program(graph, profile=LITERT, compiled=False, **{**inputs, "preserve_all": True})
    random = np.random.default_rng(0)
    for _ in range(2):
        arrays = [
            random.integers(np.iinfo(x.dtype).min, np.iinfo(x.dtype).max + 1, x.shape, x.dtype)
            for x in map(one.array, one.preparation.inputs)
            if x is not None
        ]
        expected = keeping.call(arrays)
        for program in (one, two):
            for x, y in zip(program.call(arrays), expected, strict=True):
                np.testing.assert_array_equal(x, y)
    return one


def parts_in_place(program: Program) -> list[bool]:
    """Return which inputs of the operator that joins lie within its output."""
    (joins,) = [one for one in program._operators if one.operator.name in ("CONCATENATION", "PACK")]
    whole = program.array(joins.operator.outputs[0])
    return [np.shares_memory(whole, program.array(part)) for part in joins.operator.inputs]


def copies(graph: Graph, **inputs: Any) -> int:
    """Return how many rows of the table the operator that joins has, by what is left of all without the others."""
    program = Program(graph, profile=LITERT, compiled=True, separate=True, **inputs)
    steps = [operator for operator, _ in program.timed_run(lambda: 0.0)]
    (joins,) = [one.index for one in program._operators if one.operator.name in ("CONCATENATION", "PACK")]
    return steps.count(joins)


@pytest.mark.parametrize("reshaped", [False, True])
@pytest.mark.parametrize("kind", [TensorType.INT8, TensorType.UINT8])
def test_parts_lie_within_the_whole(kind, reshaped):
    program = check(join(kind=kind, reshaped=reshaped))
    assert parts_in_place(program) == [True, True]
    assert copies(join(kind=kind, reshaped=reshaped)) == 0
    assert program.arena_size <= 2 * 384 + 768  # the inputs, and what is made of them


def test_the_batch_is_outermost_of_several():
    assert parts_in_place(check(join(axis=0, batches=3))) == [True, True]
    assert parts_in_place(check(join(axis=1, batches=3))) == [False, False]
    assert parts_in_place(check(join(axis=2))) == [False, False]
    assert copies(join(axis=2)) == 1


@pytest.mark.parametrize("axis", [0, 1])
def test_pack(axis):
    assert parts_in_place(check(join(axis=axis, name="PACK"))) == [True, True]
    assert parts_in_place(check(join(axis=2, name="PACK"))) == [False, False]


def test_what_is_rescaled_is_written_elsewhere():
    assert parts_in_place(check(join(kind=TensorType.UINT8, scale=OTHER))) == [False, True]


def test_what_stands_there_twice_is_copied_once():
    graph = join(twice=True)
    assert parts_in_place(check(graph)) == [True, True, True]  # the third is where the first is
    assert copies(graph) == 1


def test_outputs_of_the_graph_may_be_parts_and_variables_may_not():
    assert parts_in_place(check(join(given=True))) == [True, True]
    assert parts_in_place(check(join(variable=True))) == [False, True]


def test_tensors_to_be_read_afterwards_have_a_place_of_their_own():
    assert parts_in_place(check(join(), preserve_all=True)) == [False, False]


def test_inputs_of_the_graph_are_copied():
    builder = GraphBuilder()
    a, b, both = (builder.tensor(name, TensorType.INT8, SHAPE, FINE) for name in ("a", "b", "both"))
    builder.operator("CONCATENATION", [a, b], [both], ConcatenationOptions(axis=0))
    graph = builder.build([a, b], [both])
    assert parts_in_place(check(graph)) == [False, False]


def test_a_part_is_not_overwritten_by_a_sum_as_large_as_the_whole():
    """The whole ends with a sum of its size, one of whose operands is a part of it, repeated."""
    builder = GraphBuilder()
    a, b = (builder.tensor(name, TensorType.INT8, (1, 64), FINE) for name in "ab")
    first, second, both, y = (builder.tensor(name, TensorType.INT8, (), FINE) for name in ("f", "s", "both", "y"))
    builder.operator("RELU", [a], [first])
    builder.operator("RELU", [b], [second])
    builder.operator("CONCATENATION", [first, second], [both], ConcatenationOptions(axis=0))
    builder.operator("ADD", [both, first], [y], AddOptions())
    program = check(builder.build([a, b], [y]))
    assert parts_in_place(program) == [True, True]
    assert not np.shares_memory(program.array(both), program.array(y))


def test_a_small_early_part_does_not_keep_the_place_of_a_large_whole():
    builder = GraphBuilder()

    def made(name: str, *inputs: int, options: Any = None) -> int:
        target = builder.tensor(name.lower(), TensorType.INT8, (), FINE)
        builder.operator(name, list(inputs), [target], options)
        return target

    a = builder.tensor("a", TensorType.INT8, (1, 64), FINE)
    table = builder.tensor("table", TensorType.INT8, (64, 64), FINE, value=[[1] * 64] * 64)
    turn, begin, size = (
        builder.tensor(f"c{value}", TensorType.INT32, (2,), value=value) for value in ([1, 0], [0, 0], [32, 64])
    )
    early = made("RELU", a)
    square = made("TRANSPOSE", made("TRANSPOSE", made("ADD", a, table, options=AddOptions()), turn), turn)
    both = made("CONCATENATION", early, made("SLICE", square, begin, size), options=ConcatenationOptions(axis=0))
    program = check(builder.build([a], [both]))
    assert program.arena_size <= 2 * 4096 + 256


@st.composite
def networks(draw: Any) -> Graph:
    """Draw sums, clamps, shapes and joins of two inputs and what they made, of which any may be outputs."""
    builder = GraphBuilder()
    tensors: list[tuple[int, tuple[int, ...]]] = []

    def tensor(shape: tuple[int, ...]) -> int:
        index = builder.tensor(f"t{len(tensors)}", TensorType.INT8, shape, FINE)
        tensors.append((index, shape))
        return index

    for _ in range(2):
        tensor((1, draw(st.sampled_from([1, 2])), 32))
    for _ in range(draw(st.integers(2, 10))):
        source, shape = draw(st.sampled_from(tensors))
        name = draw(st.sampled_from(["ADD", "RELU", "RESHAPE", "CONCATENATION", "CONCATENATION", "PACK"]))
        if name == "RESHAPE":
            target_shape = draw(st.sampled_from([(1, *shape), shape[-2:], (int(np.prod(shape)) // 32, 32)]))
            target_shape = target_shape if np.prod(target_shape) == np.prod(shape) and len(target_shape) < 6 else shape
            builder.operator(name, [source], [tensor(target_shape)], ReshapeOptions(new_shape=target_shape))
        elif name == "ADD":
            others = [one for one in tensors if len(one[1]) == len(shape) and one[1][-1] == shape[-1]]
            fitting = [
                (other, tuple(np.broadcast_shapes(shape, of)))
                for other, of in others
                if all(1 in pair or pair[0] == pair[1] for pair in zip(shape, of, strict=True))
            ]
            other, target_shape = draw(st.sampled_from(fitting))
            builder.operator(name, draw(st.permutations([source, other])), [tensor(target_shape)], AddOptions())
        elif name == "RELU":
            builder.operator(name, [source], [tensor(shape)])
        else:
            alike = [index for index, of in tensors if of == shape]
            parts = draw(st.lists(st.sampled_from(alike), min_size=1, max_size=3))
            axis = draw(st.integers(0, max(len(shape) - 2, 0)))
            if name == "PACK" and len(shape) < 5:
                target_shape = (*shape[:axis], len(parts), *shape[axis:])
                builder.operator(name, parts, [tensor(target_shape)], PackOptions(len(parts), axis))
            else:
                target_shape = (*shape[:axis], shape[axis] * len(parts), *shape[axis + 1 :])
                builder.operator("CONCATENATION", parts, [tensor(target_shape)], ConcatenationOptions(axis=axis))
    made = [index for index, _ in tensors[2:]]
    return builder.build([0, 1], draw(st.lists(st.sampled_from(made), min_size=1, max_size=3, unique=True)))


@settings(deadline=None)
@given(networks())
def test_any_network_has_the_same_bits(graph):
    check(graph)
