"""``q31 calibrate`` as it is used: files in shards, tables and JSON, errors in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import q31
from q31.tools.cli import main
from q31.tools.digits.bundle import model_path
from q31.tools.quantization.calibration import Calibration

FLOAT = str(model_path("float32"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with six examples."""
    np.savez(tmp_path / "x.npz", np.random.default_rng(0).uniform(0, 1, (6, 28, 28)).astype(np.float32))
    return tmp_path


def calibrate(*arguments: object) -> int:
    return main(["calibrate", FLOAT, *map(str, arguments)])


def test_shards_add_up_to_the_file_of_one_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out, parts = folder / "x.npz", folder / "all.json", [folder / f"{i}.json" for i in range(3)]
    assert calibrate("--data", data, "--histogram", "-o", out) == 0
    printed = capsys.readouterr().out
    assert "MaxPool2d" in printed and f"6 tensors on 6 examples; saved in {out}" in printed
    assert calibrate("-d", data, "--limit", 2, "--method", "mse", "-o", parts[0]) == 0
    assert "low and high by mse" in capsys.readouterr().out
    assert calibrate("-d", data, "--skip", 2, "--limit", 1, "--histogram", "-o", parts[1]) == 0
    np.savez(folder / "rest.npz", np.load(data)["arr_0"][3:])
    rest = ("-d", folder / "rest.npz", "--first-example", 3, "--histogram")
    assert calibrate(*rest, "--merge", parts[0], "-o", parts[2]) == 0
    assert calibrate("--merge", parts[1], parts[2], "-o", folder / "merged.json") == 0
    assert (folder / "merged.json").read_bytes() == out.read_bytes()


def test_json_has_the_ranges_by_the_method_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "c.json"
    options = ("--method", "percentile", "--percentile", "90")
    assert calibrate("-d", folder / "x.npz", *options, "--json", "-o", out) == 0
    printed = json.loads(capsys.readouterr().out)
    saved = Calibration.load(out)
    assert printed["examples"] == 6 and printed["method"] == "percentile" and printed["percentile"] == 90
    assert printed["model_sha256"] == saved.model_sha256
    for row in printed["tensors"]:
        key = row["subgraph"], row["tensor"]
        assert tuple(row["range"]) == saved.range(*key, "percentile", percentile=90)
        assert (row["min"], row["max"]) == saved.range(*key)
        assert row["values"] == saved.tensors[key].count
    assert len(printed["tensors"]) == len(saved.tensors) == 6


def test_a_folder_of_images(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = pytest.importorskip("PIL.Image")
    for level in (0, 255):
        image.new("L", (9, 9), level).save(folder / f"{level}.png")
    assert calibrate("-d", folder, "--image-range", "-1", "1", "--json") == 0
    ranges = json.loads(capsys.readouterr().out)
    assert (ranges["examples"], ranges["tensors"][0]["range"]) == (2, [-1.0, 1.0])
    (folder / "broken.png").write_bytes(b"")
    assert calibrate("-d", folder, "-o", folder / "c.json") == 2
    assert "broken.png: expected an image" in capsys.readouterr().err
    assert not (folder / "c.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to calibrate with: give --data or --merge"),
        (("-d", "missing.npz"), "missing.npz: No such file or directory"),
        (("-d", "x.npz", "-o", "no/c.json"), "no/c.json: No such file or directory"),
        (("-d", "x.npz", "--percentile", "99"), "min-max has no option 'percentile'; it has none"),
        (("-d", "x.npz", "--method", "mse", "--bits", "99"), "bits: expected an integer from 2 to 16, got 99"),
        (("-d", "x.npz", "--method", "best"), "argument --method: invalid choice: 'best'"),
        (("-d", "x.npz", "--limit", "0"), "there is no example in the data"),
        (("-d", "x.npz", "--skip", "6"), "there is no example in the data behind the first 6"),
        (("-d", "x.npz", "--threads", "0"), "num_threads: expected a positive integer, got 0"),
        (("-d", "nan.npz"), "example 2: input 'serving_default_image:0': NaN at [0, 3, 4]"),
        (("-d", "whole.npy"), "expected data type float32, got int64"),
        (("-d", "wide.npy"), "expected shape [any, 28, 28], got [28, 29]"),
        (("-d", "empty"), "empty: no images in the folder"),
        (("--merge", "whole.npy"), "whole.npy: expected a calibration as JSON"),
        (("--merge", "c.json", "c.json"), "example 0 is in both calibrations"),
        (("--merge", "c.json", "--method", "entropy"), "entropy needs histograms, which the calibration has not"),
        (("--merge", "other.json"), "other.json: the calibration is of model 000000000000..., not of "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line_and_leaves_no_file(
    arguments: tuple[str, ...],
    message: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    x = np.load("x.npz")["arr_0"]
    np.save("whole.npy", x.astype(np.int64))
    np.save("wide.npy", np.ones((2, 28, 29), np.float32))
    Path("empty").mkdir()
    if "c.json" in arguments or "other.json" in arguments:
        assert calibrate("-d", "x.npz", "-o", "c.json") == 0
        sha = Calibration.load("c.json").model_sha256
        Path("other.json").write_text(Path("c.json").read_text().replace(sha, "0" * 64))
    x[2, 3, 4] = np.nan
    np.savez("nan.npz", x)
    before = sorted(Path().iterdir())
    capsys.readouterr()
    try:
        code = calibrate(*arguments, *(() if "-o" in arguments else ("-o", "out.json")))
    except SystemExit as stop:
        code = stop.code
    printed = capsys.readouterr()
    assert code == 2 and not printed.out
    assert message in printed.err and printed.err.startswith("q31: error: ") and printed.err.count("\n") == 1
    assert sorted(Path().iterdir()) == before


def test_help_shows_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["calibrate", "--help"])
    assert stop.value.code == 0
    assert "q31 calibrate model.tflite --data images.npz --out calibration.json" in capsys.readouterr().out


def test_quantize_takes_pixels_and_what_they_stand_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(folder / "pixels.npy", np.arange(784, dtype=np.uint8).reshape(1, 28, 28))
    out = folder / "q.tflite"
    options = ["--data", str(folder / "pixels.npy"), "--image-range", "-1", "1", "--mode", "int8-only", "-o", str(out)]
    assert main(["quantize", FLOAT, *options]) == 0
    assert q31.load(out).inputs[0].scale == pytest.approx(2 / 255)
