"""Printing for people: rich's console and tables, and options that several verbs share."""

from __future__ import annotations

import argparse
import sys

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

_PIPED_WIDTH = 160


def console() -> Console:
    """Return a console on stdout. Output to a pipe is not cut to 80 columns."""
    width = None if sys.stdout.isatty() else _PIPED_WIDTH
    return Console(highlight=False, width=width, emoji=False, markup=False)


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """Return an empty table; the columns in ``right`` are aligned to the right."""
    result = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        result.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return result


def add_profile(parser: argparse.ArgumentParser) -> None:
    """Add ``--profile``."""
    help_text = "whose bits to give: litert (default), tflm or single"
    parser.add_argument("--profile", choices=("litert", "tflm", "single"), default="litert", help=help_text)


def add_backend(parser: argparse.ArgumentParser) -> None:
    """Add ``--backend``."""
    help_text = "numba: compiled (default where it is installed); numpy: readable and slow, the same bits"
    parser.add_argument("--backend", choices=("numba", "numpy"), help=help_text)


def add_accumulator(parser: argparse.ArgumentParser) -> None:
    """Add ``--accumulator-bits`` and ``--overflow``."""
    parser.add_argument(
        "--accumulator-bits",
        type=int,
        metavar="N",
        help="emulate accumulators of N bits, 2 to 64, of the products in convolutions and fully-connected layers",
    )
    overflow = "what they do with a sum they cannot hold: wrap (default), or saturate after each addition"
    parser.add_argument("--overflow", choices=("wrap", "saturate"), help=overflow)


def add_dask(parser: argparse.ArgumentParser) -> None:
    """Add ``--dask``."""
    help_text = (
        "share the work among the workers of the Dask scheduler at ADDRESS (tcp://HOST:8786), or among N processes "
        "of this machine (local:N; local: one for each processor); the result is the same"
    )
    parser.add_argument("--dask", metavar="ADDRESS", help=help_text)
