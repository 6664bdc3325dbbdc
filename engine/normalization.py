"""A product with constants and a sum with constants, one of each for a channel, run as one operator.

That is what batch normalization before a convolution becomes. The tensor in between is not written, so this is for
programs in which nobody reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..kernels.elementwise.add_sub import QuantizedSum
from ..kernels.elementwise.mul import QuantizedProduct
from ..kernels.elementwise.scaled_sum import LEAST_CHANNELS, ScaledSum, join, kernel_of
from ..schema import TensorType
from .preparation import Preparation, PreparedOperator, count_uses

_EIGHT_BIT = (TensorType.INT8, TensorType.UINT8)


def join_normalizations(
    preparation: Preparation, operators: Sequence[PreparedOperator]
) -> tuple[PreparedOperator, ...]:
    """Return the operators of a program with one in place of each product and the sum that alone reads it."""
    written, read = count_uses(preparation, operators)
    products: dict[int, PreparedOperator] = {}
    joined: list[PreparedOperator] = []
    for operator in operators:
        # Of a tensor that is written again, the sum might find another value than the product did.
        indices = (*operator.operator.inputs, *operator.operator.outputs)
        if any(written[index] > 1 or preparation.tensors[index].is_variable for index in indices if index >= 0):
            joined.append(operator)
            continue
        if isinstance(operator.prepared, QuantizedProduct) and read[operator.operator.outputs[0]] == 1:
            products[operator.operator.outputs[0]] = operator
        elif isinstance(operator.prepared, QuantizedSum) and operator.prepared.output_shift <= 0:
            product = next((products[index] for index in operator.operator.inputs if index in products), None)
            both = None if product is None else _join(preparation, product, operator)
            if both is not None:
                joined = [one for one in joined if one is not product]
                operator = both
        joined.append(operator)
    return tuple(joined)


def _join(preparation: Preparation, product: PreparedOperator, total: PreparedOperator) -> PreparedOperator | None:
    first, second, node = _constant_of(preparation, product), _constant_of(preparation, total), total.node
    assert node is not None and isinstance(product.prepared, QuantizedProduct) and product.node is not None
    assert isinstance(total.prepared, QuantizedSum)
    if first is None or second is None:
        return None
    (place, factors), (term_place, terms), scaling = first, second, product.prepared
    if place == 0:
        zero_points = scaling.input2_zero_point, scaling.input1_zero_point
        scaling = replace(scaling, input1_zero_point=zero_points[0], input2_zero_point=zero_points[1])
    prepared = join(scaling, factors, total.prepared, node, terms, term_first=term_place == 0)
    if prepared is None:
        return None
    return _as_one(product, total, prepared, 1 - place)


def _constant_of(preparation: Preparation, operator: PreparedOperator) -> tuple[int, np.ndarray] | None:
    """Return which operand is a constant for each channel, and its codes; None where none is."""
    node, inputs = operator.node, operator.operator.inputs
    assert node is not None and operator.prepared is not None
    constants = [place for place in (0, 1) if inputs[place] in preparation.constants]
    if len(constants) != 1 or node.input(0).type not in _EIGHT_BIT:
        return None
    (place,) = constants
    shape, value = node.input(1 - place).shape, preparation.constants[inputs[place]]
    if shape != operator.prepared.output_shape or 0 in shape or not shape or shape[-1] < LEAST_CHANNELS:
        return None
    if value.shape[-1:] != shape[-1:] or value.size != shape[-1]:  # along the last axis alone
        return None
    return place, value.reshape(-1)


def _as_one(product: PreparedOperator, total: PreparedOperator, prepared: ScaledSum, place: int) -> PreparedOperator:
    assert product.node is not None and total.node is not None
    return replace(
        total,
        operator=replace(total.operator, inputs=(product.operator.inputs[place],)),
        kernel=kernel_of(total.kernel.name, total.kernel.versions),
        node=replace(total.node, inputs=(product.node.input(place),)),
        prepared=prepared,
    )
