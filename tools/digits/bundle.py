"""What is bundled with the package: seven models, a few drawn digits, and what the reference makes of them."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .mnist import Images

FOLDER = Path(__file__).parent
MODELS = FOLDER / "models"
DIGITS = FOLDER / "data" / "digits.npz"
REFERENCE = FOLDER / "data" / "reference.json"
REFERENCE_OUTPUTS = FOLDER / "data" / "reference.npz"

FORMS = {
    "float32": "float32",
    "dynamic_range": "dynamic range: int8 weights, float32 activations",
    "float16": "float16 weights, float32 activations",
    "integer_float_fallback": "integer, float32 input and output",
    "integer_uint8": "integer only, uint8 input and output",
    "integer_int8": "integer only, int8 input and output",
    "int16x8": "int16 activations, int8 weights, float32 input and output",
}
"""Every form of the classifier, with a description."""


def model_path(form: str) -> Path:
    """Return the path of the bundled model in one of :data:`FORMS`."""
    return MODELS / f"digits_{form}.tflite"


def read_digits() -> Images:
    """Return the drawn digits."""
    with np.load(DIGITS) as arrays:
        return Images(arrays["images"], arrays["labels"])


@cache
def reference() -> dict[str, Any]:
    """Return the record of the reference interpreter (``record_reference`` says what is in it)."""
    record: dict[str, Any] = json.loads(REFERENCE.read_text(encoding="utf-8"))
    return record


def reference_outputs(form: str) -> np.ndarray:
    """Return the reference's outputs ``(10, 10)`` of a form on the drawn digits."""
    with np.load(REFERENCE_OUTPUTS) as arrays:
        outputs: np.ndarray = arrays[form]
    return outputs


def sha256(array: np.ndarray) -> str:
    """Return the hexadecimal SHA-256 of an array's bytes."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
