"""``q31 bench``: rows of engines, bits held to the reference, every operator timed, and what it says of wrong usage."""

from __future__ import annotations

import importlib.util
import json
import time
from pathlib import Path

import numpy as np
import pytest

import q31
from q31.engine.preparation import prepare
from q31.kernels.jit import INTERPRETED
from q31.kernels.profiles import LITERT
from q31.schema import GraphBuilder, Quantization, TensorType, write
from q31.schema.options import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions, SoftmaxOptions, SVDFOptions
from q31.tools import bench, bench_engines, bench_scaling, cli
from q31.tools.bench_operators import profile
from q31.tools.conformance.case import Case, constant, network, result, tensor
from q31.tools.macs import macs

DIGITS = Path(q31.__file__).parent / "tools" / "digits" / "models" / "digits_integer_int8.tflite"
HAS_LITERT = importlib.util.find_spec("ai_edge_litert") is not None
INT8, UNIT = TensorType.INT8, Quantization((1.0,), (0,))


def layers() -> Case:
    """A convolution to (1, 4, 4, 3), a depthwise one to (1, 2, 2, 3), and a layer of 5 units."""

    def weights(*shape: int) -> np.ndarray:
        return np.ones(shape, np.int8)

    x = tensor(INT8, (1, 4, 4, 2), UNIT)
    first, second, y = (result(INT8, UNIT, shape) for shape in ((1, 4, 4, 3), (1, 2, 2, 3), (1, 5)))
    operators = [
        ("CONV_2D", 1, Conv2DOptions(stride_w=1, stride_h=1), [x, constant(weights(3, 3, 3, 2), UNIT)], [first]),
        (
            *("DEPTHWISE_CONV_2D", 1),
            DepthwiseConv2DOptions(stride_w=2, stride_h=2, depth_multiplier=1),
            *([first, constant(weights(1, 3, 3, 3), UNIT)], [second]),
        ),
        ("FULLY_CONNECTED", 1, FullyConnectedOptions(), [second, constant(weights(5, 12), UNIT), None], [y]),
    ]
    return network(operators, [x], [y], [[np.zeros((1, 4, 4, 2), np.int8)]])


def test_multiply_accumulates_are_counted() -> None:
    preparation = prepare(layers().graph, 0, LITERT)
    counts = [macs(one.operator, preparation) for one in preparation.operators]
    assert counts == [4 * 4 * 3 * 3 * 3 * 2, 2 * 2 * 3 * 3 * 3, 5 * 12]


def test_every_operator_is_timed(tmp_path: Path) -> None:
    path = tmp_path / "layers.tflite"
    path.write_bytes(layers().model)
    found = profile(str(path), rounds=3, seed=0, peak=50.0)
    assert [one.name for one in found] == ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"]
    assert all(one.microseconds > 0 and one.compiled for one in found)
    assert sum(one.share for one in found) == pytest.approx(1)
    assert found[0].output == "int8[1, 4, 4, 3]" and found[0].macs == 864


