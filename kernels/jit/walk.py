"""The loop of the compiled engine."""

from __future__ import annotations

from typing import Any

from .addressing import call_kernel, int64_view, read_block
from .layouts import fields

WALK = fields("walk")


def walk(block: Any) -> None:
    """Call each row of a table of (kernel address, block address) in order."""
    p = read_block(block, WALK)
    table = int64_view(p.table, 2 * p.rows)
    for row in range(p.rows):
        call_kernel(table[2 * row], table[2 * row + 1])
