"""What TensorFlow's converter makes of small float models, recorded for the tests of q31's table of rules.

Run it where TensorFlow 2.20 is installed, in a virtual environment of its own (it is no dependency of q31)::

    python -m q31.tools.quantization.specimens.record --out tests/tools/quantization/converter.json
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ....schema import Graph, read
from ...files import write_atomically
from ...programs import run_program
from . import MODELS
from .description import describe
from .sketch import SmallModel

INSTALL = 'TensorFlow is not installed here: pip install "tensorflow-cpu==2.20.*", in an environment of its own'


def record(model: SmallModel) -> dict[str, Any]:
    """Return the ranges that the calibrator records, and what the quantizer makes of them."""
    from tensorflow.lite.python import convert
    from tensorflow.lite.python.optimize import calibrator

    def feed() -> Iterator[list[np.ndarray]]:
        yield from model.examples()

    content = bytes(calibrator.add_intermediate_tensors(model.content))
    calibrated = bytes(calibrator.Calibrator(content).calibrate(feed))
    quantized = bytes(convert.mlir_quantize(calibrated))
    return {
        "model": f"{zlib.crc32(model.content):08x}",
        "ranges": ranges(read(calibrated), len(model.graph.subgraphs[0].tensors)),
        "quantized": describe(read(quantized)),
    }


def ranges(graph: Graph, count: int) -> dict[str, list[float]]:
    """Return tensor -> least and greatest value, as the calibrator wrote them; of the first ``count`` tensors."""
    tensors = enumerate(graph.subgraphs[0].tensors[:count])
    return {
        str(i): [float(str(np.float32(end[0]))) for end in (one.quantization.min, one.quantization.max)]
        for i, one in tensors
        if len(one.quantization.min)
    }


def main() -> int:
    """Record all models."""
    parser = argparse.ArgumentParser(
        prog="python -m q31.tools.quantization.specimens.record",
        description="Record what TensorFlow's converter makes of small float models.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="the models (default: all)")
    parser.add_argument("--out", type=Path, metavar="JSON", help="the file to write (default: print)")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in MODELS]:
        parser.error(f"no model is named {unknown[0]}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import tensorflow
    except ImportError:
        sys.exit(INSTALL)
    recorded = {name: record(MODELS[name]()) for name in arguments.names or MODELS}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(one)}" for name, one in recorded.items())
    text = f'{{"tensorflow": "{tensorflow.__version__}", "models": {{\n{lines}\n}}}}\n'
    if arguments.out is None:
        print(text, end="")
    else:
        with write_atomically(arguments.out) as file:
            file.write(text.encode())
    return 0


if __name__ == "__main__":
    run_program(main)
