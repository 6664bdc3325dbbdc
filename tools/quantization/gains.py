"""What each option of ``q31.quantize`` gains on data that it has not seen: the tables of docs/quantization.md.

    python -m q31.tools.quantization.gains --images t10k-images-idx3-ubyte.gz --labels t10k-labels-idx1-ubyte.gz

measures the bundled digit network on MNIST's test file, of which every fifth image is held back, and ::

    python -m q31.tools.quantization.gains resnet8_fp32.tflite=0:255 vww_fp32.tflite=0:1

any float models on noise from LOW to HIGH, one seed to calibrate with and another to measure on: their own data may
not be passed on. Weights that are int8 in a float model, as in MLPerf Tiny's keyword spotting, are made float first.
SQNR is in decibels, of the outputs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...schema import Error, Graph, InputError, read, read_file, write
from ..digits.bundle import model_path
from ..digits.mnist import read_images, split
from ..programs import run_program
from ..progress import counted
from .calibration import calibrate
from .dataset import Dataset, Example
from .mixed_precision import PRECISIONS, mixed_precision
from .peers.data import make_noise
from .peers.restore import restore
from .quantize import quantize
from .sensitivity import outputs_of, sqnr

OPTIONS: dict[str, dict[str, Any]] = {
    "min-max": {},
    "mse scales": {"weight_scale": "mse"},
    "equalize": {"equalize": True},
    "gptq": {"rounding": "gptq"},
    "descent": {"rounding": "descent"},
    "biases": {"correct_bias": True},
    "gptq, biases": {"rounding": "gptq", "correct_bias": True},
    "mse, descent, biases": {"weight_scale": "mse", "rounding": "descent", "correct_bias": True},
    "all": {"equalize": True, "weight_scale": "mse", "rounding": "descent", "correct_bias": True},
}
"""Column -> options."""

EXAMPLES, HELD_OUT = 100, 200
BUDGET = 0.25
"""Of the bytes between the int8 model and the float one, mixed precision may use this part."""


@dataclass
class Subject:
    """A float model, examples to calibrate with, others to measure on, and their labels where there are any."""

    name: str
    content: bytes
    data: list[Any]
    held_out: list[Example]
    labels: np.ndarray | None = None

    def __post_init__(self) -> None:
        self.exact = outputs_of(read(self.content), self.held_out)

    def measure(self, content: bytes) -> tuple[float, float | None]:
        """Return a quantized model's SQNR on the held out examples, and its accuracy."""
        found = outputs_of(read(content), self.held_out)
        return sqnr(self.exact, found), self.accuracy(found)

    def accuracy(self, outputs: list[np.ndarray]) -> float | None:
        """Return how many of the outputs are greatest at the label."""
        if self.labels is None:
            return None
        return float((np.concatenate(outputs).argmax(axis=-1) == self.labels).mean())


def digits(images: str, labels: str, examples: int) -> Subject:
    """Return the bundled digit network with MNIST's test file, of which every fifth image is held back."""
    graph = read_file(model_path("float32"))
    own, held = split(read_images(images, labels))
    data, rest = (one.images.astype(np.float32) / np.float32(255) for one in (own, held))
    return Subject("digits", write(graph), list(data[:examples]), _examples(graph, rest), held.labels)


def on_noise(given: str, examples: int, held_out: int) -> Subject:
    """Return a model of a file on noise, from ``FILE=LOW:HIGH``.

    Raises
    ------
    InputError
        Where it is not of this form.
    """
    path, _, limits = given.rpartition("=")
    try:
        low, high = (float(one) for one in limits.split(":"))
    except ValueError:
        raise InputError(f"{given}: expected FILE=LOW:HIGH") from None
    graph = restore(read_file(path))
    data, rest = (make_noise(graph, count, low, high, seed) for count, seed in ((examples, 0), (held_out, 1)))
    return Subject(
        Path(path).stem, write(graph), [one.arrays for one in Dataset.of(data, graph)], _examples(graph, rest)
    )


def _examples(graph: Graph, data: Any) -> list[Example]:
    return list(Dataset.of(data, graph))


def measure(subject: Subject, bits: int) -> Iterator[tuple[str, float, float | None]]:
    """Yield (options, SQNR, accuracy) of a model with weights of so many bits."""
    calibration = calibrate(subject.content, subject.data)
    for name, options in OPTIONS.items():
        ranges = None if options.get("equalize") else calibration
        content = quantize(subject.content, "int8", subject.data, calibration=ranges, weight_bits=bits, **options)
        yield name, *subject.measure(content)


