"""Conditions of quirks of every family."""

from __future__ import annotations

from ..operator import Node, Prepared


def always(node: Node, prepared: Prepared) -> bool:
    """Wherever the operator runs."""
    return True


def never(node: Node, prepared: Prepared) -> bool:
    """Nowhere: ``prepare`` refuses such a node."""
    return False
