"""Draw the ten digits that ``q31 demo`` classifies, by strokes of our own: no data set is involved.

Run it to write ``data/digits.npz`` (``images`` uint8 ``(10, 28, 28)``, ``labels`` uint8 ``(10,)``)::

    python -m q31.tools.digits.draw_digits
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ..files import write_arrays
from .bundle import DIGITS

SIZE = 28
HEIGHT = 20.0
"""Height of a digit in pixels."""
THICKNESS = 2.6
"""Width of the pen in pixels."""
SLANT = 0.12
"""How far a digit leans to the right, as a fraction of its height."""

Point = tuple[float, float]


def line(*points: Point) -> np.ndarray:
    """Return the corners of a line through points ``(x, y)``; x and y run from 0 to 1, y downwards."""
    return np.array(points, np.float64)


def arc(center: Point, radius: Point, start: float, end: float) -> np.ndarray:
    """Return points along an ellipse's arc; angles in degrees, clockwise from the right."""
    angle = np.radians(np.linspace(start, end, 40))
    return np.stack([center[0] + radius[0] * np.cos(angle), center[1] + radius[1] * np.sin(angle)], axis=1)


STROKES: dict[int, tuple[np.ndarray, ...]] = {
    0: (arc((0.5, 0.5), (0.34, 0.5), 0, 360),),
    1: (line((0.32, 0.22), (0.5, 0.0), (0.5, 1.0)),),
    2: (arc((0.5, 0.28), (0.32, 0.28), 190, 385), line((0.79, 0.40), (0.16, 1.0), (0.86, 1.0))),
    3: (arc((0.45, 0.25), (0.32, 0.25), 200, 450), arc((0.45, 0.75), (0.36, 0.25), 270, 520)),
    4: (line((0.62, 0.0), (0.12, 0.64), (0.9, 0.64)), line((0.66, 0.36), (0.66, 1.0))),
    5: (line((0.82, 0.0), (0.28, 0.0), (0.24, 0.42)), arc((0.46, 0.68), (0.36, 0.32), 228, 520)),
    6: (line((0.62, 0.0), (0.36, 0.36), (0.24, 0.70)), arc((0.5, 0.74), (0.27, 0.26), 0, 360)),
    7: (line((0.10, 0.08), (0.86, 0.04), (0.56, 0.5), (0.40, 1.0)),),
    8: (arc((0.5, 0.25), (0.27, 0.25), 0, 360), arc((0.5, 0.75), (0.33, 0.25), 0, 360)),
    9: (arc((0.48, 0.28), (0.29, 0.28), 0, 360), line((0.78, 0.24), (0.72, 0.6), (0.56, 1.0))),
}


def distance(points: np.ndarray, stroke: np.ndarray) -> np.ndarray:
    """Return the distance of points ``(N, 2)`` to the nearest segment of a stroke ``(M, 2)``."""
    start, step = stroke[:-1], np.diff(stroke, axis=0)
    offset = points[:, None] - start
    along = np.clip((offset * step).sum(-1) / (step**2).sum(-1), 0, 1)
    return np.sqrt(((offset - along[..., None] * step) ** 2).sum(-1)).min(axis=1)


def ink(strokes: list[np.ndarray], center: np.ndarray) -> np.ndarray:
    """Return the strokes' coverage of each pixel, 0 to 1, ``(28, 28)``; ``center`` is the pixel of their origin."""
    y, x = np.mgrid[:SIZE, :SIZE].reshape(2, -1)
    points = np.stack([x, y], axis=1) - center
    nearest = np.min([distance(points, stroke) for stroke in strokes], axis=0)
    return np.clip(THICKNESS / 2 - nearest + 0.5, 0, 1).reshape(SIZE, SIZE)


def draw(digit: int) -> np.ndarray:
    """Draw a digit as a grey image ``(28, 28)`` uint8, white on black, its edges one pixel soft.

    As in MNIST, the center of mass is at the center of the image.
    """
    strokes = [
        np.stack([(x - 0.5 + SLANT * (0.5 - y)) * HEIGHT, (y - 0.5) * HEIGHT], axis=1)
        for x, y in (stroke.T for stroke in STROKES[digit])
    ]
    middle = np.full(2, (SIZE - 1) / 2)
    first = ink(strokes, middle)
    mass = np.array([np.average(axis, weights=first) for axis in np.mgrid[:SIZE, :SIZE][::-1]])
    return np.rint(ink(strokes, 2 * middle - mass) * 255).astype(np.uint8)


def main() -> None:
    """Write the ten drawn digits."""
    parser = argparse.ArgumentParser(description="Draw the ten digits that q31 demo classifies.")
    parser.add_argument("--output", type=Path, default=DIGITS)
    arguments = parser.parse_args()
    labels = np.arange(10, dtype=np.uint8)
    images = np.stack([draw(digit) for digit in labels.tolist()])
    write_arrays(arguments.output, {"images": images, "labels": labels})
    print(f"{arguments.output}: {len(labels)} digits")


if __name__ == "__main__":
    main()
