"""A bar on a terminal for what takes a while; nothing where the output goes elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show on stderr, where that is a terminal, that something is being done, as long as the block runs."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True, markup=False, emoji=False).status(what):
        yield


def counted(items: Iterable[T], total: int | None, what: str) -> Iterator[T]:
    """Yield the items, with a bar on stderr where that is a terminal; ``total`` is None where it is not known."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True, markup=False, emoji=False), transient=True) as bar:
        yield from bar.track(items, total=total, description=what)


def watched(items: Sequence[T], what: str, progress: bool) -> Iterable[T]:
    """Return the items, to go through with a bar as :func:`counted` draws it if ``progress``, or as they are."""
    return counted(items, len(items), what) if progress else items


@contextmanager
def advancing(total: int | None, what: str) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr, where that is a terminal; yields a function that moves it by so many items."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True, markup=False, emoji=False), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)
