"""How a kernel that works on elements side by side divides them among threads."""

from __future__ import annotations

from typing import Any

from .addressing import helper

_GRAIN = 64  # a line of the cache, which only one thread should write


@helper
def elements_of_part(p: Any, count: Any) -> Any:
    """Return the first of ``count`` elements and the end of those that this part of the work has."""
    grains = (count + _GRAIN - 1) // _GRAIN
    first = grains * p.part // p.parts * _GRAIN
    return first, min(count, grains * (p.part + 1) // p.parts * _GRAIN)


@helper
def rows_of_part(p: Any, rows: Any) -> Any:
    """Return the first row and the end of those that this part has."""
    return rows * p.part // p.parts, rows * (p.part + 1) // p.parts
