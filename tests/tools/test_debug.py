"""q31 debug: errors held to NumPy's on real digits, layers paired whatever the converter did, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import q31
from q31.engine.views import Port
from q31.schema import ActivationFunctionType, GraphBuilder, Quantization, TensorType, write
from q31.schema.options import FullyConnectedOptions
from q31.tools.cli import main
from q31.tools.debugging import plot
from q31.tools.debugging.errors import Errors, decibels
from q31.tools.debugging.pairing import pair
from q31.tools.digits.bundle import DIGITS, FORMS, model_path, read_digits
from q31.tools.ports import from_pixels, quantize

FLOAT, INT8 = (str(model_path(form)) for form in ("float32", "integer_int8"))
F, I8 = TensorType.FLOAT32, TensorType.INT8


def tensors(path: str, inputs: np.ndarray) -> dict[str, tuple[np.ndarray, float, int]]:
    """Every tensor of a run by name, with scale and zero point, by the interpreter that LiteRT's users know."""
    interpreter = q31.Interpreter(path, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], inputs)
    interpreter.invoke()
    return {
        one["name"]: (interpreter.get_tensor(one["index"]), *one["quantization"])
        for one in interpreter.get_tensor_details()
    }


# Errors


def port(kind: Any, scale: float = 0.0, zero_point: int = 0) -> Port:
    return Port("x", 0, (1, 4), (1, 4), np.dtype(kind), scale, zero_point)


def test_errors_worked_out_by_hand() -> None:
    errors = Errors()
    # Codes stand for -63, 1, 64.5, 0; -64 and 65 are beyond what -63 and 64.5 can be rounded from.
    errors.add(np.array([[-64, 1, 65, 0.25]]), np.array([[-128, 0, 127, -2]], np.int8), port("i1", 0.5, -2))
    assert (errors.count, errors.at_low, errors.at_high) == (4, 1, 1)
    assert (errors.clipped_low, errors.clipped_high, errors.clipped) == (1, 1, 0.5)
    assert errors.max_abs_error == 1.0 and errors.mean_error == (1 + 0 - 0.5 - 0.25) / 4
    mean_square = (1 + 0.25 + 0.0625) / 4
    assert errors.mean_squared_error == mean_square and errors.rmse_over_scale == math.sqrt(mean_square) / 0.5
    assert errors.sqnr == pytest.approx(10 * math.log10((64**2 + 1 + 65**2 + 0.0625) / (4 * mean_square)))
    assert errors.stddev == pytest.approx(math.sqrt(mean_square - errors.mean_error**2))


def test_decibels_at_the_ends() -> None:
    assert decibels(1, 0) == math.inf and decibels(0, 0) == math.inf and decibels(0, 1) == -math.inf
    assert math.isnan(decibels(math.nan, 1)) and math.isnan(decibels(1, math.nan))
    nothing = Errors()
    assert math.isnan(nothing.mean_error) and nothing.to_dict()["mean_error"] is None
    broken = Errors()
    broken.add(np.array([np.nan, 1.0]), np.array([1.0, 1.0]), port("f4"))
    assert math.isnan(broken.sqnr) and math.isnan(broken.max_abs_error)
    assert broken.to_dict()["sqnr_db"] is None


@given(st.integers(0, 2**32 - 1))
def test_errors_are_the_same_in_any_order(seed: int) -> None:
    random = np.random.default_rng(seed)
    pairs = [(random.normal(0, 10.0**place, 9), random.integers(-128, 128, 9, np.int8)) for place in range(-4, 5)]

    def measured(examples: list[Any]) -> Errors:
        errors = Errors()
        for real, codes in examples:
            errors.add(real, codes, port("i1", 0.1))
        return errors

    whole = measured(pairs)
    order = [pairs[place] for place in random.permutation(9)]
    other = measured(order[:4]).merge(measured(order[4:]))
    for name in ("mean_error", "mean_squared_error", "sqnr", "max_abs_error", "count", "at_low", "clipped_high"):
        assert getattr(whole, name) == getattr(other, name), name


# Pairs


