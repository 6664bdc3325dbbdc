"""``q31 explain``: the arithmetic of one output value, step by step, under one profile or several side by side."""

from __future__ import annotations

import argparse
import json
from itertools import groupby
from typing import TYPE_CHECKING, Any

from .console import add_accumulator
from .run import natural_number

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

    from ..engine.explanation import Explanation, Row
    from ..engine.trace import Trace

_EXAMPLE = """\
example:
  q31 explain tools/digits/models/digits_integer_int8.tflite --op 1 --at 0,5,5,2 --profile litert,single
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLE
    parser.add_argument("model", metavar="MODEL", help="a .tflite file")
    parser.add_argument("--op", type=natural_number, required=True, metavar="N", help="the operator's index")
    at_help = "index of the value in the operator's output, such as 0,5,5,2 (default: the middle of the output)"
    parser.add_argument("--at", type=_indices, metavar="I,J,...", help=at_help)
    parser.add_argument(
        "-i", "--input", default="random", metavar="INPUT", help=".npy, .npz, an image or random (default), as for run"
    )
    parser.add_argument("--seed", type=natural_number, default=0, help="seed of random inputs, 0 or more (default 0)")
    profile_help = "litert (default), tflm, single, or several with commas; the first one computes the operands"
    parser.add_argument("--profile", type=_profiles, default=("litert",), metavar="A,B", help=profile_help)
    add_accumulator(parser)
    parser.add_argument("--all-rows", action="store_true", help="show tables of operands in full")
    parser.add_argument("--json", action="store_true", help="print JSON, with every table in full")


def _indices(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.strip("[]() ").split(",")] if text.strip("[]() ") else []
    if not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"expected an index such as 0,5,5,2, got {text!r}")
    return tuple(map(int, parts))


def _profiles(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in names:
        if name not in ("litert", "tflm", "single"):
            raise argparse.ArgumentTypeError(f"expected litert, tflm or single, with commas between, got {text!r}")
    return names


def main(arguments: argparse.Namespace) -> int:
    """Print the explanation.

    Raises
    ------
    Error, OSError
        Where the model or the input is bad, or there is nothing to explain.
    """
    from ..engine.model import load
    from .arrays import RANDOM, read_input
    from .progress import waiting

    model = load(
        arguments.model,
        profile=arguments.profile[0],
        accumulator_bits=arguments.accumulator_bits,
        overflow=arguments.overflow,
    )
    inputs = read_input(arguments.input, model.inputs, seed=arguments.seed)
    with waiting("running the model"):
        trace = model.trace(inputs, seed=arguments.seed if arguments.input == RANDOM else None)
    at = arguments.at if arguments.at is not None else _middle(trace, arguments.op)
    explanation = model.explain(arguments.op, at, profile=arguments.profile)
    if arguments.json:
        print(json.dumps(explanation.to_dict(), indent=1, allow_nan=False))
        return 0
    if arguments.at is None:
        print(f"no --at was given: this is the middle of the output, --at {','.join(map(str, at))}")
    show(explanation, None if arguments.all_rows else _shown_rows())
    return 0


def _middle(trace: Trace, operator: int) -> tuple[int, ...]:
    """Return the index of the value in the middle of an operator's output."""
    from ..schema import InputError

    if operator >= len(trace.operators):
        raise InputError(f"operator {operator}: expected 0 to {len(trace.operators) - 1}")
    outputs = trace.operators[operator].outputs
    return tuple(size // 2 for size in outputs[0].shape) if outputs and outputs[0] is not None else ()


def _shown_rows() -> int:
    from ..engine.explanation import SHOWN_ROWS

    return SHOWN_ROWS


def show(explanation: Explanation, rows: int | None) -> None:
    """Print an explanation as tables; of operands at most so many rows, or all."""
    from ..engine.explanation import distinct, summary
    from ..kernels.explain.narration import Table
    from .console import console

    screen, names = console(), list(explanation.narrations)
    screen.print(explanation.title)
    steps: list[Row] = []
    for row in explanation.layout():
        if any(isinstance(cell, Table) for cell in row.cells):
            _print_steps(screen, steps, names)
            steps = []
            for cell, where in distinct(row, names):
                if isinstance(cell, Table):
                    _print_table(screen, cell, where, rows)
        else:
            steps.append(row)
    _print_steps(screen, steps, names)
    screen.print()
    for name, narration in explanation.narrations.items():
        screen.print(f"{name}: {summary(narration)}" if len(names) > 1 else summary(narration))


def _print_table(screen: Console, table: Any, where: str, most: int | None) -> None:
    from ..engine.explanation import shown_rows
    from .console import table as rich_table

    rows, left_out = shown_rows(table, most)
    screen.print(f"\n{table.title} ({where})" if where else f"\n{table.title}")
    result = rich_table(*table.columns, right=table.columns)
    for row in rows:
        result.add_row(*row)
    screen.print(result)
    if left_out:
        screen.print(f"... {left_out} more (--all-rows shows them)")


def _print_steps(screen: Console, rows: list[Row], names: list[str]) -> None:
    """Print steps: in one column where all profiles agree, side by side where they do not."""
    for agree, run in groupby(rows, key=lambda row: all(cell == row.cells[0] for cell in row.cells)):
        screen.print()
        some = list(run)
        titles = names if not agree else ["integers" if len(names) == 1 else "integers, the same in all profiles"]
        reals = any(_reals(row) for row in some)
        result = _grid(titles, reals)
        for row in some:
            cells = [_cell(cell) for cell in row.cells[: len(titles)]]
            numbers = ["\n".join(dict.fromkeys(_reals(row)))] if reals else []
            result.add_row(_name(row), *cells, *numbers, style="bold" if row.parts else "")
        screen.print(result)


def _reals(row: Row) -> list[str]:
    from ..kernels.explain.narration import Step

    return [f"{one.real:.7g}" for one in row.cells if isinstance(one, Step) and one.real is not None]


def _grid(titles: list[str], reals: bool) -> RichTable:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable

    result = RichTable(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    result.add_column("step", width=20)
    for title in titles:
        result.add_column(title, ratio=1, overflow="fold")
    if reals:
        result.add_column("real number", justify="right", no_wrap=True)
    return result


def _name(row: Row) -> Any:
    from rich.text import Text

    name = Text(row.name)
    if row.parts:
        name.append("\n<- here the profiles part", style="red")
    return name


def _cell(step: Any) -> Any:
    from rich.text import Text

    if step is None:
        return Text("-")
    cell = Text(step.text)
    if step.note:
        cell.append(f"\n  {step.note}", style="dim")
    return cell
