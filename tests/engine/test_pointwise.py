"""Chains of operators that are a function of one code run as a table, with the bits of the operators one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from q31.engine.program import Program
from q31.kernels.activations.lookup import Lookup
from q31.kernels.profiles import LITERT, PROFILES
from q31.schema import ActivationFunctionType, Graph, Quantization, TensorType
from q31.schema.builder import GraphBuilder
from q31.schema.options import AddOptions, MulOptions, SubOptions

FINE, PROBABILITY = Quantization((0.05,), (3,)), Quantization((1 / 256,), (-128,))
SHAPE = (1, 5, 7, 3)
UNARY = ("RELU", "RELU6", "LOGISTIC", "TANH", "HARD_SWISH", "QUANTIZE")
BINARY = {"ADD": AddOptions, "SUB": SubOptions, "MUL": MulOptions}
X = np.random.default_rng(0).integers(-128, 128, SHAPE, np.int8)


def swish(beside: bool = False) -> Graph:
    """``x * LOGISTIC(x)``; ``beside``: the logistic is an output too."""
    builder = GraphBuilder()
    x, gate, y = (
        builder.tensor(name, TensorType.INT8, SHAPE, quantization)
        for name, quantization in [("x", FINE), ("gate", PROBABILITY), ("y", FINE)]
    )
    builder.operator("LOGISTIC", [x], [gate])
    builder.operator("MUL", [x, gate], [y], MulOptions())
    return builder.build([x], [y, gate] if beside else [y])


def kernels(program: Program) -> list[str]:
    """Return the names of the operators that a program runs."""
    return [operator.operator.name for operator in program._operators]


def test_a_swish_is_one_table():
    one, two = (Program(swish(), profile=LITERT, compiled=compiled) for compiled in (True, False))
    assert (kernels(one), kernels(two)) == (["MUL"], ["LOGISTIC", "MUL"])
    np.testing.assert_array_equal(one.call([X]), two.call([X]))
    assert one.compiled == {0, 1}
    assert one.arena_size < two.arena_size  # the gate has no memory


def test_what_is_read_elsewhere_is_computed():
    one, two = (Program(swish(beside=True), profile=LITERT, compiled=compiled) for compiled in (True, False))
    assert kernels(one) == ["LOGISTIC", "MUL"]
    for a, b in zip(one.call([X]), two.call([X]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_tensors_to_be_read_afterwards_are_all_computed():
    program = Program(swish(), profile=LITERT, compiled=True, preserve_all=True)
    program.call([X])
    gate = program.array(1)
    assert kernels(program) == ["LOGISTIC", "MUL"] and gate is not None and gate.any()


def test_a_product_of_two_tensors_is_no_table():
    builder = GraphBuilder()
    a, b, gate, y = (builder.tensor(name, TensorType.INT8, SHAPE, FINE) for name in "abgy")
    builder.operator("HARD_SWISH", [a], [gate])
    builder.operator("MUL", [b, gate], [y], MulOptions())
    assert kernels(Program(builder.build([a, b], [y]), profile=LITERT, compiled=True)) == ["HARD_SWISH", "MUL"]


def test_a_constant_of_several_elements_makes_no_table():
    builder = GraphBuilder()
    x, y = (builder.tensor(name, TensorType.INT8, SHAPE, FINE) for name in "xy")
    constant = builder.tensor("c", TensorType.INT8, (3,), FINE, value=[1, 2, 3])
    builder.operator("ADD", [x, constant], [y], AddOptions())
    graph = builder.build([x], [y])
    one, two = (Program(graph, profile=LITERT, compiled=compiled) for compiled in (True, False))
    np.testing.assert_array_equal(one.call([X]), two.call([X]))


@st.composite
def networks(draw: Any) -> Graph:
    """Draw operators on two inputs and what they made, with constants, of which any may be outputs."""
    builder = GraphBuilder()
    kind = draw(st.sampled_from([TensorType.INT8, TensorType.UINT8]))
    low, high = (0, 255) if kind is TensorType.UINT8 else (-128, 127)

    def tensor(name: str, shape: tuple[int, ...] = SHAPE, value: Any = None, gate: bool = False) -> int:
        quantization = Quantization((draw(st.sampled_from([0.02, 0.05, 0.3])),), (draw(st.integers(low, high)),))
        if gate:
            quantization = Quantization((1 / 256,), (low,))
        return builder.tensor(name, kind, shape, quantization, value=value)

    tensors = [tensor("a"), tensor("b")]
    for number in range(draw(st.integers(1, 7))):
        source = draw(st.sampled_from(tensors))
        name = draw(st.sampled_from([*UNARY, *BINARY]))
        target = tensor(f"t{number}", gate=name == "LOGISTIC")
        if name in BINARY:
            shape, code = draw(st.sampled_from([(1,), (), (1, 1, 1, 1), (3,)])), draw(st.integers(low, high))
            constant = tensor(f"c{number}", shape, np.full(shape, code).tolist())
            other = draw(st.sampled_from([*tensors, constant, constant]))
            activation = draw(st.sampled_from([ActivationFunctionType.NONE, ActivationFunctionType.RELU6]))
            inputs = draw(st.permutations([source, other]))
            builder.operator(name, inputs, [target], BINARY[name](fused_activation_function=activation))
        else:
            builder.operator(name, [source], [target])
        tensors.append(target)
    outputs = draw(st.lists(st.sampled_from(tensors[2:]), min_size=1, max_size=3, unique=True))
    return builder.build(tensors[:2], outputs)


@settings(deadline=None)
@given(networks(), st.sampled_from(sorted(PROFILES)), st.integers(0, 2**32))
def test_any_network_has_the_same_bits(graph, profile, seed):
    random = np.random.default_rng(seed)
    one, two = (Program(graph, profile=PROFILES[profile], compiled=compiled) for compiled in (True, False))
    arrays = [np.frombuffer(random.bytes(X.size), one.array(i).dtype).reshape(SHAPE) for i in (0, 1)]
    for a, b in zip(one.call(arrays), two.call(arrays), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_greater_of_a_code_and_a_constant_needs_no_table():
    builder = GraphBuilder()
    x, y, z = (builder.tensor(name, TensorType.INT8, SHAPE, FINE) for name in "xyz")
    least = builder.tensor("least", TensorType.INT8, (1,), FINE, value=np.array([7], np.int8))
    builder.operator("MAXIMUM", [least, x], [y])
    one = Program(builder.build([x], [y]), profile=LITERT, compiled=True)
    assert not any(isinstance(operator.prepared, Lookup) for operator in one._operators) and one.compiled == {0}
    np.testing.assert_array_equal(one.call([X])[0], np.maximum(X, 7))
    builder.operator("RELU", [y], [z])
    two = Program(builder.build([x], [z]), profile=LITERT, compiled=True)
    assert [isinstance(operator.prepared, Lookup) for operator in two._operators] == [True]
