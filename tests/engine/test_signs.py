"""A QUANTIZE that flips the signs of codes is spared where the products beside it read or write the other type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from q31.engine.program import Program
from q31.kernels.profiles import PROFILES
from q31.schema import ActivationFunctionType, Graph, Padding, Quantization, TensorType
from q31.schema.builder import GraphBuilder
from q31.schema.options import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions, PadOptions, Pool2DOptions

CHANNELS = 20
INT8, UINT8 = TensorType.INT8, TensorType.UINT8
PRODUCTS = ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"]


def network(
    name: str = "CONV_2D",
    outer: TensorType = UINT8,
    scales: tuple[float, float] = (0.05, 0.05),
    distance: int = 128,
    output_scale: float = 2.0,
    read_again: bool = False,
    given: bool = False,
    pad: bool = False,
    variable: bool = False,
    activation: ActivationFunctionType = ActivationFunctionType.RELU,
) -> Graph:
    """QUANTIZE to another type, a product, QUANTIZE back; ``scales`` and ``distance``: what the first is between."""
    builder, random = GraphBuilder(), np.random.default_rng(0)
    inner = INT8 if outer is UINT8 else UINT8
    up = 1 if outer is UINT8 else -1
    shape = (2, CHANNELS) if name == "FULLY_CONNECTED" else (1, 7, 6, CHANNELS)
    low = 5 if inner is INT8 else 133  # zero points of the inner type
    x = builder.tensor("x", outer, shape, Quantization((scales[0],), (low + up * distance,)))
    flipped = builder.tensor("flipped", inner, shape, Quantization((scales[1],), (low,)), is_variable=variable)
    builder.operator("QUANTIZE", [x], [flipped])
    source = flipped
    if pad:
        amounts = builder.tensor("paddings", TensorType.INT32, (4, 2), value=((0, 0), (1, 1), (1, 1), (0, 0)))
        source = builder.tensor("padded", inner, (1, 9, 8, CHANNELS), Quantization((scales[1],), (low,)))
        builder.operator("PAD", [flipped, amounts], [source], PadOptions())
    between = builder.tensor("between", inner, (), Quantization((output_scale,), (low - 7,)))
    if name.endswith("POOL_2D"):
        between = builder.tensor("pooled", inner, (), Quantization((scales[1],), (low,)))
        builder.operator(
            name, [source], [between], Pool2DOptions(filter_height=2, filter_width=2, stride_h=1, stride_w=1)
        )
    else:
        sizes = {"CONV_2D": (CHANNELS, 3, 3, CHANNELS), "DEPTHWISE_CONV_2D": (1, 3, 3, CHANNELS)}
        size = sizes.get(name, (CHANNELS, CHANNELS))
        zero_point = 0 if inner is INT8 else 120
        values = (random.integers(-127, 128, size) + (0 if inner is INT8 else 127)).tolist()
        weights = builder.tensor("weights", inner, size, Quantization((0.02,), (zero_point,)), value=values)
        window: Any = {"fused_activation_function": activation}
        if name != "FULLY_CONNECTED":
            window |= {"padding": Padding.VALID if pad else Padding.SAME, "stride_h": 1, "stride_w": 1}
        options = {"CONV_2D": Conv2DOptions, "FULLY_CONNECTED": FullyConnectedOptions}.get(name)
        made = DepthwiseConv2DOptions(depth_multiplier=1, **window) if options is None else options(**window)
        builder.operator(name, [source, weights], [between], made)
    y = builder.tensor("y", outer, (), Quantization((output_scale,), (low - 7 + up * 128,)))
    if name.endswith("POOL_2D"):
        y = builder.tensor("z", outer, (), Quantization((scales[1],), (low + up * 128,)))
    builder.operator("QUANTIZE", [between], [y])
    outputs = [y, between] if given else [y]
    if read_again:
        outputs.append(builder.tensor("again", inner, (), Quantization((scales[1],), (low,))))
        builder.operator(
            "MAX_POOL_2D",
            [flipped],
            [outputs[-1]],
            Pool2DOptions(filter_height=2, filter_width=2, stride_h=1, stride_w=1),
        )
    return builder.build([x], outputs)


def check(graph: Graph, operators: list[int], profile: str = "litert", **inputs: Any) -> None:
    """Hold a program to the operators one by one; ``operators`` are those that it runs."""
    one, two = (Program(graph, profile=PROFILES[profile], compiled=compiled, **inputs) for compiled in (True, False))
    assert [operator.index for operator in one._operators] == operators
    x = one.array(one.preparation.inputs[0])
    assert x is not None
    random, limits = np.random.default_rng(1), np.iinfo(x.dtype)
    for _ in range(3):
        array = random.integers(limits.min, limits.max + 1, x.shape, x.dtype)
        for a, b in zip(one.call([array]), two.call([array]), strict=True):
            np.testing.assert_array_equal(a, b)
            assert len(np.unique(a)) > 2
    if not inputs:
        assert one.compiled == set(range(len(graph.subgraphs[0].operators)))


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("name", PRODUCTS)
def test_products_read_and_write_the_other_type(name, profile):
    check(network(name), [2], profile)


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("activation", [ActivationFunctionType.NONE, ActivationFunctionType.RELU])
def test_it_goes_both_ways(name, activation):
    check(network(name, INT8, activation=activation), [2])
    check(network(name, UINT8, activation=activation), [2])


def test_paddings_are_those_of_the_codes_that_are_read():
    check(network(pad=True), [3])


def test_a_quantize_that_rescales_stays():
    check(network(scales=(0.05, 0.051)), [0, 2])
    check(network(distance=127), [0, 2])


def test_where_sums_may_wrap_the_output_is_flipped_afterwards():
    check(network(output_scale=0.0015, activation=ActivationFunctionType.NONE), [1, 2])


def test_other_operators_stay_as_they_are():
    check(network("MAX_POOL_2D"), [0, 1, 2])


def test_what_is_read_elsewhere_or_kept_is_written():
    check(network(read_again=True), [0, 2, 3])  # the product needs it no more
    check(network(given=True), [1, 2])
    check(network(variable=True), [0, 1, 2])
    check(network(), [0, 1, 2], preserve_all=True)
