"""Draw the three rounding rules on one number line: ``python docs/plots/rounding.py docs/plots/rounding.svg``."""

from __future__ import annotations

import sys

import matplotlib
import numpy as np

from q31.kernels.fixed_point import multiply_by_quantized_multiplier, multiply_in_float64, quantize_multiplier
from q31.kernels.profiles import Rounding

MULTIPLIER = 0.25
ACCUMULATORS = np.arange(-8, 9)


def main(path: str) -> None:
    """Draw the picture: a dot for each accumulator and rule, where the rule takes it."""
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "q31"
    from matplotlib import pyplot

    mantissa, shift = quantize_multiplier(MULTIPLIER)
    rules = {
        "double": multiply_by_quantized_multiplier(ACCUMULATORS, mantissa, shift, Rounding.DOUBLE),
        "single": multiply_by_quantized_multiplier(ACCUMULATORS, mantissa, shift, Rounding.SINGLE),
        "float64": multiply_in_float64(ACCUMULATORS, MULTIPLIER),
    }
    figure, axes = pyplot.subplots(figsize=(9, 3.4), layout="constrained")
    for height, (name, codes) in enumerate(reversed(rules.items())):
        others = np.stack([found for rule, found in rules.items() if rule != name])
        for real, code, alone in zip(ACCUMULATORS * MULTIPLIER, codes, (others != codes).all(axis=0), strict=True):
            color = "#c2410c" if alone else "#2563eb"
            axes.annotate(
                "",
                (float(code), height),
                (real, height + 0.42),
                arrowprops={"arrowstyle": "->", "color": color, "lw": 2.0 if alone else 1.2},
            )
            axes.plot(real, height + 0.44, "o", color=color, markersize=4)
        axes.hlines(height, -2.6, 2.6, color="#6b7280", lw=1)
        axes.plot(range(-2, 3), [height] * 5, "|", color="#6b7280", markersize=12)
    axes.set_yticks(range(3), list(reversed(rules)))
    axes.set_xticks(range(-2, 3))
    axes.set_xlim(-2.6, 2.6)
    axes.set_xlabel("dots: accumulator / 4, arrows: the code it becomes; orange: this rule alone goes there")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main(sys.argv[1])
