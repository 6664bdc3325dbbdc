"""Convolutions that cannot be: ``prepare`` names what is wrong, and what it lets through can be computed."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convolution_nodes import KERNELS, node, output, quantization, spec
from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import LITERT, PROFILES, TFLM
from q31.schema import (
    ActivationFunctionType,
    Error,
    ModelError,
    Padding,
    Quantization,
    Sparsity,
    TensorType,
    UnsupportedOperatorError,
)
from q31.schema.graph import DimensionMetadata
from q31.schema.options import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions, TransposeConvOptions
from q31.schema.types import DimensionType, FullyConnectedOptionsWeightsFormat

INT8 = TensorType.INT8
OPTIONS: dict[str, Any] = {
    "CONV_2D": Conv2DOptions(stride_h=1, stride_w=1),
    "DEPTHWISE_CONV_2D": DepthwiseConv2DOptions(stride_h=1, stride_w=1),
    "FULLY_CONNECTED": FullyConnectedOptions(),
    "TRANSPOSE_CONV": TransposeConvOptions(stride_h=1, stride_w=1),
}
FILTERS = {
    "CONV_2D": (3, 2, 2, 4),
    "DEPTHWISE_CONV_2D": (1, 2, 2, 8),
    "FULLY_CONNECTED": (3, 4),
    "TRANSPOSE_CONV": (3, 2, 2, 4),
}
CHANNELS = {name: shape[3] if name == "DEPTHWISE_CONV_2D" else shape[0] for name, shape in FILTERS.items()}


def parts(name: str) -> dict[str, TensorSpec]:
    """The tensors of a node that is in order."""
    tensors = {
        "weights": spec(np.ones(FILTERS[name], np.int8), quantization(0.5)),
        "input": spec(np.ones((1, 5, 5, 4), np.int8), quantization(0.25)),
        "bias": spec(np.ones(CHANNELS[name], np.int32), quantization(0.125)),
        "output": output(INT8, quantization(2.0)),
    }
    if name == "TRANSPOSE_CONV":
        tensors["output_shape"] = spec(np.array([1, 5, 5, 3], np.int32))
    return tensors


def build(name: str, tensors: dict[str, TensorSpec], options: Any) -> Node:
    order = ["input", "weights", "bias"]
    if name == "TRANSPOSE_CONV":
        order = ["output_shape", "weights", "input", "bias"]
    return node(name, options, [tensors.get(role) for role in order], tensors["output"])


def changed(name: str, role: str, **fields: Any) -> Node:
    tensors = parts(name)
    tensors[role] = replace(tensors[role], **fields)
    return build(name, tensors, OPTIONS[name])


@pytest.mark.parametrize("name", list(FILTERS))
def test_the_node_that_the_others_spoil_is_in_order(name):
    KERNELS[name].prepare(build(name, parts(name), OPTIONS[name]), LITERT)


SPOILED = [
    ("input", {"quantization": Quantization()}, "one scale"),
    ("input", {"quantization": quantization([0.5, 0.5])}, "one scale"),
    ("input", {"quantization": quantization(0.0)}, "positive scale"),
    ("input", {"quantization": quantization(float("nan"))}, "positive scale"),
    ("input", {"quantization": quantization(0.25, 128)}, "zero point"),
    ("output", {"quantization": Quantization()}, "one scale"),
    ("output", {"quantization": quantization(float("inf"))}, "positive scale"),
    ("output", {"quantization": quantization(2.0, -129)}, "zero point"),
    ("output", {"quantization": quantization(1e-38)}, "2\\*\\*31|bias scale"),
    ("weights", {"quantization": Quantization()}, "scales for the filter"),
    ("weights", {"quantization": quantization([0.5, 0.5])}, "scales for the filter"),
    ("weights", {"quantization": quantization(-1.0)}, "filter scales"),
    ("weights", {"quantization": quantization(float("inf"))}, "filter scales"),
    ("weights", {"shape": (3,)}, "rank"),
    ("bias", {"shape": (2,)}, "bias of"),
    ("bias", {"type": TensorType.FLOAT32}, "bias of type"),
]


@pytest.mark.parametrize("name", list(FILTERS))
@pytest.mark.parametrize(("role", "fields", "message"), SPOILED)
def test_prepare_names_what_is_wrong(name, role, fields, message):
    with pytest.raises(ModelError, match=message):
        KERNELS[name].prepare(changed(name, role, **fields), LITERT)


@pytest.mark.parametrize("name", ["CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"])
def test_input_and_filter_agree_in_channels(name):
    with pytest.raises(ModelError, match=r"multiple|channels"):
        KERNELS[name].prepare(changed(name, "input", shape=(1, 5, 5, 3)), LITERT)


@pytest.mark.parametrize(
    ("name", "profile"),
    [*((name, LITERT) for name in ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")), ("FULLY_CONNECTED", TFLM)],
)
def test_a_bias_of_int64_is_for_int16(name, profile):
    with pytest.raises(ModelError, match="bias of type"):
        KERNELS[name].prepare(changed(name, "bias", type=TensorType.INT64), profile)


@pytest.mark.parametrize("name", ["CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"])
def test_a_missing_options_table_has_strides_of_zero(name):
    with pytest.raises(ModelError, match="strides"):
        KERNELS[name].prepare(build(name, parts(name), None), LITERT)


def test_fully_connected_needs_no_options_table():
    KERNELS["FULLY_CONNECTED"].prepare(build("FULLY_CONNECTED", parts("FULLY_CONNECTED"), None), LITERT)


@pytest.mark.parametrize("name", ["CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"])
@pytest.mark.parametrize("change", [{"stride_h": 0}, {"stride_w": -1}])
def test_strides_are_positive(name, change):
    with pytest.raises(ModelError, match="strides"):
        KERNELS[name].prepare(build(name, parts(name), replace(OPTIONS[name], **change)), LITERT)


@pytest.mark.parametrize("name", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_dilations_are_positive(name):
    options = replace(OPTIONS[name], dilation_h_factor=0)
    with pytest.raises(ModelError, match="dilations"):
        KERNELS[name].prepare(build(name, parts(name), options), LITERT)


@pytest.mark.parametrize("name", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_a_filter_that_does_not_fit_is_an_error(name):
    options = replace(OPTIONS[name], padding=Padding.VALID, dilation_h_factor=5)
    with pytest.raises(ModelError, match="at least 6x2"):
        KERNELS[name].prepare(build(name, parts(name), options), LITERT)


def test_groups_divide_the_filters():
    with pytest.raises(ModelError, match="multiple of the 2 groups"):
        KERNELS["CONV_2D"].prepare(changed("CONV_2D", "weights", shape=(3, 2, 2, 2)), LITERT)


def test_per_channel_scales_lie_along_a_dimension_of_their_number():
    with pytest.raises(ModelError, match="dimension 1"):
        KERNELS["CONV_2D"].prepare(
            changed("CONV_2D", "weights", quantization=quantization([1.0] * 3, dimension=1)), LITERT
        )
    with pytest.raises(ModelError, match="dimension 7"):
        KERNELS["CONV_2D"].prepare(
            changed("CONV_2D", "weights", quantization=quantization([1.0] * 3, dimension=7)), LITERT
        )


def test_a_signed_filter_of_conv_2d_is_symmetric():
    with pytest.raises(ModelError, match="zero points of 0"):
        KERNELS["CONV_2D"].prepare(changed("CONV_2D", "weights", quantization=quantization(0.5, 1)), LITERT)


@pytest.mark.parametrize("packed", [TensorType.INT4, TensorType.INT2])
def test_a_packed_filter_of_fully_connected_is_symmetric(packed):
    spoiled = changed("FULLY_CONNECTED", "weights", type=packed, quantization=quantization(0.5, 1))
    with pytest.raises(ModelError, match="zero points of 0"):
        KERNELS["FULLY_CONNECTED"].prepare(spoiled, LITERT)


def test_a_depthwise_filter_begins_with_1():
    with pytest.raises(ModelError, match="1 as first"):
        KERNELS["DEPTHWISE_CONV_2D"].prepare(changed("DEPTHWISE_CONV_2D", "weights", shape=(2, 2, 2, 4)), LITERT)


def test_a_per_tensor_bias_of_fully_connected_has_the_accumulator_s_scale():
    KERNELS["FULLY_CONNECTED"].prepare(
        changed("FULLY_CONNECTED", "bias", quantization=quantization(0.125 + 0.039)), LITERT
    )
    with pytest.raises(ModelError, match=r"bias scale of 0\.125"):
        KERNELS["FULLY_CONNECTED"].prepare(
            changed("FULLY_CONNECTED", "bias", quantization=quantization(0.125 + 0.041)), LITERT
        )


def test_an_int32_bias_of_int16_activations_must_be_announced():
    tensors = parts("CONV_2D")
    tensors["input"] = spec(np.ones((1, 5, 5, 4), np.int16), quantization(0.25))
    tensors["output"] = output(TensorType.INT16, quantization(2.0))
    with pytest.raises(ModelError, match="bias of type int64"):
        KERNELS["CONV_2D"].prepare(build("CONV_2D", tensors, OPTIONS["CONV_2D"]), LITERT)
    announced = replace(OPTIONS["CONV_2D"], quantized_bias_type=TensorType.INT32)
    KERNELS["CONV_2D"].prepare(build("CONV_2D", tensors, announced), LITERT)


def test_int16_has_zero_points_of_0():
    tensors = parts("CONV_2D")
    tensors["input"] = spec(np.ones((1, 5, 5, 4), np.int16), quantization(0.25, 1))
    tensors["output"] = output(TensorType.INT16, quantization(2.0))
    del tensors["bias"]
    with pytest.raises(ModelError, match="zero point 0"):
        KERNELS["CONV_2D"].prepare(build("CONV_2D", tensors, OPTIONS["CONV_2D"]), LITERT)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ([1, 5, 5, 4], "output channels"),
        ([2, 5, 5, 3], "output batch"),
        ([1, 0, 5, 3], "positive output shape"),
        ([1, 5, -5, 3], "positive output shape"),
        ([1, 6, 5, 3], "an input of 6x5"),
        ([1, 2**30, 2**30, 3], "positive output shape"),
    ],
)
def test_transpose_conv_s_output_shape_fits(shape, message):
    tensors = parts("TRANSPOSE_CONV")
    tensors["output_shape"] = spec(np.array(shape, np.int32))
    with pytest.raises(ModelError, match=message):
        KERNELS["TRANSPOSE_CONV"].prepare(build("TRANSPOSE_CONV", tensors, OPTIONS["TRANSPOSE_CONV"]), LITERT)


@pytest.mark.parametrize("shape", [(2, 2), ()])
def test_fully_connected_keeps_only_dimensions_before_the_filter_s_columns(shape):
    tensors = parts("FULLY_CONNECTED")
    tensors["input"] = replace(tensors["input"], shape=shape)
    with pytest.raises(ModelError, match="last dimension"):
        KERNELS["FULLY_CONNECTED"].prepare(
            build("FULLY_CONNECTED", tensors, FullyConnectedOptions(keep_num_dims=True)), LITERT
        )


@pytest.mark.parametrize("extra", [0, 1, 3])
def test_fully_connected_leaves_out_what_is_no_whole_row(extra):
    tensors = parts("FULLY_CONNECTED")
    depth = tensors["weights"].shape[1]
    tensors["input"] = replace(tensors["input"], shape=(2 * depth + extra,))
    prepared = KERNELS["FULLY_CONNECTED"].prepare(build("FULLY_CONNECTED", tensors, FullyConnectedOptions()), LITERT)
    assert prepared.output_shape == (2, tensors["weights"].shape[0])


def test_int16_by_int16_without_options_is_prepared():
    tensors = {role: replace(one, type=TensorType.INT16) for role, one in parts("FULLY_CONNECTED").items()}
    tensors["bias"] = parts("FULLY_CONNECTED")["bias"]
    KERNELS["FULLY_CONNECTED"].prepare(build("FULLY_CONNECTED", tensors, None), LITERT)


def test_fully_connected_says_which_activations_it_has_no_kernel_for():
    options = FullyConnectedOptions(fused_activation_function=ActivationFunctionType.TANH)
    with pytest.raises(UnsupportedOperatorError, match="RELU_N1_TO_1, RELU6"):
        KERNELS["FULLY_CONNECTED"].prepare(build("FULLY_CONNECTED", parts("FULLY_CONNECTED"), options), LITERT)


def test_sparse_int8_weights_are_in_blocks_of_16():
    rows, columns = DimensionMetadata(DimensionType.DENSE, 3), DimensionMetadata(DimensionType.SPARSE_CSR, 0, (0,), ())
    sparse = changed("FULLY_CONNECTED", "weights", sparsity=Sparsity((0, 1), (), (rows, columns)))
    with pytest.raises(UnsupportedOperatorError, match="int8 in blocks of 1x16"):
        KERNELS["FULLY_CONNECTED"].prepare(sparse, LITERT)


def shuffled(batch: int = 1, depth: int = 16, zero_point: int = 128, workspace: int = 16) -> Node:
    scale = quantization(0.5, zero_point)
    x, weights = spec(np.zeros((batch, depth), np.uint8), scale), spec(np.zeros((4, depth), np.uint8), scale)
    bias = spec(np.zeros(4, np.int32), quantization(0.25))
    options = FullyConnectedOptions(weights_format=FullyConnectedOptionsWeightsFormat.SHUFFLED4x16INT8)
    one = node("FULLY_CONNECTED", options, [x, weights, bias], output(TensorType.INT16, quantization(1.0)))
    return replace(one, outputs=(*one.outputs, TensorSpec("w", TensorType.UINT8, (workspace,))))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 2, "workspace": 32}, "a batch of 1 or 4"),
        ({"depth": 12, "workspace": 12}, "blocks of 4x16"),
        ({"zero_point": 127}, "a zero point of 128"),
        ({"workspace": 8}, "a second output of 16 uint8"),
    ],
)
def test_shuffled_weights_are_whole_blocks_around_128(changes, message):
    KERNELS["FULLY_CONNECTED"].prepare(shuffled(), LITERT)
    with pytest.raises((ModelError, UnsupportedOperatorError), match=message):
        KERNELS["FULLY_CONNECTED"].prepare(shuffled(**changes), LITERT)


@pytest.mark.parametrize("name", list(FILTERS))
def test_a_combination_of_types_without_a_kernel_says_what_is_supported(name):
    profile = TFLM if name == "FULLY_CONNECTED" else LITERT
    with pytest.raises(UnsupportedOperatorError, match=r"supported: .*int8"):
        KERNELS[name].prepare(changed(name, "weights", type=TensorType.UINT8), profile)


# Anything at all

_sizes = st.sampled_from([0, 1, 1, 1, 2, 3, 4])
_numbers = st.sampled_from([-1, 0, 1, 1, 1, 2, 3, 2**31 - 1])
_scales = st.sampled_from([0.1, 0.25, 1.0, 0.0, -1.0, 1e-45, 3e38, 1e-20, 1e20, np.inf, np.nan])
_types = st.sampled_from([*TensorType])


@st.composite
def tensors(draw: Any, tensor_type: TensorType, shape: tuple[int, ...]) -> TensorSpec | None:
    """The right tensor, mostly."""
    if draw(st.integers(0, 15)) == 0:
        return None
    if draw(st.integers(0, 5)) == 0:
        shape = tuple(draw(st.lists(_sizes, max_size=5)))
    if draw(st.integers(0, 9)) == 0:
        tensor_type = draw(_types)
    count = draw(st.sampled_from([0, 1, 1, 1, 1, shape[0] if shape else 0, 2]))
    scale = tuple(float(np.float32(draw(st.just(0.25) if draw(st.booleans()) else _scales))) for _ in range(count))
    zero_point = tuple(draw(st.sampled_from([0, 0, 0, 0, 1, -128, 127, 255, 2**40])) for _ in scale)
    dimension = draw(st.sampled_from([0, 0, 1, 3, -1, 9]))
    return TensorSpec("t", tensor_type, shape, Quantization(scale, zero_point, dimension))


@st.composite
def nodes(draw: Any) -> Node:
    name = draw(st.sampled_from([*KERNELS]))
    activation, weights, bias = draw(
        st.sampled_from(
            [
                (TensorType.FLOAT32, TensorType.FLOAT32, TensorType.FLOAT32),
                (TensorType.FLOAT32, TensorType.INT8, TensorType.FLOAT32),
                (TensorType.INT8, TensorType.INT8, TensorType.INT32),
                (TensorType.UINT8, TensorType.UINT8, TensorType.INT32),
                (TensorType.INT16, TensorType.INT8, TensorType.INT64),
            ]
        )
    )
    shapes = {"input": (1, 3, 3, 4), "weights": FILTERS[name], "bias": (CHANNELS[name],)}
    items: dict[str, TensorSpec | None] = {
        "input": draw(tensors(activation, shapes["input"])),
        "weights": draw(tensors(weights, shapes["weights"])),
        "bias": draw(tensors(bias, shapes["bias"])),
    }
    order = ["input", "weights", "bias"]
    if name == "TRANSPOSE_CONV":
        shape = np.array(draw(st.just([1, 3, 3, 3]) | st.lists(_numbers, max_size=5)), np.int32)
        known = draw(st.integers(0, 7)) > 0
        items["output_shape"] = TensorSpec("t", TensorType.INT32, shape.shape, value=shape if known else None)
        order = ["output_shape", "weights", "input", "bias"]
    window = {"padding": st.sampled_from(Padding), "stride_h": _numbers, "stride_w": _numbers}
    dilated = {**window, "dilation_h_factor": _numbers, "dilation_w_factor": _numbers}
    shared = {"fused_activation_function": st.sampled_from(ActivationFunctionType)}
    typed = {**shared, "quantized_bias_type": st.just(TensorType.FLOAT32) | _types}
    options = draw(
        st.just(OPTIONS[name])
        | st.none()
        | st.builds(Conv2DOptions, **dilated, **typed)
        | st.builds(DepthwiseConv2DOptions, **dilated, **shared)
        | st.builds(TransposeConvOptions, **window, **typed)
        | st.builds(FullyConnectedOptions, **typed, keep_num_dims=st.booleans())
    )
    inputs = tuple(items[role] for role in order[: draw(st.integers(0, 4)) if draw(st.integers(0, 15)) == 0 else 4])
    result = draw(tensors(activation, ()))
    return Node(name, 1, options, inputs, () if result is None else (result,))


@given(nodes(), st.sampled_from([*PROFILES.values()]))
def test_any_node_is_refused_or_computed(malformed, profile):
    kernel = KERNELS[malformed.name]
    try:
        prepared = kernel.prepare(malformed, profile)
    except Error:
        return
    random = np.random.default_rng(1)
    arrays = []
    for item in malformed.inputs:
        if item is None:
            arrays.append(None)
        elif item.value is not None:
            arrays.append(item.value)
        else:
            arrays.append(np.asarray(random.integers(-8 if item.dtype.kind != "u" else 0, 8, item.shape), item.dtype))
    value = kernel.evaluate(prepared, *arrays)
    assert isinstance(value, np.ndarray)
    assert value.shape == prepared.output_shapes[0]
    assert value.dtype == malformed.output().dtype
