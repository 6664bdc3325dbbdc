"""``q31 compare``: the first tensor at which two runs part, and what each operator adds to it."""

from __future__ import annotations

import argparse
import json
import shlex
from typing import TYPE_CHECKING

from ..console import add_accumulator, add_backend, add_profile
from ..run import natural_number

if TYPE_CHECKING:
    from .comparison import Comparison, OperatorComparison
    from .differences import Difference

_EPILOG = """\
examples:
  q31 compare tools/digits/models/digits_integer_int8.tflite --against profile:single
  q31 compare model.tflite --against litert --minimal part.tflite
  q31 compare model.tflite --against uart.hex --input x.npy

dumps:
  .npz        arrays by tensor name or index, or what q31 trace writes; without --input, the inputs in it are used
  .npy        one tensor
  .bin, .raw  bytes in the order of memory, little-endian, of the tensors that --tensor names
  .hex, .txt  the same as text, as firmware prints it: two hexadecimal digits a byte (12 34, 0x12, 0x34, 1234), offsets
              before them (0010: 12 34) and lines of xxd and hexdump -C as they are; a line "tensor 12", "tensor NAME"
              or "NAME:" begins a tensor; lines from #, // or ; on say nothing

local and inherited: each operator of q31 runs again on the other side's inputs. Where that is not the other side's
output, the difference is the operator's own (local); where it is not q31's output, the difference came in with the
inputs (inherited). Histograms count the other side's values minus q31's. Exit code: 0 equal, 1 different, 2 bad input.
"""
_SHOWN_BINS = 3
_SHOWN_NAME = 24


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("model", metavar="MODEL", help="a .tflite file")
    parser.add_argument(
        "--against",
        required=True,
        metavar="SIDE",
        help="litert-ref (LiteRT's BUILTIN_REF), litert (as it comes, with XNNPACK), profile:NAME (q31 under another "
        "profile), model:OTHER.tflite, or a dump",
    )
    parser.add_argument(
        "-i",
        "--input",
        metavar="INPUT",
        help=".npy, .npz, an image or random, as for run (default: the dump's, or random)",
    )
    parser.add_argument("--seed", type=natural_number, default=0, help="seed of random inputs, 0 or more (default 0)")
    parser.add_argument(
        "--tensor",
        action="append",
        default=[],
        metavar="NAME[@OFFSET]",
        help="name or index of the tensor that a dump without names holds (default: the model's outputs); once for "
        "each, in their order; all: every operator's outputs in order",
    )
    parser.add_argument(
        "--minimal",
        metavar="FILE.tflite",
        help="write the operator at which the runs part as a model of its own; beside it its inputs (FILE.npz) and "
        "what both sides make of them (FILE.q31.npz, FILE.against.npz)",
    )
    node_help = "write the greatest difference that each operator adds itself, as node data for Model Explorer"
    parser.add_argument("--node-data", metavar="FILE.json", help=node_help)
    parser.add_argument("--all", action="store_true", help="show equal operators too")
    parser.add_argument("--json", action="store_true", help="print JSON, with every histogram in full")
    add_profile(parser)
    add_accumulator(parser)
    add_backend(parser)


def main(arguments: argparse.Namespace) -> int:
    """Compare; returns 0 where all is equal, 1 where something differs.

    Raises
    ------
    Error, OSError
        Where the model, the input or the dump is bad, or the other side cannot be had.
    """
    from ...engine.model import load
    from ..arrays import RANDOM, read_input
    from ..node_data import write_node_data
    from .comparison import Origin
    from .running import compare_loaded

    _check(arguments)
    model = load(
        arguments.model,
        profile=arguments.profile,
        backend=arguments.backend,
        accumulator_bits=arguments.accumulator_bits,
        overflow=arguments.overflow,
    )
    origin = Origin(arguments.model, arguments.input or "", arguments.seed)
    given = arguments.input not in (None, RANDOM)
    inputs = read_input(arguments.input, model.inputs) if given else None
    comparison = compare_loaded(model, arguments.against, inputs, origin, arguments.tensor, progress=True)
    written = [] if not arguments.minimal or comparison.equal else comparison.save_minimal(arguments.minimal)
    if arguments.node_data:
        write_node_data(arguments.node_data, comparison.node_data(model.graph))
    if arguments.json:
        every = [*written, *([arguments.node_data] if arguments.node_data else [])]
        print(json.dumps({**comparison.to_dict(), "written": every}, indent=1, allow_nan=False))
    else:
        _report(comparison, arguments.all, written)
        if arguments.node_data:
            print(f"written: {arguments.node_data}")
    return 0 if comparison.equal else 1


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be written or does not exist before anything runs."""
    from ...schema.errors import InputError
    from ..files import is_same_file, require_writable
    from .sides import require_known

    require_known(arguments.against)
    if arguments.node_data:
        require_writable(arguments.node_data)
    if arguments.minimal:
        if not arguments.minimal.endswith(".tflite"):
            raise InputError(f"--minimal {arguments.minimal}: expected a name that ends in .tflite")
        if is_same_file(arguments.minimal, arguments.model):
            raise InputError(f"--minimal {arguments.minimal}: is the model itself")
        require_writable(arguments.minimal)


def _report(comparison: Comparison, every: bool, written: list[str]) -> None:
    from ..console import console, table

    for line in comparison.summary():
        print("".join(one if one.isprintable() else "?" for one in line))
    first = comparison.first
    if first is not None:
        if command := comparison.explain_command(first):
            print(f"  {command}")
        elif not written:
            print("  --minimal part.tflite makes a model of this operator and its input")
    shown = [one for one in comparison.operators if one.known and (every or one.differs)]
    if shown:
        columns = ("operator", "tensor", "values", "differ (most)", "local (most)", "inherited (most)", "differences")
        result = table(*columns, right=columns[2:-1])
        for operator in shown:
            for row in _rows(operator):
                result.add_row(*row)
        console().print(result)
    if written:
        print(f"written: {', '.join(written)}")
        if first is not None and first.outputs and (at := comparison.explainable(first)):
            name, values = shlex.quote(written[0]), shlex.quote(written[1])
            print(f"  q31 explain {name} --op 0 --at {','.join(map(str, at))} --input {values}")


def _rows(operator: OperatorComparison) -> list[tuple[str, ...]]:
    from .comparison import shortened

    rows = []
    for one in (*operator.constants, *operator.outputs):
        kind = "constant " if one in operator.constants else ""
        histogram = ", ".join(f"{step}: {count:,}" for step, count in _largest(one.total))
        if len(one.total.histogram) > _SHOWN_BINS:
            histogram += ", ..."
        rows.append(
            (
                f"{operator.index} {operator.name}",
                f"{kind}{one.index} {shortened(one.name, _SHOWN_NAME)}",
                f"{one.total.size:,}",
                *map(_count, (one.total, one.local, one.inherited)),
                histogram,
            )
        )
    return rows


def _count(difference: Difference | None) -> str:
    if difference is None:
        return "?"
    if difference.mismatch:
        return difference.mismatch
    if difference.maximum is None:
        return f"{difference.count:,}"
    unit = " ULP" if difference.unit == "ULP" else ""
    return f"{difference.count:,} ({difference.maximum:,}{unit})"


def _largest(difference: Difference) -> list[tuple[str, int]]:
    """Return the fullest bins of a histogram, in its order."""
    fullest = sorted(difference.histogram, key=lambda one: -one[1])[:_SHOWN_BINS]
    return [one for one in difference.histogram if one in fullest]
