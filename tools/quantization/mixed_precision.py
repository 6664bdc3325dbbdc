"""A model of several precisions: the layers that quantization costs most stay float, or get activations of int16."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...schema import InputError, QuantizationError
from ..progress import watched
from .calibration import Calibration
from .quantize import quantize
from .sensitivity import Trial

if TYPE_CHECKING:
    import os

PRECISIONS = ("float32", "int16")
_REFINEMENTS = ("equalize", "rounding", "correct_bias")


@dataclass(frozen=True)
class MixedPrecision:
    """A model, and which of its operators were spared.

    Attributes
    ----------
    precision : what the spared operators have: ``"float32"``, or ``"int16"`` activations.
    operators : their indices in the float model, the most helpful first.
    sqnr : of the output in dB; ``sqnr_before``: with none spared.
    size, size_before : bytes of the file, likewise.
    content : the bytes of the model.
    """

    precision: str
    operators: tuple[int, ...]
    sqnr: float
    sqnr_before: float
    size: int
    size_before: int
    content: bytes = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return it without the model's bytes, as for JSON; a SQNR without error is None."""
        numbers = {"sqnr": self.sqnr, "sqnr_before": self.sqnr_before}
        finite = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        rest = {"size": self.size, "size_before": self.size_before}
        return {"precision": self.precision, "operators": list(self.operators), **finite, **rest}

    def __str__(self) -> str:
        names = ", ".join(map(str, self.operators)) or "none"
        return (
            f"{self.precision}: operators {names}; {self.size_before:,} -> {self.size:,} bytes, "
            f"{self.sqnr_before:.2f} -> {self.sqnr:.2f} dB"
        )


def mixed_precision(
    model: str | os.PathLike[str] | bytes,
    data: Any,
    mode: str = "int8",
    *,
    size_budget: int | None = None,
    target_sqnr: float | None = None,
    precision: str = "float32",
    calibration: Calibration | None = None,
    progress: bool = False,
    **options: Any,
) -> MixedPrecision:
    """Quantize a model, and spare the operators that help the output most.

    Two ways are gone, and the better end is returned: operators in the order of how much sparing each helps by itself,
    of which those are spared that raise the output's SQNR on the data; and in the order of what quantizing each by
    itself costs, all spared that the budget holds. Every choice was measured: the file's size, and what it computes.

    Parameters
    ----------
    model : path or bytes of a float .tflite file.
    data : representative examples, as for :func:`.quantize`: ranges are recorded and outputs compared on them.
    mode : ``"int8"`` or ``"int8-only"``; the latter with a precision of int16 only.
    size_budget : the most bytes that the file may have.
    target_sqnr : the SQNR of the output in dB at which to stop.
    precision : ``"float32"``, or ``"int16"``: activations of int16 beside weights of int8.
    calibration : ranges recorded before.
    progress : draw a progress bar, on a terminal.
    options : the other options of :func:`.quantize`. Operators are chosen without equalization, rounding and
        corrected biases; the model returned, and its SQNR, has them.

    Raises
    ------
    InputError
        Where neither budget nor target is given, or an argument is wrong.
    QuantizationError
        Where not even the model with nothing spared is within the budget.
    Error
        As :func:`.quantize` does.
    """
    if size_budget is None and target_sqnr is None:
        raise InputError("expected a size budget in bytes, or a target for the SQNR in dB")
    if precision not in PRECISIONS:
        raise InputError(f"precision {precision!r}: expected one of {', '.join(PRECISIONS)}")
    if mode not in ("int8", "int8-only") or (mode == "int8-only" and precision == "float32"):
        raise InputError(f"mode {mode} has no operators of {precision}; expected int8, or int8-only and int16")
    if calibration is not None and options.get("equalize"):
        raise InputError("equalize: expected no calibration: ranges of the model as it was do not hold afterwards")
    plain = {name: value for name, value in options.items() if name not in _REFINEMENTS}
    trial = Trial(model, data, mode, calibration, plain)
    nothing = _Choice((), content := trial.quantize(), trial.sqnr(content))
    if size_budget is not None and len(content) > size_budget:
        raise QuantizationError(
            f"size_budget {size_budget}: the model has {len(content)} bytes with no operator spared"
        )
    goal = _Goal(precision, size_budget, target_sqnr)
    helps, costs = _measured(trial, precision, progress)
    by_help = sorted(helps, key=lambda one: (-helps[one], one))
    by_cost = sorted(helps, key=lambda one: (costs[one], one))
    found = [_climb(trial, nothing, by_help, goal, always=False), _climb(trial, nothing, by_cost, goal, always=True)]
    choice = min(found, key=goal.rank)
    if any(options.get(name) for name in _REFINEMENTS):
        ranges = None if options.get("equalize") else trial.calibration
        kept, wide = (choice.operators, ()) if precision == "float32" else ((), choice.operators)
        spared = {"keep_float": trial.kept_float | set(kept), "int16_operators": trial.wide | set(wide)}
        content = quantize(trial.content, mode, trial.data, calibration=ranges, **{**options, **spared})
        choice = _Choice(choice.operators, content, trial.sqnr(content))
    size, before = len(choice.content), len(nothing.content)
    return MixedPrecision(precision, choice.operators, choice.sqnr, nothing.sqnr, size, before, choice.content)


@dataclass(frozen=True)
class _Choice:
    """Operators to spare, the model in which they are, and the SQNR of its output."""

    operators: tuple[int, ...]
    content: bytes
    sqnr: float


@dataclass(frozen=True)
class _Goal:
    """What is asked for."""

    precision: str
    size_budget: int | None
    target_sqnr: float | None

    def reached(self, choice: _Choice) -> bool:
        return self.target_sqnr is not None and choice.sqnr >= self.target_sqnr

    def fits(self, content: bytes) -> bool:
        return self.size_budget is None or len(content) <= self.size_budget

    def rank(self, choice: _Choice) -> tuple[bool, float]:
        """Return what is less for the better choice: of those that reach the target, the smaller."""
        reached = self.reached(choice)
        return not reached, len(choice.content) if reached else -choice.sqnr


def _climb(trial: Trial, nothing: _Choice, order: list[int], goal: _Goal, always: bool) -> _Choice:
    """Spare one operator after the other, those that help or ``always`` all that fit; return the best choice met."""
    best = here = nothing
    for index in order:
        if goal.reached(best):
            break
        operators = (*here.operators, index)
        content = _spared(trial, operators, goal.precision)
        if not goal.fits(content):
            continue
        tried = _Choice(operators, content, trial.sqnr(content))
        if always or tried.sqnr > here.sqnr:
            here = tried
        if here.sqnr > best.sqnr:
            best = here
    return best


def _spared(trial: Trial, operators: Iterable[int], precision: str) -> bytes:
    return trial.quantize(keep_float=operators) if precision == "float32" else trial.quantize(int16=operators)


def _measured(trial: Trial, precision: str, progress: bool) -> tuple[dict[int, float], dict[int, float]]:
    """Return operator -> the SQNR with it alone spared, and with it alone quantized, for those that can be spared."""
    helps, costs = {}, {}
    for index in watched(trial.operators(), "quantizing", progress):
        try:
            helps[index] = trial.sqnr(_spared(trial, [index], precision))
        except QuantizationError:
            continue  # it has no form of int16, or nothing else is left to quantize
        costs[index] = trial.sqnr(trial.alone(index))
    return helps, costs
