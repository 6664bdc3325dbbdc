"""``q31 ops``: the operators there are, the support table, and the reference's quirks."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..kernels.quirk import Quirk


_LEGEND = """\
- exact: the bits of the profile litert's reference, quirks included (`q31 ops --quirks`).
- not yet: the reference accepts it, q31 raises UnsupportedOperatorError. An empty cell: neither takes it.
- A column is the data type of the activations, or of what is moved; weights, biases and indices follow.
- hybrid: float32 activations and int8 weights. int4-weights, int2-weights: packed weights. graph: any type.
- Rows of operators that the reference lacks, such as Signal*, are held to TensorFlow Lite Micro.
- exp, tanh and their like are the C library's of the machine in float32, in the reference and here."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    help_text = "print a Markdown table; of operators, with every type that the reference accepts"
    form.add_argument("--markdown", action="store_true", help=help_text)
    help_text = "print the reference's defects by name instead, and what q31 does about each"
    parser.add_argument("--quirks", action="store_true", help=help_text)


def main(arguments: argparse.Namespace) -> int:
    """Print the table."""
    if arguments.quirks:
        _print_quirks(arguments)
        return 0
    from .support import support

    if arguments.markdown:
        _print_support()
        return 0
    entries = support()
    if arguments.json:
        print(json.dumps(entries, indent=2))
        return 0
    from .console import console, table

    result = table("operator", "versions", "data types", "compiled")
    for entry in entries:
        types = ", ".join(entry["types"])
        result.add_row(entry["operator"], _range(entry["versions"]), types, "yes" if entry["compiled"] else "")
    console().print(result)
    print(f"{len(entries)} operators; those not compiled run in NumPy. Data types are those that select a kernel.")
    return 0


def _range(versions: Sequence[int]) -> str:
    lowest, highest = versions
    return str(lowest) if lowest == highest else f"{lowest}-{highest}"


def _print_markdown(rows: Iterable[Sequence[str]]) -> None:
    first, *others = rows
    for cells in (first, ("---",) * len(first), *others):
        print(f"| {' | '.join(cells)} |")


def _print_support() -> None:
    from .reference_types import COLUMNS
    from .support import cells, tally, versions

    limits = versions()
    rows = [(f"`{name}`", _range(limits[name]), *(row[column] for column in COLUMNS)) for name, row in cells().items()]
    _print_markdown([("operator", "versions", *COLUMNS), *rows])
    present, missing = tally()
    print(f"\n{present} cells of {present + missing} are there; {missing} are not yet.\n\n{_LEGEND}")


def _describe(quirk: Quirk) -> dict[str, Any]:
    return {
        "name": quirk.name,
        "operators": list(quirk.operators),
        "reference": quirk.reference,
        "definition": quirk.definition,
        "seen": quirk.seen,
        "treatment": quirk.treatment.name.lower(),
        "code": list(quirk.code),
    }


def _print_quirks(arguments: argparse.Namespace) -> None:
    from ..kernels.quirk import SEEN_WITH
    from ..kernels.quirks.table import QUIRKS

    if arguments.json:
        print(json.dumps([_describe(quirk) for quirk in QUIRKS], indent=2))
        return
    if arguments.markdown:
        header = ("quirk", "operators", "the reference", "by definition", "q31", "source")
        rows = [
            (f"`{one.name}`", ", ".join(one.operators), one.reference, one.definition, one.treatment.value, one.seen)
            for one in QUIRKS
        ]
        _print_markdown([header, *rows])
        print(f"\nSeen with {SEEN_WITH}; sources are below `tflite/`.")
        return
    for quirk in QUIRKS:
        print(f"{quirk.name}: {', '.join(quirk.operators)}")
        print(f"  the reference: {quirk.reference}")
        print(f"  by definition: {quirk.definition}")
        print(f"  q31: {quirk.treatment.value}")
        print(f"  seen with {SEEN_WITH}, tflite/{quirk.seen}\n")
