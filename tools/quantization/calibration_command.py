"""``q31 calibrate``: record the ranges of a float model's tensors on representative data, and add up such records."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from .range_choice import HISTOGRAM_METHODS, METHODS

if TYPE_CHECKING:
    from ...engine.model import Model
    from .calibration import Calibration

_EXAMPLE = """examples:
  q31 calibrate model.tflite --data images.npz --out calibration.json
  q31 calibrate model.tflite --data photos/ --image-range -1 1 --limit 100 --method percentile --out calibration.json
  q31 calibrate model.tflite --data images.npz --out calibration.json --dask tcp://HOST:8786

in two processes, and added up, which gives the file that one process writes:
  q31 calibrate model.tflite --data images.npz --limit 50 --out a.json
  q31 calibrate model.tflite --data images.npz --skip 50 --out b.json
  q31 calibrate model.tflite --merge a.json b.json --out calibration.json

Every method finds its ranges from the same file; percentile, mse and entropy need histograms, which are recorded where
one of them is named, or with --histogram."""
_OPTIONS = ("percentile", "momentum", "bits")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    from ..console import add_dask
    from ..run import natural_number

    parser.epilog = _EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", metavar="MODEL", help="a float .tflite file")
    parser.add_argument(
        "-d",
        "--data",
        metavar="PATH",
        help=".npz, .npy or IDX: examples along the first dimension, one array for each input, in the model's data "
        "types or uint8 pixels; or a folder of images, which are resized to the model's input",
    )
    parser.add_argument("-o", "--out", metavar="FILE", help="save the calibration as JSON")
    parser.add_argument("--merge", nargs="+", metavar="FILE", default=[], help="add calibrations of other examples")
    methods = ", ".join(METHODS)
    help_text = f"how ranges are chosen, in what is printed: {methods} (default min-max)"
    parser.add_argument("--method", choices=METHODS, default="min-max", metavar="NAME", help=help_text)
    parser.add_argument("--percentile", type=float, metavar="P", help="of percentile, at both ends (default 99.99)")
    parser.add_argument("--momentum", type=float, metavar="M", help="of moving-average (default 0.95)")
    parser.add_argument("--bits", type=int, metavar="N", help="of the codes, of mse and entropy (default 8)")
    parser.add_argument("--histogram", action="store_true", help="record histograms, for any method later")
    parser.add_argument("--limit", type=natural_number, metavar="N", help="use no more than N examples")
    parser.add_argument("--skip", type=natural_number, default=0, metavar="N", help="leave out the first N examples")
    help_text = "the number of the first example used, where shards lie in several files (default: that of --skip)"
    parser.add_argument("--first-example", type=natural_number, metavar="N", help=help_text)
    parser.add_argument(
        "--image-range",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="what black and white of pixels stand for, such as -1 1, or 0 255 for the levels themselves (default 0 1)",
    )
    parser.add_argument("--threads", type=natural_number, metavar="N", help="examples at a time (default: as of use)")
    add_dask(parser)
    parser.add_argument("--json", action="store_true", help="print the ranges as JSON")


def main(arguments: argparse.Namespace) -> int:
    """Calibrate, merge, save and print.

    Raises
    ------
    Error, OSError
        Where the model, the data or a calibration is bad, or the result cannot be written.
    """
    from ...engine.model import load
    from ...schema.errors import InputError
    from ..files import require_writable

    if not arguments.data and not arguments.merge:
        raise InputError("nothing to calibrate with: give --data or --merge")
    options = {name: value for name in _OPTIONS if (value := getattr(arguments, name)) is not None}
    _require_options(arguments.method, options)
    if arguments.out:
        require_writable(arguments.out)
    model = load(arguments.model)
    found = _calibrations(arguments, model)
    total = found[0]
    for one in found[1:]:
        total = total.merge(one)
    report = [_row(total, key, arguments.method, options) for key in total.tensors]
    if arguments.out:
        total.save(arguments.out)
    if arguments.json:
        print(json.dumps({**total.stamp, "method": arguments.method, **options, "tensors": report}, indent=1))
    else:
        _print(total, arguments, report)
    return 0


def _require_options(method: str, options: dict[str, Any]) -> None:
    """Refuse options of other methods, and wrong ones, before anything runs."""
    import numpy as np

    from .range_choice import choose
    from .statistics import Collector

    probe = Collector("", "", histogram=True)
    probe.add(0, np.ones(1, np.float32))
    statistics = probe.statistics()
    assert statistics is not None
    choose(statistics, method, **options)


def _calibrations(arguments: argparse.Namespace, model: Model) -> list[Calibration]:
    """Return the calibration on the data, if there is some, and those that are to be merged with it."""
    from .calibration import Calibration, calibrate
    from .dataset import Dataset

    merged = [Calibration.load(path, model) for path in arguments.merge]
    if not arguments.data:
        return merged
    image_range = tuple(arguments.image_range) if arguments.image_range else None
    data = Dataset.of(arguments.data, model.graph, skip=arguments.skip, limit=arguments.limit, image_range=image_range)
    run: Callable[..., Calibration] = calibrate
    if arguments.dask is not None:
        from .. import distributed

        run = partial(distributed.calibrate, client=arguments.dask)
    found = run(
        model if arguments.dask is None else arguments.model,
        data,
        progress=True,
        histogram=arguments.histogram or arguments.method in HISTOGRAM_METHODS,
        first_example=arguments.skip if arguments.first_example is None else arguments.first_example,
        num_threads=arguments.threads,
    )
    return [found, *merged]


def _row(found: Calibration, key: tuple[int, int], method: str, options: dict[str, Any]) -> dict[str, Any]:
    statistics = found.tensors[key]
    return {
        "subgraph": key[0],
        "tensor": key[1],
        "name": statistics.name,
        "values": statistics.count,
        "min": statistics.min,
        "max": statistics.max,
        "range": found.range(*key, method, **options),
    }


def _print(found: Calibration, arguments: argparse.Namespace, report: list[dict[str, Any]]) -> None:
    from ..console import console, table

    other = arguments.method != "min-max"
    numbers = ("tensor", "values", "min", "max", *(("low", "high") if other else ()))
    shown = table("tensor", "name", *numbers[1:], right=numbers)
    several = any(row["subgraph"] for row in report)
    for row in report:
        title = f"{row['subgraph']}:{row['tensor']}" if several else str(row["tensor"])
        ends = (row["min"], row["max"], *(row["range"] if other else ()))
        shown.add_row(title, row["name"], f"{row['values']:,}", *(f"{end:.6g}" for end in ends))
    console().print(shown)
    examples = f"{found.examples} {'example' if found.examples == 1 else 'examples'}"
    chosen = f"; low and high by {arguments.method}" if other else ""
    saved = f"; saved in {arguments.out}" if arguments.out else ""
    print(f"{len(report)} tensors on {examples}{chosen}{saved}")
