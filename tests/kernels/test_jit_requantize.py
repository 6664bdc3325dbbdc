"""The narrow form of a requantization, over all accumulators that it takes: weights are 0, and biases the sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiled_nodes import check
from q31.kernels.convolution import conv_2d
from q31.kernels.convolution.requantization import NARROW, NARROW_FROM_ZERO
from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import LITERT, SINGLE, Profile
from q31.schema import ActivationFunctionType, Quantization, TensorType
from q31.schema.options import Conv2DOptions

CHANNELS = 64
_LARGEST = 2**29 - 1


def layer(real_multipliers: np.ndarray, bias: np.ndarray, zero_point: int, activation: Any) -> Node:
    """A 1x1 convolution whose output scale is 1, so that a filter's scale is its channel's real multiplier."""
    scales = tuple(float(one) for one in real_multipliers.astype(np.float32))
    specs = (
        TensorSpec("x", TensorType.INT8, (1, 1, 1, 1), Quantization((1.0,), (0,))),
        TensorSpec(
            *("w", TensorType.INT8, (CHANNELS, 1, 1, 1)),
            Quantization(scales, (0,) * CHANNELS, 0),
            np.zeros((CHANNELS, 1, 1, 1), np.int8),
        ),
        TensorSpec("b", TensorType.INT32, (CHANNELS,), Quantization((1.0,), (0,)), bias.astype(np.int32)),
    )
    output = TensorSpec("y", TensorType.INT8, (), Quantization((1.0,), (zero_point,)))
    return Node(
        "CONV_2D", 1, Conv2DOptions(stride_w=1, stride_h=1, fused_activation_function=activation), specs, (output,)
    )


@st.composite
def layers(draw: Any) -> Node:
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    exponents = random.integers(0, 23, CHANNELS)
    mantissas = random.choice([0.5, 0.75, 1 - 2.0**-24, 0.5 + 2.0**-24, *random.uniform(0.5, 1, 4)], CHANNELS)
    multipliers = mantissas * 2.0**-exponents
    # Sums that give a code and a half, and their neighbours; the greatest; any.
    halves = np.round((random.integers(-130, 130, CHANNELS) + 0.5) / multipliers) + random.integers(-2, 3, CHANNELS)
    edges = random.choice([_LARGEST, -_LARGEST, 0, 1, -1], CHANNELS)
    anywhere = random.integers(-_LARGEST, _LARGEST + 1, CHANNELS)
    sums = np.choose(random.integers(0, 3, CHANNELS), [halves, edges, anywhere])
    activation = draw(st.sampled_from([ActivationFunctionType.NONE, ActivationFunctionType.RELU6]))
    return layer(multipliers, np.clip(sums, -_LARGEST, _LARGEST), draw(st.integers(-128, 127)), activation)


@pytest.mark.parametrize("profile", [LITERT, SINGLE], ids=["double", "single"])
def test_narrow_codes_are_those_of_evaluate(profile: Profile) -> None:
    @settings(max_examples=300, deadline=None)
    @given(layers())
    def agree(node: Node) -> None:
        prepared = conv_2d.KERNELS[0].prepare(node, profile)
        assert conv_2d.KERNELS[0].lower is not None
        instruction = conv_2d.KERNELS[0].lower(prepared, node)
        step = prepared.requantization
        from_zero = step.activation_min >= step.output_zero_point
        assert instruction is not None and instruction.fields["form"] == (NARROW_FROM_ZERO if from_zero else NARROW)
        check(conv_2d.KERNELS[0], node, np.zeros((1, 1, 1, 1), np.int8), profile)

    agree()


@pytest.mark.parametrize("reason", ["left shift", "far right shift", "large sum", "nothing"])
def test_what_is_not_narrow_has_another_form(reason: str) -> None:
    multiplier = {"left shift": 1.5, "far right shift": 2.0**-25, "nothing": 2.0**-40}.get(reason, 0.25)
    bias = np.full(CHANNELS, 2**29 if reason == "large sum" else 1)
    node = layer(np.full(CHANNELS, multiplier), bias, 3, ActivationFunctionType.NONE)
    instruction = conv_2d.KERNELS[0].lower(conv_2d.KERNELS[0].prepare(node, LITERT), node)  # type: ignore[misc]
    assert instruction is not None and instruction.fields["form"] < NARROW
    check(conv_2d.KERNELS[0], node, np.zeros((1, 1, 1, 1), np.int8), LITERT)
