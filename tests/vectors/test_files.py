"""What ``vectors`` writes: the four formats, their manifest, and folders that are never half written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import q31
from q31.schema import write
from q31.tools.cli import main
from q31.tools.digits.bundle import FORMS, model_path
from q31.tools.vectors.folder import write_folder
from q31.tools.vectors.memory import MemoryFormat, words
from vectors.models import INT16, product

INT8_MODEL = str(model_path("integer_int8"))


def read_words(path: Path, entry: dict[str, Any], endianness: str) -> np.ndarray:
    """Read hex words back by what the manifest says, with Python's integers."""
    values = [int(line, 16) for line in path.read_text().split()]
    assert len(values) == entry["words"]
    dtype = np.dtype(entry["dtype"])
    found = []
    if entry["words_per_element"] > 1:
        parts = entry["words_per_element"]
        for i in range(0, len(values), parts):
            group = values[i : i + parts] if endianness == "little" else values[i : i + parts][::-1]
            found.append(sum(value << (entry["word_bits"] * k) for k, value in enumerate(group)))
    else:
        for value in values:
            lanes = [value >> (entry["lane_bits"] * k) & (2 ** entry["lane_bits"] - 1) for k in range(entry["lanes"])]
            found += lanes if endianness == "little" else lanes[::-1]
    raw = b"".join((one % 2 ** (8 * dtype.itemsize)).to_bytes(dtype.itemsize, "little") for one in found)
    return np.frombuffer(raw, dtype.newbyteorder("<"))[: entry["elements"]].astype(dtype).reshape(entry["shape"])


@pytest.mark.parametrize(
    "memory",
    [
        MemoryFormat(),
        MemoryFormat(word_bits=16),
        MemoryFormat(word_bits=64, endianness="big"),
        MemoryFormat(word_bits=256, lanes=4),
        MemoryFormat(lanes=3, endianness="big"),
        MemoryFormat(word_bits=8),
        MemoryFormat(activation_layout="NCHW", weight_layout="HWIO"),
    ],
    ids=str,
)
def test_hex_and_raw_files_are_the_arrays(memory: MemoryFormat, tmp_path: Path) -> None:
    made = q31.vectors(write(product("CONV_2D", INT16)))
    (case,) = made
    orders = {"NHWC": memory.activation_layout, "OHWI": memory.weight_layout or "OHWI"}
    for format in ("readmemh", "bin"):
        manifest = made.save(tmp_path / format, format, memory)
        (entry,) = manifest["cases"]
        assert {one["name"] for one in entry["arrays"]} >= {"input", "weights", "biases", "accumulator", "output_ref"}
        for one in entry["arrays"]:
            path = tmp_path / format / one["file"]
            if format == "bin":
                order = "<" if memory.endianness == "little" else ">"
                stored = np.frombuffer(path.read_bytes(), np.dtype(one["dtype"]).newbyteorder(order))
                stored = stored.reshape(one["shape"])
            else:
                stored = read_words(path, one, memory.endianness)
            own = case.named(one["name"])
            assert own is not None
            if own.layout in orders:
                assert one["layout"] == orders[own.layout]
                stored = stored.transpose([one["layout"].index(letter) for letter in own.layout])
            np.testing.assert_array_equal(stored, own.array, err_msg=one["name"])


def test_words_by_hand() -> None:
    codes = np.array([1, -2, 3], np.int8)
    assert words(codes, MemoryFormat())[0] == "01\nfe\n03\n"
    assert words(codes, MemoryFormat(word_bits=16))[0] == "fe01\n0003\n"
    assert words(codes, MemoryFormat(word_bits=16, endianness="big"))[0] == "01fe\n0300\n"
    assert words(codes, MemoryFormat(word_bits=32, lanes=2))[0] == "fffe0001\n00000003\n"
    assert words(np.array([-2], np.int32), MemoryFormat(word_bits=16))[0] == "fffe\nffff\n"
    assert words(np.array([], np.int8), MemoryFormat())[0] == ""


def test_the_case_is_the_trace() -> None:
    model = q31.load(INT8_MODEL)
    (case,) = q31.vectors(model, 1, seed=9)
    trace = model.trace_of_last_run
    assert trace is not None
    operator = trace.operators[1]
    np.testing.assert_array_equal(case["input"], operator.inputs[0])
    np.testing.assert_array_equal(case["output_ref"], operator.outputs[0])
    np.testing.assert_array_equal(case["accumulator"], operator.intermediates()["accumulator"])
    assert operator.prepared is not None
    np.testing.assert_array_equal(case["output_shift"], operator.prepared.requantization.shift)
    assert case.stamp == {**model.stamp, "seed": 9}
    np.testing.assert_array_equal(case["accumulator"] - case["accumulator_without_bias"] - case["biases"], 0)


