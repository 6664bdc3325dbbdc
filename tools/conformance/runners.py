"""Who is asked: a command, a Python callable, LiteRT by one of its resolvers, or q31 itself."""

from __future__ import annotations

import json
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np

from ...kernels.profiles import Profile
from ...schema import Error, InputError, read
from ..arrays import read_npz
from .oracle import Abort, Answer, Oracle, Refusal, missing, resolver_for
from .problems import Problem, run_q31

Outcome: TypeAlias = "Answer | Refusal | Abort"

LITERT = {"litert-ref": "", "litert-builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "litert": "BUILTIN"}
"""Runner -> resolver of LiteRT: the reference's, the optimized kernels, and those with XNNPACK, as LiteRT comes."""

HELP = """\
A command is run once a problem, with these in place of the words in braces:
  {model}        path of the .tflite file
  {inputs}       path of an .npz with input_0, input_1... in the order of the model's inputs
  {outputs}      path of the .npz to write, with output_0, output_1...
  {inputs_dir}   folder with the same as input_0.bin... (little-endian, row-major), and inputs.json (shapes, types)
  {outputs_dir}  folder in which to write output_0.bin...
Exit code 0: answered. 1 to 125: refused. Anything else, a signal, or no end within --timeout: crashed."""


class Runner(Protocol):
    """Answers problems."""

    def run(self, problem: Problem) -> Outcome:
        """Return outputs, a refusal, or that it crashed."""

    def close(self) -> None:
        """Let go of what is held."""


class CommandRunner:
    """A command with words in braces, see :data:`HELP`."""

    def __init__(self, template: str, timeout: float) -> None:
        try:
            self._words = shlex.split(template)
        except ValueError as error:
            raise InputError(f"runner {template!r}: {error}") from None
        if "{model}" not in template or not ("{outputs}" in template or "{outputs_dir}" in template):
            raise InputError(f"runner {template!r}: expected {{model}} and {{outputs}} or {{outputs_dir}} in it")
        self._timeout = timeout

    def run(self, problem: Problem) -> Outcome:
        """Run the command in a folder of its own."""
        with tempfile.TemporaryDirectory(prefix="q31-") as folder:
            return self._run(problem, Path(folder))

    def close(self) -> None:
        """Nothing is held."""

    def _run(self, problem: Problem, folder: Path) -> Outcome:
        places = {
            "model": folder / "model.tflite",
            "inputs": folder / "inputs.npz",
            "outputs": folder / "outputs.npz",
            "inputs_dir": folder / "inputs",
            "outputs_dir": folder / "outputs",
        }
        places["model"].write_bytes(problem.model)
        _write_inputs(problem, places)
        words = [_filled(word, places) for word in self._words]
        try:
            done = subprocess.run(words, capture_output=True, timeout=self._timeout)
        except subprocess.TimeoutExpired:
            return Abort(f"no end in {self._timeout:g} s", "")
        except OSError as error:
            raise InputError(f"runner {words[0]!r} cannot be started: {error.strerror or error}") from None
        message = done.stderr.decode(errors="replace").strip()[-300:]
        if done.returncode in (126, 127) or done.returncode < 0 or done.returncode > 125:
            return Abort(f"exit code {done.returncode}", message)
        if done.returncode:
            return Refusal(f"exit code {done.returncode}", message)
        try:
            return Answer([_read_outputs(problem, places)])
        except (OSError, InputError, ValueError, KeyError) as error:
            return Abort(f"no outputs: {error}", message)


def _filled(word: str, places: dict[str, Path]) -> str:
    for name, path in places.items():
        word = word.replace(f"{{{name}}}", str(path))
    return word


def _write_inputs(problem: Problem, places: dict[str, Path]) -> None:
    np.savez(places["inputs"], **{f"input_{i}": array for i, array in enumerate(problem.inputs)})  # type: ignore[arg-type]
    places["inputs_dir"].mkdir()
    places["outputs_dir"].mkdir()
    described = [{"shape": list(array.shape), "dtype": str(array.dtype)} for array in problem.inputs]
    (places["inputs_dir"] / "inputs.json").write_text(json.dumps(described))
    for i, array in enumerate(problem.inputs):
        if array.dtype != object:
            (places["inputs_dir"] / f"input_{i}.bin").write_bytes(np.ascontiguousarray(array).tobytes())


def _read_outputs(problem: Problem, places: dict[str, Path]) -> list[np.ndarray]:
    if places["outputs"].exists():
        found = read_npz(str(places["outputs"]))
        return [found[f"output_{i}"] for i in range(len(found))]
    raw = sorted(places["outputs_dir"].glob("output_*.bin"), key=lambda path: int(path.stem.split("_")[1]))
    if not raw:
        raise InputError("neither outputs.npz nor output_0.bin was written")
    content = [path.read_bytes() for path in raw]
    if problem.expected is None:
        return [np.frombuffer(one, np.uint8) for one in content]
    pairs = zip(content, problem.expected, strict=True)
    return [np.frombuffer(one, expected.dtype).reshape(expected.shape) for one, expected in pairs]


class CallableRunner:
    """A Python callable ``f(model: bytes, inputs: list of arrays) -> list of arrays``; an exception is a refusal."""

    def __init__(self, function: Callable[[bytes, list[np.ndarray]], Sequence[np.ndarray]]) -> None:
        self._function = function

    def run(self, problem: Problem) -> Outcome:
        """Call it."""
        try:
            outputs = self._function(problem.model, [np.array(array) for array in problem.inputs])
        except Exception as error:
            return Refusal(type(error).__name__, str(error))
        return Answer([[np.asarray(one) for one in outputs]])

    def close(self) -> None:
        """Nothing is held."""


class LiteRTRunner:
    """LiteRT by one of its resolvers, in a process of its own."""

    def __init__(self, resolver: str, timeout: float) -> None:
        if reason := missing():
            raise InputError(f"{reason}: pip install 'q31[conformance]'")
        self._resolver = resolver
        self._oracle = Oracle(timeout)

    def run(self, problem: Problem) -> Outcome:
        """Ask LiteRT."""
        try:
            resolver = self._resolver or resolver_for(read(problem.model))
        except Error:
            resolver = self._resolver or "BUILTIN_REF"
        return self._oracle.run_many(problem.model, [problem.inputs], resolver=resolver)

    def close(self) -> None:
        """End the process."""
        self._oracle.close()


def make_runner(runner: Any, profile: str | Profile, timeout: float) -> Runner:
    """Return the runner that is meant: a name, ``module:function``, a command with ``{model}``, or a callable.

    Raises
    ------
    InputError
        Where it is none of these, or cannot be had.
    """
    if callable(runner):
        return CallableRunner(runner)
    if runner == "q31":
        return CallableRunner(lambda model, inputs: run_q31(model, inputs, profile))
    if runner in LITERT:
        return LiteRTRunner(LITERT[runner], timeout)
    if "{" in runner:
        return CommandRunner(runner, timeout)
    module, _, name = runner.partition(":")
    if not name:
        names = ", ".join(["q31", *LITERT])
        raise InputError(f"runner {runner!r}: expected {names}, MODULE:FUNCTION or a command with {{model}}")
    try:
        return CallableRunner(getattr(import_module(module), name))
    except (ImportError, AttributeError) as error:
        raise InputError(f"runner {runner!r}: {error}") from None
