"""``q31 ranges``: how far the accumulators of a model go, on data and at worst, and the bits they need."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np

    from ..engine.model import Model
    from ..engine.ranges import Ranges

_EXAMPLE = """example:
  q31 ranges model.tflite --data images.npz      # or random data: q31 ranges model.tflite --count 32

Observed are the sums of products on the data, before and after the bias. Worst is what the weights allow: each input
code at whichever end of its range makes the sum largest, where the range is that of the type, or of the clamp or table
of the operator that makes it. Bits are those of a signed two's complement accumulator; those at worst are enough for
any data and any order of the products. Nothing wraps or saturates in these sums."""
_SHOWN_CHANNELS = 4096

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    from .console import add_profile
    from .run import natural_number

    parser.epilog = _EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", metavar="MODEL", help="a .tflite file")
    parser.add_argument(
        "-d",
        "--data",
        metavar="FILE",
        help=".npz or .npy: examples along the first dimension, one array for each input, in the model's data types",
    )
    parser.add_argument("--count", type=natural_number, default=16, help="random examples without --data (default 16)")
    parser.add_argument("--seed", type=natural_number, default=0, help="seed of random examples (default 0)")
    parser.add_argument("--running", action="store_true", help="follow the sums product by product, too; slow")
    parser.add_argument("--channels", action="store_true", help="show every channel")
    parser.add_argument("--json", action="store_true", help="print JSON; with --channels every channel's ranges")
    add_profile(parser)


def main(arguments: argparse.Namespace) -> int:
    """Print the ranges.

    Raises
    ------
    Error, OSError
        Where the model or the data is bad.
    """
    from ..engine.model import load

    model = load(arguments.model, profile=arguments.profile)
    data = read_examples(arguments.data, model) if arguments.data else None
    found = ranges(model, data, count=arguments.count, seed=arguments.seed, running=arguments.running, progress=True)
    if arguments.json:
        print(json.dumps(found.to_dict(arguments.channels), indent=1))
    else:
        _print(found, arguments)
    return 0


def ranges(
    model: Model | str | os.PathLike[str],
    data: Any = None,
    *,
    count: int = 16,
    seed: int = 0,
    running: bool = False,
    progress: bool = False,
) -> Ranges:
    """Return how far a model's accumulators of products go on data, and could go, hence the bits they need.

    Parameters
    ----------
    model : a loaded model, or a path.
    data : as for :meth:`q31.Model.ranges`; None is ``count`` random examples by ``seed``.
    running : also follow the sums product by product, in the reference's order, which is slow.
    progress : whether to draw a progress bar, on a terminal.

    Raises
    ------
    ModelError
        Where the model cannot be loaded.
    InputError
        Where the data does not fit, or there is no example.
    """
    from ..engine.model import Model, load
    from ..engine.ranges import examples_of, measure
    from ..schema.errors import InputError

    loaded = model if isinstance(model, Model) else load(model)
    examples: Iterable[Mapping[str, np.ndarray]]
    if data is None:
        if count < 1:
            raise InputError(f"count: expected 1 example or more, got {count}")
        examples, total = _random_examples(loaded, count, seed), count
    else:
        examples = examples_of(data, loaded.inputs)
        total = len(examples)
    return measure(loaded, _shown(examples, total) if progress else examples, running)


def _random_examples(model: Model, count: int, seed: int) -> Iterator[dict[str, np.ndarray]]:
    import numpy as np

    from .arrays import random_array

    generator = np.random.default_rng(seed)
    for _ in range(count):
        yield {port.name: random_array(port, generator) for port in model.inputs}


def read_examples(path: str, model: Model) -> dict[str, np.ndarray]:
    """Read data for every input: an .npy for a model of one, otherwise an .npz by input name.

    Raises
    ------
    InputError
        Where the file is something else, or does not name the inputs.
    OSError
        Where it cannot be read.
    """
    from ..schema.errors import InputError
    from .arrays import read_input

    if not path.lower().endswith((".npy", ".npz")):
        raise InputError(f"{path}: expected .npz or .npy")
    return read_input(path, model.inputs)


def _shown(items: Iterable[T], total: int) -> Iterable[T]:
    """Draw a progress bar on stderr, if that is a terminal."""
    if not sys.stderr.isatty():
        return items
    from rich.console import Console
    from rich.progress import track

    return track(items, "running examples", total, console=Console(stderr=True), transient=True)


def _print(found: Ranges, arguments: argparse.Namespace) -> None:
    from .console import console, table

    columns = ("operator", "channel", "observed", "bits", "at worst", "bits at worst")
    if not arguments.channels:
        columns = ("operator", "channels", *columns[2:])
    shown = table(*columns, right=columns[1:])
    for one in found.operators:
        title, whole = f"{one.index} {one.name}", one.to_dict(channels=False)
        if not arguments.channels:
            spans = (_text(*whole["observed"]), whole["observed_bits"], _text(*whole["worst"]), whole["worst_bits"])
            shown.add_row(title, str(whole["channels"]), *map(str, spans))
            continue
        for channel in range(min(whole["channels"], _SHOWN_CHANNELS)):
            observed = _text(one.observed.low[channel], one.observed.high[channel])
            worst = _text(one.worst.low[channel], one.worst.high[channel])
            bits = one.observed_bits[channel], one.worst_bits[channel]
            shown.add_row(title, str(channel), observed, str(bits[0]), worst, str(bits[1]))
    if found.operators:
        console().print(shown)
        print(
            f"{found.examples} {'example' if found.examples == 1 else 'examples'}, profile {found.stamp['profile']}: "
            f"accumulators of {found.observed_bits} bits hold what was observed, of {found.worst_bits} bits anything"
        )
    else:
        print("no operator sums products of codes")


def _text(low: int, high: int) -> str:
    return f"{low:,} to {high:,}"