@pytest.mark.parametrize("form", [form for form in FORMS if form != "float32"])
def test_every_layer_has_its_fellow(form: str) -> None:
    first, second = (q31.load(model_path(name)).graph for name in ("float32", form))
    pairing = pair(first, second)
    kinds = [one.name for one in pairing.layers if one.operator >= 0]
    assert kinds == ["RESHAPE", "CONV_2D", "MAX_POOL_2D", "RESHAPE", "FULLY_CONNECTED"]
    assert not pairing.float_only and not pairing.quantized_only
    for one in pairing.layers:
        a, b = first.subgraphs[0].tensors[one.float_tensor], second.subgraphs[0].tensors[one.tensor]
        assert a.shape == b.shape


@pytest.mark.parametrize("form", ["integer_int8", "integer_float_fallback", "float16"])
@pytest.mark.parametrize("names", ["none", "all the same"])
def test_layers_pair_without_names(form: str, names: str) -> None:
    first, second = (q31.load(model_path(name)).graph for name in ("float32", form))
    by_name = pair(first, second)

    def renamed(graph: Any) -> Any:
        primary = graph.subgraphs[0]
        bare = tuple(replace(one, name="" if names == "none" else "x") for one in primary.tensors)
        return replace(graph, subgraphs=(replace(primary, tensors=bare),))

    assert pair(renamed(first), renamed(second)).layers == by_name.layers


def test_an_operator_of_one_model_alone_is_told() -> None:
    def model(extra: bool) -> bytes:
        builder = GraphBuilder()
        x, y, z = (builder.tensor(name, F, (1, 4)) for name in "xyz")
        builder.operator("RELU", [x], [y])
        if extra:
            other = builder.tensor("other", F, (1, 4))
            builder.operator("ABS", [y], [other])
            builder.operator("TANH", [other], [z])
        else:
            builder.operator("TANH", [y], [z])
        return write(builder.build([x], [z]))

    data = np.ones((2, 4), np.float32)
    found = q31.debug(model(False), model(True), data, timing=False)
    assert [one.name for one in found.layers] == ["RELU", "TANH"]
    assert found.notes == ("only in the quantized model: 1 ABS",)
    assert found.layers[1].errors.sqnr == math.inf  # ABS changes nothing here
    assert "has no fellow" in found.layers[1].note and found.layers[1].local is None
    other = q31.debug(model(True), model(False), data, timing=False)
    assert other.notes == ("only in the float model: 1 ABS",)


def test_a_fused_operator_stands_for_the_last_of_those_in_it() -> None:
    def model(fused: bool) -> bytes:
        builder = GraphBuilder()
        x, pre, y = (builder.tensor(name, F, (1, 4)) for name in ("x", "pre", "y"))
        w = builder.tensor("w", F, (4, 4), value=-np.eye(4))
        relu = FullyConnectedOptions(fused_activation_function=ActivationFunctionType.RELU)
        builder.operator(
            "FULLY_CONNECTED", [x, w, -1], [y if fused else pre], relu if fused else FullyConnectedOptions()
        )
        if not fused:
            builder.operator("RELU", [pre], [y])
        return write(builder.build([x], [y]))

    found = q31.debug(model(False), model(True), np.eye(4, dtype=np.float32) - 0.5, timing=False)
    (layer,) = found.layers
    assert (layer.title, layer.errors.sqnr, layer.is_output) == ("0 FULLY_CONNECTED", math.inf, True)
    assert layer.local is not None and layer.local.sqnr == math.inf
    assert found.notes == ("only in the float model: 0 FULLY_CONNECTED",)


# Whole runs


