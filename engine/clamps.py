"""A clamp of 8-bit codes (RELU, RELU6 of one scale) after an operator that clamps anyway becomes a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..kernels.convolution.prepared import QuantizedConv2D, QuantizedDepthwiseConv2D, QuantizedFullyConnected
from ..kernels.elementwise.add_sub import QuantizedSum
from ..kernels.elementwise.mul import QuantizedProduct
from ..schema import TensorType
from .preparation import Preparation, PreparedOperator, as_tuple, count_uses

_CLAMPS = frozenset(["RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1"])
_EIGHT_BIT = (TensorType.INT8, TensorType.UINT8)


def absorb_clamps(preparation: Preparation, operators: Sequence[PreparedOperator]) -> tuple[PreparedOperator, ...]:
    """Return the operators of a program without those clamps that the operators before them can do."""
    written, read = count_uses(preparation, operators)
    made: dict[int, PreparedOperator] = {}
    kept: list[PreparedOperator] = []
    for operator in operators:
        inputs, outputs = operator.operator.inputs, operator.operator.outputs
        once = all(written[i] <= 1 and not preparation.tensors[i].is_variable for i in (*inputs, *outputs) if i >= 0)
        maker = made.get(inputs[0]) if once and operator.operator.name in _CLAMPS else None
        both = None if maker is None else _clamped(maker, operator)
        if both is not None:
            kept = [one for one in kept if one is not maker]
            operator = both
        if once and len(outputs) == 1 and read[outputs[0]] == 1 and not operator.folded:
            made[outputs[0]] = operator
        kept.append(operator)
    return tuple(kept)


def _clamped(maker: PreparedOperator, clamp: PreparedOperator) -> PreparedOperator | None:
    limits = _limits_of(clamp)
    if maker.node is None or clamp.node is None or limits is None:
        return None
    prepared: Any = maker.prepared
    if isinstance(prepared, QuantizedConv2D | QuantizedDepthwiseConv2D | QuantizedFullyConnected):
        prepared = replace(prepared, requantization=_with_limits(prepared.requantization, limits))
    elif isinstance(prepared, QuantizedSum | QuantizedProduct):
        prepared = _with_limits(prepared, limits)
    else:
        return None
    return replace(
        clamp,
        operator=replace(maker.operator, outputs=clamp.operator.outputs),
        kernel=maker.kernel,
        node=replace(maker.node, outputs=clamp.node.outputs),
        prepared=prepared,
    )


def _limits_of(clamp: PreparedOperator) -> tuple[int, int] | None:
    """Return the least and the greatest code that an operator leaves as it is; None where it is no clamp."""
    node = clamp.node
    if node is None or clamp.prepared is None or node.input(0).type not in _EIGHT_BIT:
        return None
    if node.output().type is not node.input(0).type:
        return None
    limits = np.iinfo(node.input(0).dtype)
    codes = np.arange(limits.min, limits.max + 1).astype(node.input(0).dtype)
    results = as_tuple(clamp.kernel.evaluate(clamp.prepared, codes))[0]
    low, high = results.min(), results.max()
    return (int(low), int(high)) if np.array_equal(results, np.clip(codes, low, high)) else None


def _with_limits(prepared: Any, limits: tuple[int, int]) -> Any:
    low, high = (int(np.clip(x, *limits)) for x in (prepared.activation_min, prepared.activation_max))
    return replace(prepared, activation_min=low, activation_max=high)
