"""The command line's contract: exit codes, errors in one line, what is written where."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import q31
from q31.engine.structure import STRUCTURAL
from q31.kernels.registry import CUSTOM, REGISTRY
from q31.tools.cli import main
from q31.tools.digits.bundle import FORMS, model_path, read_digits

UINT8 = str(model_path("integer_uint8"))
FLOAT = str(model_path("float32"))


def q31_process(*arguments: str, **kwargs: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "q31", *arguments], capture_output=True, text=True, timeout=120, **kwargs
    )


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the command line, hold it to exit code 2 and one line on stderr; returns that line."""
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = stop.code
    printed = capsys.readouterr()
    assert code == 2, printed
    assert printed.err.startswith("q31: error: ") and printed.err.count("\n") == 1, printed.err
    assert "Traceback" not in printed.err
    return printed.err


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    for argument in ("--version", "--help"):
        with pytest.raises(SystemExit) as stop:
            main([argument])
        assert stop.value.code == 0
    assert f"q31 {q31.__version__}" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["run", "inspect", "trace", "explain", "vectors", "ops", "demo", "warmup"])
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([verb, "--help"])
    assert stop.value.code == 0
    assert f"usage: q31 {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("frobnicate",),
        ("run",),
        ("run", UINT8, "--profile", "mine"),
        ("run", UINT8, "--backend", "gpu"),
        ("run", UINT8, "--seed", "-1"),
        ("run", UINT8, "--seed", "x"),
        ("run", UINT8, "--image-range", "1"),
        ("run", UINT8, "--preserve-all"),
        ("ops", "--json", "--markdown"),
        ("demo", "extra"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    fails(capsys, *arguments)


@pytest.mark.parametrize("verb", ["run", "inspect"])
def test_bad_model_files(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing, text, empty = tmp_path / "missing.tflite", tmp_path / "text.tflite", tmp_path / "empty.tflite"
    text.write_text("This is not a model.\nNot at all.\n")
    empty.write_bytes(b"")
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(model_path("integer_uint8").read_bytes()[:3000])
    assert "missing.tflite" in fails(capsys, verb, str(missing))
    for path in (text, empty, cut):
        assert path.name in fails(capsys, verb, str(path))
    assert str(tmp_path) in fails(capsys, verb, str(tmp_path))


def test_wrong_shape_and_data_type_say_what_was_expected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "x.npy")
    np.save(path, np.zeros((1, 28, 27), np.uint8))
    message = fails(capsys, "run", UINT8, "--input", path)
    assert "[1, 28, 28]" in message and "[1, 28, 27]" in message
    np.save(path, np.zeros((1, 28, 28), np.float32))
    message = fails(capsys, "run", UINT8, "--input", path)
    assert "uint8" in message and "float32" in message


def test_bad_input_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("x.npy", "x.npz", "x.png"):
        path = tmp_path / name
        assert name in fails(capsys, "run", UINT8, "--input", str(path)), "missing"
        path.write_text("not what the name says")
        assert name in fails(capsys, "run", UINT8, "--input", str(path)), "of another format"
    pickled = tmp_path / "pickled.npy"
    np.save(pickled, np.array([{}], object), allow_pickle=True)
    assert "pickled.npy" in fails(capsys, "run", UINT8, "--input", str(pickled))
    damaged = tmp_path / "damaged.npz"
    np.savez_compressed(damaged, x=np.arange(2000))
    content = bytearray(damaged.read_bytes())
    content[200:300] = bytes(100)
    damaged.write_bytes(content)
    assert "damaged.npz" in fails(capsys, "run", UINT8, "--input", str(damaged))


def test_inputs_by_name_must_be_the_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "x.npz")
    np.savez(path, a=np.zeros((1, 28, 28), np.uint8), b=np.zeros(3))
    assert "'a'" in fails(capsys, "run", UINT8, "--input", path)
    assert "a, b" in fails(capsys, "run", UINT8, "--input", path, "--preserve-all", "--output", path + ".npz")


@pytest.mark.parametrize("backend", ["numba", "numpy"])
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_run_saves_what_the_model_gives(suffix: str, backend: str, tmp_path: Path) -> None:
    digits = read_digits().images
    np.save(tmp_path / "x.npy", digits)
    output = tmp_path / f"y.{suffix}"
    assert main(["run", UINT8, "-i", str(tmp_path / "x.npy"), "-o", str(output), "--backend", backend]) == 0
    saved = np.load(output)
    if suffix == "npz":
        (name,) = saved.files
        assert name == q31.load(UINT8).outputs[0].name
        saved = saved[name]
    np.testing.assert_array_equal(saved, q31.load(UINT8)(digits))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.npy", output.name]


def test_random_input_follows_the_seed(tmp_path: Path) -> None:
    saved = []
    for seed in ("1", "1", "2"):
        assert main(["run", FLOAT, "--seed", seed, "-o", str(tmp_path / "y.npy")]) == 0
        saved.append((tmp_path / "y.npy").read_bytes())
    assert saved[0] == saved[1] != saved[2]


