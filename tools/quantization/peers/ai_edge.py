"""ai-edge-quantizer, run on a float .tflite file with the data and the modes that q31 has too.

Run it where ai-edge-quantizer is installed, in a virtual environment of its own: it is no dependency of q31
(``pip install ai-edge-quantizer``, and q31)::

    python -m q31.tools.quantization.peers.ai_edge model.tflite --data calib.npz --mode int8 --out int8.tflite

Its recipes are those of its module ``recipe``, unchanged; ``float16`` casts weights, as its ``float_casting`` does. It has
no command for calibration; this calls its Python functions. A model without a signature it does not calibrate, and
leaves as it is without a word; so such a model is given a signature first, of its inputs and outputs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ....schema import Error, InputError, Signature, read, write
from ...files import require_writable, write_atomically
from .data import inputs, read_examples

INSTALL = "ai-edge-quantizer is not installed here: pip install ai-edge-quantizer, in an environment of its own"
RECIPES = {
    "dynamic": "dynamic_wi8_afp32",
    "dynamic-legacy": "dynamic_legacy_wi8_afp32",
    "dynamic-int4": "dynamic_wi4_afp32",
    "weight-only": "weight_only_wi8_afp32",
    "weight-only-int4": "weight_only_wi4_afp32",
    "int8": "static_wi8_ai8",
    "int16x8": "static_wi8_ai16",
    "float16": "",
}
"""Mode -> the name of a function of ``ai_edge_quantizer.recipe``."""


@dataclass(frozen=True)
class Made:
    """A quantized model, and the seconds that calibration and quantization took."""

    content: bytes
    calibration: float
    quantization: float


def quantize(content: bytes, examples: list[list[np.ndarray]], mode: str) -> Made:
    """Quantize a float model; ``examples`` are lists of the inputs, in the order of the model's inputs."""
    from ai_edge_quantizer import quantizer, recipe

    content = with_signature(content)
    one = quantizer.Quantizer(bytearray(content))
    if mode == "float16":
        _cast_weights(one)
    else:
        recipes: Callable[[], Any] = getattr(recipe, RECIPES[mode])
        one.load_quantization_recipe(recipes())
    start = time.perf_counter()
    statistics = None
    if one.need_calibration:
        statistics = one.calibrate(signature_data(content, examples), num_threads=1)
    middle = time.perf_counter()
    result = one.quantize(statistics, enable_progress_bar=False, enable_progress_report=False)
    return Made(bytes(result.quantized_model), middle - start, time.perf_counter() - middle)


def _cast_weights(one: Any) -> None:
    from ai_edge_quantizer import qtyping, quantizer

    weights = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
    config = qtyping.OpQuantizationConfig(
        weight_tensor_config=weights, compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True
    )
    for name in ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D"):
        operation = getattr(qtyping.TFLOperationName, name)
        one.update_quantization_recipe(".*", operation, config, quantizer.AlgorithmName.FLOAT_CASTING)


def with_signature(content: bytes) -> bytes:
    """Return the model with a signature for its main subgraph; as it is, where it has one."""
    graph = read(content)
    if any(one.subgraph_index == 0 for one in graph.signatures):
        return content
    main = graph.subgraphs[0]
    ends = [tuple((main.tensors[i].name, i) for i in indices) for indices in (main.inputs, main.outputs)]
    return write(replace(graph, signatures=(*graph.signatures, Signature("serving_default", 0, *ends))))


def signature_data(content: bytes, examples: list[list[np.ndarray]]) -> dict[str, list[dict[str, np.ndarray]]]:
    """Return the main subgraph's signature -> examples by the names of its arguments.

    Raises
    ------
    InputError
        Where the signature has not the subgraph's inputs.
    """
    graph = read(content)
    indices = list(graph.subgraphs[0].inputs)
    signature = next(one for one in graph.signatures if one.subgraph_index == 0)
    if sorted(index for _, index in signature.inputs) != sorted(indices):
        raise InputError(f"signature {signature.key!r}: expected the inputs of the main subgraph")
    places = {name: indices.index(index) for name, index in signature.inputs}
    return {signature.key: [{name: example[i] for name, i in places.items()} for example in examples]}


def main() -> int:
    """Quantize a model."""
    parser = argparse.ArgumentParser(
        prog="python -m q31.tools.quantization.peers.ai_edge",
        description="Quantize a float .tflite file with ai-edge-quantizer.",
        epilog="example: python -m q31.tools.quantization.peers.ai_edge model.tflite --data calib.npz --out int8.tflite",
    )
    parser.add_argument("model", metavar="FLOAT", help="the float .tflite file")
    parser.add_argument("--data", required=True, metavar="NPZ", help="an array for each input, examples first")
    parser.add_argument("--mode", choices=RECIPES, default="int8", help="default: %(default)s")
    parser.add_argument("--examples", type=int, metavar="N", help="take the first N examples (default: all)")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="the .tflite file to write")
    parser.add_argument("--json", action="store_true", help="print sizes and seconds as JSON")
    arguments = parser.parse_args()
    try:
        import ai_edge_quantizer  # noqa: F401
    except ImportError:
        sys.exit(INSTALL)
    try:
        require_writable(str(arguments.out))
        content = Path(arguments.model).read_bytes()
        names = [tensor.name for tensor in inputs(read(content))]
        examples = read_examples(arguments.data, names, arguments.examples)
        made = quantize(content, examples, arguments.mode)
        with write_atomically(arguments.out) as file:
            file.write(made.content)
    except (Error, OSError, ValueError, RuntimeError, KeyError) as error:
        print(f"q31: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    report = {
        "model": arguments.model,
        "mode": arguments.mode,
        "examples": len(examples),
        "bytes": len(made.content),
        "calibration_seconds": round(made.calibration, 4),
        "quantization_seconds": round(made.quantization, 4),
        "ai-edge-quantizer": version("ai-edge-quantizer"),
    }
    if arguments.json:
        print(json.dumps(report))
    else:
        print(
            f"{arguments.out}: {len(made.content):,} bytes; {len(examples)} examples calibrated in"
            f" {made.calibration:.2f} s, quantized in {made.quantization:.2f} s"
            f" (ai-edge-quantizer {report['ai-edge-quantizer']})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