def test_scales_are_along_a_letter(tmp_path: Path) -> None:
    graph = product("DEPTHWISE_CONV_2D")
    (subgraph,) = graph.subgraphs
    x, weights, bias, y = subgraph.tensors
    bias = replace(bias, quantization=replace(bias.quantization, quantized_dimension=3))  # as converters write it
    graph = replace(graph, subgraphs=(replace(subgraph, tensors=(x, weights, bias, y)),))
    manifest = q31.vectors(write(graph)).save(tmp_path / "out", "bin", MemoryFormat(weight_layout="OHWI"))
    along = {one["name"]: one.get("quantized_along") for one in manifest["cases"][0]["arrays"]}
    assert (along["weights"], along["biases"], along["input"]) == ("O", "O", None)


def test_inputs_of_ones_own(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(-128, 128, (3, 28, 28), np.int8)
    cases = list(q31.vectors(INT8_MODEL, 1, inputs=codes))
    assert [case.name for case in cases] == ["op001_conv_2d_0", "op001_conv_2d_1", "op001_conv_2d_2"]
    np.testing.assert_array_equal(cases[2]["input"].reshape(28, 28), codes[2])
    assert all(case.stamp["seed"] is None for case in cases)
    np.save(tmp_path / "x.npy", codes[:1])
    (case,) = q31.vectors(INT8_MODEL, 1, inputs=tmp_path / "x.npy")
    np.testing.assert_array_equal(case["input"], cases[0]["input"])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("format", ["npz", "c", "readmemh", "bin"])
def test_every_operator_of_every_form(form: str, format: str, tmp_path: Path) -> None:
    path = str(model_path(form))
    manifest = q31.vectors(path).save(tmp_path / "out", format)
    assert json.loads((tmp_path / "out/manifest.json").read_text()) == manifest
    model = q31.load(path)
    assert [case["operator"] for case in manifest["cases"]] == list(range(len(model.operators)))
    assert manifest["stamp"] == {**model.stamp, "seed": 0}
    for case in manifest["cases"]:
        assert {one["kind"] for one in case["arrays"]} >= {"output"}
        for one in case["arrays"]:
            assert (tmp_path / "out" / one["file"]).is_file()
        if format == "npz":
            with np.load(tmp_path / "out" / case["name"] / "vectors.npz") as arrays:
                assert set(arrays) == {one["name"] for one in case["arrays"]}


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    made = q31.vectors(INT8_MODEL, 1)
    made.save(tmp_path / "out")
    before = sorted(path.name for path in (tmp_path / "out").rglob("*"))

    def broken() -> Any:
        yield next(iter(made))
        raise RuntimeError("stop")

    for folder in ("out", "new"):
        with pytest.raises(RuntimeError):
            write_folder(tmp_path / folder, broken(), made.model.stamp, "c")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == before
    made.save(tmp_path / "out", "bin")
    assert not (tmp_path / "out/op001_conv_2d/vectors.npz").exists()


def test_other_folders_are_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "precious").write_text("data")
    assert main(["vectors", INT8_MODEL, "--op", "1", "--out", str(tmp_path)]) == 2
    assert "stays as it is" in capsys.readouterr().err
    assert main(["vectors", INT8_MODEL, "--op", "1", "--out", str(tmp_path / "precious")]) == 2
    assert (tmp_path / "precious").read_text() == "data"


def test_the_verb_prints_the_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    assert main(["vectors", INT8_MODEL, "--op", "1", "--op", "4", "--out", out, "--count", "2", "--json"]) == 0
    manifest = json.loads(capsys.readouterr().out)
    assert [case["name"] for case in manifest["cases"]] == [
        "op001_conv_2d_0",
        "op004_fully_connected_0",
        "op001_conv_2d_1",
        "op004_fully_connected_1",
    ]
    assert manifest["stamp"]["seed"] == [0, 1]
    assert [case["seed"] for case in manifest["cases"]] == [0, 0, 1, 1]
    assert main(["vectors", INT8_MODEL, "--all", "--out", out, "--format", "c"]) == 0
    assert "5 cases" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--all"],
        ["--out", "x"],
        ["--op", "1", "--all", "--out", "x"],
        ["--op", "99", "--out", "x"],
        ["--op", "-1", "--out", "x"],
        ["--op", "1", "--out", "x", "--count", "0"],
        ["--op", "1", "--out", "x", "--format", "xml"],
        ["--op", "1", "--out", "x", "--word-bits", "32"],
        ["--op", "1", "--out", "x", "--format", "readmemh", "--word-bits", "12"],
        ["--op", "1", "--out", "x", "--format", "readmemh", "--word-bits", "24"],
        ["--op", "1", "--out", "x", "--format", "readmemh", "--word-bits", "32", "--lanes", "3"],
        ["--op", "1", "--out", "x", "--format", "c", "--endianness", "big"],
        ["--op", "1", "--out", "x", "--layout", "NHCC"],
        ["--op", "1", "--out", "x", "--weight-layout", "NCHW"],
        ["--op", "1", "--out", "missing/folder/x"],
        ["--op", "1", "--out", "x", "--input", "nowhere.npy"],
    ],
    ids=" ".join,
)
def test_bad_usage_is_one_line(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        code = main(["vectors", INT8_MODEL, *arguments])
    except SystemExit as stop:
        code = stop.code
    printed = capsys.readouterr()
    assert code == 2 and printed.err.startswith("q31: error: ") and printed.err.count("\n") == 1, printed
    assert not list(tmp_path.iterdir())
