"""What programs that are no verbs of the command line have in common: ``python -m q31.tools...``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import NoReturn


def run_program(main: Callable[[], int]) -> NoReturn:
    """Run a program and exit with its code; without a word where the reader of its output goes, as ``head`` does."""
    if hasattr(signal, "SIGPIPE"):  # not on Windows
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())
