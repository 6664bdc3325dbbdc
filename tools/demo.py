"""``q31 demo``: classify the bundled digits, draw them, and compare the outputs with the reference's bits."""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from .console import add_backend

if TYPE_CHECKING:
    from ..engine.model import Model

FORM = "integer_uint8"
_REPEATS = 20
_GAP = 3
_SHADES = " .:*#@"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    add_backend(parser)


def main(arguments: argparse.Namespace) -> int:
    """Classify the digits; returns 1 where a bit differs from the record."""
    from ..engine.model import load
    from .console import console
    from .digits.bundle import model_path, read_digits, reference, reference_outputs
    from .ports import dequantize, from_pixels, softmax

    digits = read_digits()
    start = time.perf_counter()
    model = load(model_path(FORM), backend=arguments.backend)
    loaded = time.perf_counter() - start
    inputs = from_pixels(model.inputs[0], digits.images)
    outputs, duration = classify(model, inputs)
    scores = softmax(dequantize(model.outputs[0], outputs))
    predictions = outputs.argmax(axis=-1)
    screen = console()
    captions = [f"{prediction}  {score[prediction]:.1%}" for prediction, score in zip(predictions, scores, strict=True)]
    blocks = "utf" in (sys.stdout.encoding or "").lower()
    for line in gallery([draw(image, blocks) for image in digits.images], captions, screen.width):
        screen.print(line, style="bold" if line[:1].isdigit() else None, no_wrap=True)
    right = int((predictions == digits.labels).sum())
    print(f"{right} of {len(inputs)} right with {model_path(FORM).name} ({len(model.operators)} operators)")
    print(f"time: {duration * 1e3:.3f} ms an image (median), {loaded * 1e3:.0f} ms to load, back end {model.backend}")
    return verdict(model, outputs, reference(), reference_outputs(FORM))


def classify(model: Model, inputs: np.ndarray) -> tuple[np.ndarray, float]:
    """Run each image alone; returns the outputs ``(N, 10)`` and the median time of a call in seconds."""
    outputs = np.concatenate([model(image[None]) for image in inputs])
    times = []
    for _ in range(_REPEATS):
        for image in inputs:
            start = time.perf_counter()
            model(image[None])
            times.append(time.perf_counter() - start)
    return outputs, statistics.median(times)


def verdict(model: Model, outputs: np.ndarray, record: dict[str, Any], expected: np.ndarray) -> int:
    """Say whether the outputs are the recorded ones; returns the exit code."""
    oracle = record["oracle"]
    if model.sha256 != record["forms"][FORM]["model_sha256"]:
        print(f"bits: the model is not the one recorded with {oracle}")
        return 1
    if outputs.dtype != expected.dtype or outputs.shape != expected.shape:
        print(f"bits: {outputs.dtype}{list(outputs.shape)} is not what was recorded with {oracle}")
        return 1
    different = int((outputs.view(np.uint8) != expected.view(np.uint8)).sum())
    if different:
        print(f"bits: {different} of {outputs.size} outputs DIFFER from those recorded with {oracle}")
        return 1
    print(f"bits: all {outputs.size} outputs equal those recorded with {oracle}")
    return 0


def draw(image: np.ndarray, blocks: bool = True) -> list[str]:
    """Draw a grey image ``(28, 28)`` in 7 lines of 14 characters: half blocks, or ASCII shades without Unicode."""
    size = image.shape[0] // 2
    halves = image.reshape(size, 2, size, 2).mean(axis=(1, 3))
    pairs = halves.reshape(size // 2, 2, size)
    if not blocks:
        shades = (pairs.mean(axis=1) / 256 * len(_SHADES) * 1.3).astype(int).clip(0, len(_SHADES) - 1)
        return ["".join(_SHADES[shade] for shade in row) for row in shades]
    ink = pairs > 90
    return ["".join(" ▀▄█"[upper + 2 * lower] for upper, lower in zip(*row, strict=True)) for row in ink.astype(int)]


def gallery(pictures: list[list[str]], captions: list[str], width: int) -> list[str]:
    """Lay pictures of one size side by side, in rows of one length that fit in ``width``, each over its caption."""
    columns = len(pictures[0][0])
    rows = math.ceil(len(pictures) / max(1, (width + _GAP) // (columns + _GAP)))
    count = math.ceil(len(pictures) / rows)
    lines: list[str] = []
    for start in range(0, len(pictures), count):
        row = [[*picture, caption] for picture, caption in zip(pictures, captions, strict=True)][start : start + count]
        for parts in zip(*row, strict=True):
            lines.append((" " * _GAP).join(part.ljust(columns) for part in parts).rstrip())
        lines.append("")
    return lines