def test_layers_hold_what_numpy_makes_of_two_runs() -> None:
    images = read_digits().images
    found = q31.debug(FLOAT, INT8, images[:3])
    real = from_pixels(q31.load(FLOAT).inputs[0], images[:3])
    codes = quantize(q31.load(INT8).inputs[0], real)
    runs = [(tensors(FLOAT, real[n : n + 1]), tensors(INT8, codes[n : n + 1])) for n in range(3)]
    assert [one.operator for one in found.layers] == [-1, 0, 1, 2, 3, 4]
    for layer in found.layers:
        name = layer.tensor_name
        expected = np.concatenate([one[name][0].reshape(-1) for one, _ in runs]).astype(np.float64)
        held = [other[name] for _, other in runs]
        got = np.concatenate([scale * (array.astype(np.float64) - zero).reshape(-1) for array, scale, zero in held])
        difference, all_codes = got - expected, np.concatenate([array.reshape(-1) for array, _, _ in held])
        errors = layer.errors
        assert errors.count == difference.size and errors.max_abs_error == np.abs(difference).max()
        assert errors.mean_error == pytest.approx(difference.mean(), abs=1e-15)
        assert errors.stddev == pytest.approx(difference.std(), rel=1e-6, abs=1e-12)
        assert errors.mean_squared_error == pytest.approx((difference**2).mean(), rel=1e-9)
        assert errors.sqnr == pytest.approx(10 * np.log10((expected**2).sum() / (difference**2).sum()), rel=1e-9)
        assert (errors.at_low, errors.at_high) == ((all_codes == -128).sum(), (all_codes == 127).sum())
    assert [one.name for one in found.outputs] == ["FULLY_CONNECTED"]
    assert found.costs[0].file_bytes == Path(FLOAT).stat().st_size and (found.costs[1].milliseconds or 0) > 0


def test_an_operator_alone_works_on_the_float_models_numbers() -> None:
    images = read_digits().images[:2]
    found = {one.name: one for one in q31.debug(FLOAT, INT8, images, timing=False).layers}
    convolution, pool = found["CONV_2D"], found["MAX_POOL_2D"]
    assert convolution.local is not None and pool.local is not None
    # All that comes before the convolution is exact; so alone it errs as in the whole run.
    assert convolution.local.sqnr == convolution.errors.sqnr
    # The pool alone: the float convolution, quantized, and its maxima, against the float pool.
    real = from_pixels(q31.load(FLOAT).inputs[0], images)
    runs = [tensors(FLOAT, real[n : n + 1]) for n in range(2)]
    quantization = q31.load(INT8).graph.subgraphs[0].tensors[pool.tensor].quantization
    scale, zero = quantization.scale[0], quantization.zero_point[0]
    errors = []
    for one in runs:
        source, target = one[convolution.tensor_name][0], one[pool.tensor_name][0].astype(np.float64)
        codes = np.clip(np.round(source / np.float32(scale)) + zero, -128, 127).astype(np.float64)
        maxima = codes.reshape(1, 13, 2, 13, 2, 12).max(axis=(2, 4))
        errors.append(scale * (maxima - zero) - target)
    assert pool.local.mean_squared_error == pytest.approx(np.mean(np.square(errors)), rel=1e-9)
    assert pool.local.sqnr > pool.errors.sqnr
    without = q31.debug(FLOAT, INT8, images, timing=False, local=False)
    assert all(one.local is None for one in without.layers)


def dense(weights: np.ndarray, quantized: bool) -> bytes:
    """FULLY_CONNECTED of four inputs, per channel where it is quantized."""
    builder = GraphBuilder()
    kind, fine = (I8, Quantization((0.25,), (0,))) if quantized else (F, None)
    scales = np.abs(weights).max(axis=1) / 127
    codes = np.round(weights / scales[:, None])
    per_channel = Quantization(tuple(map(float, scales)), (0,) * len(weights), 0)
    x = builder.tensor("x", kind, (1, 4), fine)
    w = builder.tensor(
        "w", kind, weights.shape, per_channel if quantized else None, value=codes if quantized else weights
    )
    y = builder.tensor("y", kind, (1, len(weights)), fine)
    builder.operator("FULLY_CONNECTED", [x, w, -1], [y], FullyConnectedOptions(), version=3)
    return write(builder.build([x], [y]))


def test_the_noise_of_weights() -> None:
    weights = np.array([[1.0, 0.004, 0.5, -1.0], [64.0, -32.0, 1.0, 0.2]], np.float32)
    scales = np.array([1 / 127, 64 / 127]).astype(np.float32).astype(np.float64)
    stored = np.round(weights / scales[:, None]) * scales[:, None]
    expected = 10 * np.log10((weights.astype(float) ** 2).sum() / ((stored - weights) ** 2).sum())
    found = q31.debug(dense(weights, False), dense(weights, True), np.ones((1, 4), np.float32), timing=False)
    assert found.layers[1].weights_sqnr == pytest.approx(expected, rel=1e-6)
    assert found.layers[1].errors.clipped_high == 1  # 33.2 of at most 31.75


