"""Steps and tables, and who collects them while an operator's arithmetic is gone through."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .operations import Operand, compute


class NotNarratedError(Exception):
    """Raised where a form of an operator has integer arithmetic that is not told step by step."""


@dataclass(frozen=True)
class Step:
    """One operation on numbers.

    Parameters
    ----------
    name : what the result is called, in the field's words.
    operation : what is done, a name in :data:`.operations.OPERATIONS`.
    operands : the numbers that go in, by the operation's parameter names.
    result : what comes out: an integer, a float, or (mantissa, shift).
    text : the operation written out with its numbers.
    note : why, or what happens to the bits.
    real : what the result stands for as a real number, where it stands for one.
    """

    name: str
    operation: str
    operands: Mapping[str, Operand]
    result: Any
    text: str
    note: str = ""
    real: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the step as JSON holds it."""
        return {
            "name": self.name,
            "operation": self.operation,
            "operands": {k: list(v) if isinstance(v, (list, tuple)) else v for k, v in self.operands.items()},
            "result": list(self.result) if isinstance(self.result, tuple) else self.result,
            "text": self.text,
            "note": self.note,
            "real": self.real,
        }


@dataclass(frozen=True)
class Table:
    """Numbers side by side, such as a receptive field with its weights and products."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int | float | str, ...], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the table as JSON holds it."""
        return {"table": self.title, "columns": list(self.columns), "rows": [list(row) for row in self.rows]}


@dataclass
class Narration:
    """What is told of one output value under one profile.

    ``exact`` is the value that real numbers give, without any rounding but that of the operands; ``scale``,
    ``zero_point`` and ``dtype`` are the output's.
    """

    scale: float = 0.0
    zero_point: int = 0
    dtype: np.dtype = field(default_factory=lambda: np.dtype(np.int8))
    parts: list[Step | Table] = field(default_factory=list)
    exact: float | None = None

    def step(
        self, name: str, operation: str, *, text: str = "", note: str = "", real: Any = None, **operands: Any
    ) -> Any:
        """Do an operation, remember it, and return its result."""
        result = compute(operation, operands)
        written = text or _written(operation, operands, result)
        real = float(real) if real is not None and math.isfinite(real) else None
        self.parts.append(Step(name, operation, operands, result, written, note, real))
        return result

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[int | float | str]]) -> None:
        """Remember a table."""
        self.parts.append(Table(title, tuple(columns), tuple(tuple(row) for row in rows)))

    @property
    def finite(self) -> bool:
        """Whether all numbers are finite, which JSON has no other way to hold."""
        numbers = [one for step in self.steps for one in (step.result, *step.operands.values())]
        return all(math.isfinite(one) for one in numbers if isinstance(one, float))

    @property
    def steps(self) -> list[Step]:
        """The steps without the tables."""
        return [part for part in self.parts if isinstance(part, Step)]

    @property
    def result(self) -> int | float:
        """The output code: what the last step gave."""
        result: int | float = self.steps[-1].result
        return result

    @property
    def value(self) -> float:
        """The real number that the output code stands for."""
        return (self.result - self.zero_point) * self.scale if self.scale else float(self.result)

    @property
    def error(self) -> float | None:
        """What the output code stands for less the exact value: the quantization error."""
        return None if self.exact is None else self.value - self.exact


_LISTED = 6


def show(x: Any) -> str:
    """Write a number: integers in full, floats as short as they can be read back, of float32 as a float32."""
    if isinstance(x, (list, tuple)):
        shown = ", ".join(show(one) for one in x[:_LISTED])
        return f"[{shown}, ... {len(x)} in all]" if len(x) > _LISTED else f"[{shown}]"
    if not isinstance(x, (float, np.floating)):
        return str(x)
    with np.errstate(over="ignore"):
        narrow = np.float32(x)
    return str(narrow) if float(narrow) == float(x) else repr(float(x))


def _negative(x: Any) -> str:
    return f"({show(x)})" if x < 0 else show(x)


def _terms(terms: Sequence[int | float], joined_by: str = "") -> str:
    """Write numbers in a row: a sum with its signs, or listed."""
    shown = list(terms[:_LISTED])
    if joined_by:
        text = joined_by.join(map(show, shown))
    else:
        text = show(shown[0]) if shown else "0"
        text += "".join(f" - {show(-one)}" if one < 0 else f" + {show(one)}" for one in shown[1:])
    return f"{text} ... ({len(terms)} in all)" if len(terms) > _LISTED else text


