"""TensorFlow's quantizer, run on a float .tflite file: what ``TFLiteConverter`` does after it has converted.

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

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...programs import run_program
from .command import Examples, Made, Peer, run

INSTALL = 'TensorFlow is not installed here: pip install "tensorflow-cpu==2.20.*", in an environment of its own'


@dataclass(frozen=True)
class Mode:
    """The types of a mode: of activations, biases, inputs and outputs."""

    activations: str
    biases: str
    ends: str
    allow_float: bool = True


MODES = {
    "int8-only": Mode("int8", "int32", "int8", allow_float=False),
    "int8": Mode("int8", "int32", "float32"),
    "uint8": Mode("int8", "int32", "uint8", allow_float=False),
    "int16x8": Mode("int16", "int64", "float32"),
    "int16x8-only": Mode("int16", "int64", "int16", allow_float=False),
}


def quantize(content: bytes, examples: Examples, mode: str) -> Made:
    """Quantize a float model as the converter would.

    Parameters
    ----------
    content : the float .tflite file.
    examples : a list of the inputs for each, in the order of the model's inputs.
    mode : one of :data:`MODES`.
    """
    import tensorflow as tf
    from tensorflow.lite.python import convert, util
    from tensorflow.lite.python.optimize import calibrator

    def feed() -> Iterator[Any]:
        yield from examples

    types = MODES[mode]
    activations, ends = getattr(tf, types.activations), getattr(tf, types.ends)
    start = time.perf_counter()
    content = calibrator.add_intermediate_tensors(content)
    calibration = calibrator.Calibrator(content)
    # The converter calibrates before it asks which quantizer it is; the older one calibrates again.
    calibrated = calibration.calibrate(feed)
    middle = time.perf_counter()
    if types.activations == "int8":
        made = convert.mlir_quantize(calibrated, False, input_data_type=ends, output_data_type=ends)
    else:
        biases = getattr(tf, types.biases)
        made = calibration.calibrate_and_quantize(feed, ends, ends, types.allow_float, activations, biases)
        made = util.modify_model_io_type(made, ends, ends)
    made = convert.deduplicate_readonly_buffers(made)
    return Made(bytes(made), middle - start, time.perf_counter() - middle, bytes(calibrated))


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
    peer = Peer("TensorFlow", lambda: str(require_tensorflow().__version__), MODES, _quantize)
    return run(peer, "q31.tools.quantization.peers.converter")


def _quantize(content: bytes, examples: Examples, mode: str) -> Made:
    require_tensorflow()
    return quantize(content, examples, mode)


if __name__ == "__main__":
    run_program(main)