def measure_mixed(subject: Subject) -> dict[str, Any]:
    """Return what mixed precision makes of a model."""
    plain = len(quantize(subject.content, "int8", subject.data))
    budget = plain + int(BUDGET * (len(subject.content) - plain))
    found: dict[str, Any] = {"float_bytes": len(subject.content), "budget": budget}
    for precision in PRECISIONS:
        mixed = mixed_precision(subject.content, subject.data, size_budget=budget, precision=precision)
        spared = {"operators": list(mixed.operators), "bytes": mixed.size, "sqnr": subject.measure(mixed.content)[0]}
        found[precision] = spared
    content = quantize(subject.content, "int8", subject.data)
    return {**found, "int8": {"operators": [], "bytes": plain, "sqnr": subject.measure(content)[0]}}


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(one) + " |" for one in lines)


def report(found: list[dict[str, Any]]) -> str:
    """Return the tables."""
    rows, right, mixed = [], [], []
    for one in found:
        for bits, results in one["sqnr"].items():
            best = max(results.values())
            shown = [f"**{value:.1f}**" if value == best else f"{value:.1f}" for value in results.values()]
            rows.append([f"{one['name']}, int{bits}", *shown])
        for bits, results in one["accuracy"].items():
            right.append([f"{one['name']}, int{bits}", f"{one['float']:.2%}", *[f"{x:.2%}" for x in results.values()]])
        if one["mixed"]:
            kinds = [one["mixed"][kind] for kind in ("int8", *PRECISIONS)]
            shown = [f"{kind['bytes']:,} bytes, {kind['sqnr']:.1f} dB, {len(kind['operators'])}" for kind in kinds]
            mixed.append([one["name"], f"{one['mixed']['float_bytes']:,} bytes", *shown])
    parts = [_table(["SQNR in dB", *OPTIONS], rows)]
    if right:
        parts.append(_table(["right", "float", *OPTIONS], right))
    if mixed:
        parts.append(_table(["spared", "float", "none (int8)", *PRECISIONS], mixed))
    return "\n\n".join(parts)


def results_of(subject: Subject, with_mixed: bool) -> dict[str, Any]:
    """Return all that is measured of a model."""
    found: dict[str, Any] = {"name": subject.name, "sqnr": {}, "accuracy": {}, "mixed": None}
    found["float"] = subject.accuracy(subject.exact)
    for bits in (8, 4):
        steps = list(counted(measure(subject, bits), len(OPTIONS), f"{subject.name}, int{bits}"))
        found["sqnr"][bits] = {name: value for name, value, _ in steps}
        if subject.labels is not None:
            found["accuracy"][bits] = {name: right for name, _, right in steps}
    if with_mixed:
        found["mixed"] = measure_mixed(subject)
    return found


def main() -> int:
    """Print the tables; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m q31.tools.quantization.gains",
        description="Measure what each option of q31.quantize gains.",
        epilog="example: python -m q31.tools.quantization.gains resnet8_fp32.tflite=0:255",
    )
    parser.add_argument(
        "models", nargs="*", metavar="FILE=LOW:HIGH", help="a float .tflite file, and its input's range"
    )
    parser.add_argument("--images", metavar="FILE", help="MNIST's t10k-images-idx3-ubyte, gzip-compressed or not")
    parser.add_argument("--labels", metavar="FILE", help="MNIST's t10k-labels-idx1-ubyte")
    parser.add_argument(
        "--examples", type=int, default=EXAMPLES, metavar="N", help="to calibrate (default %(default)s)"
    )
    parser.add_argument("--held-out", type=int, default=HELD_OUT, metavar="N", help="of noise (default %(default)s)")
    parser.add_argument("--no-mixed", action="store_true", help="leave out mixed precision, which takes longest")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    if bool(arguments.images) != bool(arguments.labels) or not (arguments.images or arguments.models):
        parser.error("expected models, or --images and --labels")
    if min(arguments.examples, arguments.held_out) < 1:
        parser.error("expected at least one example")
    found = []
    try:
        if arguments.images:
            found.append(
                results_of(digits(arguments.images, arguments.labels, arguments.examples), not arguments.no_mixed)
            )
        for given in arguments.models:
            found.append(results_of(on_noise(given, arguments.examples, arguments.held_out), not arguments.no_mixed))
    except (Error, OSError) as error:
        print(f"q31: {error}", file=sys.stderr)
        return 2
    print(json.dumps(found, indent=1) if arguments.json else report(found))
    return 0


if __name__ == "__main__":
    run_program(main)
