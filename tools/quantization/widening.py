"""Operators of int16 activations among those of int8: the plan changed for some of them, after it was made."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from ...schema import QuantizationError, TensorType
from . import recurrent
from .parameters import Parameters, activation_parameters, bias_parameters

if TYPE_CHECKING:
    from .planning import Plan, Planner
    from .scheme import Scheme


def wide_scheme(scheme: Scheme) -> Scheme:
    """Return a scheme with activations of int16."""
    return replace(scheme, activation=TensorType.INT16, bias=TensorType.INT64)


def widen(planner: Planner, plan: Plan, operators: Collection[int]) -> None:
    """Change a plan: some operators compute with activations of int16, of the ranges that they have in int8.

    Where their neighbours compute in int8, their inputs come by way of DEQUANTIZE and QUANTIZE, and their outputs go by
    way of QUANTIZE. Tensors that have one scale in int8 still have.

    Raises
    ------
    QuantizationError
        Where one of them stays float, or has no integer form of int16.
    """
    scheme = wide_scheme(planner.scheme)
    for index in sorted(operators):
        if not 0 <= index < len(planner.subgraph.operators):
            raise QuantizationError(f"operator {index}, which is to be int16: there is none of that number")
        operator = planner.subgraph.operators[index]
        rule = scheme.rule(operator)
        place = f"operator {index}, {operator.custom_code or operator.name}"
        if index not in plan.operators:
            raise QuantizationError(
                f"{place}, which is to be int16, stays float: {plan.why_float.get(index, 'no floats')}"
            )
        if rule is None or operator.name in recurrent.NAMES:
            raise QuantizationError(f"{place}, has no integer form of int16 among those of int8")
        for operand, axis in rule.weights.items():
            weights, value = plan.constants.get((index, operand)), planner.value(operator.inputs[operand])
            if weights is not None and weights.type is TensorType.INT4 and rule.packed16 is None and value is not None:
                plan.constants[index, operand] = scheme.weights(operator, rule, axis, value)
        bias = -1 if rule.bias is None else rule.bias[0]
        for operand, tensor in enumerate(operator.inputs):
            seen = planner.seen(index, operand) if planner.is_float(tensor) else None
            if seen is None or operand in rule.weights or operand == bias:
                continue
            found = plan.constants if (index, operand) in plan.constants else plan.requantized_inputs
            found[index, operand] = _wide(seen)
        for tensor in operator.outputs:
            if planner.is_float(tensor):
                own = plan.requantized_outputs.get(tensor, plan.tensors[tensor])
                plan.requantized_outputs[tensor] = scheme.fixed(rule) or _wide(own)
        if rule.bias is not None and (index, bias) in plan.constants:
            input, weights = (planner.seen(index, operand) for operand in rule.bias[1])
            assert input is not None and weights is not None
            plan.constants[index, bias] = bias_parameters(input, weights, scheme.bias)
        plan.wide.add(index)


def _wide(parameters: Parameters) -> Parameters:
    """Return int16 parameters that reach as far as int8 ones."""
    if parameters.type is TensorType.INT16:
        return parameters
    least, most = parameters.limits
    scale, zero_point = parameters.quantization.scale[0], parameters.quantization.zero_point[0]
    return activation_parameters((least - zero_point) * scale, (most - zero_point) * scale, TensorType.INT16)
