"""A product and a sum with constants of channels run as one operator, where nobody reads what lies between."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from q31 import Interpreter
from q31.engine.program import Program
from q31.kernels.profiles import LITERT
from q31.schema import ActivationFunctionType, Graph, Quantization, TensorType, write
from q31.schema.builder import GraphBuilder
from q31.schema.options import AddOptions, MulOptions, SubOptions

CHANNELS = 20
SHAPE = (1, 5, 3, CHANNELS)
FINE, GAIN = Quantization((0.05,), (3,)), Quantization((0.01,), (-128,))
X = np.random.default_rng(0).integers(-128, 128, SHAPE, np.int8)


def network(
    name: str = "ADD",
    order: str = "xc",
    factor_shape: tuple[int, ...] = (CHANNELS,),
    term_shape: tuple[int, ...] = (1, 1, 1, CHANNELS),
    shape: tuple[int, ...] = SHAPE,
    reader: str = "",
    variable: bool = False,
    constant_term: bool = True,
) -> Graph:
    """``x * c + d``; ``order`` of the product's operands and the sum's; ``reader``: of the product, beside the sum."""
    builder, random = GraphBuilder(), np.random.default_rng(1)
    x = builder.tensor("x", TensorType.INT8, shape, FINE)
    product = builder.tensor("product", TensorType.INT8, shape, FINE, is_variable=variable)
    y = builder.tensor("y", TensorType.INT8, shape, FINE)

    def constant(shape: tuple[int, ...], quantization: Quantization) -> int:
        values = random.integers(-128, 128, shape).tolist()
        return builder.tensor("c", TensorType.INT8, shape, quantization, value=values)

    factors = constant(factor_shape, GAIN)
    terms = constant(term_shape, FINE) if constant_term else builder.tensor("d", TensorType.INT8, SHAPE, FINE)
    builder.operator("MUL", [x, factors] if order[0] == "x" else [factors, x], [product], MulOptions())
    options: Any = {"ADD": AddOptions, "SUB": SubOptions}[name]
    relu = ActivationFunctionType.RELU
    operands = [product, terms] if order[1] == "c" else [terms, product]
    builder.operator(name, operands, [y], options(fused_activation_function=relu))
    outputs = [y]
    if reader == "output":
        outputs.append(product)
    elif reader:
        outputs.append(builder.tensor("z", TensorType.INT8, shape, FINE))
        builder.operator(reader, [product], [outputs[-1]])
    return builder.build([x] if constant_term else [x, terms], outputs)


def kernels(program: Program) -> list[str]:
    """Return the names of the operators that a program runs."""
    return [operator.operator.name for operator in program._operators]


def check(graph: Graph, taken: bool, **inputs: Any) -> None:
    one, two = (Program(graph, profile=LITERT, compiled=compiled, **inputs) for compiled in (True, False))
    assert (len(one._operators) < len(two._operators)) == taken
    random = np.random.default_rng(2)
    arrays = [random.integers(-128, 128, one.preparation.shapes[i], np.int8) for i in one.preparation.inputs]
    for a, b in zip(one.call(arrays), two.call(arrays), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["ADD", "SUB"])
@pytest.mark.parametrize("order", ["xc", "cc", "xx", "cx"])
def test_a_product_and_a_sum_are_one(name, order):
    check(network(name, order), taken=True)


def test_both_are_counted_as_compiled_and_the_product_has_no_memory():
    graph = network()
    program, preserved = (Program(graph, profile=LITERT, compiled=True, preserve_all=p) for p in (False, True))
    assert kernels(program) == ["ADD"] and program.compiled == {0, 1}
    assert program.array(1) is None and program.arena_size < preserved.arena_size


def test_what_is_read_elsewhere_is_computed():
    check(network(reader="output"), taken=False)
    check(network(reader="RELU"), taken=False)


def test_tensors_to_be_read_afterwards_are_all_computed():
    program = Program(network(), profile=LITERT, compiled=True, preserve_all=True)
    program.call([X])
    assert kernels(program) == ["MUL", "ADD"] and program.array(1).any()


def test_variable_tensors_are_written():
    check(network(variable=True), taken=False)


def test_a_sum_of_two_tensors_stays():
    check(network(constant_term=False), taken=False)


def test_constants_that_vary_along_other_axes_stay():
    square = (1, CHANNELS, 1, CHANNELS)
    check(network(shape=square, factor_shape=(CHANNELS, 1, 1)), taken=False)
    check(network(shape=square, term_shape=(CHANNELS, 1, CHANNELS)), taken=False)


def test_constants_of_one_code_stay():
    check(network(term_shape=(1,)), taken=False)
    check(network(factor_shape=()), taken=False)


def test_few_channels_stay():
    check(network(shape=(1, 8, 5), factor_shape=(5,), term_shape=(5,)), taken=False)


def test_constants_that_stretch_the_tensor_stay():
    check(network(), taken=False, input_shapes={0: (1, 5, 3, 1)})


def test_resized_inputs_are_joined_anew():
    interpreter = Interpreter(model_content=write(network()))
    for height in (2, 7, 7):
        interpreter.resize_tensor_input(0, [1, height, 3, CHANNELS])
        interpreter.allocate_tensors()
        x = np.random.default_rng(height).integers(-128, 128, (1, height, 3, CHANNELS), np.int8)
        interpreter.set_tensor(0, x)
        interpreter.invoke()
        expected = Program(network(), profile=LITERT, compiled=False, input_shapes={0: x.shape}).call([x])[0]
        np.testing.assert_array_equal(interpreter.get_tensor(2), expected)
    assert [detail["name"] for detail in interpreter.get_tensor_details()][:3] == ["x", "product", "y"]
