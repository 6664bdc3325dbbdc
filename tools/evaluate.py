"""``q31 evaluate``: how often models that classify are right on labelled data."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from .console import add_backend, add_dask, add_profile

if TYPE_CHECKING:
    from .evaluation.report import Evaluation

_EPILOG = """\
examples:
  q31 evaluate tools/digits/models/digits_float32.tflite tools/digits/models/digits_integer_int8.tflite \\
      --data tools/digits/data/digits.npz
  q31 evaluate model.tflite --data t10k-images-idx3-ubyte.gz --labels t10k-labels-idx1-ubyte.gz --limit 1000
  q31 evaluate mobilenet.tflite --data photos --image-range -1 1 --label-offset 1
  q31 evaluate tools/digits/models/digits_float32.tflite --data tools/digits/data/digits.npz --dask local:2

how data becomes a model's input:
{rule}
Dimensions of 1 may be missing from the data. One score, by LOGISTIC, is the probability of class 1 of two: above 0.5.
Of equal scores the lowest index goes first, in top-1 as in top-k. What a
model keeps from call to call is set back before each example.

columns: bytes of the file and of its constants; lost and won: examples that the first model has right and this one
wrong, and the other way round; ms/example: with 64 at a time; ms/call: one at a time; medians, the models by
turns. Exit code: 0; 1 where a model is below --max-drop; 2 wrong usage or bad input."""
_SHOWN = 20  # classes of which everything is shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    from .evaluation.values import RULE

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG.format(rule=RULE)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="a .tflite file")
    parser.add_argument(
        "-d",
        "--data",
        required=True,
        metavar="DATA",
        help=".npz (arrays by input name, or one of any name), .npy or IDX file, gzip-compressed or not, examples "
        "along the first dimension; or a folder of images with a subfolder for each class, in the order of names, "
        "or named by the classes' indices",
    )
    parser.add_argument(
        "-l",
        "--labels",
        metavar="FILE",
        help="class indices: .npy, IDX, .txt (one a line) or .csv (the column named label or class, else the last); "
        "default: the array labels or y in the .npz, or the subfolders",
    )
    parser.add_argument("--top", type=int, default=5, metavar="K", help="count labels among the K highest, too (5)")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N examples")
    parser.add_argument(
        "--select", metavar="START:STOP:STEP", help="only these examples, as in Python: 4::5 is every fifth from 4 on"
    )
    parser.add_argument("--output", metavar="NAME", help="the output with the scores, where there are several")
    parser.add_argument(
        "--image-range",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="real numbers that the levels 0 and 255 of pixels stand for, such as -1 1",
    )
    parser.add_argument("--class-names", metavar="FILE", help="names of the classes, one a line, by index")
    parser.add_argument("--label-offset", type=int, default=0, metavar="N", help="added to each label (default 0)")
    parser.add_argument("--per-class", action="store_true", help="precision and recall of each class, of every model")
    parser.add_argument("--confusion", action="store_true", help="the confusion matrix of every model")
    parser.add_argument(
        "--max-drop",
        type=float,
        metavar="POINTS",
        help="exit with 1 where a model is more than so many percentage points below the first",
    )
    parser.add_argument("--no-timing", action="store_true", help="do not time the models")
    parser.add_argument("--threads", type=int, metavar="N", help="threads that work on a call (default 1)")
    add_dask(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, with all counts")
    add_profile(parser)
    add_backend(parser)


def main(arguments: argparse.Namespace) -> int:
    """Print the table; 1 where a model is below ``--max-drop``.

    Raises
    ------
    Error, OSError
        Where a model or the data is bad.
    """
    from .evaluation.data import parse_slice
    from .evaluation.labels import read_names
    from .evaluation.report import rows_below
    from .evaluation.running import evaluate

    run: Callable[..., Evaluation] = evaluate
    if arguments.dask is not None:
        from . import distributed

        run = partial(distributed.evaluate, client=arguments.dask)
    found = run(
        arguments.models,
        arguments.data,
        arguments.labels,
        top=arguments.top,
        limit=arguments.limit,
        select=parse_slice(arguments.select),
        output=arguments.output,
        image_range=tuple(arguments.image_range) if arguments.image_range else None,
        class_names=read_names(arguments.class_names) if arguments.class_names else (),
        label_offset=arguments.label_offset,
        profile=arguments.profile,
        backend=arguments.backend,
        num_threads=arguments.threads,
        timing=not arguments.no_timing,
        progress=True,
    )
    below = rows_below(found, arguments.max_drop) if arguments.max_drop is not None else []
    if arguments.json:
        print(json.dumps(found.to_dict(), indent=None, allow_nan=False))
    else:
        _print(found, arguments)
        for one in below:
            print(f"no: {one.name} is {found.drop(one):.2f} points below {found.models[0].name}")
    return int(bool(below))


def _print(found: Evaluation, arguments: argparse.Namespace) -> None:
    from .console import console
    from .evaluation.report import confusion, per_class, printable

    out = console()
    alone = len(found.models) == 1 and found.models[0].counts.classes <= _SHOWN
    out.print(found.table())
    for one in found.models:
        title = f"{printable(one.name)}: "
        if arguments.per_class or alone:
            out.print(f"\n{title}precision and recall")
            for part in per_class(found, one, _SHOWN):
                out.print(part)
        if arguments.confusion or alone:
            out.print(f"\n{title}labels and predictions")
            for part in confusion(found, one, _SHOWN):
                out.print(part)
        for note in one.notes:
            print(f"note: {title}{note}")
        if one.counts.not_numbers:
            print(f"note: {title}{one.counts.not_numbers:,} examples have a NaN among their scores, which goes last")
    print(f"{found.examples:,} {'example' if found.examples == 1 else 'examples'}")
