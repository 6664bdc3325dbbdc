"""``q31 check``: whether a target takes a model, which operators it does not take, and by which public rule."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .targets.checking import Check

_EXAMPLE = """example:
  q31 check model.tflite --target edgetpu

integer-only: no tensor of floating-point numbers. edgetpu: Coral's table of supported operations. tflm: the operators
and types of TensorFlow Lite Micro's reference kernels. cmsis-nn: its table of operators; the rest runs on TFLM's
reference kernels. ethos-u: what Vela reports that Ethos-U55 and Ethos-U65 take. Each reason names the list that has
the rule.
Nothing is compiled: the target's own compiler has the last word. Exit code 0: every operator is taken; 1: not every
one; 2: wrong usage or bad input."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    from .targets.checking import TARGETS

    parser.epilog = _EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", metavar="MODEL", help="a .tflite file")
    parser.add_argument("-t", "--target", choices=TARGETS, required=True, help="whose rules to hold the model to")
    parser.add_argument("--json", action="store_true", help="print JSON: every operator with its reasons")


def main(arguments: argparse.Namespace) -> int:
    """Print the check.

    Raises
    ------
    Error, OSError
        Where the model is bad.
    """
    from .targets.checking import check

    found = check(arguments.model, arguments.target)
    if arguments.json:
        print(json.dumps({"file": os.path.basename(arguments.model), **found.to_dict()}, indent=1))
    else:
        _print(found)
    return 0 if found.taken else 1


def _print(found: Check) -> None:
    from .console import console, table

    refused = [one for one in found.operators if not one.taken]
    sources = [found.target.listed]
    if refused:
        shown = table("operator", "output", "required", "found", "source")
        for one in refused:
            for number, why in enumerate(one.reasons):
                if why.source not in sources:
                    sources.append(why.source)
                title = (f"{one.index} {one.name}", one.tensor) if number == 0 else ("", "")
                shown.add_row(*map(_plain, (*title, why.required, why.found, f"[{sources.index(why.source) + 1}]")))
        console().print(shown)
    for name, note in sorted({(one.name, one.note) for one in found.operators if one.taken and one.note}):
        print(f"note: {name}: {note} [1]")
    for number, source in enumerate(sources, 1):
        print(f"[{number}] {source.name}\n    {source.url}")
    count = len(found.operators)
    taken = f"all {count} operators" if not refused else f"{count - len(refused)} of {count} operators"
    rest = f", the others run on {found.target.fallback}" if refused else ""
    integer = "integer through and through" if found.integer_only else "not integer through and through"
    print(f"{'yes' if found.taken else 'no'}: {found.target.title}: {taken} taken{rest}; the model is {integer}")


def _plain(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text)
