"""ai-edge-quantizer, run on a float .tflite file with the data and the modes that q31 has too.

Run it where ai-edge-quantizer is installed, in a virtual environment of its own: it is no dependency of q31
(``pip install ai-edge-quantizer``, and q31)::

    python -m q31.tools.quantization.peers.ai_edge model.tflite --data calib.npz --mode int8 --out int8.tflite

Its recipes are those of its module ``recipe``, unchanged; ``float16`` casts weights, as its ``float_casting`` does. It
has no command for calibration; this calls its Python functions. A model without a signature it does not calibrate, and
leaves as it is without a word; so such a model is given a signature first, of its inputs and outputs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np

from ....schema import InputError, Signature, read, write
from ...programs import run_program
from .command import Examples, Made, Peer, run

INSTALL = "ai-edge-quantizer is not installed here: pip install ai-edge-quantizer, in an environment of its own"
RECIPES = {
    "int8": "static_wi8_ai8",
    "int16x8": "static_wi8_ai16",
    "dynamic": "dynamic_wi8_afp32",
    "dynamic-legacy": "dynamic_legacy_wi8_afp32",
    "dynamic-int4": "dynamic_wi4_afp32",
    "weight-only": "weight_only_wi8_afp32",
    "weight-only-int4": "weight_only_wi4_afp32",
    "float16": "",
}
"""Mode -> the name of a function of ``ai_edge_quantizer.recipe``."""


def quantize(content: bytes, examples: Examples, mode: str) -> Made:
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


def signature_data(content: bytes, examples: Examples) -> dict[str, list[dict[str, np.ndarray]]]:
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
    peer = Peer("ai-edge-quantizer", lambda: version("ai-edge-quantizer"), RECIPES, _quantize)
    return run(peer, "q31.tools.quantization.peers.ai_edge")


def _quantize(content: bytes, examples: Examples, mode: str) -> Made:
    try:
        import ai_edge_quantizer  # noqa: F401
    except ImportError:
        sys.exit(INSTALL)
    return quantize(content, examples, mode)


if __name__ == "__main__":
    run_program(main)
