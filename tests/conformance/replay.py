"""Run a saved failing case again: ``python tests/conformance/replay.py tests/conformance/failures/ADD_int8.tflite``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from conformance.judge import BACKENDS, ask, run
from q31.schema import read
from q31.tools.conformance.case import Case
from q31.tools.conformance.differences import compare
from q31.tools.conformance.oracle import Answer, Oracle


def main() -> None:
    model = Path(sys.argv[1])
    with np.load(model.with_suffix(".npz")) as saved:
        count = sum(name.endswith("_0") for name in saved.files)
        runs = [tuple(saved[f"in{i}_{k}"] for i in range(count)) for k in range(len(saved.files) // max(count, 1))]
    first, *more = runs or [()]
    case = Case(read(model.read_bytes()), first, more=tuple(more))
    # The bytes on disk are what failed; writing the graph again could hide it.
    case.__dict__["model"] = model.read_bytes()
    print(case)
    with Oracle() as oracle:
        expected = ask(oracle, case)
    print("oracle", [array.tolist() for array in expected.outputs] if isinstance(expected, Answer) else expected)
    for backend in BACKENDS:
        got = run(case, backend)
        if isinstance(got, Exception):
            print(backend, f"raises {type(got).__name__}: {got}")
            continue
        print(backend, [array.tolist() for array in got])
        if isinstance(expected, Answer):
            print("   ", compare(expected.outputs, got) or "the same bits")


if __name__ == "__main__":
    main()
