"""q31 check: what the public lists say, worked out by hand, of models of one operator and of published ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import q31
from q31.schema import ActivationFunctionType, GraphBuilder, Padding, Quantization, TensorType, write
from q31.schema.options import (
    ConcatenationOptions,
    Conv2DOptions,
    DepthwiseConv2DOptions,
    FullyConnectedOptions,
    PackOptions,
    Pool2DOptions,
    ReducerOptions,
    ResizeBilinearOptions,
    SoftmaxOptions,
    StridedSliceOptions,
    TransposeConvOptions,
)
from q31.tools.cli import main
from q31.tools.targets.checking import TARGETS, find_target

MODELS = Path(q31.__file__).resolve().parent / "tools/digits/models"
SHARED = Path(q31.__file__).resolve().parent.parent / "shared/models"
F, I8, U8, I16, I32, I64 = (
    TensorType.FLOAT32,
    TensorType.INT8,
    TensorType.UINT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.INT64,
)
RELU = ActivationFunctionType.RELU


@pytest.mark.parametrize("name", TARGETS)
def test_every_rule_cites_a_public_source(name: str) -> None:
    target = find_target(name)
    rules = [*target.every, *(rule for rules in target.operators.values() for rule in rules)]
    assert rules
    for rule in rules:
        assert rule.text and rule.source.name and rule.source.url.startswith("https://")
    assert target.listed.url.startswith("https://")
    assert set(target.notes) <= set(target.operators)


YES: dict[str, str] = {
    # Worked out from the lists: eight bits throughout, and every operator in the table, none with a limit that bites.
    "coral/keras_lstm_mnist_ptq": "integer-only edgetpu tflm ethos-u",
    "coral/mobilenet_v1_0.25_128_quant": "integer-only edgetpu ethos-u",  # uint8, for which TFLM has no CONV_2D
    "coral/mobilenet_v1_0.75_192_quant": "integer-only edgetpu ethos-u",
    "coral/mobilenet_v2_1.0_224_quant": "integer-only edgetpu ethos-u",
    "coral/tf2_mobilenet_v2_1.0_224_ptq": "integer-only edgetpu tflm ethos-u",
    "mlperf_tiny/ad01_int8": "integer-only edgetpu tflm cmsis-nn ethos-u",  # FULLY_CONNECTED alone
    "mlperf_tiny/kws_int8": "integer-only edgetpu tflm ethos-u",  # CMSIS-NN has no RESHAPE
    "mlperf_tiny/resnet8_int8": "integer-only edgetpu tflm ethos-u",
    "mlperf_tiny/streaming_wakeword": "integer-only edgetpu tflm ethos-u",
    "mlperf_tiny/vww_int8": "integer-only edgetpu tflm ethos-u",
    "mlperf_tiny/ad01_fp32": "tflm",
    "mlperf_tiny/resnet8_fp32": "tflm",
    "mlperf_tiny/vww_fp32": "tflm",
    "mlperf_tiny/kws_fp32": "",  # int8 weights of float32 activations: TFLM has no hybrid kernels
    "mlperf_tiny/ad01_dynamic": "",
    "tflm/hello_world_int8": "integer-only edgetpu tflm cmsis-nn ethos-u",
    "tflm/keyword_scrambled_8bit": "integer-only tflm",  # SVDF, int16 input, int32 output
    "tflm/micro_speech_quantized": "integer-only edgetpu tflm ethos-u",
    "tflm/person_detect": "integer-only edgetpu tflm ethos-u",
    "tflm/seanet/leaky_relu0": "integer-only tflm ethos-u",
    "tflm/seanet/transpose_conv0": "integer-only tflm",  # a stride of 1x2 over several rows
}


@pytest.mark.parametrize("name", YES)
def test_the_published_models(name: str) -> None:
    path = SHARED / f"{name}.tflite"
    if not path.exists():
        pytest.skip("the published models are not beside this folder")
    assert [target for target in TARGETS if q31.check(path, target).taken] == YES[name].split()


BUNDLED = {
    "digits_integer_int8": "integer-only edgetpu tflm ethos-u",
    "digits_integer_uint8": "integer-only edgetpu tflm ethos-u",
    "digits_int16x8": "tflm",
    "digits_integer_float_fallback": "tflm",
    "digits_float32": "tflm",
    "digits_float16": "",
    "digits_dynamic_range": "",
}


@pytest.mark.parametrize("name", BUNDLED)
def test_the_bundled_models(name: str) -> None:
    path = MODELS / f"{name}.tflite"
    assert [target for target in TARGETS if q31.check(path, target).taken] == BUNDLED[name].split()


def test_float_ends_leave_the_middle_to_the_edge_tpu() -> None:
    found = q31.check(MODELS / "digits_integer_float_fallback.tflite", "edgetpu")
    assert [one.name for one in found.operators if not one.taken] == ["QUANTIZE", "DEQUANTIZE"]
    assert not found.integer_only


Operand = tuple[TensorType, tuple[int, ...], Any]


def model(name: str, options: Any, inputs: list[Operand], outputs: list[Operand], **quantized: Any) -> bytes:
    """A model of one operator; operands are (type, shape, value or None), quantized where that makes sense."""
    builder = GraphBuilder()
    indices: list[int] = []
    fed: list[int] = []
    for number, (tensor_type, shape, value) in enumerate(inputs):
        own = quantized.get(f"in{number}", Quantization((0.5,), (0,)))
        quantization = own if tensor_type is not F else Quantization()
        array = None if value is None else np.broadcast_to(np.array(value), shape)
        indices.append(builder.tensor(f"in{number}", tensor_type, shape, quantization, value=array))
        if value is None:
            fed.append(indices[-1])
    made = [
        builder.tensor(f"out{n}", one, shape, Quantization((0.5,), (0,)) if one is not F else Quantization())
        for n, (one, shape, _) in enumerate(outputs)
    ]
    builder.operator(name, indices, made, options)
    return bytes(write(builder.build(fed, made)))


def conv(
    kind: TensorType = I8, weights: TensorType = I8, computed: bool = False, size: int = 8, **options: Any
) -> bytes:
    own = {"padding": Padding.SAME, "stride_h": 1, "stride_w": 1, "dilation_h_factor": 1, "dilation_w_factor": 1}
    return model(
        "CONV_2D",
        Conv2DOptions(**{**own, **options}),
        [(kind, (1, size, size, 4), None), (weights, (6, 3, 3, 4), None if computed else 1), (I32, (6,), 3)],
        [(kind, (1, 8, 8, 6), None)],
    )


def softmax(shape: tuple[int, ...], kind: TensorType = I8) -> bytes:
    return model("SOFTMAX", SoftmaxOptions(beta=1.0), [(kind, shape, None)], [(kind, shape, None)])


def mean(axes: list[int], shape: tuple[int, ...] = (1, 4, 4, 8)) -> bytes:
    inputs: list[Operand] = [(I8, shape, None), (I32, (len(axes),), axes)]
    return model("MEAN", ReducerOptions(keep_dims=True), inputs, [(I8, (1, 1, 1, 8), None)])


def pool(name: str = "AVERAGE_POOL_2D", size: int = 2, stride: int = 2, **others: Any) -> bytes:
    options = Pool2DOptions(
        padding=others.pop("padding", Padding.SAME),
        stride_h=stride,
        stride_w=stride,
        filter_height=size,
        filter_width=size,
        **others,
    )
    return model(name, options, [(I8, (1, 32, 32, 4), None)], [(I8, (1, 16, 16, 4), None)])


def slices(strides: list[int], **masks: int) -> bytes:
    inputs: list[Operand] = [(I8, (1, 4, 4), None), *((I32, (3,), one) for one in ([0] * 3, [1, 4, 4], strides))]
    return model("STRIDED_SLICE", StridedSliceOptions(**masks), inputs, [(I8, (1, 4, 4), None)])


def pad(rows: list[list[int]], kind: TensorType = I8) -> bytes:
    return model("PAD", None, [(kind, (1, 4, 4, 2), None), (I32, (4, 2), rows)], [(kind, (1, 6, 6, 2), None)])


def concatenation(value: Any, **options: Any) -> bytes:
    inputs: list[Operand] = [(I8, (1, 4, 4, 2), None), (I8, (1, 4, 4, 2), value)]
    return model("CONCATENATION", ConcatenationOptions(axis=3, **options), inputs, [(I8, (1, 4, 4, 4), None)])


def dense(batch: int = 1, kind: TensorType = I8, weights: TensorType = I8, size: int = 16, value: int = 1) -> bytes:
    bias = F if kind is F else I64 if kind is I16 else I32
    inputs: list[Operand] = [(kind, (batch, size), None), (weights, (4, size), value), (bias, (4,), 1)]
    return model("FULLY_CONNECTED", FullyConnectedOptions(), inputs, [(kind, (batch, 4), None)])


def depthwise(stride: int) -> bytes:
    options = DepthwiseConv2DOptions(Padding.SAME, stride_h=stride, stride_w=stride, depth_multiplier=1)
    inputs: list[Operand] = [(I8, (1, 8, 8, 4), None), (I8, (1, 3, 3, 4), 1), (I32, (4,), 1)]
    return model("DEPTHWISE_CONV_2D", options, inputs, [(I8, (1, 8, 8, 4), None)])


def resize(size: int, **options: Any) -> bytes:
    inputs: list[Operand] = [(I8, (1, 4, 4, 2), None), (I32, (2,), size)]
    return model("RESIZE_BILINEAR", ResizeBilinearOptions(**options), inputs, [(I8, (1, size, size, 2), None)])


def transposed(stride: int) -> bytes:
    options = TransposeConvOptions(padding=Padding.SAME, stride_h=stride, stride_w=stride)
    size = 4 * stride
    inputs: list[Operand] = [
        (I32, (4,), [1, size, size, 3]),
        (I8, (3, 3, 3, 2), 1),
        (I8, (1, 4, 4, 2), None),
        (I32, (3,), 1),
    ]
    return model("TRANSPOSE_CONV", options, inputs, [(I8, (1, size, size, 3), None)])


CASES: list[tuple[str, bytes, str | None]] = [
    ("edgetpu", conv(), None),
    ("edgetpu", conv(U8, U8), None),
    ("edgetpu", conv(I16), "activations of 8 bits"),
    ("edgetpu", conv(computed=True), "parameters that are constants"),
    ("edgetpu", conv(dilation_h_factor=2), "the same dilation"),
    ("edgetpu", conv(dilation_h_factor=2, dilation_w_factor=2), None),
    ("edgetpu", pool(), None),
    ("edgetpu", pool(fused_activation_function=RELU), "no fused activation"),
    ("edgetpu", pool("MAX_POOL_2D", fused_activation_function=RELU), "no fused activation"),
    ("edgetpu", softmax((1, 1000)), None),
    ("edgetpu", softmax((1, 16001)), "at most 16,000"),
    ("edgetpu", softmax((1, 8, 10)), "one dimension"),
    ("edgetpu", mean([1, 2]), None),
    ("edgetpu", mean([0, 1]), "no reduction of the batch"),
    ("edgetpu", mean([3]), None),
    ("edgetpu", mean([-1], (1, 4, 4, 6)), "multiple of 4"),
    ("edgetpu", slices([1, 1, 1]), None),
    ("edgetpu", slices([1, 2, 1]), "strides of 1"),
    ("edgetpu", slices([1, 1, 1], ellipsis_mask=1), "ellipsis"),
    ("edgetpu", slices([1, 1, 1], new_axis_mask=1), "new-axis"),
    ("edgetpu", pad([[0, 0], [1, 1], [1, 1], [0, 0]]), None),
    ("edgetpu", pad([[1, 0], [1, 1], [1, 1], [0, 0]]), "no padding of the batch"),
    ("edgetpu", concatenation(None), None),
    ("edgetpu", concatenation(0), None),
    ("edgetpu", concatenation(5), "zeros"),
    ("edgetpu", concatenation(None, fused_activation_function=RELU), "no fused activation"),
    ("edgetpu", dense(), None),
    ("edgetpu", dense(batch=3), "an output of one dimension"),
    ("edgetpu", model("PACK", PackOptions(2, 0), [(I8, (4,), None)] * 2, [(I8, (2, 4), None)]), "batch"),
    ("edgetpu", model("PACK", PackOptions(2, 1), [(I8, (4,), None)] * 2, [(I8, (4, 2), None)]), None),
    ("edgetpu", model("ADD", None, [(I8, (2, 4, 4, 2), None)] * 2, [(I8, (2, 4, 4, 2), None)]), "three innermost"),
    ("edgetpu", model("HARD_SWISH", None, [(I8, (1, 4), None)], [(I8, (1, 4), None)]), "operator of the list"),
    ("edgetpu", transposed(3), None),
    ("ethos-u", conv(), None),
    ("ethos-u", conv(size=9, stride_h=4, stride_w=4), "strides above 3"),
    ("ethos-u", conv(stride_h=4, stride_w=4), None),  # padding SAME, but none is needed
    ("ethos-u", conv(stride_h=4, stride_w=4, padding=Padding.VALID), None),
    ("ethos-u", depthwise(3), None),
    ("ethos-u", depthwise(4), "strides of at most 3"),
    ("ethos-u", pool(size=9), "a window"),
    ("ethos-u", pool(size=9, padding=Padding.VALID), None),
    ("ethos-u", pool("MAX_POOL_2D", size=9), None),
    ("ethos-u", resize(8), None),
    ("ethos-u", resize(12), "2, 4 or 8 times"),
    ("ethos-u", resize(8, half_pixel_centers=True), None),
    ("ethos-u", resize(16, half_pixel_centers=True), "2, 4 or 8 times"),
    ("ethos-u", transposed(2), None),
    ("ethos-u", transposed(3), "strides of 1x1 or 2x2"),
    ("ethos-u", dense(size=65537, value=127), "a sum of 8323199"),
    ("ethos-u", dense(size=65536, value=127), None),
    ("ethos-u", dense(kind=F, weights=F), "feature maps of int8"),
    ("ethos-u", model("FLOOR", None, [(I8, (1, 4), None)], [(I8, (1, 4), None)]), "operator of the list"),
    ("cmsis-nn", conv(), None),
    ("cmsis-nn", conv(U8, U8), "int8 or int16"),
    ("cmsis-nn", conv(I8, TensorType.INT4), None),
    ("cmsis-nn", conv(I16, TensorType.INT4), "int4 weights with int8"),
    ("cmsis-nn", pad([[0, 0], [1, 1], [1, 1], [0, 0]], I16), "activations of int8"),
    ("cmsis-nn", transposed(2), None),
    ("cmsis-nn", softmax((1, 10), I16), None),
    ("cmsis-nn", mean([1, 2]), "operator of the list"),
    ("tflm", conv(), None),
    ("tflm", conv(U8, U8), "an input of float32, int8, int16"),
    ("tflm", dense(kind=F, weights=F), None),
    ("tflm", dense(kind=F, weights=I8), "hybrid"),
    ("tflm", model("GELU", None, [(I8, (1, 4), None)], [(I8, (1, 4), None)]), "operator of the list"),
    ("integer-only", conv(), None),
    ("integer-only", dense(kind=F, weights=I8), "inputs and outputs are integers"),
]


@pytest.mark.parametrize(("target", "content", "reason"), CASES, ids=[f"{t}-{n}" for n, (t, _, _) in enumerate(CASES)])
def test_models_of_one_operator(target: str, content: bytes, reason: str | None) -> None:
    found = q31.check(content, target)
    (one,) = found.operators
    if reason is None:
        assert found.taken, found
    else:
        assert any(reason in str(why) for why in one.reasons), found


def test_everything_after_the_first_refused_operator_falls_back() -> None:
    builder = GraphBuilder()
    fine = Quantization((0.5,), (0,))
    tensors = [builder.tensor(f"t{n}", I8, (1, 4), fine) for n in range(4)]
    for name, source, target in zip(("RELU", "HARD_SWISH", "RELU"), tensors, tensors[1:], strict=False):
        builder.operator(name, [source], [target])
    content = bytes(write(builder.build(tensors[:1], tensors[3:])))
    found = q31.check(content, "edgetpu")
    assert [one.taken for one in found.operators] == [True, False, False]
    assert "operator 1 HARD_SWISH" in str(found.operators[2].reasons[0])
    assert [one.taken for one in q31.check(content, "ethos-u").operators] == [True, True, True]


def test_a_loaded_model_and_an_unknown_target() -> None:
    loaded = q31.load(MODELS / "digits_integer_int8.tflite")
    assert q31.check(loaded, "edgetpu").taken
    with pytest.raises(q31.InputError, match="there are integer-only, edgetpu"):
        q31.check(loaded, "tpu")


def test_the_verb(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(MODELS / "digits_integer_int8.tflite")
    assert main(["check", path, "--target", "edgetpu"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("yes: Coral's Edge TPU: all 5 operators taken")
    assert main(["check", path, "--target", "cmsis-nn"]) == 1
    text = capsys.readouterr().out
    assert "RESHAPE" in text and "https://github.com/ARM-software/CMSIS-NN" in text and "integer through" in text
    assert main(["check", path, "-t", "cmsis-nn", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["integer_only"] is True and found["taken"] is False
    refused = [one for one in found["operators"] if not one["taken"]]
    assert {one["name"] for one in refused} == {"RESHAPE"}
    assert refused[0]["reasons"][0]["source"]["url"].startswith("https://")
    assert main(["check", "missing.tflite", "-t", "tflm"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(SystemExit) as stopped:
        main(["check", path, "-t", "tpu"])
    assert stopped.value.code == 2
