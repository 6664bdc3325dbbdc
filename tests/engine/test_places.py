"""Outputs lie where inputs end, and nothing is overwritten that somebody still reads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from q31 import Interpreter
from q31.engine.places import may_stay
from q31.engine.program import Program
from q31.kernels.operator import Instruction
from q31.kernels.profiles import LITERT
from q31.schema import Graph, Quantization, TensorType, write
from q31.schema.builder import GraphBuilder
from q31.schema.options import AddOptions, MulOptions, ReshapeOptions, SubOptions

SHAPE = (1, 6, 64)
FINE = Quantization((0.05,), (3,))
OPTIONS = {"ADD": AddOptions, "SUB": SubOptions, "MUL": MulOptions}


def tensor(builder: GraphBuilder, name: str, shape: tuple[int, ...] = SHAPE, **fields: Any) -> int:
    return builder.tensor(name, TensorType.INT8, shape, FINE, **fields)


def halves(
    shape: tuple[int, ...] = SHAPE, read_again: bool = False, variable: bool = False, given: bool = False
) -> Graph:
    """``RELU6(a) + b``, of which the first ends with the sum unless it is read again."""
    builder = GraphBuilder()
    a, b, y = (tensor(builder, name, shape) for name in "aby")
    end = tensor(builder, "end", shape, is_variable=variable)
    builder.operator("RELU6", [a], [end])
    builder.operator("ADD", [end, b], [y], AddOptions())
    outputs = [y, end] if given else [y]
    if read_again:
        outputs.append(tensor(builder, "z", shape))
        builder.operator("MUL", [end, b], [outputs[-1]], MulOptions())
    return builder.build([a, b], outputs)


def same_place(program: Program, one: int, other: int) -> bool:
    arrays = program.array(one), program.array(other)
    return np.shares_memory(*arrays)


def check(graph: Graph, **inputs: Any) -> Program:
    """Hold a compiled program to the operators one by one, and return it."""
    one, two = (Program(graph, profile=LITERT, compiled=compiled, **inputs) for compiled in (True, False))
    random = np.random.default_rng(0)
    arrays = [random.integers(-128, 128, one.preparation.shapes[i], np.int8) for i in one.preparation.inputs]
    for _ in range(2):  # inputs are what they were
        for a, b in zip(one.call(arrays), two.call(arrays), strict=True):
            np.testing.assert_array_equal(a, b)
    for index, array in zip(one.preparation.inputs, arrays, strict=True):
        np.testing.assert_array_equal(one.array(index), array)
    return one


def test_an_output_lies_where_an_input_ends():
    program = check(halves())
    assert same_place(program, 2, 3) and not same_place(program, 0, 3)
    assert program.compiled == {0, 1}
    assert program.arena_size == 3 * np.prod(SHAPE)


def test_what_is_read_again_is_not_overwritten():
    program = check(halves(read_again=True))
    assert not same_place(program, 2, 3)  # the sum, while the product is to come
    assert same_place(program, 3, 4)


def test_variables_and_tensors_to_be_read_afterwards_keep_their_place():
    assert not same_place(check(halves(variable=True)), 2, 3)
    assert not same_place(check(halves(), preserve_all=True), 2, 3)


def test_rows_that_are_no_whole_vectors_are_not_overwritten():
    assert not same_place(check(halves((1, 6, 40))), 2, 3)


def test_a_smaller_operand_gives_no_place():
    program = check(halves(), input_shapes={0: (1, 1, 64)})
    assert not same_place(program, 2, 3)


def test_an_output_of_the_graph_is_not_overwritten():
    assert not same_place(check(halves(given=True)), 2, 3)


def test_resized_inputs_are_placed_anew():
    interpreter = Interpreter(model_content=write(halves()))
    for shape in ((1, 6, 64), (1, 6, 40), (2, 3, 96)):
        random = np.random.default_rng(1)
        arrays = [random.integers(-128, 128, shape, np.int8) for _ in range(2)]
        for index in range(2):
            interpreter.resize_tensor_input(index, list(shape))
        interpreter.allocate_tensors()
        for index, array in enumerate(arrays):
            interpreter.set_tensor(index, array)
        interpreter.invoke()
        program = Program(halves(), profile=LITERT, compiled=False, input_shapes=dict.fromkeys((0, 1), shape))
        np.testing.assert_array_equal(interpreter.get_tensor(2), program.call(arrays)[0])


@pytest.mark.parametrize("kernel", ["requantize", "strided_copy"])
def test_other_kernels_do_not_work_in_place(kernel):
    (operator, _) = Program(halves(), profile=LITERT, compiled=True)._operators
    assert not may_stay(operator, Instruction(kernel, {}), frozenset([0]))
    assert may_stay(operator, Instruction(kernel, {}), frozenset([1]))
    assert may_stay(operator, Instruction("lookup8", {}), frozenset([0]))


@st.composite
def networks(draw: Any) -> Graph:
    """Draw operators on two inputs and what they made, and other shapes of it, of which any may be outputs."""
    builder = GraphBuilder()
    last = draw(st.sampled_from([32, 33, 64]))
    shapes = [(1, 6, last), (6, last), (2, 3, last)]
    tensors = [(tensor(builder, name, shapes[0]), shapes[0]) for name in "ab"]
    for number in range(draw(st.integers(1, 9))):
        source, shape = draw(st.sampled_from(tensors))
        name = draw(st.sampled_from([*OPTIONS, "RELU", "HARD_SWISH", "RESHAPE"]))
        if name == "RESHAPE":
            shape = draw(st.sampled_from(shapes))
        target = tensor(builder, f"t{number}", shape)
        if name in OPTIONS:
            channels = tensor(builder, f"c{number}", (last,), value=list(range(last)))
            beside = [one for one in tensors if one[1] == shape]
            other = draw(st.sampled_from([*beside, (channels, (last,))]))[0]
            builder.operator(name, draw(st.permutations([source, other])), [target], OPTIONS[name]())
        elif name == "RESHAPE":
            builder.operator(name, [source], [target], ReshapeOptions(new_shape=shape))
        else:
            builder.operator(name, [source], [target])
        tensors.append((target, shape))
    outputs = draw(st.lists(st.sampled_from(tensors[2:]), min_size=1, max_size=3, unique=True))
    return builder.build([0, 1], [index for index, _ in outputs])


@settings(deadline=None)
@given(networks())
def test_any_network_has_the_same_bits(graph):
    check(graph)
