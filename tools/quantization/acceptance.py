"""Whether kernels take the parameters that a plan gives them: some want scales within bounds of each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...engine.preparation import build_node
from ...kernels.operator import Prepared
from ...kernels.profiles import LITERT
from ...kernels.registry import REGISTRY, find
from ...schema import Graph, ModelError, UnsupportedOperatorError
from ...schema.constants import constant_array

_SMALLER_THAN_ONE = ("ADD", "SUB", "SQUARED_DIFFERENCE")
"""Operators whose reference aborts, or shifts wrongly, where the sum is to be multiplied by 1 or more."""


def refusals(old: Graph, new: Graph, places: Mapping[int, int], operators: Iterable[int]) -> dict[int, str]:
    """Return operator of the float graph -> why its integer form in the new graph does not run.

    Parameters
    ----------
    old, new : the float graph, and the one that was written.
    places : operator of the float graph -> where it is in the new one.
    operators : those that became integer ones.
    """
    found = {}
    for index in operators:
        reason = _refusal(new, places[index])
        # What is refused in float, too, has another reason: a shape in the file that is not the tensor's, for one.
        if reason and not _refusal(old, index):
            found[index] = f"its kernel does not take its scales: {reason}"
    return found


def _refusal(graph: Graph, index: int) -> str:
    """Return why an operator's kernel refuses it, or nothing."""
    main = graph.subgraphs[0]
    operator = main.operators[index]
    values = {
        tensor: value
        for tensor in operator.inputs
        if tensor >= 0 and (value := constant_array(graph, 0, tensor)) is not None
    }
    kernel = REGISTRY.get(operator.name)
    if kernel is None or any(k < len(operator.inputs) and operator.inputs[k] not in values for k in kernel.values):
        return ""
    node = build_node(operator, main.tensors, [tensor.shape for tensor in main.tensors], values, ())
    try:
        prepared: Prepared = find(node).prepare(node, LITERT)
    except (ModelError, UnsupportedOperatorError) as error:
        return str(error)
    if operator.name in _SMALLER_THAN_ONE and getattr(prepared, "output_shift", 0) > 0:
        return "the output's scale is too small beside the inputs'"
    return ""
