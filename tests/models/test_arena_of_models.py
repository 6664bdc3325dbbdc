"""The arenas of real models are no larger than those that LiteRT plans for them, by the addresses of its tensors."""

from __future__ import annotations

from pathlib import Path

import pytest

import q31
from conformance.shared import model_path, needs_shared
from q31.tools.digits.bundle import MODELS

PUBLISHED = [
    *("coral/mobilenet_v1_0.25_128_quant", "coral/mobilenet_v1_0.75_192_quant", "coral/mobilenet_v2_1.0_224_quant"),
    *("coral/tf2_mobilenet_v2_1.0_224_ptq", "mlperf_tiny/ad01_int8", "mlperf_tiny/kws_fp32", "mlperf_tiny/kws_int8"),
    *("mlperf_tiny/resnet8_fp32", "mlperf_tiny/resnet8_int8", "mlperf_tiny/vww_fp32", "mlperf_tiny/vww_int8"),
    "mlperf_tiny/streaming_wakeword",
]

_MARGIN = 1024  # bytes; digits need so few that alignment shows


def size_in_litert(path: Path) -> int:
    """Return the bytes from the first to the last that hold a tensor which an operator makes, or an input."""
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = litert.Interpreter(
        model_path=str(path), experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    subgraph = q31.load(path).graph.subgraphs[0]
    first, last = [], []
    for index in {*subgraph.inputs, *(output for operator in subgraph.operators for output in operator.outputs)}:
        array = interpreter.tensor(index)()
        first.append(array.__array_interface__["data"][0])
        last.append(first[-1] + array.nbytes)
    return max(last) - min(first)


@needs_shared
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_models(name: str) -> None:
    path = model_path(name)
    assert q31.load(path).arena_size <= 1.1 * size_in_litert(path)


def test_bundled_digits() -> None:
    path = MODELS / "digits_integer_int8.tflite"
    assert q31.load(path).arena_size <= 1.1 * size_in_litert(path) + _MARGIN
