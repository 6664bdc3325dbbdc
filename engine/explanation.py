"""One output value of an operator explained, under one profile or several."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from ..kernels.explain.narration import Narration, Step, Table, show
from ..kernels.explain.registry import narrator
from ..kernels.operator import TensorSpec
from ..kernels.profiles import Profile
from ..schema import Error, InputError, ModelError, UnsupportedOperatorError
from .preparation import prepare_node
from .trace import Trace, TracedOperator

SHOWN_ROWS = 12


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
        """Return everything as JSON holds it."""
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

    def parts_differ(self, name: str) -> str | None:
        """Return the name of the first step whose result is not that of the first profile; None where all agree."""
        first, other = next(iter(self.narrations.values())), self.narrations[name]
        for one, two in zip(first.steps, other.steps, strict=False):
            if (one.name, one.result) != (two.name, two.result):
                return two.name
        return None

    def lines(self, rows: int = SHOWN_ROWS) -> list[str]:
        """Return the text, line by line; of tables at most so many rows."""
        lines = [self.title]
        for name, narration in self.narrations.items():
            lines += ["", f"profile {name}"]
            parted = self.parts_differ(name)
            for part in narration.parts:
                if isinstance(part, Table):
                    lines += _table_lines(part, rows)
                else:
                    lines += _step_lines(part, part.name == parted)
                    parted = None if part.name == parted else parted
            lines.append(_summary(narration))
        return lines

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the explanation as a notebook shows it."""
        html = [f"<h4>{escape(self.title)}</h4>"]
        for name, narration in self.narrations.items():
            html.append(f"<h5>profile {escape(name)}</h5>")
            steps: list[Step] = []
            for part in narration.parts:
                if isinstance(part, Table):
                    html += [*_html_rows(steps), _html_table(part)]
                    steps = []
                else:
                    steps.append(part)
            html += [*_html_rows(steps), f"<p>{escape(_summary(narration))}</p>"]
        return "\n".join(html)


def _summary(narration: Narration) -> str:
    text = f"= {show(narration.result)}"
    if narration.scale:
        text += f", which stands for {narration.value:.9g}"
    if narration.exact is not None:
        text += f"; in real numbers {narration.exact:.9g}, so the error is {narration.error:+.3g}"
        if narration.scale:
            text += f" ({(narration.error or 0) / narration.scale:+.3f} steps of the output)"
    return text


def _step_lines(step: Step, parts: bool) -> list[str]:
    real = "" if step.real is None else f"   [{step.real:.9g}]"
    mark = " <- here the profiles part" if parts else ""
    lines = [f"  {step.name}: {step.text}{real}{mark}"]
    return lines + ([f"      {step.note}"] if step.note else [])


def shown_rows(table: Table, most: int) -> tuple[list[tuple[Any, ...]], int]:
    """Return the rows to show, and how many are left out."""
    if len(table.rows) <= most:
        return list(table.rows), 0
    return list(table.rows[:most]), len(table.rows) - most


def _table_lines(table: Table, most: int) -> list[str]:
    rows, left_out = shown_rows(table, most)
    cells = [
        tuple(map(str, table.columns)),
        *(tuple(show(one) if not isinstance(one, str) else one for one in row) for row in rows),
    ]
    widths = [max(len(row[i]) for row in cells) for i in range(len(table.columns))]
    lines = [f"  {table.title}"]
    lines += ["    " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    return lines + ([f"    ... {left_out} more"] if left_out else [])


def _html_rows(steps: Sequence[Step]) -> list[str]:
    if not steps:
        return []
    rows = "".join(
        f"<tr><td>{escape(step.name)}</td><td><code>{escape(step.text)}</code><br><small>{escape(step.note)}</small></td>"
        f"<td>{'' if step.real is None else f'{step.real:.9g}'}</td></tr>"
        for step in steps
    )
    return [f"<table><tr><th>step</th><th>integers</th><th>real</th></tr>{rows}</table>"]


def _html_table(table: Table) -> str:
    rows, left_out = shown_rows(table, SHOWN_ROWS)
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(one))}</td>" for one in row) + "</tr>" for row in rows)
    more = f"<p>... {left_out} more</p>" if left_out else ""
    return f"<details open><summary>{escape(table.title)}</summary><table><tr>{head}</tr>{body}</table>{more}</details>"


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
    if traced.node is None or output is None or output.dtype.kind not in "iu":
        raise InputError(f"{place}: has no integer arithmetic to explain")
    where = tuple(int(i) for i in at)
    fits = len(where) == output.ndim and all(0 <= i < size for i, size in zip(where, output.shape, strict=True))
    if not fits:
        raise InputError(f"{place}: no value at {list(where)}: the output's shape is {list(output.shape)}")
    narrations = {profile.name: _narrate(traced, where, profile, place) for profile in profiles}
    own = narrations.get(trace.stamp["profile"])
    if own is not None and own.result != output[where].item():
        raise Error(f"{place}: explained as {own.result}, computed as {output[where]}; this is a defect of q31")
    return Explanation(traced, where, narrations, trace.stamp)


def _narrate(traced: TracedOperator, at: tuple[int, ...], profile: Profile, place: str) -> Narration:
    assert traced.node is not None
    try:
        prepared = prepare_node(place, traced.kernel, traced.node, profile)
    except (ModelError, UnsupportedOperatorError) as error:
        raise InputError(f"profile {profile.name}: {error}") from None
    function = narrator(traced.name, prepared)
    if function is None:
        kind = traced.node.input(0).type.name.lower() if traced.node.inputs else "no input"
        raise InputError(f"{place} of {kind}: has no integer arithmetic to explain")
    target: TensorSpec = traced.node.output()
    narration = Narration(float(target.scale), target.zero_point)
    function(narration, prepared, traced.node, traced.inputs, at)
    return narration
