"""A clamp becomes a part of the operator before it, where it is a clamp and nobody reads what lies between."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from q31.engine.program import Program
from q31.kernels.profiles import LITERT
from q31.schema import ActivationFunctionType, Graph, Padding, Quantization, TensorType
from q31.schema.builder import GraphBuilder
from q31.schema.options import AddOptions, Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions, MulOptions

CHANNELS = 20
OWN = Quantization((0.05,), (3,))
MAKERS = ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "MUL"]


def network(
    name: str = "CONV_2D",
    clamp: str = "RELU6",
    scale: float = 0.05,
    activation: ActivationFunctionType = ActivationFunctionType.NONE,
    given: bool = False,
    variable: bool = False,
) -> Graph:
    """An operator and a clamp; ``scale`` of what the clamp makes, ``given``: what lies between is an output."""
    builder, random, kind = GraphBuilder(), np.random.default_rng(0), TensorType.INT8
    shape = (1, CHANNELS) if name == "FULLY_CONNECTED" else (1, 5, 5, CHANNELS)
    x = builder.tensor("x", kind, shape, OWN)
    between = builder.tensor("between", kind, shape, OWN, is_variable=variable)
    y = builder.tensor("y", kind, shape, Quantization((scale,), (3,)))
    filters = {"CONV_2D": (CHANNELS, 3, 3, CHANNELS), "DEPTHWISE_CONV_2D": (1, 3, 3, CHANNELS)}
    if name in ("ADD", "MUL"):
        other = builder.tensor("other", kind, shape, OWN)
        options: Any = {"ADD": AddOptions, "MUL": MulOptions}[name](fused_activation_function=activation)
        inputs = [x, other]
    else:
        size = filters.get(name, (CHANNELS, CHANNELS))
        values = random.integers(-127, 128, size).tolist()
        other = builder.tensor("weights", kind, size, Quantization((0.02,), (0,)), value=values)
        inputs = [x, other]
        window = {"padding": Padding.SAME, "stride_h": 1, "stride_w": 1}
        options = {
            "CONV_2D": lambda: Conv2DOptions(fused_activation_function=activation, **window),
            "DEPTHWISE_CONV_2D": lambda: DepthwiseConv2DOptions(
                fused_activation_function=activation, depth_multiplier=1, **window
            ),
            "FULLY_CONNECTED": lambda: FullyConnectedOptions(fused_activation_function=activation),
        }[name]()
    builder.operator(name, inputs, [between], options)
    builder.operator(clamp, [between], [y])
    return builder.build([x, other] if name in ("ADD", "MUL") else [x], [y, between] if given else [y])


def check(graph: Graph, taken: bool, **inputs: Any) -> None:
    one, two = (Program(graph, profile=LITERT, compiled=compiled, **inputs) for compiled in (True, False))
    assert (len(one._operators) == 1) == taken
    random = np.random.default_rng(1)
    for _ in range(3):
        arrays = [random.integers(-128, 128, one.preparation.shapes[i], np.int8) for i in one.preparation.inputs]
        for a, b in zip(one.call(arrays), two.call(arrays), strict=True):
            np.testing.assert_array_equal(a, b)
    if taken:
        assert one.compiled == {0, 1} and one.array(1) is None


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("clamp", ["RELU", "RELU6", "RELU_N1_TO_1"])
@pytest.mark.parametrize("activation", [ActivationFunctionType.NONE, ActivationFunctionType.RELU_N1_TO_1])
def test_clamps_are_done_by_what_is_before_them(name, clamp, activation):
    check(network(name, clamp, activation=activation), taken=True)


def test_what_rescales_is_no_clamp():
    check(network(scale=0.06), taken=False)
    check(network(clamp="HARD_SWISH"), taken=False)


def test_what_is_read_elsewhere_or_kept_is_written():
    check(network(given=True), taken=False)
    check(network(variable=True), taken=False)
    check(network(), taken=False, preserve_all=True)
