"""An explanation as a notebook shows it: one table of steps, with a column for each profile."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ..kernels.explain.narration import Step, Table

if TYPE_CHECKING:
    from .explanation import Explanation, Row

_TABLE = '<table style="text-align:left">'
_CELL = "text-align:left;vertical-align:top"
_PARTS = "background:#fde2c8;color:#000"


def to_html(explanation: Explanation) -> str:
    """Return a heading, tables of operands, one table of steps, and the result of each profile."""
    from .explanation import distinct, summary

    names = list(explanation.narrations)
    html = [f"<h4>{escape(explanation.title)}</h4>"]
    steps: list[Row] = []
    for row in explanation.layout():
        if any(isinstance(cell, Table) for cell in row.cells):
            html += _steps(steps, names)
            steps = []
            for cell, where in distinct(row, names):
                html += [_table(cell, where)] if isinstance(cell, Table) else []
        else:
            steps.append(row)
    html += _steps(steps, names)
    for name, narration in explanation.narrations.items():
        prefix = f"{escape(name)}: " if len(names) > 1 else ""
        html.append(f"<p>{prefix}<b>{escape(summary(narration))}</b></p>")
    return "\n".join(html)


def _steps(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    if not rows:
        return []
    titles = ["step", *(names if len(names) > 1 else ["integers"]), "real number"]
    head = "".join(f'<th style="{_CELL}">{escape(title)}</th>' for title in titles)
    return [f"{_TABLE}<tr>{head}</tr>", *map(_row, rows), "</table>"]


def _row(row: Row) -> str:
    style = f' style="{_PARTS}"' if row.parts else ""
    name = escape(row.name) + ("<br><b>here the profiles part</b>" if row.parts else "")
    agree = all(cell == row.cells[0] for cell in row.cells)
    if agree:
        cells = f'<td style="{_CELL}" colspan="{len(row.cells)}">{_step(row.cells[0])}</td>'
    else:
        cells = "".join(f'<td style="{_CELL}">{_step(cell)}</td>' for cell in row.cells)
    reals = [f"{cell.real:.9g}" for cell in row.cells if isinstance(cell, Step) and cell.real is not None]
    return f'<tr{style}><td style="{_CELL}">{name}</td>{cells}<td>{"<br>".join(dict.fromkeys(reals))}</td></tr>'


def _step(step: Step | Table | None) -> str:
    if not isinstance(step, Step):
        return "-"
    note = f"<br><small>{escape(step.note)}</small>" if step.note else ""
    return f"<code>{escape(step.text)}</code>{note}"


def _table(table: Table, where: str) -> str:
    from .explanation import SHOWN_ROWS, shown_rows

    rows, left_out = shown_rows(table, SHOWN_ROWS)
    title = escape(f"{table.title} ({where})" if where else table.title)
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(one)}</td>" for one in row) + "</tr>" for row in rows)
    more = f"<p>... {left_out} more</p>" if left_out else ""
    return f"<details open><summary>{title}</summary><table><tr>{head}</tr>{body}</table>{more}</details>"
