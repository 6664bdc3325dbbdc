"""``q31 trace``: run a model once and keep everything: tensors, accumulators, prepared parameters."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from .console import add_accumulator, add_profile
from .run import natural_number

if TYPE_CHECKING:
    from ..engine.trace import Trace, TracedOperator

_EXAMPLE = """\
example:
  q31 trace tools/digits/models/digits_integer_int8.tflite --out t.npz

keys of the file: stamp (JSON: profile, oracle, q31_version, model_sha256, seed, names of the tensors), tensor/I,
operator/N/name, operator/N/accumulator, operator/N/accumulator_without_bias, operator/N/input_sum and other
intermediate results, and operator/N/prepared/... (multiplier, shift, zero points, clamps, tables).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLE
    parser.add_argument("model", metavar="MODEL", help="a .tflite file")
    parser.add_argument(
        "-i", "--input", default="random", metavar="INPUT", help=".npy, .npz, an image or random (default), as for run"
    )
    parser.add_argument("-o", "--out", metavar="FILE", help="save the trace: a compressed .npz")
    add_profile(parser)
    add_accumulator(parser)
    parser.add_argument("--seed", type=natural_number, default=0, help="seed of random inputs, 0 or more (default 0)")
    parser.add_argument("--json", action="store_true", help="print JSON: stamp, operators, shapes and ranges")


def main(arguments: argparse.Namespace) -> int:
    """Run the model once, save the trace and print what is in it.

    Raises
    ------
    Error, OSError
        Where the model or the input is bad, or the file cannot be written.
    """
    from ..engine.model import load
    from .arrays import RANDOM, read_input
    from .files import require_writable, write_atomically
    from .progress import waiting

    if arguments.out:
        require_writable(arguments.out)
    model = load(
        arguments.model,
        profile=arguments.profile,
        accumulator_bits=arguments.accumulator_bits,
        overflow=arguments.overflow,
    )
    inputs = read_input(arguments.input, model.inputs, seed=arguments.seed)
    with waiting("running the model"):
        trace = model.trace(inputs, seed=arguments.seed if arguments.input == RANDOM else None)
    with waiting("computing accumulators"):
        summary = summarize(trace)
    if arguments.out:
        with waiting(f"writing {arguments.out}"), write_atomically(arguments.out) as file:
            trace.write(file)
    if arguments.json:
        print(json.dumps({**summary, "file": arguments.out}, indent=1, allow_nan=False))
        return 0
    _report(summary)
    if arguments.out:
        print(f"{len(trace.tensors)} tensors and {len(trace.operators)} operators saved in {arguments.out}")
    return 0


def summarize(trace: Trace) -> dict[str, Any]:
    """Return the stamp, and of each operator what went out and what lay between, as shapes, types and ranges."""
    return {"stamp": trace.stamp, "operators": [_summarize(trace, operator) for operator in trace.operators]}


def _summarize(trace: Trace, operator: TracedOperator) -> dict[str, Any]:
    outputs = [
        {"tensor": index, "name": trace.names.get(index, ""), **_described(array)}
        for index, array in zip(operator.output_indices, operator.outputs, strict=True)
        if array is not None
    ]
    between = {name: _described(array) for name, array in operator.intermediates().items()}
    return {"index": operator.index, "name": operator.name, "outputs": outputs, "intermediates": between}


def _described(array: np.ndarray) -> dict[str, Any]:
    limits: list[Any] = [None, None]
    if array.size and array.dtype.kind in "iufb":
        limits = [one.item() for one in (array.min(), array.max())]
        limits = [one if not isinstance(one, float) or np.isfinite(one) else str(one) for one in limits]
    return {"shape": list(array.shape), "dtype": str(array.dtype), "min": limits[0], "max": limits[1]}


def _report(summary: dict[str, Any]) -> None:
    from .console import console, table

    right = ("lowest", "highest")
    result = table("", "operator", "tensor or intermediate", "shape", "data type", *right, right=("", *right))
    for operator in summary["operators"]:
        first = (str(operator["index"]), operator["name"])
        for name, entry in operator["intermediates"].items():
            result.add_row(*first, name, *_cells(entry))
            first = ("", "")
        for entry in operator["outputs"]:
            result.add_row(*first, f"{entry['tensor']}: {entry['name']}", *_cells(entry))
            first = ("", "")
    console().print(result)
    stamp = summary["stamp"]
    seed = "" if stamp["seed"] is None else f", random input of seed {stamp['seed']}"
    print(f"profile {stamp['profile']} ({stamp['oracle']}), q31 {stamp['q31_version']}{seed}")


def _cells(entry: dict[str, Any]) -> list[str]:
    def number(x: Any) -> str:
        return "" if x is None else f"{x:.6g}" if isinstance(x, float) else str(x)

    shape = "x".join(map(str, entry["shape"])) or "scalar"
    return [shape, entry["dtype"], number(entry["min"]), number(entry["max"])]
