"""LOGISTIC and TANH: int8 and uint8 by a table of 256 codes, float32 by the function itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..activation_range import type_range
from ..fixed_point import round_half_away
from ..operator import Input, Instruction, Kernel, Node, Output, Prepared, TensorSpec
from ..profiles import Profile

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Lookup(Prepared):
    """A function of one code as a table.

    ``table`` has the output code of each input code, laid out by the code's unsigned byte (so that code -1 is
    entry 255); None for float32, where ``function`` is applied as it is.
    """

    function: Function
    table: np.ndarray | None


def logistic(x: np.ndarray) -> np.ndarray:
    """Return ``1 / (1 + exp(-x))`` in float32."""
    one = np.float32(1)
    with np.errstate(over="ignore"):
        return one / (one + np.exp(-x))


def build_table(function: Function, source: TensorSpec, target: TensorSpec) -> np.ndarray:
    """Tabulate a float32 function over the 256 codes of an 8-bit tensor.

    Notes
    -----
    Source: ``LUTPopulate`` in ``kernels/internal/common.h``: the output is *multiplied* by the float32 inverse
    of its scale, not divided by the scale.
    """
    low, high = type_range(source.type)
    codes = np.arange(low, high + 1, dtype=np.int32)
    real = source.scale * (codes - source.zero_point).astype(np.float32)
    inverse_scale = np.float32(1) / target.scale
    quantized = round_half_away(function(real) * inverse_scale) + np.float32(target.zero_point)
    values = np.clip(quantized, *type_range(target.type)).astype(target.dtype)
    table = np.empty(256, target.dtype)
    table[codes.astype(np.uint8)] = values
    return table


def _prepare(node: Node, function: Function) -> Lookup:
    source, target = node.input(0), node.output()
    node.require(source.type == target.type, "input and output of one type")
    table = None if source.type is TensorType.FLOAT32 else build_table(function, source, target)
    return Lookup((source.shape,), function, table)


def prepare_logistic(node: Node, profile: Profile) -> Lookup:
    """Prepare LOGISTIC; the output scale of the 8-bit forms must be 1/256 (``activations.cc``)."""
    if node.input(0).type is not TensorType.FLOAT32:
        node.require(node.output().scale == np.float32(1 / 256), "an output scale of 1/256")
    return _prepare(node, logistic)


def prepare_tanh(node: Node, profile: Profile) -> Lookup:
    """Prepare TANH."""
    return _prepare(node, np.tanh)


def evaluate(prepared: Lookup, x: np.ndarray) -> np.ndarray:
    """Look each code up, or apply the function in float32. Shape and type of the result are those of ``x``."""
    if prepared.table is None:
        return prepared.function(x)
    return prepared.table[x.view(np.uint8)]


def lower(prepared: Lookup, node: Node) -> Instruction | None:
    """Lower the 8-bit forms to ``lookup8``."""
    if prepared.table is None:
        return None
    size = int(np.prod(node.input(0).shape))
    return Instruction(
        "lookup8", {"input": Input(0, size), "output": Output(0, size), "table": prepared.table, "size": size}
    )


_TYPES = (TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8)

KERNELS = (
    Kernel("LOGISTIC", (1, 3), _TYPES, prepare_logistic, evaluate, lower),
    Kernel("TANH", (1, 3), _TYPES, prepare_tanh, evaluate, lower),
)
