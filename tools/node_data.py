"""Node data for Model Explorer: a number for each operator, by which it colours the graph.

The file holds an object by graph name: ``{"main": {"results": {"0": {"value": 1.5}}, "gradient": [...]}}``. Its nodes
of a .tflite file are named by the operators' indices, its graphs as the subgraphs are, or ``main``.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any

from ..schema import Graph
from .files import write_atomically

GOOD_IS_LOW = ("#ffffff", "#d7301f")
"""Colours from the least value to the greatest where a great one is bad: errors, times."""
GOOD_IS_HIGH = ("#d7301f", "#ffffff")
"""The same where a small one is bad: SQNR."""


def node_data(graph: Graph, values: Mapping[int, float], colours: tuple[str, str]) -> dict[str, Any]:
    """Return node data of a model's primary subgraph; ``values`` by operator, those that are not finite left out."""
    name = graph.subgraphs[0].name or "main"
    results = {str(index): {"value": float(value)} for index, value in values.items() if math.isfinite(value)}
    gradient = [{"stop": stop, "bgColor": colour} for stop, colour in zip((0, 1), colours, strict=True)]
    return {name: {"results": results, "gradient": gradient}}


def write_node_data(path: str | os.PathLike[str], data: Mapping[str, Any]) -> None:
    """Write node data as JSON, all of it or nothing.

    Raises
    ------
    OSError
        Where it cannot be written.
    """
    with write_atomically(path) as file:
        file.write(json.dumps(data, indent=1, allow_nan=False).encode())
