"""``q31 conformance``: put the problems of single operators to an implementation."""

from __future__ import annotations

import argparse
import json
from html import escape
from pathlib import Path
from typing import Any

from ... import __version__
from ..console import add_profile, console, table
from ..files import write_atomically
from ..reference_types import COLUMNS
from .runners import HELP
from .running import run_conformance
from .verdicts import FAILURES, Results, Tally

EXAMPLE = """\
examples:
  q31 conformance --runner litert --operators CONV_2D,ADD --types int8
  q31 conformance --runner './my_sim {model} {inputs} {outputs}' --skip known.txt --failures failures
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"{HELP}\n\n{EXAMPLE}"
    runner_help = "whom to ask: a command with {model}, MODULE:FUNCTION, q31, litert-ref, litert-builtin or litert"
    parser.add_argument("--runner", required=True, help=runner_help)
    parser.add_argument("--operators", default="", metavar="NAMES", help="only these operators, separated by commas")
    parser.add_argument("--types", default="", metavar="NAMES", help="only these columns of the table, such as int8")
    parser.add_argument("--examples", type=int, default=20, help="problems of each kind (20)")
    parser.add_argument("--seed", type=int, default=0, help="of the random problems (0)")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds until an answer is given up (60)")
    parser.add_argument(
        "--skip", metavar="FILE", help="lines 'OPERATOR' or 'OPERATOR TYPE' to leave out; # begins a comment"
    )
    parser.add_argument(
        "--failures", metavar="DIR", help="save failing problems there: model, inputs, expected outputs"
    )
    parser.add_argument("--html", metavar="FILE", help="write the table as a page, too")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--out", metavar="FILE", help="write the JSON to a file, too")
    add_profile(parser)


def _read_skip(path: str | None) -> list[str]:
    if path is None:
        return []
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return [" ".join(line.split("#")[0].split()) for line in lines if line.split("#")[0].strip()]


def _split(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _rows(results: Results) -> tuple[list[str], dict[str, dict[str, Tally]]]:
    used = [column for column in COLUMNS if any(cell[1] == column for cell in results)]
    rows: dict[str, dict[str, Tally]] = {}
    for (operator, column), tally in sorted(results.items()):
        rows.setdefault(operator, {})[column] = tally
    return used, rows


def summary(results: Results) -> str:
    """Return the line below the table."""
    total = sum(tally.total for tally in results.values())
    failed = sum(tally.kinds[kind] for tally in results.values() for kind in FAILURES)
    cells = sum(tally.failed for tally in results.values())
    return f"{total} problems in {len(results)} cells: {failed} not as they have to be, in {cells} cells"


def to_json(results: Results, stamp: dict[str, Any]) -> dict[str, Any]:
    """Return the results as JSON holds them."""
    used, rows = _rows(results)
    cells = {operator: {column: tally.to_dict() for column, tally in row.items()} for operator, row in rows.items()}
    return {"stamp": stamp, "summary": summary(results), "types": used, "operators": cells}


def to_html(results: Results, stamp: dict[str, Any]) -> str:
    """Return the table as a page of its own; a failure's first detail is a cell's title."""
    used, rows = _rows(results)
    head = "".join(f"<th>{escape(column)}</th>" for column in used)
    body = ""
    for operator, row in rows.items():
        cells = "".join(_html_cell(row.get(column)) for column in used)
        body += f"<tr><th>{escape(operator)}</th>{cells}</tr>\n"
    told = escape(", ".join(f"{name} {value}" for name, value in stamp.items()))
    style = (
        ":root{color-scheme:light dark}body{font:15px system-ui;margin:2em}table{border-collapse:collapse}"
        "td,th{padding:.3em .7em;border-bottom:1px solid #8886;text-align:left}"
        ".bad{color:#b00020;font-weight:600}@media(prefers-color-scheme:dark){.bad{color:#ff7b8a}}"
    )
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<title>q31 conformance</title><style>{style}</style><h1>Conformance</h1><p>{told}</p>"
        f"<p>{escape(summary(results))}</p><table><tr><th>operator</th>{head}</tr>\n{body}</table></html>\n"
    )


def _html_cell(tally: Tally | None) -> str:
    if tally is None:
        return "<td></td>"
    bad = " class='bad'" if tally.failed else ""
    return f"<td{bad} title='{escape(tally.first, quote=True)}'>{escape(tally.text())}</td>"


def main(arguments: argparse.Namespace) -> int:
    """Run; 0 where everything is as it has to be, 1 where not.

    Raises
    ------
    InputError
        As :func:`run_conformance`.
    OSError
        Where a file cannot be read or written.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    errors = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("", total=None)
        results = run_conformance(
            arguments.runner,
            operators=_split(arguments.operators),
            types=_split(arguments.types),
            examples=arguments.examples,
            seed=arguments.seed,
            profile=arguments.profile,
            timeout=arguments.timeout,
            skip=_read_skip(arguments.skip),
            failures=arguments.failures,
            progress=lambda name, done, total: bar.update(task, description=name, completed=done, total=total),
        )
    stamp = {
        "runner": arguments.runner,
        "profile": arguments.profile,
        "q31_version": __version__,
        "seed": arguments.seed,
        "examples": arguments.examples,
    }
    text = json.dumps(to_json(results, stamp), indent=1)
    for path, content in ((arguments.out, text + "\n"), (arguments.html, to_html(results, stamp))):
        if path:
            with write_atomically(path) as file:
                file.write(content.encode())
    if arguments.json:
        print(text)
    else:
        _print(results)
    return int(any(tally.failed for tally in results.values()))


_COLUMNS_IN_A_TABLE = 6
"""With more types than these, a line an operator lists those that are as they have to be."""


def _print(results: Results) -> None:
    used, rows = _rows(results)
    out = console()
    if len(used) <= _COLUMNS_IN_A_TABLE:
        printed = table("operator", *used)
        for operator, row in rows.items():
            printed.add_row(operator, *(row[column].text() if column in row else "" for column in used))
    else:
        printed = table("operator", "exact", "not exact")
        for operator, row in rows.items():
            wrong = [f"{column}: {tally.text()}" for column, tally in row.items() if tally.failed]
            printed.add_row(operator, ", ".join(one for one in row if not row[one].failed), "; ".join(wrong))
    out.print(printed)
    for (operator, column), tally in sorted(results.items()):
        if tally.failed:
            out.print(f"{operator} {column}: {tally.first}")
    out.print(summary(results))
