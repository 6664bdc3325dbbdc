"""``q31 warmup``: compile every kernel into the cache, so that no later call has to wait."""

from __future__ import annotations

import argparse
import os
import time
from importlib.util import find_spec

from ..schema.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments: there are none."""


def main(arguments: argparse.Namespace) -> int:
    """Compile with a progress bar.

    Raises
    ------
    InputError
        Where numba is not installed or switched off.
    OSError
        Where the cache cannot be written.
    """
    if not find_spec("numba"):
        raise InputError("numba is not installed: there is nothing to compile")
    from ..kernels.jit import INTERPRETED

    if INTERPRETED:
        raise InputError("Q31_JIT=0 is set: kernels run as Python, there is nothing to compile")
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from ..engine import machine
    from ..engine.codecache import CodeCache
    from ..kernels.jit.layouts import LAYOUTS
    from .console import console

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    start = time.perf_counter()
    with Progress(*columns, console=console(), transient=True) as bar:
        task = bar.add_task("compiling", total=None)

        def progress(kernel: str, done: int, total: int) -> None:
            bar.update(task, description=f"compiling {kernel}", completed=done, total=total)

        count = machine.warmup(progress)
    directory = CodeCache().directory
    if missing := [kernel for kernel in LAYOUTS if not os.path.isfile(os.path.join(directory, kernel))]:
        raise OSError(f"{directory}: {len(missing)} of {count} kernels could not be stored there")
    print(f"{count} kernels ready in {time.perf_counter() - start:.1f} s, in {directory}")
    return 0
