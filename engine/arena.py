"""Arena planning: which bytes of one buffer each tensor has, from when it is written until it is last read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..schema.deferred import dataclass

ALIGNMENT = 64


@dataclass(frozen=True)
class Lifetime:
    """``size`` bytes needed from step ``first`` to step ``last``, both included."""

    size: int
    first: int
    last: int


@dataclass(frozen=True)
class Layout:
    """Offsets in bytes into the arena, and its whole size."""

    offsets: Mapping[int, int]
    size: int


def aligned(size: int) -> int:
    """Round a size up to the arena's alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def plan(lifetimes: Mapping[int, Lifetime]) -> Layout:
    """Place each block at the lowest offset where it meets no block that is alive at the same time.

    The largest blocks are placed first, as TFLite's greedy planner does
    (``simple_memory_arena.cc``, ``greedy_memory_planner.cc``).
    """
    offsets: dict[int, int] = {}
    placed: list[tuple[int, int, Lifetime]] = []  # (offset, end, lifetime), by offset
    total = 0
    for index, block in sorted(lifetimes.items(), key=lambda item: (-item[1].size, item[1].first, item[0])):
        size = aligned(block.size)
        offset = _first_gap(size, (p for p in placed if p[2].first <= block.last and block.first <= p[2].last))
        offsets[index] = offset
        placed.append((offset, offset + size, block))
        placed.sort(key=lambda p: p[0])
        total = max(total, offset + size)
    return Layout(offsets, total)


def _first_gap(size: int, busy: Iterable[tuple[int, int, Lifetime]]) -> int:
    offset = 0
    for start, end, _ in busy:
        if start - offset >= size:
            break
        offset = max(offset, end)
    return offset
