"""``q31 ops``: the support table, generated from the registry."""

from __future__ import annotations

import argparse
import json
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--markdown", action="store_true", help="print a Markdown table")


def support() -> list[dict[str, Any]]:
    """Return name, versions (lowest, highest), data types and whether it is compiled, per operator by name."""
    from ..engine.structure import STRUCTURAL
    from ..kernels.registry import CUSTOM, REGISTRY

    kernels = {**REGISTRY, **CUSTOM, **STRUCTURAL}
    return [
        {
            "operator": name,
            "versions": list(kernels[name].versions),
            "types": ["any"] if name in STRUCTURAL else [one.name.lower() for one in kernels[name].types],
            "compiled": kernels[name].lower is not None,
        }
        for name in sorted(kernels)
    ]


def _cells(entry: dict[str, Any]) -> tuple[str, str, str, str]:
    lowest, highest = entry["versions"]
    versions = str(lowest) if lowest == highest else f"{lowest}-{highest}"
    return entry["operator"], versions, ", ".join(entry["types"]), "yes" if entry["compiled"] else ""


def main(arguments: argparse.Namespace) -> int:
    """Print the table."""
    entries = support()
    header = ("operator", "versions", "data types", "compiled")
    if arguments.json:
        print(json.dumps(entries, indent=2))
    elif arguments.markdown:
        for cells in (header, ("---",) * 4, *map(_cells, entries)):
            print(f"| {' | '.join(cells)} |")
    else:
        from .console import console, table

        result = table(*header)
        for entry in entries:
            result.add_row(*_cells(entry))
        console().print(result)
        print(f"{len(entries)} operators; those not compiled run in NumPy. Data types are those that select a kernel.")
    return 0
