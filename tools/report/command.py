"""``q31 report``: a page in one file that shows a model and the arithmetic of its values."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from ..console import add_backend, add_profile
from ..run import natural_number

if TYPE_CHECKING:
    from .running import Report

_EPILOG = """\
example:
  q31 report tools/digits/models/digits_integer_int8.tflite --data tools/digits/data/digits.npz \\
      --float tools/digits/models/digits_float32.tflite -o report.html

The page is one file that needs no network: the operators and tensors as lists to search, scales and zero points,
histograms with what saturates, the error of each layer where --float is given, sizes and times. Of convolutions,
fully-connected layers, ADD, average pools and softmax on 8-bit codes a click on a value shows what it is computed
from, step by step, and what another scale, zero point or rounding would make of it.

The data become the model's inputs as q31 evaluate --help says; without any the input is random. Of tensors too large
for a page it has a window in the middle. Exit code: 0; 2 wrong usage or bad input."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("model", metavar="MODEL", help="a .tflite file")
    parser.add_argument("-o", "--out", default="report.html", metavar="FILE", help="the page (default report.html)")
    parser.add_argument(
        "-d",
        "--data",
        metavar="DATA",
        help=".npz (arrays by input name, or one of any name), .npy or IDX file, examples along the first dimension; "
        "or a folder of images (default: random input)",
    )
    parser.add_argument("--float", dest="float_model", metavar="FLOAT", help="the float .tflite file it was made of")
    parser.add_argument(
        "--example", type=natural_number, default=0, metavar="N", help="the example to step through (default 0)"
    )
    parser.add_argument("--limit", type=int, default=16, metavar="N", help="run the first N examples (default 16)")
    parser.add_argument("--seed", type=natural_number, default=0, help="seed of random input (default 0)")
    parser.add_argument(
        "--image-range",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="real numbers that the levels 0 and 255 of pixels stand for (default 0 1)",
    )
    parser.add_argument("--title", metavar="TEXT", help="of the page (default: the file's name)")
    node_help = "also write each operator's SQNR, or without --float its time, as node data for Model Explorer"
    parser.add_argument("--node-data", metavar="FILE.json", help=node_help)
    parser.add_argument("--no-timing", action="store_true", help="do not time the operators")
    parser.add_argument("--json", action="store_true", help="print what the page shows as JSON")
    add_profile(parser)
    add_backend(parser)


def main(arguments: argparse.Namespace) -> int:
    """Write the page; returns 0.

    Raises
    ------
    Error, OSError
        Where a model or the data is bad, or the page cannot be written.
    """
    from ...schema.errors import InputError
    from ..files import is_same_file, require_writable
    from ..node_data import write_node_data
    from ..progress import waiting
    from .running import report

    for path in (arguments.out, arguments.node_data):
        if path:
            require_writable(path)
    for given in (arguments.model, arguments.float_model, arguments.data):
        if given and is_same_file(arguments.out, given):
            raise InputError(f"--out {arguments.out}: is what the page is made of")
    found = report(
        arguments.model,
        arguments.data,
        float_model=arguments.float_model,
        example=arguments.example,
        limit=arguments.limit,
        seed=arguments.seed,
        image_range=tuple(arguments.image_range) if arguments.image_range else None,
        profile=arguments.profile,
        backend=arguments.backend,
        timing=not arguments.no_timing,
        title=arguments.title,
        progress=True,
    )
    if arguments.node_data:
        write_node_data(arguments.node_data, found.node_data())
    with waiting("writing the page"):
        size = found.save(arguments.out)
    if arguments.json:
        print(json.dumps({"out": arguments.out, "out_bytes": size, **found.content}, indent=1, allow_nan=False))
    else:
        _print(found, arguments.out, size)
    return 0


def _print(found: Report, path: str, size: int) -> None:
    operators = found.content["operators"]
    steps = sum(one["step"] is not None for one in operators)
    print(f"written: {path}, {size:,} bytes: {len(operators)} operators, of which {steps} can be stepped through")
    cut = [one["index"] for one in operators if one["step"] and not one["step"]["pieces"]["output"]["whole"]]
    if cut:
        plural = "" if len(cut) == 1 else "s"
        print(f"of the output of {len(cut)} operator{plural} the page has a window in the middle")
