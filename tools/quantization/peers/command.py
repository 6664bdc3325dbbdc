"""The command line that the programs around other quantizers share: float model and data in, quantized model out."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ....schema import Error, InputError, read
from ...files import require_writable, write_atomically
from ..dataset import Dataset

Examples = list[list[np.ndarray]]
"""Arrays for a model's inputs, in their order, for each example."""


@dataclass(frozen=True)
class Made:
    """A quantized model, the seconds that calibration and quantization took, and what else was made on the way.

    ``calibrated`` is the float model with its ranges, where the quantizer has such a thing.
    """

    content: bytes
    calibration: float
    quantization: float
    calibrated: bytes = b""


@dataclass(frozen=True)
class Peer:
    """Another quantizer.

    Parameters
    ----------
    name, version : of the package.
    modes : what it can make, the first by default.
    quantize : takes a float model, examples and a mode.
    """

    name: str
    version: Callable[[], str]
    modes: Collection[str]
    quantize: Callable[[bytes, Examples, str], Made]


def read_examples(content: bytes, data: Any, limit: int | None = None) -> Examples:
    """Return the examples of representative data, in any form of :class:`.Dataset`.

    Raises
    ------
    InputError
        Where they do not fit the model, or there is none.
    OSError
        Where a file cannot be read.
    """
    return [list(example.arrays) for example in Dataset.of(data, read(content), limit=limit)]


def run(peer: Peer, module: str) -> int:
    """Run the command of ``python -m module``."""
    example = f"{module} model.tflite --data calib.npz --mode {next(iter(peer.modes))} --out quantized.tflite"
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=f"Quantize a float .tflite file with {peer.name}.",
        epilog=f"example: python -m {example}. Exit code: 0 written, 2 bad input.",
    )
    parser.add_argument("model", metavar="FLOAT", help="the float .tflite file")
    parser.add_argument(
        "--data", required=True, metavar="DATA", help="an .npz with an array for each input, or a folder"
    )
    parser.add_argument("--mode", choices=peer.modes, default=next(iter(peer.modes)), help="default: %(default)s")
    parser.add_argument("--examples", type=int, metavar="N", help="take the first N examples (default: all)")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="the .tflite file to write")
    parser.add_argument("--calibrated", type=Path, metavar="FILE", help="write the float model with its ranges, too")
    parser.add_argument("--json", action="store_true", help="print sizes and seconds as JSON")
    arguments = parser.parse_args()
    try:
        outputs = [path for path in (arguments.out, arguments.calibrated) if path]
        for path in outputs:
            require_writable(str(path))
        content = Path(arguments.model).read_bytes()
        examples = read_examples(content, arguments.data, arguments.examples)
        made = peer.quantize(content, examples, arguments.mode)
        if arguments.calibrated and not made.calibrated:
            raise InputError(f"--calibrated: {peer.name} has no model with ranges")
        for path, bytes_ in zip(outputs, (made.content, made.calibrated), strict=False):
            with write_atomically(path) as file:
                file.write(bytes_)
    except (Error, OSError) as error:
        return _fail(str(error))
    except Exception as error:  # whatever the other package raises: its own words are what there is to say
        return _fail(f"{peer.name}: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}")
    report = {
        "model": arguments.model,
        "mode": arguments.mode,
        "examples": len(examples),
        "bytes": len(made.content),
        "calibration_seconds": round(made.calibration, 4),
        "quantization_seconds": round(made.quantization, 4),
        peer.name: peer.version(),
    }
    if arguments.json:
        print(json.dumps(report))
    else:
        print(
            f"{arguments.out}: {len(made.content):,} bytes; {len(examples)} examples calibrated in"
            f" {made.calibration:.2f} s, quantized in {made.quantization:.2f} s ({peer.name} {peer.version()})"
        )
    return 0


def _fail(text: str) -> int:
    print(f"q31: {text}", file=sys.stderr)
    return 2
