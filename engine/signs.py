"""A QUANTIZE between int8 and uint8 that only flips the top bit of each code is another reading of the same bytes.

The products before and after it compute with codes less their zero point. So one after it reads the codes before,
with their type and zero point, and one before it writes the codes after, with the limits 128 higher or lower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..kernels.convolution.prepared import QuantizedConv2D, QuantizedDepthwiseConv2D, QuantizedFullyConnected
from ..schema import TensorType
from .preparation import Preparation, PreparedOperator, as_tuple, count_uses

_EIGHT_BIT = (TensorType.INT8, TensorType.UINT8)
_PRODUCTS = (QuantizedConv2D, QuantizedDepthwiseConv2D, QuantizedFullyConnected)
_TOP_BIT = 0x80
_LARGEST_MULTIPLIER = 0.5


def absorb_sign_changes(
    preparation: Preparation, operators: Sequence[PreparedOperator]
) -> tuple[PreparedOperator, ...]:
    """Return the operators of a program without those flips of signs that the products beside them can do."""
    written, read = count_uses(preparation, operators)
    flips: dict[int, PreparedOperator] = {}  # by what they write
    made: dict[int, PreparedOperator] = {}
    kept: list[PreparedOperator] = []
    for operator in operators:
        inputs, outputs = operator.operator.inputs, operator.operator.outputs
        once = all(written[i] <= 1 and not preparation.tensors[i].is_variable for i in (*inputs, *outputs) if i >= 0)
        before = flips.get(inputs[0]) if once and inputs else None
        other = None if before is None else _reading(operator, before)
        if before is not None and other is not None:
            read[inputs[0]] -= 1
            operator = other
        if once and _is_flip(operator):
            maker = made.get(inputs[0])
            other = None if maker is None else _writing(maker, operator)
            if other is not None:
                kept = [one for one in kept if one is not maker]
                operator = other
            else:
                flips[outputs[0]] = operator
        if once and len(outputs) == 1 and read[outputs[0]] == 1 and not operator.folded:
            made[outputs[0]] = operator
        kept.append(operator)
    unread = [flip for target, flip in flips.items() if read[target] == 0]
    return tuple(one for one in kept if not any(one is flip for flip in unread))


def _is_flip(operator: PreparedOperator) -> bool:
    node = operator.node
    if operator.operator.name != "QUANTIZE" or node is None or operator.prepared is None or operator.folded:
        return False
    kinds = node.input(0).type, node.output().type
    if any(kind not in _EIGHT_BIT for kind in kinds) or kinds[0] is kinds[1]:
        return False
    codes = np.arange(256, dtype=np.uint8)
    results = as_tuple(operator.kernel.evaluate(operator.prepared, codes.view(node.input(0).dtype)))[0]
    return np.array_equal(results.view(np.uint8), codes ^ _TOP_BIT)


def _is_plain(prepared: Any) -> bool:
    """Whether an operator is a product that reads its tensors in their own types and sums them as int32."""
    return isinstance(prepared, _PRODUCTS) and prepared.reading is None and not getattr(prepared, "wraps", False)


def _reading(reader: PreparedOperator, flip: PreparedOperator) -> PreparedOperator | None:
    """Return a product that reads what is before a flip in place of what is after it; None where it cannot."""
    prepared: Any = reader.prepared
    node = reader.node
    if node is None or flip.node is None or not _is_plain(prepared):
        return None
    if reader.operator.inputs.count(flip.operator.outputs[0]) != 1:
        return None
    higher = _TOP_BIT if flip.node.input(0).type is TensorType.UINT8 else -_TOP_BIT
    source = replace(flip.node.input(0), shape=node.input(0).shape)
    return replace(
        reader,
        operator=replace(reader.operator, inputs=(flip.operator.inputs[0], *reader.operator.inputs[1:])),
        node=replace(node, inputs=(source, *node.inputs[1:])),
        prepared=replace(prepared, input_zero_point=prepared.input_zero_point + higher),
    )


def _writing(maker: PreparedOperator, flip: PreparedOperator) -> PreparedOperator | None:
    """Return a product that writes what is after a flip in place of what is before it; None where it cannot."""
    prepared: Any = maker.prepared
    if maker.node is None or flip.node is None or not _is_plain(prepared):
        return None
    rule, target = prepared.requantization, flip.node.output()
    # Sums wrap as int32 where the zero point is added: no scaled one may be near the ends.
    if rule.output_dtype != flip.node.input(0).dtype or not np.all(rule.real_multiplier < _LARGEST_MULTIPLIER):
        return None
    higher = _TOP_BIT if target.type is TensorType.UINT8 else -_TOP_BIT
    requantization = replace(
        rule,
        output_zero_point=rule.output_zero_point + higher,
        activation_min=rule.activation_min + higher,
        activation_max=rule.activation_max + higher,
        output_dtype=target.dtype,
    )
    return replace(
        flip,
        operator=replace(maker.operator, outputs=flip.operator.outputs),
        kernel=maker.kernel,
        node=replace(maker.node, outputs=flip.node.outputs),
        prepared=replace(prepared, requantization=requantization),
    )
