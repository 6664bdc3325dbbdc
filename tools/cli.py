"""The command line ``q31``: verbs, exit codes, and errors in one line.

Each verb is a module of this folder with ``add_arguments(parser)`` and ``main(arguments) -> exit code``, imported
only when it is asked for. Exit codes: 0; 1 where it ran and the answer is no; 2 for wrong usage or bad input;
130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import NoReturn

from .. import __version__
from ..schema.errors import Error

VERBS = {
    "run": ("run", "run a model on an array, an image or random input"),
    "inspect": ("inspection", "show a model's operators, quantization and prepared parameters"),
    "ranges": ("ranges", "show how far accumulators go, and the bits they need"),
    "compare": ("compare.command", "find the first tensor at which q31 and another run of the model part"),
    "trace": ("trace", "run a model and keep every tensor, accumulator and prepared parameter"),
    "report": ("report.command", "write a page that shows a model and lets you step through its arithmetic"),
    "explain": ("explain", "show the arithmetic of one output value, step by step"),
    "calibrate": ("quantization.calibration_command", "record ranges of a float model's tensors on examples"),
    "check": ("check", "say whether a target takes a model, and which operators it does not take"),
    "quantize": ("quantization.command", "make a quantized model of a float one"),
    "debug": ("debugging.command", "show what quantization costs, layer by layer, against the float model"),
    "evaluate": ("evaluate", "count how often models that classify are right, on labelled data"),
    "ops": ("operators", "list the supported operators"),
    "demo": ("demo", "classify the bundled digits and compare with the reference's bits"),
    "vectors": ("vectors.command", "write golden vectors of operators for test benches and firmware"),
    "bench": ("bench", "time a call, beside other engines or operator by operator"),
    "conformance": ("conformance.verb", "put single-operator problems to an implementation and see what it gets right"),
    "warmup": ("warmup", "compile all kernels ahead of time"),
}
"""Verb -> (module, help)."""

FAILED = 2


class _Parser(argparse.ArgumentParser):
    """Reports wrong usage in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(FAILED, f"q31: error: {message} (see '{self.prog} --help')\n")


def build_parser(verb: str | None) -> argparse.ArgumentParser:
    """Return the parser, with the arguments of one verb; the others are only named."""
    parser = _Parser(prog="q31", description="Run quantized TensorFlow Lite models bit for bit as the reference does.")
    parser.add_argument("--version", action="version", version=f"q31 {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=_Parser)
    for name, (module, summary) in VERBS.items():
        one = verbs.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == verb:
            import_module(f".{module}", __package__).add_arguments(one)
    return parser


def describe(error: BaseException) -> str:
    """Return an error's message in one line."""
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, MemoryError):
        text = f"not enough memory{f': {error}' if str(error) else ''}"
    else:
        text = str(error)
    return "".join(one if one.isprintable() else "?" for one in " ".join(text.split()))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line on ``argv`` (by default the process's own) and return the exit code."""
    argv = sys.argv[1:] if argv is None else list(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # tensor names are in any script, terminals are not
    verb = argv[0] if argv and argv[0] in VERBS else None
    try:
        arguments = build_parser(verb).parse_args(argv)
        code: int = import_module(f".{VERBS[arguments.verb][0]}", __package__).main(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # The reader has gone; nothing more is to be said, not even when Python flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (Error, OSError, MemoryError) as error:
        print(f"q31: error: {describe(error)}", file=sys.stderr)
        return FAILED
