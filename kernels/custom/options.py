"""Numbers in the options of custom operators, read as the reference reads them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..operator import Node

_INT32 = np.iinfo(np.int32)


def integer(node: Node, options: Mapping[str, Any], name: str, default: int = 0) -> int:
    """Return an option as int32: fractions are cut off, an absent one is ``default``.

    Notes
    -----
    Source: ``Reference::AsInt64`` of FlexBuffers. Numbers beyond int32, which the reference wraps, and texts, which
    it parses, are refused.
    """
    value = _number(node, options, name, default)
    node.require(math.isfinite(value) and _INT32.min <= int(value) <= _INT32.max, f"{name} within int32, not {value}")
    return int(value)


def real(node: Node, options: Mapping[str, Any], name: str) -> np.float32:
    """Return an option as float32; an absent one is 0."""
    with np.errstate(over="ignore"):
        return np.float32(float(_number(node, options, name, 0)))


def flag(node: Node, options: Mapping[str, Any], name: str) -> bool:
    """Return an option as bool: any number but 0 is true; an absent one is false."""
    return integer(node, options, name) != 0


def _number(node: Node, options: Mapping[str, Any], name: str, default: int) -> int | float:
    value = options.get(name)
    if value is None:
        return default
    node.require(isinstance(value, (bool, int, float)), f"a number for {name}, not {value!r:.40}")
    assert isinstance(value, (bool, int, float))
    return value
