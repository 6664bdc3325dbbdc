"""Measure every form of the digit classifier on MNIST's test file, in q31, and compare with the reference's record.

    python -m q31.tools.digits.accuracy --images t10k-images-idx3-ubyte.gz --labels t10k-labels-idx1-ubyte.gz

Prints the README's table. Exits with 1 where a form's outputs differ from the reference's in a single bit.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from ...engine.model import load
from ...schema import Error
from ..ports import from_pixels
from .bundle import FORMS, model_path, reference, sha256
from .mnist import Images, read_images, split

HEADER = """\
| form | bytes | right of {held_back} held back | reference | output bits on {total} images |
|---|---:|---:|---:|---|"""


def measure(form: str, data: Images, backend: str | None) -> tuple[str, bool]:
    """Return a form's row of the table, and whether its bits are those of the record."""
    record = reference()["forms"][form]
    model = load(model_path(form), backend=backend)
    (port,) = model.inputs
    outputs = model(from_pixels(port, data.images))
    held_back = split(Images(outputs, data.labels))[1]
    right = (held_back.images.argmax(axis=-1) == held_back.labels).mean()
    recorded = record["held_back_correct"] / reference()["held_back"]
    if model.sha256 != record["model_sha256"] or sha256(data.images) != reference()["test_images_sha256"]:
        return f"| {FORMS[form]} | {record['bytes']:,} | {right:.2%} | - | no record of these images |", True
    same = sha256(outputs) == record["test_outputs_sha256"]
    bits = "equal" if same else "differ"
    return f"| {FORMS[form]} | {record['bytes']:,} | {right:.2%} | {recorded:.2%} | {bits} |", same


def main() -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description="Measure the bundled digit classifiers on MNIST's test file.")
    parser.add_argument("--images", required=True, help="t10k-images-idx3-ubyte, gzip-compressed or not")
    parser.add_argument("--labels", required=True, help="t10k-labels-idx1-ubyte, gzip-compressed or not")
    parser.add_argument("--backend", choices=("numba", "numpy"), help="default: numba where it is installed")
    arguments = parser.parse_args()
    try:
        data = read_images(arguments.images, arguments.labels)
        held_back = np.size(split(data)[1].labels)
        print(HEADER.format(held_back=f"{held_back:,}", total=f"{len(data.labels):,}"))
        same = True
        for form in FORMS:
            row, equal = measure(form, data, arguments.backend)
            print(row, flush=True)
            same &= equal
    except (Error, OSError) as error:
        print(f"q31: error: {error}", file=sys.stderr)
        return 2
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
