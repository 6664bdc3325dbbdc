"""``q31 debug``: what quantization costs, layer by layer."""

from __future__ import annotations

import argparse
import json
import math
from typing import TYPE_CHECKING

from ..console import add_backend, add_profile
from .report import SORTS

if TYPE_CHECKING:
    from .report import Debugging

_EPILOG = """\
examples:
  q31 debug tools/digits/models/digits_float32.tflite tools/digits/models/digits_integer_int8.tflite \\
      --data tools/digits/data/digits.npz
  q31 debug float.tflite int8.tflite --data images.npz --limit 100 --csv layers.csv --plot layers.png

Both models run on the same examples, each as if it were the first. The data become the float model's inputs as q31
evaluate --help says; the quantized model's inputs are these, quantized. Layers are paired by their operators' kinds,
names and inputs; QUANTIZE and DEQUANTIZE are looked through. The error is quantized minus float, over all values of all
examples:

  SQNR dB     10 log10(sum(float^2) / sum(error^2)): what came in with the inputs, and what the layer adds
  local dB    the same of the operator alone, on the float model's numbers: what it adds itself, by its weights and by
              rounding its inputs and outputs
  weights dB  the same of its constants
  RMSE/scale  root of the mean square error in steps of the output; rounding alone gives 0.289
  at low/high codes at the ends of their type; clipped: numbers that are more than half a step beyond them

CSV and JSON name their columns as TensorFlow's quantization debugger does, where it has them, and hold every layer in
order. Exit code: 0; 1 where an output is below --min-sqnr; 2 wrong usage or bad input."""

_WIDE = 140  # columns of a terminal that show the names of tensors, too


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("model", metavar="FLOAT", help="the float .tflite file")
    parser.add_argument("quantized", metavar="QUANTIZED", help="the .tflite file made from it, by any converter")
    parser.add_argument(
        "-d",
        "--data",
        required=True,
        metavar="DATA",
        help=".npz (arrays by input name, or one of any name), .npy or IDX file, examples along the first dimension; "
        "or a folder of images",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N examples")
    parser.add_argument("--select", metavar="START:STOP:STEP", help="only these examples, as in Python")
    parser.add_argument(
        "--image-range",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="real numbers that the levels 0 and 255 of pixels stand for (default 0 1)",
    )
    parser.add_argument("--sort", choices=SORTS, default="sqnr", help="which layers come first (default sqnr: lowest)")
    parser.add_argument("--worst", type=int, metavar="N", help="show only the first N layers")
    parser.add_argument("--csv", metavar="FILE", help="write every layer as comma-separated values")
    parser.add_argument("--plot", metavar="FILE", help="draw the layers as .png, .svg or .pdf (needs q31[plot])")
    parser.add_argument("--min-sqnr", type=float, metavar="DB", help="exit with 1 where an output is below it")
    parser.add_argument("--no-local", action="store_true", help="do not run operators alone")
    parser.add_argument("--no-timing", action="store_true", help="do not time the models")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_profile(parser)
    add_backend(parser)


def main(arguments: argparse.Namespace) -> int:
    """Print the layers; 1 where an output is below ``--min-sqnr``.

    Raises
    ------
    Error, OSError
        Where a model or the data is bad, or a file cannot be written.
    """
    from ...schema.errors import InputError
    from ..evaluation.data import parse_slice
    from ..files import require_writable, write_atomically
    from .plot import require_drawable
    from .running import debug

    for path in (arguments.csv, arguments.plot):
        if path:
            require_writable(path)
    if arguments.plot:
        require_drawable(arguments.plot)
    if arguments.worst is not None and arguments.worst < 1:
        raise InputError(f"--worst: expected a positive integer, not {arguments.worst}")
    found = debug(
        arguments.model,
        arguments.quantized,
        arguments.data,
        limit=arguments.limit,
        select=parse_slice(arguments.select),
        image_range=tuple(arguments.image_range) if arguments.image_range else None,
        profile=arguments.profile,
        backend=arguments.backend,
        local=not arguments.no_local,
        timing=not arguments.no_timing,
        progress=True,
    )
    if arguments.csv:
        with write_atomically(arguments.csv) as file:
            file.write(found.csv().encode())
    if arguments.plot:
        found.plot(arguments.plot)
    outputs = found.outputs
    below = [one for one in outputs if arguments.min_sqnr is not None and not one.errors.sqnr >= arguments.min_sqnr]
    if arguments.json:
        print(json.dumps(found.to_dict(), indent=1, allow_nan=False))
        return int(bool(below))
    _print(found, arguments)
    for one in below:
        print(f"no: output {one.tensor_name!r} has {one.errors.sqnr:.1f} dB, below {arguments.min_sqnr:g}")
    return int(bool(below))


def _print(found: Debugging, arguments: argparse.Namespace) -> None:
    from ..console import console

    out = console()
    out.print(found.table(arguments.sort, arguments.worst, names=out.width >= _WIDE))
    out.print()
    out.print(found.cost_table())
    for note in found.notes:
        print(f"note: {note}")
    for one in found.layers:
        if one.note:
            print(f"note: {one.title}: local is not known: {one.note}")
    for one in found.outputs:
        sqnr = "exact" if one.errors.sqnr == math.inf else f"{one.errors.sqnr:.1f} dB"
        name = "".join(letter if letter.isprintable() else "?" for letter in one.tensor_name)
        print(f"output {name}: {sqnr} over {found.examples:,} {'example' if found.examples == 1 else 'examples'}")
    for path in (arguments.csv, arguments.plot):
        if path:
            print(f"written: {path}")
