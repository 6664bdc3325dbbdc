"""How many examples run at once.

A call on several examples spares what each call costs, and reads weights once for all of them; beyond what caches
hold, more at once only takes more memory. Sizes are powers of two, so that few programs serve any number of examples.
"""

from __future__ import annotations

from collections.abc import Iterator

_MEMORY = 8 << 20  # bytes of activations
_LARGEST = 64


def largest_chunk(arena_size: int) -> int:
    """Return the most examples to run at once, a power of two, where one needs an arena of this size."""
    limit = min(_LARGEST, max(1, _MEMORY // max(1, arena_size)))
    return 1 << (limit.bit_length() - 1)


def chunk_sizes(count: int, largest: int) -> Iterator[int]:
    """Yield powers of two, together at least ``count``; only the last may go beyond it, by at most a quarter.

    >>> list(chunk_sizes(39, 16)), list(chunk_sizes(35, 16))
    ([16, 16, 8], [16, 16, 2, 1])
    """
    while count > 0:
        above = 1 << (count - 1).bit_length()
        if above <= largest and 4 * above <= 5 * count:
            yield above
            return
        size = min(largest, 1 << (count.bit_length() - 1))
        yield size
        count -= size
