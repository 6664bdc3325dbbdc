"""Record what tflite-micro answers for the operators of the audio front end.

Needs q31 and the wheel in one environment::

    pip install -e . 'tflite-micro==0.dev20261023182759'
    python tests/record_signal.py

It writes ``signal_streams.npz`` and ``micro_speech.npz`` in ``kernels/recorded`` anew, with inputs of a fixed seed, and
says whether ``signal.npz``, whose inputs it keeps, still has the wheel's answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from q31.tools.micro_speech import preprocessor, synthetic_recording, windows
from signal_models import CASES, INVOKES, draw, model

FOLDER = Path(__file__).parent / "kernels" / "recorded"


def answers(model: bytes, runs: Sequence[Sequence[np.ndarray]], outputs: int) -> Iterator[list[np.ndarray]]:
    """Yield tflite-micro's outputs of each run of one interpreter."""
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(model, arena_size=1 << 20)
    for inputs in runs:
        for index, array in enumerate(inputs):
            interpreter.set_input(array, index)
        interpreter.invoke()
        yield [np.array(interpreter.get_output(index)) for index in range(outputs)]


def record_streams() -> None:
    """Write what the operators of ``signal_models.CASES`` answer to ``INVOKES`` inputs in a row."""
    random = np.random.default_rng(31)
    arrays: dict[str, np.ndarray] = {}
    for number, case in enumerate(CASES):
        runs = [[draw(case, random)] for _ in range(INVOKES)]
        graph = model(case.operator, case.options, [case.given], case.outputs)
        for run, results in enumerate(answers(graph, runs, len(case.outputs))):
            arrays[f"in{number}_{run}"] = runs[run][0]
            arrays |= {f"out{number}_{run}_{index}": result for index, result in enumerate(results)}
    np.savez_compressed(FOLDER / "signal_streams.npz", **arrays)


def record_micro_speech() -> None:
    """Write the features of a synthetic recording, from the preprocessor's graph."""
    samples = synthetic_recording()
    runs = [[window[None]] for window in windows(samples)]
    features = np.stack([row[0] for row in answers(preprocessor(), runs, 1)])
    np.savez_compressed(FOLDER / "micro_speech.npz", samples=samples, features=features)


def check_stateless() -> None:
    """Compare ``signal.npz`` with the wheel."""
    with np.load(FOLDER / "signal.npz") as recorded:
        for number, case in enumerate(json.loads(str(recorded["cases"]))):
            inputs = [recorded[f"in{number}_{index}"] for index in range(case["inputs"])]
            results = [recorded[f"out{number}_{index}"] for index in range(len(case["outputs"]))]
            given: list[Any] = [(inputs[0].dtype.name, inputs[0].shape), *inputs[1:]]
            shapes = [(result.dtype.name, result.shape) for result in results]
            (again,) = answers(model(case["operator"], case["options"], given, shapes), [inputs[:1]], len(shapes))
            same = all(a.tobytes() == b.tobytes() for a, b in zip(again, results, strict=True))
            print(f"case {number}, {case['operator']}: {'equal' if same else 'DIFFERENT'}")


if __name__ == "__main__":
    record_streams()
    record_micro_speech()
    check_stateless()