@pytest.mark.parametrize("batch", [1, 3])
def test_preserve_all_saves_every_tensor_that_is_computed(batch: int, tmp_path: Path) -> None:
    images = read_digits().images[:batch]
    np.save(tmp_path / "x.npy", images)
    output = tmp_path / "all.npz"
    assert main(["run", UINT8, "-i", str(tmp_path / "x.npy"), "-o", str(output), "--preserve-all"]) == 0
    interpreter = q31.Interpreter(UINT8, experimental_preserve_all_tensors=True)
    interpreter.resize_tensor_input(0, images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, images)
    interpreter.invoke()
    details = {detail["name"]: detail["index"] for detail in interpreter.get_tensor_details()}
    with np.load(output) as saved:
        assert len(saved.files) == 8, "the input and one output of each operator"
        for name in saved.files:
            np.testing.assert_array_equal(saved[name], interpreter.get_tensor(details[name]), err_msg=name)


def test_an_image_becomes_the_input(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    digits = read_digits()
    path = str(tmp_path / "seven.png")
    image.fromarray(digits.images[7]).convert("RGB").save(path)
    for form in FORMS:
        output = tmp_path / "y.npy"
        assert main(["run", str(model_path(form)), "-i", path, "-o", str(output)]) == 0
        assert np.load(output).argmax() == 7, form
    image.fromarray(digits.images[7]).resize((280, 280)).save(path)
    assert main(["run", UINT8, "-i", path, "-o", str(output)]) == 0
    assert np.load(output).argmax() == 7, "a larger image is resized"


def test_image_range_is_quantized_with_the_input(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    path = str(tmp_path / "image.png")
    image.fromarray(read_digits().images[3]).save(path)
    outputs = []
    for options in ((), ("--image-range", "0", "1"), ("--image-range", "-1", "1")):
        assert main(["run", UINT8, "-i", path, "-o", str(tmp_path / "y.npy"), *options]) == 0
        outputs.append(np.load(tmp_path / "y.npy"))
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert (outputs[0] != outputs[2]).any()


def test_without_pillow_an_image_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.png").write_bytes(b"\x89PNG")
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert "q31[image]" in fails(capsys, "run", UINT8, "--input", str(tmp_path / "x.png"))


def test_an_output_that_cannot_be_written_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fails(capsys, "run", UINT8, "--output", str(tmp_path / "nowhere" / "y.npz"))
    fails(capsys, "run", UINT8, "--output", str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from q31.tools.files import write_arrays

    output = tmp_path / "y.npz"
    write_arrays(output, {"file": np.arange(3), "a/b": np.arange(2)})
    before = output.read_bytes()
    with np.load(output) as saved:
        assert sorted(saved.files) == ["a/b", "file"]
    with pytest.raises(ValueError, match=r".*"):
        write_arrays(output, {"x": np.zeros(10000), "y": np.array([{}], object)})
    assert output.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["y.npz"]
    link = tmp_path / "link.npz"
    link.symlink_to(output)
    write_arrays(link, {"x": np.zeros(1)})
    assert link.is_symlink() and output.read_bytes() != before


def test_output_to_a_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", UINT8, "--output", os.devnull]) == 0
    assert Path(os.devnull).is_char_device()


def test_run_reports_outputs_and_the_highest_entries(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", read_digits().images[5:6])
    assert main(["run", UINT8, "--input", str(tmp_path / "x.npy")]) == 0
    printed = capsys.readouterr().out
    assert "[1, 10]" in printed and "uint8" in printed and "profile litert" in printed
    entries = printed[printed.index("real value") :].splitlines()[2:7]
    assert entries[0].split()[0] == "5"


@pytest.mark.parametrize("form", FORMS)
def test_inspect_json_has_every_prepared_parameter(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(model_path(form)), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    model = q31.load(model_path(form))
    assert result["sha256"] == model.sha256 and result["profile"] == "litert"
    (subgraph,) = result["subgraphs"]
    assert subgraph["problem"] is None
    assert [operator["name"] for operator in subgraph["operators"]] == [o.name for o in model.operators]
    for shown, operator in zip(subgraph["operators"], model.operators, strict=True):
        assert shown["prepared"]["class"] == type(operator.prepared).__name__
        assert (shown["execution"] == "compiled") == operator.compiled
        assert (shown["execution"] == "folded") == operator.folded
    for tensor, shown in zip(model.graph.subgraphs[0].tensors, subgraph["tensors"], strict=True):
        assert (shown["name"], shown["scale"]) == (tensor.name, list(tensor.quantization.scale))


def test_inspect_shows_multipliers_and_shifts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", UINT8, "--json"]) == 0
    operators = json.loads(capsys.readouterr().out)["subgraphs"][0]["operators"]
    (convolution,) = (operator for operator in operators if operator["name"] == "CONV_2D")
    requantization = convolution["prepared"]["requantization"]
    assert len(requantization["multiplier"]) == len(requantization["shift"]) == 12
    columns = (requantization[name] for name in ("real_multiplier", "multiplier", "shift"))
    for real, multiplier, shift in zip(*columns, strict=True):
        assert multiplier * 2.0 ** (shift - 31) == pytest.approx(real, rel=1e-9)
    assert main(["inspect", UINT8]) == 0
    printed = capsys.readouterr().out
    assert "CONV_2D version" in printed and f"multiplier [{requantization['multiplier'][0]}, " in printed
    assert "zero point -128" in printed and "... 12 in all" in printed


def test_inspect_says_why_a_model_cannot_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from dataclasses import replace

    from q31.schema import read, write

    graph = read(model_path("integer_int8").read_bytes())
    subgraph = graph.subgraphs[0]
    operators = tuple(replace(o, version=99) if o.name == "MAX_POOL_2D" else o for o in subgraph.operators)
    path = tmp_path / "later.tflite"
    path.write_bytes(write(replace(graph, subgraphs=(replace(subgraph, operators=operators),))))
    assert main(["inspect", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "cannot run: " in printed and "MAX_POOL_2D version 99" in printed and "FULLY_CONNECTED" in printed
    assert "MAX_POOL_2D version 99" in fails(capsys, "run", str(path))


def test_profiles_differ_in_fully_connected(capsys: pytest.CaptureFixture[str]) -> None:
    rounding = {}
    for profile in ("litert", "tflm", "single"):
        assert main(["inspect", UINT8, "--json", "--profile", profile]) == 0
        operators = json.loads(capsys.readouterr().out)["subgraphs"][0]["operators"]
        (dense,) = (operator for operator in operators if operator["name"] == "FULLY_CONNECTED")
        rounding[profile] = dense["prepared"]["requantization"]["rounding"]
    assert rounding == {"litert": "FLOAT64", "tflm": "DOUBLE", "single": "SINGLE"}


KERNELS = {**REGISTRY, **CUSTOM, **STRUCTURAL}


def test_ops_lists_every_operator(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert [entry["operator"] for entry in entries] == sorted(KERNELS)
    for entry in entries:
        kernel = KERNELS[entry["operator"]]
        assert entry["versions"] == list(kernel.versions)
        assert entry["compiled"] == (kernel.lower is not None)
    assert main(["ops"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in KERNELS)


def test_warmup_compiles_into_the_cache(tmp_path: Path) -> None:
    """One kernel is enough: the others are put there as they are."""
    from q31.engine.codecache import CodeCache, write_object
    from q31.kernels.jit.layouts import LAYOUTS

    machine = pytest.importorskip("q31.engine.machine")
    machine.warmup()
    known = Path(CodeCache().directory)
    copy = Path(CodeCache(tmp_path).directory)
    for kernel in LAYOUTS:
        if kernel != "walk":
            content = (known / kernel).read_bytes()
            assert write_object(copy / kernel, b"")
            (copy / kernel).write_bytes(content)
    environment = {**os.environ, "Q31_CACHE_DIR": str(tmp_path)}
    for _ in range(2):
        result = q31_process("warmup", env=environment)
        assert result.returncode == 0, result.stderr
        assert f"{len(LAYOUTS)} kernels ready" in result.stdout and (copy / "walk").is_file()


def test_warmup_says_when_the_cache_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = pytest.importorskip("q31.engine.machine")
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("Q31_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr(machine, "warmup", lambda progress: 5)
    assert "could not be stored" in fails(capsys, "warmup")


def test_warmup_has_nothing_to_do_without_the_compiler() -> None:
    result = q31_process("warmup", env={**os.environ, "Q31_JIT": "0"})
    assert result.returncode == 2 and "Q31_JIT=0" in result.stderr and result.stderr.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m q31 inspect --json {UINT8} | head -c 1"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert result.stdout == "{" and result.stderr == ""


def test_ctrl_c_is_quiet_and_130() -> None:
    code = (
        "import signal, sys, types, time\n"
        "from q31.tools import cli\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background job ignores it
        "verb = types.ModuleType('q31.tools.operators')\n"
        "verb.add_arguments = lambda parser: None\n"
        "verb.main = lambda arguments: (print('started', flush=True), time.sleep(60))\n"
        "sys.modules['q31.tools.operators'] = verb\n"
        "sys.exit(cli.main(['ops']))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "started\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and errors == ""


def test_module_and_process_exit_codes(tmp_path: Path) -> None:
    assert q31_process("ops").returncode == 0
    result = q31_process("run", str(tmp_path / "missing.tflite"))
    assert result.returncode == 2 and result.stderr.count("\n") == 1 and result.stdout == ""


def test_output_in_a_terminal_without_unicode() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    for arguments in (("ops",), ("inspect", UINT8), ("run", UINT8)):
        result = q31_process(*arguments, env=environment)
        assert result.returncode == 0 and result.stderr == "", result.stderr
