"""Compare q31 with LiteRT's reference kernels on a model: ``python -m q31.tools.bench MODEL...``.

For q31's developers: it needs ai-edge-litert, which q31 itself does not. The two run by turns on one thread, so that
whatever else the machine does meets both alike; times are of ``invoke`` alone, medians over the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.interpreter import Interpreter
from ..schema.errors import Error
from .console import console, table


def parse_arguments() -> argparse.Namespace:
    """Return the command's arguments."""
    parser = argparse.ArgumentParser(prog="python -m q31.tools.bench", description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+", metavar="MODEL", help="a .tflite file")
    parser.add_argument("--rounds", type=int, default=30, help="invocations of each (default 30)")
    parser.add_argument("--backend", choices=("numba", "numpy"), default="numba")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random inputs")
    return parser.parse_args()


def open_reference(path: str) -> Any:
    """Return LiteRT's interpreter with its reference kernels."""
    from ai_edge_litert.interpreter import Interpreter as ReferenceInterpreter
    from ai_edge_litert.interpreter import OpResolverType

    return ReferenceInterpreter(
        model_path=path, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
    )


def fill_inputs(interpreter: Any, seed: int) -> None:
    """Set every input to random values, the same for the same seed."""
    generator = np.random.default_rng(seed)
    for details in interpreter.get_input_details():
        dtype, shape = np.dtype(details["dtype"]), tuple(details["shape"])
        if dtype.kind == "f":
            value = generator.uniform(-1, 1, shape).astype(dtype)
        else:
            value = np.frombuffer(generator.bytes(int(np.prod(shape)) * dtype.itemsize), dtype).reshape(shape)
        interpreter.set_tensor(details["index"], value)


def outputs(interpreter: Any) -> list[np.ndarray]:
    """Return the values of all outputs."""
    return [interpreter.get_tensor(details["index"]) for details in interpreter.get_output_details()]


def time_by_turns(interpreters: list[Any], rounds: int) -> list[float]:
    """Return each interpreter's median time of an invocation, in seconds."""
    times: list[list[float]] = [[] for _ in interpreters]
    for _ in range(rounds):
        for interpreter, own in zip(interpreters, times, strict=True):
            start = time.perf_counter()
            interpreter.invoke()
            own.append(time.perf_counter() - start)
    return [statistics.median(own) for own in times]


def main() -> int:
    """Print a table, a row per model; 1 where the bits differ."""
    arguments = parse_arguments()
    rows = table("model", "BUILTIN_REF ms", "q31 ms", "ratio", "bits", right=("BUILTIN_REF ms", "q31 ms", "ratio"))
    all_equal = True
    for path in arguments.models:
        own = Interpreter(model_path=path, backend=arguments.backend)  # first: its errors are the clearer ones
        pair = [open_reference(path), own]
        for interpreter in pair:
            interpreter.allocate_tensors()
            fill_inputs(interpreter, arguments.seed)
            interpreter.invoke()
        equal = all(
            np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(*map(outputs, pair), strict=True)
        )
        all_equal &= equal
        slow, fast = (seconds * 1e3 for seconds in time_by_turns(pair, arguments.rounds))
        verdict = "equal" if equal else "different"
        rows.add_row(Path(path).name, f"{slow:.3f}", f"{fast:.3f}", f"{slow / fast:.1f}", verdict)
    console().print(rows)
    return 0 if all_equal else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Error, OSError, ImportError) as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(2)
