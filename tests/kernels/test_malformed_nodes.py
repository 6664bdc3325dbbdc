"""Nodes that make no sense: ``prepare`` refuses them with an error of q31, and what it lets through can be computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from q31.kernels.operator import Instruction, Kernel, Node, TensorSpec
from q31.kernels.profiles import PROFILES
from q31.kernels.registry import REGISTRY, find
from q31.schema import ActivationFunctionType, Error, Padding, Quantization, TensorType
from q31.schema.options import (
    AddOptions,
    LeakyReluOptions,
    MulOptions,
    Pool2DOptions,
    ReducerOptions,
    SoftmaxOptions,
    SubOptions,
)

NAMES = [
    "ADD",
    "SUB",
    "MUL",
    "MEAN",
    "SOFTMAX",
    "LOGISTIC",
    "TANH",
    "RELU",
    "RELU6",
    "RELU_N1_TO_1",
    "RELU_0_TO_1",
    "HARD_SWISH",
    "LEAKY_RELU",
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
]

_COMMON = (TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.INT32)
_scales = st.sampled_from([0.1, 1.0, 1 / 256, 1 / 32768, 0.0, -1.0, 1e-45, 3e38, 1e-20, 1e20, np.inf, np.nan])
_sizes = st.sampled_from([0, 1, 1, 2, 3, 4, 17])
_activations = st.sampled_from(ActivationFunctionType)
_small = st.sampled_from([-1, 0, 1, 2, 3, 100, 2**31 - 1])


@st.composite
def quantizations(draw: Any) -> Quantization:
    scale = tuple(draw(st.lists(_scales, max_size=2)))
    return Quantization(scale, tuple(draw(st.sampled_from([0, 0, -128, 127, 255, 2**40])) for _ in scale))


@st.composite
def specs(draw: Any, tensor_type: TensorType) -> TensorSpec:
    if draw(st.integers(0, 7)) == 0:
        tensor_type = draw(st.sampled_from(TensorType))
    return TensorSpec("t", tensor_type, tuple(draw(st.lists(_sizes, max_size=5))), draw(quantizations()))


@st.composite
def options(draw: Any) -> Any:
    return draw(
        st.one_of(
            st.none(),
            st.builds(AddOptions, fused_activation_function=_activations, pot_scale_int16=st.booleans()),
            st.builds(SubOptions, fused_activation_function=_activations),
            st.builds(MulOptions, fused_activation_function=_activations),
            st.builds(ReducerOptions, keep_dims=st.booleans()),
            st.builds(SoftmaxOptions, beta=st.sampled_from([0.0, 1.0, -1.0, 1e30, np.inf, np.nan])),
            st.builds(LeakyReluOptions, alpha=st.sampled_from([0.5, -2.0, 1e30, np.inf, np.nan])),
            st.builds(
                Pool2DOptions,
                padding=st.sampled_from(Padding),
                stride_w=_small,
                stride_h=_small,
                filter_width=_small,
                filter_height=_small,
                fused_activation_function=_activations,
            ),
        )
    )


@st.composite
def nodes(draw: Any, name: str) -> Node:
    tensor_type = draw(st.sampled_from(_COMMON))
    inputs: list[TensorSpec | None] = [draw(specs(tensor_type)) for _ in range(draw(st.integers(0, 3)))]
    if inputs and draw(st.booleans()):
        inputs = inputs[:1] * (2 if name in ("ADD", "SUB", "MUL") else 1)
    if name == "MEAN" and draw(st.booleans()):
        axes = np.array(draw(st.lists(st.integers(-3, 3), max_size=3)), np.int32)
        inputs = [*inputs[:1], TensorSpec("axes", TensorType.INT32, axes.shape, value=axes)]
    if inputs and draw(st.integers(0, 9)) == 0:
        inputs[-1] = None
    outputs = tuple(draw(specs(tensor_type)) for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2]))))
    return Node(name, draw(st.integers(1, 3)), draw(options()), tuple(inputs), outputs)


def compute(kernel: Kernel, node: Node, prepared: Any) -> None:
    arrays = [
        spec.value if spec.value is not None else np.ones(spec.shape, spec.dtype)
        for spec in node.inputs
        if spec is not None
    ]
    result = kernel.evaluate(prepared, *arrays)
    assert isinstance(result, np.ndarray)
    assert result.shape == prepared.output_shapes[0]
    assert result.dtype == node.output().dtype
    instruction = kernel.lower(prepared, node) if kernel.lower else None
    assert instruction is None or isinstance(instruction, Instruction)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("profile", ["litert", "single"])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_refused_by_name_or_computed(name: str, profile: str) -> None:
    @given(nodes(name))
    def check(node: Node) -> None:
        try:
            kernel = find(node)
            prepared = kernel.prepare(node, PROFILES[profile])
        except Error:
            return
        compute(kernel, node, prepared)

    check()


def test_all_of_them_are_registered() -> None:
    assert set(NAMES) <= set(REGISTRY)