def test_models_that_q31_quantizes() -> None:
    images = (read_digits().images / 255).astype(np.float32)
    for mode in ("int8", "int8-only", "int16x8"):
        quantized = q31.quantize(FLOAT, mode, list(images))
        found = q31.debug(FLOAT, quantized, images, timing=False)
        assert not found.notes and len(found.layers) == 6
        assert found.outputs[0].errors.sqnr > 30 and found.worst[0].errors.sqnr == min(
            one.errors.sqnr for one in found.layers
        )


# The command


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "layers.csv"
    command = ["debug", FLOAT, INT8, "--data", str(DIGITS), "--no-timing"]
    assert main([*command, "--csv", str(path), "--worst", "2", "--sort", "rmse"]) == 0
    printed = capsys.readouterr().out
    assert printed.index("FULLY_CONNECTED") < printed.index("MAX_POOL_2D") and "CONV_2D" not in printed
    assert "ratio" in printed and "10 examples" in printed
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert [row["op_name"] for row in rows][-1] == "FULLY_CONNECTED" and len(rows) == 6
    debugger = {"op_name", "tensor_idx", "num_elements", "stddev", "mean_error", "max_abs_error", "mean_squared_error"}
    assert debugger | {"scale", "zero_point", "tensor_name"} <= rows[0].keys()
    assert main([*command, "--json", "--select", "::2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["examples"] == 5 and found["layers"][-1]["sqnr_db"] > 40
    assert main([*command, "--min-sqnr", "40"]) == 0
    assert main([*command, "--min-sqnr", "60"]) == 1
    assert "no: output 'PartitionedCall:0' has 45" in capsys.readouterr().out


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_picture(suffix: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / f"layers{suffix}"
    assert main(["debug", FLOAT, INT8, "--data", str(DIGITS), "--no-timing", "--plot", str(path)]) == 0
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG" if suffix == ".png" else b"<?xml") and len(content) > 5_000
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([INT8, FLOAT], "the first model is quantized: give the float model first"),
        ([FLOAT, INT8, "--data", "nowhere.npz"], "nowhere.npz: No such file"),
        ([FLOAT, INT8, "--limit", "0"], "positive integer as limit"),
        ([FLOAT, INT8, "--worst", "0"], "--worst: expected a positive integer"),
        ([FLOAT, INT8, "--select", "99:"], "no example is selected"),
        ([FLOAT, INT8, "--csv", "no/folder.csv"], "no/folder.csv: No such file"),
        ([FLOAT, INT8, "--plot", "layers.jpg"], "pictures are .png, .svg, .pdf"),
        ([FLOAT, "{dense}"], "inputs of different shapes: [1, 28, 28] and [1, 4]"),
        (["{dense}", "{other}"], "no layer in common"),
    ],
)
def test_bad_input_is_one_line(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    builder = GraphBuilder()
    x, y = (builder.tensor(name, F, (1, size)) for name, size in (("in", 4), ("out", 2)))
    begin, size = (builder.tensor(name, TensorType.INT32, (2,), value=v) for name, v in (("b", [0, 0]), ("s", [1, 2])))
    builder.operator("SLICE", [x, begin, size], [y])
    (tmp_path / "other.tflite").write_bytes(write(builder.build([x], [y])))
    (tmp_path / "dense.tflite").write_bytes(dense(np.ones((2, 4), np.float32), False))
    paths = {"{dense}": str(tmp_path / "dense.tflite"), "{other}": str(tmp_path / "other.tflite")}
    command = ["debug", *(paths.get(one, one) for one in options)]
    if "--data" not in options:
        command += ["--data", str(DIGITS)]
    assert main(command) == 2
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.count("\n") == 1 and not captured.out


def test_without_matplotlib_a_picture_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plot.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(q31.InputError, match=r"pip install 'q31\[plot\]'"):
        plot.require_drawable("a.png")
