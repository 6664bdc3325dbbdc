"""What quantization costs, in decibels: the outputs of quantized models beside those of the float model, on other data.

SQNR is the power of the float model's output over that of the difference, ``10 log10(sum y^2 / sum (y - q)^2)``, over
all values of all examples. Every model is run by q31, so that the numbers tell models apart and not interpreters; a
quantized input is given the nearest codes, and a quantized output is turned back into real numbers::

    python -m q31.tools.quantization.peers.sqnr model.tflite --data test.npz q31=a.tflite peer=b.tflite
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np

from ....engine.model import Model, load
from ....schema import Error, InputError
from ...ports import dequantize, quantize
from ...programs import run_program
from ...progress import counted
from .command import Examples, read_examples


def sqnr(reference: list[np.ndarray], measured: list[np.ndarray]) -> float:
    """Return the signal-to-quantization-noise ratio in decibels, of arrays in pairs; infinite where nothing differs."""
    signal = sum(float(np.square(one, dtype=np.float64).sum()) for one in reference)
    noise = sum(
        float(np.square(np.subtract(one, other, dtype=np.float64)).sum())
        for one, other in zip(reference, measured, strict=True)
    )
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf


def run_real(model: Model, examples: Examples, what: str = "") -> list[np.ndarray]:
    """Return the outputs for each example, one after another, as real numbers."""
    results = []
    for example in counted(examples, len(examples), what):
        codes = [quantize(port, array) for port, array in zip(model.inputs, example, strict=True)]
        answer = model(*codes)
        outputs = answer if isinstance(answer, tuple) else (answer,)
        results += [dequantize(port, output) for port, output in zip(model.outputs, outputs, strict=True)]
    return results


def measure(model: str, others: dict[str, str], data: str, examples: int | None = None) -> dict[str, tuple[float, int]]:
    """Return name -> (SQNR in decibels, bytes of the file).

    Raises
    ------
    Error
        Where a model or the data is wrong.
    OSError
        Where a file cannot be read.
    """
    reference = load(model)
    chosen = read_examples(Path(model).read_bytes(), data, examples)
    expected = run_real(reference, chosen, Path(model).name)
    result = {}
    for name, path in others.items():
        other = load(path)
        shapes = [[port.shape for port in (*one.inputs, *one.outputs)] for one in (reference, other)]
        if shapes[0] != shapes[1]:
            raise InputError(f"{path}: expected the inputs and outputs of {model}")
        result[name] = (sqnr(expected, run_real(other, chosen, name)), Path(path).stat().st_size)
    return result


def main() -> int:
    """Print the table of one float model."""
    parser = argparse.ArgumentParser(
        prog="python -m q31.tools.quantization.peers.sqnr",
        description="Measure how far the outputs of quantized models are from the float model's.",
        epilog="example: python -m q31.tools.quantization.peers.sqnr float.tflite --data test.npz int8=int8.tflite",
    )
    parser.add_argument("model", metavar="FLOAT", help="the float .tflite file")
    parser.add_argument("others", nargs="+", metavar="NAME=FILE", help="a quantized .tflite file of it, and its name")
    parser.add_argument("--data", required=True, metavar="NPZ", help="an array for each input, examples first")
    parser.add_argument("--examples", type=int, metavar="N", help="take the first N examples (default: all)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    pairs = [one.rpartition("=") for one in arguments.others]
    if arguments.examples is not None and arguments.examples < 1:
        parser.error("argument --examples: expected 1 or more")
    try:
        others = {name or Path(path).name: path for name, _, path in pairs}
        result = measure(arguments.model, others, arguments.data, arguments.examples)
    except (Error, OSError) as error:
        print(f"q31: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps({name: {"sqnr": _finite(value), "bytes": size} for name, (value, size) in result.items()}))
    else:
        for name, (value, size) in result.items():
            print(f"{name:24} {value:8.2f} dB {size:12,} bytes")
    return 0


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


if __name__ == "__main__":
    run_program(main)
