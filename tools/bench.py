"""Time a call of models in q31 and in LiteRT's reference interpreter, in one run.

    python -m q31.tools.bench [MODEL ...]

Prints a Markdown table: milliseconds a call at batch 1, one thread, median; the engines take turns, so that a busy
machine slows them alike. Without models, the bundled ones are timed. Without ai-edge-litert, q31 alone is.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..engine.interpreter import Interpreter
from ..schema import Error
from .cli import describe
from .digits.bundle import FORMS, model_path

_ROUNDS = 15
_ROUND_SECONDS = 0.05
Call = Callable[[], Any]


def engines(path: str, with_numpy: bool) -> dict[str, Any]:
    """Return an interpreter for each engine by name."""
    made: dict[str, Any] = {"q31": Interpreter(path)}
    if with_numpy:
        made["q31 numpy"] = Interpreter(path, backend="numpy")
    if find_spec("ai_edge_litert"):
        from ai_edge_litert.interpreter import Interpreter as LiteRT
        from ai_edge_litert.interpreter import OpResolverType

        made["BUILTIN_REF"] = LiteRT(path, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1)
    return made


def feed(interpreter: Any, generator: np.random.Generator) -> None:
    """Allocate an interpreter's tensors and fill its inputs with random values."""
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        dtype, shape = np.dtype(detail["dtype"]), detail["shape"]
        if dtype.kind == "f":
            value = generator.uniform(-1, 1, shape).astype(dtype)
        elif dtype.itemsize == 1 or dtype == np.int16:
            limits = np.iinfo(dtype)
            value = generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)
        else:
            value = np.zeros(shape, dtype)
        interpreter.set_tensor(detail["index"], value)


def time_in_turns(calls: Mapping[str, Call]) -> dict[str, float]:
    """Return the median time of each call in seconds; the calls take turns."""
    repeats = {}
    for name, call in calls.items():
        call()
        start = time.perf_counter()
        call()
        repeats[name] = max(1, int(_ROUND_SECONDS / max(1e-7, time.perf_counter() - start)))
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(_ROUNDS):
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            times[name].append((time.perf_counter() - start) / repeats[name])
    return {name: statistics.median(values) for name, values in times.items()}


def row(path: str, with_numpy: bool) -> str:
    """Return a model's row of the table."""
    made = engines(path, with_numpy)
    for interpreter in made.values():
        feed(interpreter, np.random.default_rng(0))
    times = time_in_turns({name: interpreter.invoke for name, interpreter in made.items()})
    cells = [f"{times[name] * 1e3:.3f}" if name in times else "-" for name in _columns(with_numpy)]
    if "BUILTIN_REF" not in times:
        return f"| {os.path.basename(path)} | {' | '.join(cells)} | - | - |"
    ours, theirs = (
        [made[name].get_tensor(detail["index"]) for detail in made[name].get_output_details()]
        for name in ("q31", "BUILTIN_REF")
    )
    same = all(a.tobytes() == b.tobytes() for a, b in zip(ours, theirs, strict=True))
    ratio = times["BUILTIN_REF"] / times["q31"]
    return f"| {os.path.basename(path)} | {' | '.join(cells)} | {ratio:.1f} | {'equal' if same else 'differ'} |"


def _columns(with_numpy: bool) -> list[str]:
    return ["q31", *(["q31 numpy"] if with_numpy else []), "BUILTIN_REF"]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description="Time a call of models in q31 and in LiteRT's BUILTIN_REF.")
    parser.add_argument("models", nargs="*", metavar="MODEL", help="a .tflite file; by default the bundled ones")
    parser.add_argument("--numpy", action="store_true", help="time the readable NumPy back end too")
    arguments = parser.parse_args(argv)
    columns = [f"{name}, ms" for name in _columns(arguments.numpy)]
    print(f"{platform.machine()}, one thread, batch 1, median; times compare only within a row", file=sys.stderr)
    print(f"| model | {' | '.join(columns)} | times as fast | output bits |")
    print(f"|---|{'---:|' * len(columns)}---:|---|")
    try:
        for path in arguments.models or [str(model_path(form)) for form in FORMS]:
            print(row(path, arguments.numpy), flush=True)
    except (Error, OSError) as error:
        print(f"q31: error: {describe(error)}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
