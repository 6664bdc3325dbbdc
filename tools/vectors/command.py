"""``q31 vectors``: golden vectors of a model's operators, for test benches and firmware."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..console import add_profile
from ..run import natural_number

if TYPE_CHECKING:
    from .generation import Progress

_EXAMPLES = """\
examples:
  q31 vectors model.tflite --op 0 --out vectors
  q31 vectors model.tflite --op 0 --out vectors --format c --corner-cases
  q31 vectors model.tflite --all --out vectors --format readmemh --word-bits 32 --weight-layout HWIO

DIR gets a folder a case and manifest.json: stamp, sign conventions, every array's file, type, shape and layout, and
what each corner case hits. c: headers named as CMSIS-NN's test data (config_data.h, input_data.h, weights_data.h,
biases_data.h, output_mult_data.h, output_shift_data.h, output_ref_data.h, test_data.h); readmemh: a word a line."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    parser.add_argument("model", metavar="MODEL", help="a .tflite file")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--op", type=natural_number, action="append", metavar="N", help="an operator's index; may be repeated"
    )
    which.add_argument("--all", action="store_true", help="every operator")
    parser.add_argument("-o", "--out", required=True, metavar="DIR", help="folder to write; one of vectors is replaced")
    parser.add_argument("--format", choices=("npz", "c", "readmemh", "bin"), default="npz", help="default: npz")
    parser.add_argument("-i", "--input", metavar="INPUT", help="the model's input, as for q31 run; default: random")
    parser.add_argument("--seed", type=natural_number, default=0, help="seed of random inputs (default 0)")
    parser.add_argument("--count", type=natural_number, default=1, help="how many random inputs (default 1)")
    parser.add_argument(
        "--corner-cases",
        action="store_true",
        help="also cases that hit ties, saturation, extreme zero points and the largest shifts",
    )
    layout = parser.add_argument_group("layout in memory")
    layout.add_argument("--layout", default="NHWC", metavar="NHWC", help="order of activations' dimensions")
    layout.add_argument("--weight-layout", metavar="OHWI", help="order of weights' dimensions (default: the model's)")
    layout.add_argument("--word-bits", type=natural_number, metavar="W", help="readmemh: width of a word in bits")
    layout.add_argument("--lanes", type=natural_number, metavar="L", help="readmemh: elements in a word")
    layout.add_argument(
        "--endianness", choices=("little", "big"), help="readmemh: place of lane 0; bin: order of bytes"
    )
    add_profile(parser)
    parser.add_argument("--json", action="store_true", help="print the manifest")


def main(arguments: argparse.Namespace) -> int:
    """Write the vectors.

    Raises
    ------
    Error, OSError
        Where model, input or options are bad, or the folder cannot be written.
    """
    from pathlib import Path

    from ...engine.model import load
    from .folder import require_replaceable
    from .generation import vectors

    memory = _memory(arguments)
    require_replaceable(Path(os.path.realpath(arguments.out)), arguments.out)
    made = vectors(
        load(arguments.model, profile=arguments.profile),
        None if arguments.all else arguments.op,
        inputs=None if arguments.input in (None, "random") else arguments.input,
        seed=arguments.seed,
        count=arguments.count,
        corner_cases=arguments.corner_cases,
    )
    with _progress() as progress:
        manifest = made.save(arguments.out, arguments.format, memory, progress)
    if arguments.json:
        print(json.dumps(manifest, indent=1, allow_nan=False))
    else:
        _report(manifest, arguments.out)
    return 0


def _memory(arguments: argparse.Namespace) -> Any:
    from ...schema import InputError
    from .memory import MemoryFormat

    if arguments.format != "readmemh" and (arguments.word_bits is not None or arguments.lanes is not None):
        raise InputError("--word-bits and --lanes go with --format readmemh")
    if arguments.format not in ("readmemh", "bin") and arguments.endianness:
        raise InputError("--endianness goes with --format readmemh or bin")
    weights = arguments.weight_layout.upper() if arguments.weight_layout else None
    endianness = arguments.endianness or "little"
    return MemoryFormat(arguments.word_bits, arguments.lanes, endianness, arguments.layout.upper(), weights)


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """Show a bar where stderr is a terminal."""
    import sys

    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("running", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)


def _report(manifest: dict[str, Any], folder: str) -> None:
    from ..console import console, table

    result = table("case", "source", "arrays", "output", "hits", right=("arrays",))
    for case in manifest["cases"]:
        output = next((str(one["shape"]) for one in case["arrays"] if one["kind"] == "output"), "")
        hits = ", ".join(f"{name} {case['hits'][name]}" for name in case["aims"])
        result.add_row(case["name"], case["source"], str(len(case["arrays"])), output, hits)
    console().print(result)
    for one in manifest["left_out"]:
        print(f"operator {one['operator']}, no {one['corner_case']}: {one['reason']}")
    stamp, count = manifest["stamp"], len(manifest["cases"])
    made = f"{count} {'case' if count == 1 else 'cases'} in {folder}"
    print(f"{made}: {manifest['format']['name']}, profile {stamp['profile']}, seed {stamp['seed']}")
