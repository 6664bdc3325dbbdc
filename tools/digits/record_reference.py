"""Record what the reference interpreter computes with the bundled models. Needs ai-edge-litert, the tests' oracle.

    python -m q31.tools.digits.record_reference --images t10k-images-idx3-ubyte.gz --labels t10k-labels-idx1-ubyte.gz

``data/reference.json`` names the oracle and, for each form, the model's sha256, how many of the 2,000 held-back
images it gets right, and the sha256 of its outputs on all 10,000 images one after the other. ``data/reference.npz``
holds its outputs on the drawn digits.
"""

from __future__ import annotations

import argparse
import json
import platform
from importlib import metadata
from typing import Any

import numpy as np

from ...engine.model import load
from ..files import write_arrays, write_atomically
from ..ports import from_pixels
from .bundle import FORMS, REFERENCE, REFERENCE_OUTPUTS, model_path, read_digits, sha256
from .mnist import read_images, split


def run_reference(content: bytes, inputs: np.ndarray) -> np.ndarray:
    """Run a model on each of ``inputs`` ``(N, ...)`` alone, with LiteRT's reference resolver and one thread."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
    )
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    outputs = []
    for one in inputs:
        interpreter.set_tensor(source, one[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(target)[0])
    return np.stack(outputs)


def main() -> None:
    """Record all forms."""
    parser = argparse.ArgumentParser(description="Record what LiteRT's reference interpreter computes.")
    parser.add_argument("--images", required=True, help="t10k-images-idx3-ubyte, gzip-compressed or not")
    parser.add_argument("--labels", required=True, help="t10k-labels-idx1-ubyte, gzip-compressed or not")
    arguments = parser.parse_args()
    data, drawn = read_images(arguments.images, arguments.labels), read_digits()
    held_back = split(data)[1]
    forms: dict[str, Any] = {}
    drawn_outputs: dict[str, np.ndarray] = {}
    for form in FORMS:
        content = model_path(form).read_bytes()
        model = load(content, backend="numpy")
        (port,) = model.inputs
        outputs = run_reference(content, from_pixels(port, data.images))
        right = run_reference(content, from_pixels(port, held_back.images)).argmax(-1) == held_back.labels
        drawn_outputs[form] = run_reference(content, from_pixels(port, drawn.images))
        assert (drawn_outputs[form].argmax(-1) == drawn.labels).all(), f"{form} takes a drawn digit for another"
        forms[form] = {
            "model_sha256": model.sha256,
            "bytes": len(content),
            "held_back_correct": int(right.sum()),
            "test_outputs_sha256": sha256(outputs),
        }
        print(f"{form}: {right.mean():.2%} of {len(right)}")
    record = {
        "oracle": f"ai-edge-litert {metadata.version('ai-edge-litert')}, OpResolverType.BUILTIN_REF",
        "machine": platform.machine(),
        "digits_sha256": sha256(drawn.images),
        "test_images_sha256": sha256(data.images),
        "test_images": len(data.labels),
        "held_back": len(held_back.labels),
        "forms": forms,
    }
    write_arrays(REFERENCE_OUTPUTS, drawn_outputs)
    with write_atomically(REFERENCE) as file:
        file.write(json.dumps(record, indent=2).encode() + b"\n")


if __name__ == "__main__":
    main()