@pytest.mark.skipif(not HAS_LITERT, reason="ai-edge-litert is not installed")
def test_rows_of_engines(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--against", "litert-ref", "--threads", "1,2", "--batch", "1,3", "--rounds", "2", "--json"]
    assert cli.main(["bench", str(DIGITS), *arguments]) == 0
    printed = json.loads(capsys.readouterr().out)
    rows = [(row["engine"], row["threads"], row["batch"], row["bits"]) for row in printed["rows"]]
    assert rows == [(one, t, b, "equal") for t in (1, 2) for b in (1, 3) for one in ("q31", "litert-ref")]
    assert all(row["milliseconds"] > 0 and row["gmacs"] > 0 for row in printed["rows"])
    assert printed["peak_gmacs"] > 0


@pytest.mark.skipif(not HAS_LITERT, reason="ai-edge-litert is not installed")
def test_other_bits_are_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def one_off(self: bench_engines._Interpreted) -> list[np.ndarray]:
        (only,) = outputs(self)
        return [only + 1 if isinstance(self._interpreter, q31.Interpreter) else only]

    outputs = bench_engines._Interpreted.outputs
    monkeypatch.setattr(bench_engines._Interpreted, "outputs", one_off)
    assert cli.main(["bench", str(DIGITS), "--rounds", "1"]) == 1
    assert "1e+02 % differ" in capsys.readouterr().out


@pytest.mark.skipif(not HAS_LITERT, reason="ai-edge-litert is not installed")
def test_an_engine_that_aborts_its_process_is_a_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # A sum of a thousand equal exponentials fails a check of the reference's SOFTMAX.
    x = tensor(INT8, (1, 1000), Quantization((1e-5,), (0,)))
    y = result(INT8, Quantization((1 / 256,), (-128,)), (1, 1000))
    path = tmp_path / "equal.tflite"
    case = network([("SOFTMAX", 1, SoftmaxOptions(1.0), [x], [y])], [x], [y], [[np.zeros((1, 1000), np.int8)]])
    path.write_bytes(case.model)
    assert cli.main(["bench", str(path), "--against", "litert-ref", "--rounds", "1", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [row["engine"] for row in printed["rows"]] == ["q31"]
    assert printed["notes"] == ["equal.tflite: litert-ref: ends its process at this model"]


@pytest.mark.skipif(INTERPRETED, reason="Q31_JIT=0")
def test_the_start_of_processes(capsys: pytest.CaptureFixture[str]) -> None:
    peers = ["--against", "litert"] if HAS_LITERT else []
    assert cli.main(["bench", str(DIGITS), "--start", "--rounds", "1", "--json", *peers]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["engine"] for row in rows] == ["q31", *peers[1:]]
    assert rows[0]["cold"] > 2 * rows[0]["warm"] > 0
    assert all(row["cold"] is None for row in rows[1:])
    assert all(10 < row["megabytes"] < 1000 for row in rows)


def test_a_start_that_fails_is_a_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "no.tflite"
    path.write_bytes(b"no model")
    assert cli.main(["bench", str(path), "--start", "--rounds", "1", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["rows"] == [] and printed["notes"][0].startswith("no.tflite: q31: q31.schema.errors.ModelError: ")


@pytest.mark.skipif(not HAS_LITERT, reason="ai-edge-litert is not installed")
def test_a_model_with_state_is_compared_after_as_many_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    builder = GraphBuilder()
    x = builder.tensor("x", TensorType.FLOAT32, (1, 6))
    state = builder.tensor("state", TensorType.FLOAT32, (1, 6), is_variable=True)
    features = builder.tensor("features", TensorType.FLOAT32, (2, 6), value=np.arange(12.0).reshape(2, 6))
    of_time = builder.tensor("time", TensorType.FLOAT32, (2, 3), value=np.arange(6.0).reshape(2, 3))
    y = builder.tensor("y", TensorType.FLOAT32, (1, 2))
    builder.operator("SVDF", [x, features, of_time, -1, state], [y], SVDFOptions(rank=1))
    path = tmp_path / "state.tflite"
    path.write_bytes(write(builder.build([x], [y])))
    assert cli.main(["bench", str(path), "--rounds", "3", "--json"]) == 0
    assert [row["bits"] for row in json.loads(capsys.readouterr().out)["rows"]] == ["equal"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--threads", "0"], "--threads: expected positive integers"),
        (["--batch", "one"], "--batch: expected positive integers"),
        (["--against", "litert,tvm"], "no engine is named 'tvm'; there are litert, litert-ref, openvino"),
        (["--rounds", "0"], "--rounds: expected a positive integer"),
    ],
)
def test_wrong_usage(arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", str(DIGITS), *arguments]) == 2
    assert expected in capsys.readouterr().err


def test_an_engine_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bench_engines.importlib.util, "find_spec", lambda name: None)
    assert cli.main(["bench", str(DIGITS), "--against", "openvino"]) == 2
    assert "openvino needs the package openvino: pip install 'q31[bench]'" in capsys.readouterr().err


@pytest.mark.skipif(INTERPRETED, reason="Q31_JIT=0")
def test_threads_beside_independent_calls(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bench_scaling, "_processors", lambda: 2)
    assert cli.main(["bench", str(DIGITS), "--scaling", "--threads", "1,2", "--rounds", "2", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["threads"] == 2 and min(row["alone"], row["apart"], row["together"]) > 0
    assert row["possible"] == row["alone"] / row["apart"] and row["got"] == row["alone"] / row["together"]
    assert cli.main(["bench", str(DIGITS), "--scaling", "--threads", "3"]) == 2
    assert "--threads: expected at most 2, the processors of this machine" in capsys.readouterr().err


def test_calls_at_once_are_counted_together() -> None:
    class Sleeper:
        calls = 0

        def invoke(self) -> None:
            self.calls += 1
            time.sleep(0.01)

        def outputs(self) -> list[np.ndarray]:
            return []

    sleepers = [Sleeper(), Sleeper(), Sleeper()]
    assert 0.03 / 9 < bench_scaling.seconds_a_call(sleepers, 3) < 0.09 / 9
    assert [one.calls for one in sleepers] == [3, 3, 3]


def test_the_peak_is_a_rate() -> None:
    assert 0.1 < bench.integer_peak() < 10_000
