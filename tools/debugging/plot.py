"""A picture of the layers: their SQNR, in whole runs and alone, and what the codes cannot stand for."""

from __future__ import annotations

import importlib.util
import math
import os
from typing import TYPE_CHECKING

from ...schema import InputError
from ..files import write_atomically

if TYPE_CHECKING:
    from .report import Debugging

FORMATS = (".png", ".svg", ".pdf")
_MOST = 80.0  # dB: beyond it, and where nothing differs, a mark stands at the edge
_SHARES = (0.01, 0.1, 1, 10, 100)
_TOTAL, _LOCAL, _WEIGHTS, _CLIPPED, _ENDS = "#1b6ca8", "#e08e1b", "#9aa5ad", "#b3362b", "#d9a6a1"


def require_drawable(path: str | os.PathLike[str]) -> None:
    """Raise InputError where a picture of that name cannot be drawn, before anything is computed for it."""
    if os.path.splitext(path)[1].lower() not in FORMATS:
        raise InputError(f"{os.fspath(path)}: pictures are {', '.join(FORMATS)}")
    if importlib.util.find_spec("matplotlib") is None:
        raise InputError("pictures are drawn by matplotlib, which is not installed: pip install 'q31[plot]'")


def draw(debugging: Debugging, path: str | os.PathLike[str]) -> None:
    """Draw the layers from top to bottom in their order."""
    require_drawable(path)
    from matplotlib.figure import Figure

    layers = debugging.layers
    places = range(len(layers))
    figure = Figure(figsize=(11, 1.6 + 0.26 * len(layers)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
    series = (
        ("whole run", _TOTAL, "o", [one.errors.sqnr for one in layers]),
        ("operator alone", _LOCAL, "D", [math.nan if one.local is None else one.local.sqnr for one in layers]),
        ("weights", _WEIGHTS, "|", [math.nan if one.weights_sqnr is None else one.weights_sqnr for one in layers]),
    )
    for label, color, marker, values in series:
        shown = [min(value, _MOST) if value > -math.inf else math.nan for value in values]
        line = "-" if label == "whole run" else ""
        left.plot(shown, places, marker=marker, color=color, linestyle=line, linewidth=1, markersize=6, label=label)
    if left.get_xlim()[1] > _MOST:
        left.axvline(_MOST, color="#888888", linewidth=0.8, linestyle=":")
        left.annotate(
            f"{_MOST:g} dB or more", (_MOST, -0.5), (-3, 3), textcoords="offset points", ha="right", fontsize=7
        )
    left.set_yticks(list(places), [one.title for one in layers], fontsize=8)
    left.set_ylim(len(layers) - 0.5, -0.5)
    left.set_xlabel("signal to quantization noise, dB")
    left.grid(alpha=0.3)
    left.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, fontsize=8, frameon=False)
    clipped = [100 * one.errors.clipped if one.errors.scale else 0.0 for one in layers]
    ends = [_at_high(one.errors.at_high, one.errors.count) for one in layers]
    right.barh(list(places), ends, color=_ENDS, height=0.7, label="codes at the upper end")
    right.barh(list(places), clipped, color=_CLIPPED, height=0.35, label="numbers clipped")
    right.set_xlabel("% of values")
    right.set_xscale("symlog", linthresh=_SHARES[0])
    right.set_xlim(0, 130)
    right.set_xticks([0, *_SHARES], ["0", *(f"{share:g}" for share in _SHARES)])
    right.minorticks_off()
    right.grid(alpha=0.3, axis="x")
    right.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=8, frameon=False)
    count = debugging.examples
    figure.suptitle(f"Quantization error by layer, {count:,} {'example' if count == 1 else 'examples'}", fontsize=11)
    suffix = os.path.splitext(path)[1].lower().removeprefix(".")
    with write_atomically(path) as file:
        figure.savefig(file, format=suffix, dpi=120)


def _at_high(count: int, whole: int) -> float:
    return 100 * count / whole if whole else 0.0
