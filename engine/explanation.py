"""One output value of an operator explained, under one profile or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from ..kernels.explain.narration import Narration, NotNarratedError, Step, Table, show
from ..kernels.explain.registry import narrator
from ..kernels.operator import TensorSpec
from ..kernels.profiles import Profile
from ..schema import Error, InputError, ModelError, UnsupportedOperatorError
from .preparation import prepare_node
from .trace import Trace, TracedOperator

SHOWN_ROWS = 12
PARTING = "here the profiles part"


class Explanation:
    """What :meth:`q31.Model.explain` returns; printed, it is the arithmetic step by step.

    Attributes
    ----------
    operator : the operator as it was traced.
    at : the index of the value in the operator's first output.
    narrations : profile name -> steps and tables under that profile.
    stamp : that of the trace.
    """

    def __init__(
        self, operator: TracedOperator, at: tuple[int, ...], narrations: dict[str, Narration], stamp: dict[str, Any]
    ) -> None:
        self.operator = operator
        self.at = at
        self.narrations = narrations
        self.stamp = stamp

    @property
    def result(self) -> int | float:
        """The output code under the first profile."""
        return next(iter(self.narrations.values())).result

    @property
    def title(self) -> str:
        """Operator, tensor and place in a line."""
        operator = self.operator
        assert operator.node is not None
        name = operator.node.output().name
        return f"operator {operator.index}, {operator.name}: output {name!r} at {list(self.at)}"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON holds it; docs/explain.md says what each field is."""
        profiles = {
            name: {
                "parts": [part.to_dict() for part in narration.parts],
                "result": narration.result,
                "value": narration.value,
                "exact": narration.exact,
                "error": narration.error,
            }
            for name, narration in self.narrations.items()
        }
        return {
            "operator": self.operator.index,
            "name": self.operator.name,
            "at": list(self.at),
            "stamp": self.stamp,
            "profiles": profiles,
        }

    def layout(self) -> list[Row]:
        """Return tables and steps side by side: a row for each name, in the order of the arithmetic.

        The first row of steps whose results differ, or that not all profiles take, is marked as ``parts``.
        """
        keyed = [_by_name(narration) for narration in self.narrations.values()]
        order = list(keyed[0])
        for other in keyed[1:]:
            order = _merged(order, list(other))
        rows, parted = [], False
        for key in order:
            cells = tuple(parts.get(key) for parts in keyed)
            results = [cell.result if isinstance(cell, Step) else cell for cell in cells]
            parts = not parted and any(one != results[0] for one in results)
            parted |= parts
            rows.append(Row(key[0], cells, parts))
        return rows

    def lines(self, rows: int | None = SHOWN_ROWS) -> list[str]:
        """Return the text, line by line; of tables at most so many rows, or all.

        What several profiles have in common is written once.
        """
        lines, names = [self.title, ""], list(self.narrations)
        for row in self.layout():
            for cell, where in distinct(row, names):
                if isinstance(cell, Table):
                    lines += _table_lines(cell, rows, where)
                else:
                    lines += _step_lines(row.name, cell, where)
            if row.parts:
                lines[-1] += f" <- {PARTING}"
        for name, narration in self.narrations.items():
            lines.append(f"{name}: {summary(narration)}" if len(names) > 1 else summary(narration))
        return lines

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the explanation as a notebook shows it."""
        from .explanation_html import to_html

        return to_html(self)


@dataclass(frozen=True)
class Row:
    """What the profiles have under one name: a step or a table each, None where a profile has none.

    ``parts``: it is here that results part.
    """

    name: str
    cells: tuple[Step | Table | None, ...]
    parts: bool


def _by_name(narration: Narration) -> dict[tuple[str, int], Step | Table]:
    """Return steps and tables by name, numbered where a name comes again."""
    found: dict[tuple[str, int], Step | Table] = {}
    for part in narration.parts:
        name = part.title if isinstance(part, Table) else part.name
        found[name, sum(one == name for one, _ in found)] = part
    return found


def _merged(first: list[Any], second: list[Any]) -> list[Any]:
    """Return two orders as one, with what they share in its place."""
    merged: list[Any] = []
    for what, a, b, c, d in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        merged += first[a:b] if what == "equal" else first[a:b] + [one for one in second[c:d] if one not in first]
    return list(dict.fromkeys(merged))


def distinct(row: Row, names: Sequence[str]) -> list[tuple[Step | Table | None, str]]:
    """Return the different cells of a row, each with the profiles that have it; without, where all agree."""
    found: list[tuple[Step | Table | None, list[str]]] = []
    for cell, name in zip(row.cells, names, strict=True):
        same = [owners for one, owners in found if one == cell]
        if same:
            same[0].append(name)
        else:
            found.append((cell, [name]))
    return [(cell, ", ".join(owners) if len(found) > 1 else "") for cell, owners in found]


def summary(narration: Narration) -> str:
    """Return the result in a line: the code, what it stands for, and the error beside real numbers."""
    text = f"= {show(narration.result)}"
    if narration.scale:
        text += f", which stands for {narration.value:.9g}"
    if narration.exact is not None:
        text += f"; in real numbers {narration.exact:.9g}, error {narration.error:+.3g}"
        if narration.scale:
            text += f" ({(narration.error or 0) / narration.scale:+.3f} steps of the output)"
    return text


def _step_lines(name: str, step: Step | None, where: str) -> list[str]:
    label = f"  {name} ({where})" if where else f"  {name}"
    if step is None:
        return [f"{label}: no such step"]
    real = "" if step.real is None else f"   [{step.real:.9g}]"
    lines = [f"{label}: {step.text}{real}"]
    return lines + ([f"      {step.note}"] if step.note else [])


def shown_rows(table: Table, most: int | None) -> tuple[list[tuple[Any, ...]], int]:
    """Return the rows to show, as text, and how many are left out."""
    shown = table.rows if most is None or len(table.rows) <= most else table.rows[:most]
    return [tuple(one if isinstance(one, str) else show(one) for one in row) for row in shown], (
        len(table.rows) - len(shown)
    )


def _table_lines(table: Table, most: int | None, where: str) -> list[str]:
    rows, left_out = shown_rows(table, most)
    cells = [table.columns, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(table.columns))]
    lines = [f"  {table.title}" + (f" ({where})" if where else "")]
    lines += ["    " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    return lines + ([f"    ... {left_out} more"] if left_out else [])


def explain(trace: Trace, operator: int, at: Sequence[int], profiles: Sequence[Profile]) -> Explanation:
    """Explain a value of a trace.

    Raises
    ------
    InputError
        Where there is no such operator or value, or nothing to explain.
    Error
        Where the steps do not end at the traced value: a defect of q31.
    """
    if not 0 <= operator < len(trace.operators):
        raise InputError(f"operator {operator}: expected 0 to {len(trace.operators) - 1}")
    traced = trace.operators[operator]
    place = f"operator {operator}, {traced.name}"
    output = traced.outputs[0] if traced.outputs else None
    if traced.node is None or output is None or output.dtype.kind not in "iubf":
        raise InputError(f"{place}: has no integer arithmetic to explain")
    where = tuple(int(i) for i in at)
    fits = len(where) == output.ndim and all(0 <= i < size for i, size in zip(where, output.shape, strict=True))
    if not fits:
        raise InputError(f"{place}: no value at {list(where)}: the output's shape is {list(output.shape)}")
    narrations = {profile.name: _narrate(traced, where, profile, place) for profile in profiles}
    own = narrations.get(trace.stamp["profile"])
    if own is not None and not _same(own.result, output[where].item()):
        raise Error(f"{place}: explained as {own.result}, computed as {output[where]}; this is a defect of q31")
    return Explanation(traced, where, narrations, trace.stamp)


def _same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)


def _narrate(traced: TracedOperator, at: tuple[int, ...], profile: Profile, place: str) -> Narration:
    assert traced.node is not None
    try:
        prepared = prepare_node(place, traced.kernel, traced.node, profile)
    except (ModelError, UnsupportedOperatorError) as error:
        raise InputError(f"profile {profile.name}: {error}") from None
    first = next((array for array in traced.inputs if array is not None), None)
    ends = (first, traced.outputs[0] if traced.outputs else None)
    floats = any(array is not None and array.dtype.kind not in "iub" for array in ends)
    function = narrator(traced.name, prepared, floats)
    kind = traced.node.input(0).type.name.lower() if traced.node.inputs and traced.node.inputs[0] else "no input"
    if function is None:
        reason = "has no integer arithmetic to explain" if floats else "is not among the operators that are explained"
        raise InputError(f"{place} of {kind}: {reason}")
    target: TensorSpec = traced.node.output()
    narration = Narration(float(target.scale), target.zero_point, target.dtype)
    try:
        with np.errstate(all="ignore"):
            function(narration, prepared, traced.node, traced.inputs, at)
    except NotNarratedError:
        raise InputError(f"{place} of {kind}: this form of it is not explained") from None
    if not narration.finite:
        raise InputError(f"{place} of {kind}: a value with numbers that are not finite is not explained")
    if narration.exact is not None and not np.isfinite(narration.exact):
        narration.exact = None
    return narration
