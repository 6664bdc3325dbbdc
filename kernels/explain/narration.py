"""Steps and tables, and who collects them while an operator's arithmetic is gone through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .operations import Operand, compute


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

    ``exact`` is the value that real numbers give, without any rounding but that of the operands; ``scale`` and
    ``zero_point`` are the output's.
    """

    scale: float = 0.0
    zero_point: int = 0
    parts: list[Step | Table] = field(default_factory=list)
    exact: float | None = None

    def step(
        self, name: str, operation: str, *, text: str = "", note: str = "", real: Any = None, **operands: Any
    ) -> Any:
        """Do an operation, remember it, and return its result."""
        result = compute(operation, operands)
        written = text or _written(operation, operands, result)
        self.parts.append(Step(name, operation, operands, result, written, note, None if real is None else float(real)))
        return result

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[int | float | str]]) -> None:
        """Remember a table."""
        self.parts.append(Table(title, tuple(columns), tuple(tuple(row) for row in rows)))

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


_SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "multiply_float64": "*", "shift_left": "<<"}
_LISTED = 6


def show(x: Any) -> str:
    """Write a number: integers in full, floats as short as they can be read back."""
    if isinstance(x, (list, tuple)):
        shown = ", ".join(show(one) for one in x[:_LISTED])
        return f"[{shown}, ... {len(x)} in all]" if len(x) > _LISTED else f"[{shown}]"
    return repr(float(x)) if isinstance(x, float) else str(x)


def _written(operation: str, operands: Mapping[str, Any], result: Any) -> str:
    values = list(operands.values())
    if operation in _SIGNS:
        second = f"({show(values[1])})" if isinstance(values[1], (int, float)) and values[1] < 0 else show(values[1])
        return f"{show(values[0])} {_SIGNS[operation]} {second} = {show(result)}"
    if operation == "look_up":
        return f"table[{show(operands['index'])}] = {show(result)}"
    arguments = ", ".join(
        show(value) if name in ("x", "terms") else f"{name} {show(value)}" for name, value in operands.items()
    )
    return f"{operation}({arguments}) = {show(result)}"
