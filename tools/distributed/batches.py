"""Examples in batches whose sizes suit the cluster: results do not depend on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ...schema import InputError

SECONDS = 0.5
"""What a batch should take on a worker: long beside a few milliseconds of Dask's, short beside the whole."""
BYTES = 4 << 20
"""What a batch may have: the scheduler keeps batches until they are done."""
_FIRST, _GROWTH, _MOST = 4, 8, 4096

T = TypeVar("T")


@dataclass(frozen=True)
class Batch:
    """Consecutive examples.

    ``first`` and ``count`` say which; ``content`` is what a worker gets.
    """

    first: int
    count: int
    content: Any

    def __str__(self) -> str:
        return f"example {self.first}" if self.count == 1 else f"examples {self.first} to {self.first + self.count - 1}"


class Pace:
    """How many examples the next batch has: more as long as batches are done in no time.

    Parameters
    ----------
    fixed : so many, always; None: it depends.
    total : how many examples there are, where that is known.
    threads : of all workers together.
    """

    def __init__(self, fixed: int | None, total: int | None, threads: int) -> None:
        if fixed is not None and (isinstance(fixed, bool) or not isinstance(fixed, int) or fixed < 1):
            raise InputError(f"batch_size: expected a positive integer, got {fixed!r}")
        self._fixed, self._total, self._threads = fixed, total, threads
        self._size = _FIRST if fixed is None else fixed
        self._least = 1

    def size(self, given: int) -> int:
        """Return the size of the next batch, where so many examples have been given out."""
        if self._fixed is not None or self._total is None:
            return self._size
        share = -(-(self._total - given) // max(2 * self._threads, 1))  # so that no worker is the last for long
        return max(1, min(self._size, max(share, self._least)))

    def took(self, count: int, seconds: float) -> None:
        """Learn from a batch that is done."""
        if self._fixed is not None:
            return
        rate = count / max(seconds, 1e-6)
        self._least = int(rate * SECONDS / 5)
        if count >= self._size:
            self._size = max(1, min(int(rate * SECONDS), _GROWTH * self._size, _MOST))


def gathered(examples: Iterable[T], pace: Pace, size_of: Callable[[T], int], first: int = 0) -> Iterator[Batch]:
    """Yield examples in lists, as they come; those before an error, too, before it is raised.

    Parameters
    ----------
    examples : from anywhere; no more of them are held than a batch has.
    pace : says how many a batch has.
    size_of : the bytes of an example.
    first : the number of the first one.
    """
    waiting: list[T] = []
    given = held = 0
    source = iter(examples)
    while True:
        try:
            example = next(source)
        except StopIteration:
            break
        except Exception:
            if waiting:
                yield Batch(first + given, len(waiting), waiting)
            raise
        own = size_of(example)
        if waiting and (len(waiting) >= pace.size(given) or held + own > BYTES):
            yield Batch(first + given, len(waiting), waiting)
            given += len(waiting)
            waiting, held = [], 0
        waiting.append(example)
        held += own
    if waiting:
        yield Batch(first + given, len(waiting), waiting)


class Sum(Generic[T]):
    """Adds up any number of things, the small ones among themselves first, so that none is copied often."""

    def __init__(self, merge: Callable[[T, T], T]) -> None:
        self._merge = merge
        self._parts: list[tuple[int, T]] = []

    def add(self, one: T) -> None:
        """Add one."""
        level = 0
        while self._parts and self._parts[-1][0] == level:
            one = self._merge(self._parts.pop()[1], one)
            level += 1
        self._parts.append((level, one))

    def total(self) -> T | None:
        """Return the sum of all; None of nothing."""
        parts = [one for _, one in self._parts]
        if not parts:
            return None
        total = parts.pop()
        while parts:
            total = self._merge(parts.pop(), total)
        return total
