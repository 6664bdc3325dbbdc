"""The plan of the mode int16x8: parameters go forward, from operator to operator.

TensorFlow's converter has another, older quantizer for activations of int16, which this follows. Every output has the
range that was measured for it, but where it has its input's scale, or a fixed one; what comes together in
CONCATENATION, PACK, MAXIMUM and MINIMUM is requantized to the output's scale.

Notes
-----
Source: ``QuantizeWeightsInputOutput``, ``ApplyConstraints`` and ``EnsureBiasScaleCompatibility`` in
``tensorflow/lite/tools/optimize/quantize_model.cc``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .parameters import Parameters, activation_parameters, bias_parameters
from .parameters16 import codes_of16, constant_parameters16, fitted_to_bias16
from .planning import Plan, Planner
from .rules import Rule


class Planner16(Planner):
    """Makes the plan of one subgraph with int16 activations."""

    def make(self) -> Plan:
        """Return the plan."""
        for index, rule in self._rules.items():
            self._plan_weights(index, rule)
            self._forward(index, rule)
            self._plan_bias(index, rule)
        self._decide()
        return self.plan

    def codes_of(self, values: np.ndarray, parameters: Parameters) -> np.ndarray:
        """Return the codes of a constant."""
        return codes_of16(values, parameters)

    def _chosen(self, ranges: Mapping[int, tuple[float, float]]) -> dict[int, tuple[float, float]]:
        return {tensor: range for tensor, range in ranges.items() if self.is_float(tensor)}

    def _measure(self, tensor: int) -> Parameters | None:
        """Give a tensor the parameters of the range that was measured, where it has none yet."""
        if tensor not in self.plan.tensors and tensor in self._measured:
            self.plan.tensors[tensor] = activation_parameters(*self._measured[tensor], self.scheme.activation)
        return self.plan.tensors.get(tensor)

    def _constant(self, index: int, operand: int, value: np.ndarray) -> Parameters:
        self.plan.constants[index, operand] = constant_parameters16(value)
        return self.plan.constants[index, operand]

    def _fitted(
        self, index: int, first: int, bias: np.ndarray, input: Parameters, weights: Parameters
    ) -> tuple[Parameters, Parameters]:
        measured = self._measured.get(self.subgraph.operators[index].inputs[first])
        if measured is not None:
            scale = activation_parameters(*measured, self.scheme.activation).quantization.scale[0]
            weights = fitted_to_bias16(bias, scale, weights)
        return weights, bias_parameters(input, weights, self.scheme.bias)

    def _forward(self, index: int, rule: Rule) -> None:
        """Give an operator's tensors their parameters."""
        operands = self._activations(index)
        seen = []
        for operand, tensor in operands:
            value = self.value(tensor)
            seen.append(self._measure(tensor) if value is None else self._constant(index, operand, value))
        outputs = [tensor for tensor in self.subgraph.operators[index].outputs if self.is_float(tensor)]
        fixed = self.scheme.fixed(rule)
        if rule.same_scale and len(operands) == 1:
            fixed = seen[0]
        for tensor in outputs:
            if fixed is not None:
                self.plan.tensors.setdefault(tensor, fixed)
            else:
                self._measure(tensor)
        if rule.same_scale and len(operands) > 1:
            self._gather(index, operands, self.plan.tensors.get(outputs[0]))

    def _gather(self, index: int, operands: list[tuple[int, int]], shared: Parameters | None) -> None:
        """Bring what comes together to the scale of the output."""
        if shared is None:
            return
        for operand, tensor in operands:
            if self.value(tensor) is not None:
                self.plan.constants[index, operand] = shared
            elif self.plan.tensors.get(tensor) not in (None, shared):
                self.plan.requantized_inputs[index, operand] = shared
