"""What the interpreters say of real models: details, signatures and shapes, before and after allocation."""

from __future__ import annotations

import numpy as np
import pytest

import q31
from conformance.shared import SHARED, needs_shared

litert = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert, the oracle, is not installed")

pytestmark = needs_shared

# LiteRT refuses the first for a quantized dimension; the second corrupts its process.
REFUSED = ("tflm/person_detect", "tflm/keyword_scrambled_8bit")
FOLDER = SHARED / "models"
MODELS = sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.tflite"))


def plain(value: object) -> object:
    """Replace arrays by (dtype, shape, list), so that dictionaries compare."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(plain(item) for item in value)
    return (value.dtype, value.shape, value.tolist()) if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize("name", [name for name in MODELS if name not in REFUSED])
def test_details_and_signatures_equal_litert(name: str) -> None:
    path = str(FOLDER / f"{name}.tflite")
    resolver = litert.OpResolverType.BUILTIN_REF
    reference = litert.Interpreter(path, experimental_op_resolver_type=resolver, num_threads=1)
    interpreter = q31.Interpreter(path)
    for _ in ("before", "after allocation"):
        assert interpreter.get_signature_list() == reference.get_signature_list()
        for details in ("get_input_details", "get_output_details", "get_tensor_details"):
            expected, got = getattr(reference, details)(), getattr(interpreter, details)()
            # LiteRT lists a few of its own temporaries after the model's tensors.
            expected = [detail for detail in expected if detail["index"] < len(got) or details != "get_tensor_details"]
            assert len(got) == len(expected)
            for one, other in zip(expected, got, strict=True):
                assert plain(other) == plain(one)
                assert list(other) == list(one)
        reference.allocate_tensors()
        interpreter.allocate_tensors()
