"""What is held without the other quantizers: pairing, differences, data, SQNR, what is said where one is missing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import q31
from q31.schema import Graph, Tensor, TensorType, constant_array, read, read_file, write
from q31.tools.digits.bundle import model_path, read_digits
from q31.tools.quantization.peers import ai_edge, converter, data, differences, restore, sqnr, table
from q31.tools.quantization.peers import ranges as ranges_program
from q31.tools.quantization.peers.command import read_examples
from q31.tools.quantization.peers.comparison import compare_models
from q31.tools.quantization.peers.table import Maker

FLOAT, ONLY, FALLBACK = (model_path(form) for form in ("float32", "integer_int8", "integer_float_fallback"))
INPUT = "serving_default_image:0"


def changed(graph: Graph, index: int, change: Callable[[Tensor], Tensor]) -> Graph:
    subgraph = graph.subgraphs[0]
    tensors = tuple(change(one) if i == index else one for i, one in enumerate(subgraph.tensors))
    return replace(graph, subgraphs=(replace(subgraph, tensors=tensors),))


def with_quantization(**fields: object) -> Callable[[Tensor], Tensor]:
    return lambda tensor: replace(tensor, quantization=replace(tensor.quantization, **fields))


def run(module: object, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["program", *map(str, arguments)])
    return module.main()  # type: ignore[attr-defined]


def weights_of(graph: Graph) -> int:
    return next(one.inputs[1] for one in graph.subgraphs[0].operators if one.name == "CONV_2D")


def test_a_model_equals_itself_whatever_its_constants_are_called() -> None:
    graph = read_file(ONLY)
    renamed = graph
    for index in range(len(graph.subgraphs[0].tensors)):
        renamed = changed(renamed, index, lambda tensor: replace(tensor, name=f"another {tensor.name}"))
    result = compare_models(graph, renamed)
    assert result.equal(0) and result.operators == len(graph.subgraphs[0].operators)
    assert result.counts(0) == {"weights": (2, 2), "bias": (2, 2), "constant": (2, 2), "activation": (6, 6)}


def test_a_code_a_scale_and_a_zero_point_that_differ_are_told_apart() -> None:
    graph = read_file(ONLY)
    weights = weights_of(graph)
    codes = constant_array(graph, 0, weights).copy()
    codes.flat[3] += 2
    tensor = graph.subgraphs[0].tensors[weights]
    buffers = list(graph.buffers)
    buffers[tensor.buffer] = replace(buffers[tensor.buffer], data=memoryview(codes.tobytes()))
    (one,) = (one for one in compare_models(graph, replace(graph, buffers=tuple(buffers))).tensors if not one.equal(0))
    assert (one.kind, one.codes.count, one.codes.maximum) == ("weights", 1, 2)

    scales = np.asarray(tensor.quantization.scale, np.float32)
    scales[1] = np.nextafter(np.nextafter(scales[1], np.float32(1)), np.float32(1))
    moved = changed(graph, weights, with_quantization(scale=tuple(map(float, scales))))
    result = compare_models(graph, moved)
    (one,) = (one for one in result.tensors if not one.equal(0))
    assert (one.scale_differ, one.scale_ulp, one.scale_count) == (1, 2, len(scales))
    assert not result.equal(1) and result.equal(2)

    output = graph.subgraphs[0].outputs[0]
    zero = graph.subgraphs[0].tensors[output].quantization.zero_point[0]
    (one,) = (
        one
        for one in compare_models(graph, changed(graph, output, with_quantization(zero_point=(zero - 3,)))).tensors
        if not one.equal(100)
    )
    assert one.kind == "activation" and one.zero_point == 3
    single = compare_models(graph, changed(graph, weights, with_quantization(scale=(1.0,), zero_point=(0,))))
    assert not single.equal(1 << 30) and any(one.scale_ulp is None for one in single.tensors)


def test_a_quantize_that_only_one_model_has_does_not_part_what_follows() -> None:
    result = compare_models(read_file(FALLBACK), read_file(ONLY))
    assert [one.split()[3] for one in result.only_first] == ["QUANTIZE", "DEQUANTIZE"]
    assert not result.only_second and result.operators == 5
    assert result.counts(0)["weights"] == (2, 2)
    assert {one.form for one in result.tensors if not one.equal(0)} == {"INT8 instead of FLOAT32"}


def test_operators_of_one_kind_in_another_order_are_paired_by_what_they_take() -> None:
    from q31.schema import GraphBuilder
    from q31.schema.options import AddOptions

    def build(swapped: bool) -> Graph:
        builder = GraphBuilder()
        ends = [builder.tensor(name, TensorType.FLOAT32, (1, 4)) for name in ("a", "b", "x", "y", "z")]
        a, b, x, y, z = ends
        first = [([a, a], [x]), ([b, b], [y])]
        for inputs, outputs in (first[::-1] if swapped else first) + [([x, y], [z])]:
            builder.operator("ADD", inputs, outputs, AddOptions())
        return builder.build([a, b], [z])

    result = compare_models(build(False), build(True))
    assert result.equal(0) and result.operators == 3
    by_name = {one.name: (one.pair.first, one.pair.second) for one in result.tensors}
    assert all(first == second for first, second in by_name.values())


def test_the_program_answers_by_its_exit_code(monkeypatch, capsys, tmp_path: Path) -> None:
    assert run(differences, monkeypatch, ONLY, ONLY) == 0
    assert "weights: 2 of 2 equal" in capsys.readouterr().out
    assert run(differences, monkeypatch, FALLBACK, ONLY) == 1
    assert "only in the first: subgraph 0: 0 QUANTIZE" in capsys.readouterr().out
    assert run(differences, monkeypatch, ONLY, FALLBACK, "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["classes"]["weights"] == {"equal": 2, "of": 2} and not report["equal"]
    assert {one["class"] for one in report["tensors"]} == {"weights", "bias", "constant", "activation"}
    assert run(differences, monkeypatch, ONLY, tmp_path / "none.tflite") == 2
    assert capsys.readouterr().err.startswith("q31: ")


def test_a_reader_that_goes_away_leaves_no_traceback() -> None:
    command = [sys.executable, "-m", differences.__name__, FALLBACK, ONLY, "--all"]
    reader, writer = os.pipe()
    os.close(reader)  # before the first line
    with os.fdopen(writer, "wb") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, check=False, timeout=120)
    assert done.stderr == "" and done.returncode == -getattr(signal, "SIGPIPE", 0)


def test_noise_is_made_for_each_input_and_read_again(monkeypatch, tmp_path: Path) -> None:
    path = tmp_path / "calib.npz"
    assert run(data, monkeypatch, FLOAT, "--low", 0, "--high", 2, "--examples", 7, "--out", path) == 0
    with np.load(path) as arrays:
        (name,) = arrays.files
        values = arrays[name]
    assert name == INPUT and values.shape == (7, 28, 28) and values.dtype == np.float32
    assert 0 <= values.min() < 0.3 and 1.7 < values.max() <= 2
    examples = read_examples(FLOAT.read_bytes(), path, 3)
    assert len(examples) == 3 and np.array_equal(examples[2][0], values[2:3])


def test_data_for_a_model_of_codes_or_of_other_sizes_is_refused(monkeypatch, capsys, tmp_path: Path) -> None:
    path = tmp_path / "calib.npz"
    assert run(data, monkeypatch, ONLY, "--out", path) == 2
    assert "expected FLOAT32" in capsys.readouterr().err and not path.exists()
    idx = tmp_path / "images"
    idx.write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28]) + bytes(2 * 28 * 28))
    assert run(data, monkeypatch, FLOAT, "--mnist", idx, "--examples", 3, "--out", path) == 2
    assert "expected 3 images, there are 2" in capsys.readouterr().err
    assert run(data, monkeypatch, FLOAT, "--mnist", idx, "--examples", 2, "--out", path) == 0
    with pytest.raises(SystemExit, match="2"):
        run(data, monkeypatch, FLOAT, "--examples", 0, "--out", path)


def test_a_hybrid_model_made_float_again_has_the_numbers_its_codes_stand_for(monkeypatch, tmp_path: Path) -> None:
    hybrid, path = model_path("dynamic_range"), tmp_path / "float.tflite"
    assert run(restore, monkeypatch, hybrid, path) == 0
    graph, restored = read_file(hybrid), read_file(path)
    count = 0
    for index, tensor in enumerate(graph.subgraphs[0].tensors):
        values = constant_array(restored, 0, index)
        if tensor.type is TensorType.INT8:
            codes = constant_array(graph, 0, index).astype(np.float32)
            scales = np.asarray(tensor.quantization.scale, np.float32).reshape([-1] + [1] * (codes.ndim - 1))
            assert restored.subgraphs[0].tensors[index].type is TensorType.FLOAT32
            np.testing.assert_array_equal(values, codes * scales)
            count += 1
    assert count == 1  # the small filter is left float
    x = read_digits().images[:1].astype(np.float32) / np.float32(255)
    np.testing.assert_allclose(q31.load(path)(x), q31.load(hybrid)(x), atol=0.5)


def test_sqnr_is_of_powers_in_decibels() -> None:
    signal = [np.array([3.0, 4.0]), np.array([0.0])]
    assert sqnr.sqnr(signal, [np.array([3.0, 4.5]), np.array([0.0])]) == pytest.approx(20)
    assert sqnr.sqnr(signal, signal) == np.inf
    assert sqnr.sqnr([np.zeros(2)], [np.ones(2)]) == -np.inf


def test_the_table_measures_codes_as_real_numbers(monkeypatch, capsys, tmp_path: Path) -> None:
    path = tmp_path / "test.npz"
    np.savez(path, **{INPUT: read_digits().images.astype(np.float32) / np.float32(255)})
    others = [f"{form}={model_path(form)}" for form in ("integer_int8", "integer_uint8", "float16", "float32")]
    assert run(sqnr, monkeypatch, FLOAT, "--data", path, "--json", *others) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["integer_int8"]["sqnr"] == pytest.approx(table["integer_uint8"]["sqnr"])
    assert 25 < table["integer_int8"]["sqnr"] < 60 < table["float16"]["sqnr"] and table["float32"]["sqnr"] is None
    assert run(sqnr, monkeypatch, FLOAT, "--data", tmp_path / "none.npz", *others) == 2
    assert "none.npz" in capsys.readouterr().err


def test_a_model_without_a_signature_is_given_one_of_its_ends() -> None:
    content = FLOAT.read_bytes()
    assert ai_edge.with_signature(content) is content
    bare = write(replace(read(content), signatures=()))
    given = ai_edge.with_signature(bare)
    (signature,) = read(given).signatures
    assert [name for name, _ in signature.inputs] == [INPUT]
    examples = [[np.full((1, 28, 28), i, np.float32)] for i in range(2)]
    arrays = ai_edge.signature_data(given, examples)[signature.key]
    assert [one[INPUT][0, 0, 0] for one in arrays] == [0, 1]


@pytest.mark.parametrize(
    ("module", "package", "words"),
    [(converter, "tensorflow", "tensorflow-cpu"), (ai_edge, "ai_edge_quantizer", "pip install ai-edge-quantizer")],
)
def test_a_missing_quantizer_is_told_with_the_command(module, package, words, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    path, out = tmp_path / "calib.npz", tmp_path / "out.tflite"
    np.savez(path, **{INPUT: np.zeros((2, 28, 28), np.float32)})
    with pytest.raises(SystemExit, match=words):
        run(module, monkeypatch, FLOAT, "--data", path, "--out", out)
    assert not out.exists()


@pytest.mark.parametrize("module", [converter, ai_edge])
def test_bad_input_is_told_before_the_quantizer_is_asked(module, monkeypatch, capsys, tmp_path: Path) -> None:
    path, out = tmp_path / "calib.npz", tmp_path / "out.tflite"
    np.savez(path, **{INPUT: np.zeros((2, 5), np.float32)})
    for model, source, target in (
        (FLOAT, path, out),
        (path, path, out),
        (FLOAT, tmp_path / "none.npz", out),
        (FLOAT, path, tmp_path / "no" / "out.tflite"),
    ):
        assert run(module, monkeypatch, model, "--data", source, "--out", target) == 2
        error = capsys.readouterr().err
        assert error.startswith("q31: ") and error.count("\n") == 1
    assert not out.exists()


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """A float model with its data beside it."""
    images = read_digits().images.astype(np.float32) / np.float32(255)
    for name in ("calib", "test"):
        np.savez(tmp_path / f"digits_{name}.npz", **{INPUT: images})
    model = tmp_path / "digits_float32.tflite"
    model.write_bytes(FLOAT.read_bytes())
    return model


def test_the_table_has_a_column_for_each_quantizer(monkeypatch, capsys, beside: Path) -> None:
    out = beside.parent / "made"
    out.mkdir()
    # What is there already is not made again, so that this needs no other quantizer.
    (out / "digits_int8_ai-edge.tflite").write_bytes(FALLBACK.read_bytes())
    arguments = (beside, "--out", out, "--ai-edge", sys.executable, "--mode", "int8")
    assert run(table, monkeypatch, *arguments) == 0
    heading, _, row = capsys.readouterr().out.splitlines()
    assert heading == "| model | mode | q31 | ai-edge |"
    assert row.startswith("| digits | int8 |") and row.count(" dB, ") == 2
    assert run(table, monkeypatch, *arguments, "--json", "--method", "mse") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["q31"]["sqnr"] > 25 and report["ai-edge"]["bytes"] == FALLBACK.stat().st_size


def test_the_words_of_a_quantizer_that_fails_are_passed_on(monkeypatch, capsys, beside: Path) -> None:
    arguments = (beside, "--out", beside.parent / "made", "--ai-edge", sys.executable, "--mode", "int8")
    monkeypatch.setattr(
        table, "Maker", lambda name, module="", python="": Maker(name, module and f"no.{module}", python)
    )
    assert run(table, monkeypatch, *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("q31: ai-edge, digits_float32.tflite: ") and error.count("\n") == 1
    with pytest.raises(SystemExit, match="2"):
        run(table, monkeypatch, FLOAT.with_name("other.tflite"), "--out", beside.parent)


def test_a_model_made_by_recorded_ranges_is_the_one_made_by_calibration(monkeypatch, capsys, beside: Path) -> None:
    graph, data = read_file(FLOAT), beside.with_name("digits_calib.npz")
    calibration = q31.calibrate(str(FLOAT), str(data))
    ranges = {index: calibration.range(0, index, "min-max") for _, index in calibration.tensors}
    recorded = graph
    for index, (low, high) in ranges.items():
        recorded = changed(recorded, index, with_quantization(min=(low,), max=(high,)))
    path, out = beside.with_name("calibrated.tflite"), beside.with_name("same.tflite")
    path.write_bytes(write(recorded))
    assert run(ranges_program, monkeypatch, FLOAT, path, "--out", out, "--data", data) == 0
    assert not capsys.readouterr().out
    assert out.read_bytes() == q31.quantize(str(FLOAT), "int8-only", calibration=calibration)

    output = graph.subgraphs[0].outputs[0]
    path.write_bytes(write(changed(recorded, output, with_quantization(min=(-1e6,), max=(1e6,)))))
    assert run(ranges_program, monkeypatch, FLOAT, path, "--data", data) == 0
    assert "recorded -1000000 to 1000000" in capsys.readouterr().out
    for other in (FLOAT, ONLY):
        assert run(ranges_program, monkeypatch, FLOAT, other, "--out", out) == 2
        assert capsys.readouterr().err.startswith("q31: ")


def test_ranges_are_compared_in_steps_of_float32() -> None:
    one = float(np.float32(1))
    assert ranges_program.distance((-one, one), (-one, float(np.nextafter(np.float32(1), np.float32(2))))) == 1
    assert ranges_program.distance((0.0, one), (-0.0, one)) == 0
    tiny = float(np.nextafter(np.float32(0), np.float32(1)))
    assert ranges_program.distance((-tiny, one), (tiny, one)) == 2
