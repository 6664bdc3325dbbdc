"""Which cells of the support table a case proves something about: (operator, column) of each operator in its model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...engine.structure import STRUCTURAL
from ...kernels.operator import Kernel
from ...kernels.registry import CUSTOM, REGISTRY
from ...schema import Graph, Operator, Subgraph, TensorType
from ..reference_types import COLUMNS
from ..support import FORMS

Cell = tuple[str, str]

_KERNELS: Mapping[str, Kernel] = {**REGISTRY, **CUSTOM}
_CODES = (TensorType.INT8, TensorType.UINT8, TensorType.INT4, TensorType.INT2)


def cells_of(graph: Graph) -> set[Cell]:
    """Return the cells of every operator of every subgraph; operators that no registry knows have none."""
    return {cell for subgraph in graph.subgraphs for operator in subgraph.operators for cell in _of(operator, subgraph)}


def named_cell(name: str) -> Cell | None:
    """Return the cell that a case's name begins with, such as ``"CONV_2D int8 per-channel"``; None if there is none."""
    operator, column, *_ = (*name.split(), "", "")
    known = operator in _KERNELS or operator in STRUCTURAL
    return (operator, column) if known and column in COLUMNS else None


def _of(operator: Operator, subgraph: Subgraph) -> Iterator[Cell]:
    name = operator.custom_code or operator.name
    if name in STRUCTURAL:
        yield name, "graph"
    if name not in _KERNELS:
        return
    selector = _KERNELS[name].selector
    indices = operator.outputs if selector < 0 else operator.inputs
    index = indices[-selector - 1 if selector < 0 else selector]
    types = [subgraph.tensors[one].type for one in operator.inputs if one >= 0]
    forms = FORMS.get(name, ())
    selected = subgraph.tensors[index].type
    if "hybrid" in forms and selected is TensorType.FLOAT32 and any(one in _CODES for one in types):
        yield name, "hybrid"
    else:
        yield name, selected.name.lower()
    for packed in (TensorType.INT4, TensorType.INT2):
        if f"{packed.name.lower()}-weights" in forms and packed in types[1:]:
            yield name, f"{packed.name.lower()}-weights"
