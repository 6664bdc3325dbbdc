"""TensorFlow's converter's quantizer, run on a float .tflite file: what ``TFLiteConverter`` does after it has converted.

Run it where TensorFlow is installed, in a virtual environment of its own: it is no dependency of q31 and needs about
1.6 GB (``pip install "tensorflow-cpu==2.20.*"``, and q31)::

    python -m q31.tools.quantization.peers.converter model.tflite --data calib.npz --mode int8-only --out int8.tflite

The steps and their arguments are those of ``TFLiteConverterBase._quantize`` and ``_optimize_tflite_model``
(tensorflow/lite/python/lite.py) with the converter's defaults. int8 goes through the MLIR quantizer; int16x8 through
the older quantizer in C++, as there. The MLIR quantizer knows no "integers only": the converter keeps a float operator
in either mode. Weights only (dynamic range, float16) are made while a model is converted, in a step that no Python
function offers for a .tflite file.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ....schema import Error
from ...files import require_writable, write_atomically
from .data import read_examples

INSTALL = 'TensorFlow is not installed here: pip install "tensorflow-cpu==2.20.*", in an environment of its own'


@dataclass(frozen=True)
class Mode:
    """The types of a mode: of activations, biases, inputs and outputs."""

    activations: str
    biases: str
    ends: str
    allow_float: bool = True


MODES = {
    "int8": Mode("int8", "int32", "float32"),
    "int8-only": Mode("int8", "int32", "int8", allow_float=False),
    "uint8": Mode("int8", "int32", "uint8", allow_float=False),
    "int16x8": Mode("int16", "int64", "float32"),
    "int16x8-only": Mode("int16", "int64", "int16", allow_float=False),
}


@dataclass(frozen=True)
class Made:
    """A quantized model, and the seconds that calibration and quantization took."""

    content: bytes
    calibration: float
    quantization: float


def quantize(content: bytes, examples: list[list[np.ndarray]], mode: Mode) -> Made:
    """Quantize a float model as the converter would.

    Parameters
    ----------
    content : the float .tflite file.
    examples : a list of the inputs for each, in the order of the model's inputs.
    """
    import tensorflow as tf
    from tensorflow.lite.python import convert, util
    from tensorflow.lite.python.optimize import calibrator

    def feed() -> Iterator[list[np.ndarray]]:
        yield from examples

    activations, ends = getattr(tf, mode.activations), getattr(tf, mode.ends)
    start = time.perf_counter()
    content = calibrator.add_intermediate_tensors(content)
    calibration = calibrator.Calibrator(content)
    # The converter calibrates before it asks which quantizer it is; the older one calibrates again.
    calibrated = calibration.calibrate(feed)
    middle = time.perf_counter()
    if mode.activations == "int8":
        made = convert.mlir_quantize(calibrated, False, input_data_type=ends, output_data_type=ends)
    else:
        biases = getattr(tf, mode.biases)
        made = calibration.calibrate_and_quantize(feed, ends, ends, mode.allow_float, activations, biases)
        made = util.modify_model_io_type(made, ends, ends)
    made = convert.deduplicate_readonly_buffers(made)
    return Made(bytes(made), middle - start, time.perf_counter() - middle)


def input_names(content: bytes) -> list[str]:
    """Return the names of a model's inputs, in their order."""
    import tensorflow as tf

    return [one["name"] for one in tf.lite.Interpreter(model_content=content).get_input_details()]


def require_tensorflow() -> Any:
    """Import TensorFlow, or leave and say how to install it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import tensorflow
    except ImportError:
        sys.exit(INSTALL)
    return tensorflow


def main() -> int:
    """Quantize a model."""
    parser = argparse.ArgumentParser(
        prog="python -m q31.tools.quantization.peers.converter",
        description="Quantize a float .tflite file with TensorFlow's converter's quantizer.",
        epilog="example: python -m q31.tools.quantization.peers.converter model.tflite --data calib.npz --out int8.tflite",
    )
    parser.add_argument("model", metavar="FLOAT", help="the float .tflite file")
    parser.add_argument("--data", required=True, metavar="NPZ", help="an array for each input, examples first")
    parser.add_argument("--mode", choices=MODES, default="int8-only", help="default: %(default)s")
    parser.add_argument("--examples", type=int, metavar="N", help="take the first N examples (default: all)")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="the .tflite file to write")
    parser.add_argument("--json", action="store_true", help="print sizes and seconds as JSON")
    arguments = parser.parse_args()
    tensorflow = require_tensorflow()
    try:
        require_writable(str(arguments.out))
        content = Path(arguments.model).read_bytes()
        examples = read_examples(arguments.data, input_names(content), arguments.examples)
        made = quantize(content, examples, MODES[arguments.mode])
        with write_atomically(arguments.out) as file:
            file.write(made.content)
    except (Error, OSError, ValueError, RuntimeError) as error:
        print(f"q31: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    report = {
        "model": arguments.model,
        "mode": arguments.mode,
        "examples": len(examples),
        "bytes": len(made.content),
        "calibration_seconds": round(made.calibration, 4),
        "quantization_seconds": round(made.quantization, 4),
        "tensorflow": tensorflow.__version__,
    }
    if arguments.json:
        print(json.dumps(report))
    else:
        print(
            f"{arguments.out}: {len(made.content):,} bytes; {len(examples)} examples calibrated in"
            f" {made.calibration:.2f} s, quantized in {made.quantization:.2f} s (TensorFlow {tensorflow.__version__})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
