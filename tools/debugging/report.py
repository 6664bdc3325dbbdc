"""What debugging says: layers with their errors, as a table, CSV or JSON."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

from ..costs import Cost
from .errors import Errors

SORTS = ("sqnr", "local", "rmse", "max", "clipped", "order")
_SHOWN_NAME = 28


@dataclass(frozen=True)
class DebuggedLayer:
    """A layer of the quantized model.

    Parameters
    ----------
    operator, name : its operator there; -1 and ``"input"`` for what the model is given.
    tensor, tensor_name, type : its output there.
    errors : against the float model's tensor, in whole runs.
    local : the same of the operator alone, on the float model's numbers quantized; None where it cannot be had.
    weights_sqnr : signal to quantization noise of its constants, in dB; None without any.
    note : why ``local`` is not known, where it is not.
    is_output : whether it is an output of the float model.
    """

    operator: int
    name: str
    tensor: int
    tensor_name: str
    type: str
    errors: Errors
    local: Errors | None = None
    weights_sqnr: float | None = None
    note: str = ""
    is_output: bool = False

    @property
    def title(self) -> str:
        """The operator as tables name it."""
        return self.name if self.operator < 0 else f"{self.operator} {self.name}"

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON and CSV hold, in columns as TensorFlow's quantization debugger names its own."""
        errors, local = self.errors, self.local
        coded = errors.scale != 0
        return {
            "op_name": self.name,
            "op_idx": self.operator,
            "tensor_idx": self.tensor,
            **errors.to_dict(),
            "at_low": errors.at_low if coded else None,
            "at_high": errors.at_high if coded else None,
            "clipped_low": errors.clipped_low if coded else None,
            "clipped_high": errors.clipped_high if coded else None,
            **{f"local_{name}": None if local is None else local.to_dict()[name] for name in _LOCAL},
            "weights_sqnr_db": _finite(self.weights_sqnr),
            "scale": errors.scale if coded else None,
            "zero_point": errors.zero_point if coded else None,
            "type": self.type,
            "tensor_name": self.tensor_name,
        }


_LOCAL = ("sqnr_db", "max_abs_error", "mean_squared_error", "rmse_over_scale")


@dataclass(frozen=True)
class Debugging:
    """What :func:`q31.debug` returns; printed, it is a table, the worst layers first.

    ``layers`` in the order of the float model; ``costs`` and ``sha256`` of the float model and of the quantized one.
    """

    layers: tuple[DebuggedLayer, ...]
    examples: int
    costs: tuple[Cost, Cost]
    sha256: tuple[str, str]
    notes: tuple[str, ...] = ()

    @property
    def worst(self) -> tuple[DebuggedLayer, ...]:
        """The layers by their SQNR, the lowest first."""
        return self.sorted("sqnr")

    @property
    def outputs(self) -> tuple[DebuggedLayer, ...]:
        """The layers that are the models' outputs."""
        return tuple(one for one in self.layers if one.is_output)

    def sorted(self, by: str) -> tuple[DebuggedLayer, ...]:
        """Return the layers, the worst first by one of :data:`SORTS`; what is no number comes first."""
        keys = {
            "sqnr": lambda one: one.errors.sqnr,
            "local": lambda one: math.inf if one.local is None else one.local.sqnr,
            "rmse": lambda one: -one.errors.rmse_over_scale if one.errors.scale else math.inf,
            "max": lambda one: -one.errors.max_abs_error,
            "clipped": lambda one: -one.errors.clipped if one.errors.scale else math.inf,
            "order": lambda one: 0.0,
        }
        key = keys[by]
        return tuple(sorted(self.layers, key=lambda one: -math.inf if math.isnan(key(one)) else key(one)))

    def table(self, by: str = "sqnr", most: int | None = None, names: bool = True) -> Any:
        """Return rich's table of the layers, or of the first of them; ``names``: with the names of their outputs."""
        from ..console import table

        numbers = ("SQNR dB", "local dB", "weights dB", "max error", "RMSE/scale", "at low", "at high", "clipped")
        shown = table("operator", *(["output"] if names else []), "type", *numbers, right=numbers)
        for one in self.sorted(by)[:most]:
            errors, local = one.errors, one.local
            ends: Sequence[str] = ("", "", "", "")
            if errors.scale:
                shares = (errors.at_low / errors.count, errors.at_high / errors.count, errors.clipped)
                ends = (f"{errors.rmse_over_scale:.3f}", *map(_percent, shares))
            cells = [_db(errors.sqnr), "?" if local is None else _db(local.sqnr), _db(one.weights_sqnr)]
            if one.operator < 0:
                cells[1] = ""
            called = [_name(one.tensor_name)] if names else []
            shown.add_row(one.title, *called, one.type, *cells, f"{errors.max_abs_error:.4g}", *ends)
        return shown

    def cost_table(self) -> Any:
        """Return rich's table of bytes and time, before and after."""
        from ..console import table

        timed = self.costs[0].milliseconds is not None
        numbers = ("bytes", "weights", *(("ms/call",) if timed else ()))
        shown = table("model", *numbers, right=numbers)
        for name, cost in zip(("float", "quantized"), self.costs, strict=True):
            time = [f"{cost.milliseconds:.3g}"] if cost.milliseconds is not None else []
            shown.add_row(name, f"{cost.file_bytes:,}", f"{cost.weights_bytes:,}", *time)
        before, after = self.costs
        ratios = [f"{_ratio(after.file_bytes, before.file_bytes)}", _ratio(after.weights_bytes, before.weights_bytes)]
        if before.milliseconds and after.milliseconds:
            ratios.append(_ratio(after.milliseconds, before.milliseconds))
        shown.add_row("ratio", *ratios)
        return shown

    def __str__(self) -> str:
        from rich.console import Console

        text = StringIO()
        Console(file=text, width=180, highlight=False, emoji=False, markup=False).print(self.table())
        return text.getvalue().rstrip("\n")

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON holds it, layers in their order."""
        names = ("float", "quantized")
        return {
            "examples": self.examples,
            "models": {
                name: {
                    "sha256": sha256,
                    "file_bytes": cost.file_bytes,
                    "weights_bytes": cost.weights_bytes,
                    "milliseconds_call": cost.milliseconds,
                }
                for name, sha256, cost in zip(names, self.sha256, self.costs, strict=True)
            },
            "layers": [{**one.to_dict(), "note": one.note} for one in self.layers],
            "notes": list(self.notes),
        }

    def csv(self) -> str:
        """Return a table of the layers as comma-separated values, in their order."""
        text = StringIO()
        rows = [one.to_dict() for one in self.layers]
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw the layers, as .png, .svg or .pdf.

        Raises
        ------
        InputError
            Where matplotlib is not installed, or the name says no such format.
        OSError
            Where the file cannot be written.
        """
        from .plot import draw

        draw(self, path)


def _db(value: float | None) -> str:
    if value is None:
        return ""
    return "exact" if value == math.inf else f"{value:.1f}"


def _percent(share: float) -> str:
    return "." if share == 0 else f"{100 * share:.2f} %"


def _ratio(after: float, before: float) -> str:
    return f"{after / before:.2f}" if before else "-"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _name(name: str) -> str:
    """Return a tensor's name, of long ones the end: converters join the names of all that they fused."""
    plain = "".join(one if one.isprintable() else "?" for one in name)
    return plain if len(plain) <= _SHOWN_NAME else f"...{plain[3 - _SHOWN_NAME :]}"