_TEXTS: Mapping[str, Callable[..., str]] = {
    "copy": lambda x: show(x),
    "add": lambda a, b: f"{show(a)} + {_negative(b)}",
    "subtract": lambda a, b: f"{show(a)} - {_negative(b)}",
    "multiply": lambda a, b: f"{show(a)} * {_negative(b)}",
    "multiply_float32": lambda a, b: f"{show(a)} * {_negative(b)}",
    "add_float32": lambda a, b: f"{show(a)} + {_negative(b)}",
    "subtract_float32": lambda a, b: f"{show(a)} - {_negative(b)}",
    "divide_float32": lambda a, b: f"{show(a)} / {_negative(b)}",
    "multiply_float64": lambda x, real_multiplier: f"{x} * {show(real_multiplier)}",
    "divide_truncating": lambda a, b: f"{show(a)} / {_negative(b)}, fraction cut off",
    "floor_divide": lambda a, b: f"{a} / {_negative(b)}, rounded down",
    "floor_modulo": lambda a, b: f"{a} modulo {b}",
    "xor": lambda a, b: f"{a} xor {b}",
    "and": lambda a, b: f"{a} and {b}",
    "divide_half_up": lambda a, b: f"{a} / {b}, halves up",
    "divide_half_away": lambda a, b: f"{a} / {b}, halves away from zero",
    "negate": lambda x: f"-{_negative(x)}",
    "absolute": lambda x: f"|{show(x)}|",
    "sum": lambda terms: _terms(terms),
    "wrapping_product": lambda terms, bits: f"{_terms(terms, ' * ')}, wrapping at {bits} bits",
    "saturating_sum": lambda terms, low, high: f"{_terms(terms)} within [{low}, {high}]",
    "wrap": lambda x, bits: f"{x} in {bits} bits",
    "maximum": lambda terms: f"greatest of {_terms(terms, ', ')}",
    "minimum": lambda terms: f"least of {_terms(terms, ', ')}",
    "index_of_maximum": lambda terms: f"place of the greatest of {_terms(terms, ', ')}",
    "index_of_minimum": lambda terms: f"place of the least of {_terms(terms, ', ')}",
    "wrap_int8": lambda x: f"{x} as int8",
    "wrap_int16": lambda x: f"{x} as int16",
    "wrap_int32": lambda x: f"{x} as int32",
    "wrap_int64": lambda x: f"{x} as int64",
    "equal": lambda a, b: f"{a} == {b}",
    "not_equal": lambda a, b: f"{a} != {b}",
    "greater": lambda a, b: f"{a} > {b}",
    "greater_equal": lambda a, b: f"{a} >= {b}",
    "less": lambda a, b: f"{a} < {b}",
    "less_equal": lambda a, b: f"{a} <= {b}",
    "sign": lambda x: f"sign of {x}",
    "modulo": lambda x, by: f"{x} modulo {by}",
    "high_multiply_int16": lambda a, b: f"({a} * {_negative(b)} + 2**14) >> 15",
    "inverse_square_root": lambda x: f"1 / sqrt({x}) as (M, shift)",
    "log_q5_26": lambda x: f"log of {x} in Q12.19",
    "shift_left": lambda x, by: f"{x} << {by}",
    "shift_right": lambda x, by: f"{x} >> {by}",
    "saturating_shift_left": lambda x, by, bits: f"{x} << {by}, saturating at {bits} bits",
    "clamp": lambda x, low, high: f"{show(x)} within [{show(low)}, {show(high)}]",
    "look_up": lambda index, table: f"table[{index}]",
    "rounding_divide_by_pot": lambda x, exponent: f"{x} / 2**{exponent}, rounded",
    "quantize_multiplier": lambda real_multiplier: f"{show(real_multiplier)} as (M, shift)",
    "reciprocal_q31": lambda x, integer_bits: f"1 / {x} as a Q0.31 mantissa",
    "reduce_multiplier": lambda multiplier: f"{multiplier} / 2**16, rounded",
    "multiply_by_15_bits": lambda x, multiplier, shift: f"({x} * {multiplier} + 2**{14 - shift}) >> {15 - shift}",
    "round_half_away": lambda x: f"{show(x)} rounded",
    "truncate_float": lambda x: f"{show(x)}, fraction cut off",
    "as_float32": lambda x: f"{show(x)} in float32",
    "logistic_int16": lambda x, integer_bits: f"logistic({x} / 2**{15 - integer_bits}) in Q0.15",
    "tanh_int16": lambda x, integer_bits: f"tanh({x} / 2**{15 - integer_bits}) in Q0.15",
    "divide_float64": lambda a, b: f"{show(a)} / {_negative(b)}",
    "square_root_float32": lambda x: f"sqrt({show(x)})",
}
"""Operation -> how its operands are written; others as a call."""


def _written(operation: str, operands: Mapping[str, Any], result: Any) -> str:
    if operation in _TEXTS:
        return f"{_TEXTS[operation](**operands)} = {show(result)}"
    arguments = ", ".join(
        show(value) if name in ("x", "terms") else f"{name.replace('_', ' ')} {show(value)}"
        for name, value in operands.items()
    )
    return f"{operation.replace('_', ' ')}({arguments}) = {show(result)}"
