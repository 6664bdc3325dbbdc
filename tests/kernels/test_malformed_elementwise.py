"""Element-wise operators on nodes that make no sense: refused with an error of q31, or computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from q31.kernels.operator import Instruction, Node, TensorSpec
from q31.kernels.profiles import PROFILES
from q31.kernels.registry import REGISTRY, find
from q31.schema import ActivationFunctionType, Error, Quantization, TensorType, UnsupportedOperatorError
from q31.schema.options import DivOptions, GeluOptions

OPERANDS = {
    **dict.fromkeys(("ABS", "NEG", "SQRT", "RSQRT", "SQUARE", "EXP", "LOG", "SIN", "COS", "FLOOR", "SIGN"), 1),
    **dict.fromkeys(("GELU", "LOGICAL_NOT", "ZEROS_LIKE", "LOG_SOFTMAX"), 1),
    **dict.fromkeys(("REAL", "IMAG", "COMPLEX_ABS"), 1),
    **dict.fromkeys(("MAXIMUM", "MINIMUM", "LOGICAL_AND", "LOGICAL_OR", "BITWISE_XOR", "RIGHT_SHIFT", "FLOOR_DIV"), 2),
    **dict.fromkeys(("FLOOR_MOD", "ATAN2", "POW", "SQUARED_DIFFERENCE", "DIV", "PRELU", "EQUAL", "NOT_EQUAL"), 2),
    **dict.fromkeys(("GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"), 2),
    **dict.fromkeys(("SELECT", "SELECT_V2", "ADD_N"), 3),
}

_scales = st.sampled_from([0.1, 1.0, 1 / 256, 1 / 32768, 0.0, -1.0, 1e-45, 3e38, 1e-20, 1e20, np.inf, np.nan])
_shapes = st.lists(st.sampled_from([0, 1, 1, 2, 3, 4]), max_size=4).map(tuple)
_numeric = [t for t in TensorType if t.name not in ("STRING", "RESOURCE", "VARIANT")]


@st.composite
def specs(draw: Any, tensor_type: TensorType, shape: tuple[int, ...]) -> TensorSpec:
    if draw(st.integers(0, 9)) == 0:
        tensor_type, shape = draw(st.sampled_from(_numeric)), draw(_shapes)
    scale = tuple(draw(st.lists(_scales, max_size=2)))
    zero_point = tuple(draw(st.sampled_from([0, 0, -128, 127, 255, 2**40])) for _ in scale)
    return TensorSpec("t", tensor_type, shape, Quantization(scale, zero_point))


@st.composite
def nodes(draw: Any, name: str) -> Node:
    tensor_type = draw(st.sampled_from(REGISTRY[name].types))
    shape = draw(_shapes)
    count = OPERANDS[name] if draw(st.integers(0, 9)) else draw(st.integers(0, 4))
    inputs: list[TensorSpec | None] = [draw(specs(tensor_type, shape)) for _ in range(count)]
    if inputs and draw(st.integers(0, 9)) == 0:
        inputs[-1] = None
    if inputs and inputs[0] and name.startswith("SELECT") and draw(st.booleans()):
        inputs[0] = TensorSpec("condition", TensorType.BOOL, draw(st.sampled_from([shape, shape[:1], ()])))
    compares = draw(st.booleans())
    result_type = {TensorType.COMPLEX64: TensorType.FLOAT32}.get(tensor_type, tensor_type)
    outputs = tuple(
        draw(specs(TensorType.BOOL if compares else result_type, shape))
        for _ in range(draw(st.sampled_from([0, 1, 1, 1, 1, 2])))
    )
    options = draw(
        st.one_of(
            st.none(),
            st.builds(GeluOptions, approximate=st.booleans()),
            st.builds(DivOptions, fused_activation_function=st.sampled_from(ActivationFunctionType)),
        )
    )
    return Node(name, draw(st.integers(1, 3)), options, tuple(inputs), outputs)


@pytest.mark.parametrize("name", OPERANDS)
@pytest.mark.parametrize("profile", ["litert", "single"])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_refused_by_name_or_computed(name: str, profile: str) -> None:
    @given(nodes(name), st.sampled_from([0, 1, 7]))
    def check(node: Node, fill: int) -> None:
        try:
            kernel = find(node)
            prepared = kernel.prepare(node, PROFILES[profile])
            arrays = [np.full(spec.shape, fill, spec.dtype) for spec in node.inputs if spec is not None]
            result = kernel.evaluate(prepared, *arrays)
        except Error:
            return
        assert isinstance(result, np.ndarray)
        assert result.shape == prepared.output_shapes[0]
        assert result.dtype == node.output().dtype
        instruction = kernel.lower(prepared, node) if kernel.lower else None
        assert instruction is None or isinstance(instruction, Instruction)

    check()


@pytest.mark.parametrize("name", OPERANDS)
def test_types_without_a_kernel_are_refused(name: str) -> None:
    spec = TensorSpec("t", TensorType.RESOURCE, (2,))
    with pytest.raises(UnsupportedOperatorError, match="resource"):
        find(Node(name, 1, None, (spec,) * OPERANDS[name], (spec,)))
