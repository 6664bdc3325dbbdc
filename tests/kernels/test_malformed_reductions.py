"""Reductions, matrix products, normalizations and recurrent nodes that make no sense: refused by name, or computed.

Each example is a node that makes sense with a few of its tensors, options or inputs exchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import PROFILES
from q31.kernels.registry import REGISTRY, find
from q31.schema import ActivationFunctionType, Error, Quantization, TensorType
from q31.schema.options import (
    BatchMatMulOptions,
    L2NormOptions,
    LocalResponseNormalizationOptions,
    Pool2DOptions,
    ReducerOptions,
    SVDFOptions,
    UnidirectionalSequenceLSTMOptions,
)

FLOAT32, INT8, INT16 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT16
TENTH = Quantization((0.1,), (0,))


def spec(tensor_type: TensorType, *shape: int, quantization: Quantization = TENTH, **others: Any) -> TensorSpec:
    return TensorSpec("t", tensor_type, shape, quantization, **others)


def reduction(name: str, tensor_type: TensorType) -> Node:
    axes = np.array([1, -1], np.int32)
    quantization = Quantization() if tensor_type is FLOAT32 else TENTH
    inputs = (spec(tensor_type, 2, 3, 4, quantization=quantization), spec(TensorType.INT32, 2, value=axes))
    return Node(name, 1, ReducerOptions(), inputs, (spec(tensor_type, 2, quantization=quantization),))


def unary(name: str, options: Any, tensor_type: TensorType, scale: float = 0.1) -> Node:
    target = spec(tensor_type, 1, 3, 4, 5, quantization=Quantization((scale,), (0,)))
    return Node(name, 1, options, (spec(tensor_type, 1, 3, 4, 5),), (target,))


def batch_matmul(x: TensorType, y: TensorType, target: TensorType) -> Node:
    inputs = (spec(x, 2, 1, 3, 4), spec(y, 5, 4, 2))
    return Node("BATCH_MATMUL", 1, BatchMatMulOptions(), inputs, (spec(target, 2, 5, 3, 2),))


def svdf(state: TensorType) -> Node:
    time = INT8 if state is INT8 else INT16
    weights = (spec(INT8, 4, 3), spec(time, 4, 5), spec(TensorType.INT32, 2))
    inputs = (spec(INT8, 1, 3), *weights, spec(state, 1, 20, is_variable=True))
    options = SVDFOptions(rank=2, fused_activation_function=ActivationFunctionType.RELU)
    return Node("SVDF", 3, options, inputs, (spec(INT8, 1, 2),))


def lstm(projected: bool = False) -> Node:
    outputs = 2 if projected else 4
    gate = [*[spec(INT8, 4, 3)] * 4, *[spec(INT8, 4, outputs)] * 4, *[None] * 3, *[spec(TensorType.INT32, 4)] * 4]
    projection = [spec(INT8, 2, 4), None] if projected else [None, None]
    cell = spec(INT16, 1, 4, quantization=Quantization((2.0**-12,), (0,)), is_variable=True)
    inputs = (spec(INT8, 1, 2, 3), *gate, *projection, spec(INT8, 1, outputs, is_variable=True), cell, *[None] * 4)
    options = UnidirectionalSequenceLSTMOptions(fused_activation_function=ActivationFunctionType.TANH)
    intermediates = (*[spec(FLOAT32, 0)] * 4, spec(INT8, 0))
    name = "UNIDIRECTIONAL_SEQUENCE_LSTM"
    return Node(name, 1, options, inputs, (spec(INT8, 1, 2, outputs),), intermediates=intermediates)


SENSIBLE: dict[str, Callable[[], list[Node]]] = {
    **{
        name: lambda name=name: [reduction(name, t) for t in (FLOAT32, INT8, INT16)]
        for name in ("SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN")
    },
    "REDUCE_ANY": lambda: [reduction("REDUCE_ANY", TensorType.BOOL)],
    "REDUCE_ALL": lambda: [reduction("REDUCE_ALL", TensorType.BOOL)],
    "L2_NORMALIZATION": lambda: [unary("L2_NORMALIZATION", L2NormOptions(), t, 1 / 128) for t in (FLOAT32, INT8)],
    "LOCAL_RESPONSE_NORMALIZATION": lambda: [
        unary("LOCAL_RESPONSE_NORMALIZATION", LocalResponseNormalizationOptions(2, 1.0, 0.5, 0.5), FLOAT32)
    ],
    "L2_POOL_2D": lambda: [
        unary("L2_POOL_2D", Pool2DOptions(stride_w=1, stride_h=1, filter_width=2, filter_height=2), FLOAT32)
    ],
    "BATCH_MATMUL": lambda: [
        batch_matmul(FLOAT32, FLOAT32, FLOAT32),
        batch_matmul(FLOAT32, INT8, FLOAT32),
        batch_matmul(INT8, INT8, INT8),
        batch_matmul(INT8, INT8, TensorType.INT32),
        batch_matmul(INT16, INT8, INT16),
    ],
    "SVDF": lambda: [svdf(INT16), svdf(INT8)],
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lambda: [lstm(), lstm(projected=True)],
}

_scales = st.sampled_from([0.1, 1.0, 1 / 128, 2.0**-15, 0.0, -1.0, 1e-45, 3e38, 1e-20, 1e20, np.inf, np.nan])
_numbers = st.sampled_from([-(2**31), -1, 0, 1, 2, 3, 2**31 - 1])
_floats = st.sampled_from([0.0, 1.0, -1.0, 1e-45, 3e38, np.inf, np.nan])


@st.composite
def changed_spec(draw: Any, one: TensorSpec) -> TensorSpec:
    part = draw(st.sampled_from(["type", "shape", "size", "quantization", "zero point"]))
    if part == "type":
        tensor_type = draw(st.sampled_from([*TensorType]))
        return replace(one, type=tensor_type, value=None)
    if one.value is not None:
        value = np.array(draw(st.lists(st.integers(-5, 5), max_size=4)), np.int32)
        return replace(one, shape=value.shape, value=value)
    if part == "shape":
        return replace(one, shape=tuple(draw(st.lists(st.sampled_from([0, 1, 2, 3, 4, 20]), max_size=6))))
    if part == "size" and one.shape:
        shape = list(one.shape)
        shape[draw(st.integers(0, len(shape) - 1))] = draw(st.sampled_from([0, 1, 2, 3, 4, 20]))
        return replace(one, shape=tuple(shape))
    scale = one.quantization.scale if part == "zero point" else tuple(draw(st.lists(_scales, max_size=2)))
    points = tuple(draw(st.sampled_from([0, -128, 127, 255, 2**40])) for _ in scale)
    return replace(one, quantization=Quantization(scale, points))


@st.composite
def changed(draw: Any, name: str) -> Node:
    node = draw(st.sampled_from(SENSIBLE[name]()))
    for _ in range(draw(st.integers(0, 3))):
        part = draw(st.sampled_from(["input", "input", "input", "output", "options", "drop", "add", "intermediates"]))
        inputs, outputs = list(node.inputs), list(node.outputs)
        where = draw(st.integers(0, max(0, len(inputs) - 1)))
        if part == "input" and inputs:
            one = inputs[where]
            inputs[where] = draw(st.one_of(st.none(), *[changed_spec(one)] * 5)) if one else spec(INT8, 4)
        elif part == "output" and outputs:
            outputs[0] = draw(changed_spec(outputs[0]))
        elif part == "drop":
            inputs = inputs[:where]
        elif part == "add":
            outputs = draw(st.sampled_from([[], outputs * 2]))
        elif part == "intermediates":
            node = replace(node, intermediates=draw(st.sampled_from([(), node.intermediates[:4], (None,) * 5])))
        elif part == "options" and node.options is not None:
            one = draw(st.sampled_from(fields(node.options)))
            old = getattr(node.options, one.name)
            kinds = {
                bool: st.booleans(),
                float: _floats,
                ActivationFunctionType: st.sampled_from(ActivationFunctionType),
            }
            node = replace(node, options=replace(node.options, **{one.name: draw(kinds.get(type(old), _numbers))}))
            node = node if draw(st.integers(0, 9)) else replace(node, options=None)
        node = replace(node, inputs=tuple(inputs), outputs=tuple(outputs))
    return node


def compute(node: Node, prepared: Any) -> None:
    kernel = REGISTRY[node.name]
    arrays = [
        None if one is None else one.value if one.value is not None else np.ones(one.shape, one.dtype)
        for one in node.inputs
    ]
    results = kernel.evaluate(prepared, *arrays)
    results = results if isinstance(results, tuple) else (results,)
    states = [node.input(index) for index in kernel.states]
    assert len(results) == len(node.outputs) + len(states)
    assert results[0].shape == prepared.output_shape
    assert results[0].dtype == node.output().dtype
    for state, value in zip(states, results[len(node.outputs) :], strict=True):
        assert (value.shape, value.dtype) == (state.shape, state.dtype)


@pytest.mark.parametrize("name", list(SENSIBLE))
@pytest.mark.parametrize("profile", ["litert", "tflm", "single"])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_refused_by_name_or_computed(name: str, profile: str) -> None:
    @given(changed(name))
    def check(node: Node) -> None:
        try:
            prepared = find(node).prepare(node, PROFILES[profile])
        except Error:
            return
        compute(node, prepared)

    check()


@pytest.mark.parametrize("name", list(SENSIBLE))
def test_the_sensible_nodes_are_accepted(name: str) -> None:
    for node in SENSIBLE[name]():
        accepted = 0
        for profile in PROFILES.values():
            try:
                compute(node, find(node).prepare(node, profile))
                accepted += 1
            except Error:
                continue
        assert accepted, node
