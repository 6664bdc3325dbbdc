"""q31.quantize on the bundled float model: what is written runs in the reference with q31's bits."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import q31
from q31.schema import GraphBuilder, TensorType, constant_array, read, read_file, write
from q31.schema.options import ConcatenationOptions
from q31.tools.digits.bundle import model_path
from q31.tools.quantization.quantize import MODES

FLOAT = model_path("float32")
NAME = "serving_default_image:0"


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    with np.load(Path(FLOAT).parent.parent / "data" / "digits.npz") as file:
        pixels = next(file[name] for name in file.files if file[name].ndim == 3)
    return pixels.astype(np.float32)[:20] / np.float32(255)


@pytest.fixture(scope="module")
def calibration(images: np.ndarray) -> q31.Calibration:
    return q31.calibrate(os.fspath(FLOAT), images, histogram=True)


def reference(content: bytes, x: np.ndarray) -> np.ndarray:
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    resolver = litert.OpResolverType.BUILTIN_REF
    interpreter = litert.Interpreter(model_content=content, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode.startswith("int")])
@pytest.mark.parametrize("bits", [8, 4])
def test_what_is_written_runs_in_the_reference_with_the_same_bits(mode, bits, images, calibration):
    content = q31.quantize(os.fspath(FLOAT), mode, calibration=calibration, weight_bits=bits)
    model = q31.load(content)
    generator = np.random.default_rng()
    for image in images[:3]:
        x = image[None]
        if model.inputs[0].dtype == np.int8:
            x = generator.integers(-128, 128, x.shape).astype(np.int8)
        np.testing.assert_array_equal(model(x), reference(content, x))


def test_weights_are_those_of_the_bundled_model_that_the_converter_made(images, calibration):
    ours = read(q31.quantize(os.fspath(FLOAT), "int8-only", calibration=calibration))
    theirs = read_file(model_path("integer_int8"))
    for mine, other in zip(ours.subgraphs[0].operators, theirs.subgraphs[0].operators, strict=True):
        assert (mine.name, mine.version, mine.options) == (other.name, other.version, other.options)
        if mine.name in ("CONV_2D", "FULLY_CONNECTED"):
            a, b = ours.subgraphs[0].tensors[mine.inputs[1]], theirs.subgraphs[0].tensors[other.inputs[1]]
            assert a.quantization == b.quantization
            np.testing.assert_array_equal(
                constant_array(ours, 0, mine.inputs[1]), constant_array(theirs, 0, other.inputs[1])
            )


@pytest.mark.parametrize("type", ["int8", "uint8"])
def test_inputs_and_outputs_have_the_type_asked_for_and_their_names(type, calibration):
    model = q31.load(
        q31.quantize(os.fspath(FLOAT), "int8-only", calibration=calibration, input_type=type, output_type=type)
    )
    (input,), (output,) = model.inputs, model.outputs
    original = q31.load(FLOAT)
    assert input.dtype == output.dtype == np.dtype(type)
    assert (input.name, output.name) == (original.inputs[0].name, original.outputs[0].name)
    zero = -128 if type == "int8" else 0
    assert input.zero_point == zero


def test_signatures_lead_to_the_new_inputs_and_outputs(images, calibration):
    content = q31.quantize(os.fspath(FLOAT), "int8", calibration=calibration)
    interpreter = q31.Interpreter(model_content=content)
    runner = interpreter.get_signature_runner("serving_default")
    out = runner(image=images[:1])["logits"]
    np.testing.assert_array_equal(out, q31.load(content)(images[:1]))


def test_logits_are_near_those_of_the_float_model(images, calibration):
    float_model = q31.load(FLOAT)
    for mode, most in (("int8", 1.0), ("int16x8", 0.5)):
        model = q31.load(q31.quantize(os.fspath(FLOAT), mode, calibration=calibration))
        error = max(np.abs(model(x[None]) - float_model(x[None])).max() for x in images)
        assert error < most


def test_an_operator_is_left_in_float(images, calibration):
    graph = read(q31.quantize(os.fspath(FLOAT), "int8", calibration=calibration, keep_float=[4]))
    last = graph.subgraphs[0].operators[-1]
    assert last.name == "FULLY_CONNECTED"
    assert graph.subgraphs[0].tensors[last.outputs[0]].type is TensorType.FLOAT32


def concatenated() -> bytes:
    """Two LOGISTICs and their input, side by side."""
    builder = GraphBuilder()
    x = builder.tensor("x", TensorType.FLOAT32, (1, 4))
    y, z = (builder.tensor(name, TensorType.FLOAT32, (1, 4)) for name in "yz")
    out = builder.tensor("out", TensorType.FLOAT32, (1, 12))
    builder.operator("LOGISTIC", [x], [y])
    builder.operator("LOGISTIC", [y], [z])
    builder.operator("CONCATENATION", [x, y, z], [out], ConcatenationOptions(axis=1))
    return write(builder.build([x], [out]))


def test_where_scales_meet_there_is_a_quantize(tmp_path):
    model = concatenated()
    data = np.random.default_rng(3).uniform(-4, 4, (10, 4)).astype(np.float32)
    content = q31.quantize(model, "int8-only", data)
    names = [one.name for one in read(content).subgraphs[0].operators]
    assert names.count("QUANTIZE") == 2  # LOGISTIC's own scale is fixed, CONCATENATION wants its output's
    x = np.arange(-2, 2, dtype=np.int8)[None]
    np.testing.assert_array_equal(q31.load(content)(x), reference(content, x))


def test_what_has_no_integer_kernel_stays_float_or_is_named():
    builder = GraphBuilder()
    x, y, z = (builder.tensor(name, TensorType.FLOAT32, (1, 4)) for name in "xyz")
    builder.operator("SIN", [x], [y])
    builder.operator("TANH", [y], [z])
    model = write(builder.build([x], [z]))
    data = np.linspace(-1, 1, 40, dtype=np.float32).reshape(10, 4)
    names = [one.name for one in read(q31.quantize(model, "int8", data)).subgraphs[0].operators]
    assert names == ["SIN", "QUANTIZE", "TANH", "DEQUANTIZE"]
    with pytest.raises(q31.QuantizationError, match=r"operator 0, SIN, .* no integer form of int8"):
        q31.quantize(model, "int8-only", data)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "int7"}, "mode 'int7': expected one of"),
        ({"mode": "int8"}, "expected a representative data set, or a calibration"),
        ({"mode": "int8", "input_type": "int4"}, "input_type 'int4': expected one of"),
        ({"mode": "int8-only", "output_type": "int16"}, "output_type int16: mode int8-only has int8, uint8"),
        ({"mode": "int8", "weight_bits": 3}, "weight_bits 3: expected 4 or 8"),
        ({"mode": "int8", "representative_dataset": []}, "no example"),
        ({"mode": "int8", "representative_dataset": [np.full((1, 28, 28), np.nan, np.float32)]}, "NaN"),
        ({"mode": "int8", "representative_dataset": [np.zeros((1, 28, 27), np.float32)]}, "expected shape"),
    ],
)
def test_bad_arguments_are_one_clear_error(arguments, message):
    with pytest.raises(q31.Error, match=message):
        q31.quantize(os.fspath(FLOAT), **arguments)


def test_a_quantized_model_is_not_quantized_again(images):
    with pytest.raises(q31.QuantizationError, match=r"is quantized already: tensor 0, .*, is int8"):
        q31.quantize(os.fspath(model_path("integer_int8")), "int8", images)


def test_a_calibration_of_another_model_is_refused(calibration):
    with pytest.raises(q31.InputError, match="is of model"):
        q31.quantize(concatenated(), "int8", calibration=calibration)


def test_the_command_writes_all_or_nothing(tmp_path, images, capsys):
    from q31.tools.cli import main

    data, out = tmp_path / "images.npz", tmp_path / "out.tflite"
    np.savez(data, **{NAME: images})
    assert main(["quantize", os.fspath(FLOAT), "-d", os.fspath(data), "-m", "int8-only", "-o", os.fspath(out)]) == 0
    assert q31.load(out).inputs[0].dtype == np.int8
    assert "28% of the float model's" in capsys.readouterr().out
    again = tmp_path / "again.tflite"
    assert main(["quantize", os.fspath(out), "-d", os.fspath(data), "-o", os.fspath(again)]) == 2
    assert "is quantized already" in capsys.readouterr().err
    assert sorted(one.name for one in tmp_path.iterdir()) == ["images.npz", "out.tflite"]
