"""Which operators become integer ones, and the quantization of every tensor: the plan, made before anything is written.

As in TensorFlow's converter, ranges are known for every activation, most are put aside where an operator must give
its output the scale of its input, and parameters then spread from tensor to tensor until nothing changes. Where two
operators want one tensor in two scales, one of them gets it by way of QUANTIZE.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from ...schema import Graph, Operator, Subgraph, TensorType
from ...schema.constants import constant_array
from . import recurrent
from .parameters import (
    Parameters,
    activation_parameters,
    bias_parameters,
    codes_of,
    fitted_to_bias,
    measured_parameters,
    require_finite,
)
from .rules import TYPELESS, Rule
from .scheme import Scheme
from .widening import widen


@dataclass
class Plan:
    """What was decided.

    Parameters
    ----------
    operators : the indices of operators that become integer ones.
    tensors : tensor -> the parameters that its users see, for activations.
    constants : (operator, operand) -> the parameters of a constant there.
    requantized_inputs : (operator, operand) -> other parameters in which it takes an activation.
    requantized_outputs : tensor -> other parameters in which its operator makes it.
    why_float : operator -> why it stays float, for those that have floats.
    intermediates : operator -> the parameters of what it computes inside, for an LSTM.
    wide : operators that have activations of int16 among those of int8.
    """

    operators: set[int] = field(default_factory=set)
    tensors: dict[int, Parameters] = field(default_factory=dict)
    constants: dict[tuple[int, int], Parameters] = field(default_factory=dict)
    requantized_inputs: dict[tuple[int, int], Parameters] = field(default_factory=dict)
    requantized_outputs: dict[int, Parameters] = field(default_factory=dict)
    why_float: dict[int, str] = field(default_factory=dict)
    intermediates: dict[int, tuple[Parameters | None, ...]] = field(default_factory=dict)
    wide: set[int] = field(default_factory=set)


class Planner:
    """Makes the plan of one subgraph.

    Parameters
    ----------
    graph, subgraph : the model, and which of its subgraphs.
    ranges : tensor -> least and greatest value, for the float activations.
    scheme : the types.
    kept_float : operators that stay float -> why.
    wide : operators that have activations of int16 in a scheme of int8.
    """

    def __init__(
        self,
        graph: Graph,
        subgraph: int,
        ranges: Mapping[int, tuple[float, float]],
        scheme: Scheme,
        kept_float: Mapping[int, str] | None = None,
        wide: Collection[int] = (),
    ) -> None:
        self.graph, self.number, self.scheme = graph, subgraph, scheme
        self.subgraph: Subgraph = graph.subgraphs[subgraph]
        self.plan = Plan()
        self._values: dict[int, np.ndarray | None] = {}
        self._ranges, self._wide = ranges, wide
        self._rules: dict[int, Rule] = {}
        self._refused: dict[int, str] = {}
        for index, operator in enumerate(self.subgraph.operators):
            rule = scheme.rule(operator)
            reason = (kept_float or {}).get(index) or self._unfit(operator, rule)
            if rule is None or reason:
                self._refused[index] = reason
            else:
                self._rules[index] = rule
        self._maker = {t: i for i, one in enumerate(self.subgraph.operators) for t in one.outputs}
        self._users: dict[int, list[int]] = {}
        for index, operator in enumerate(self.subgraph.operators):
            for tensor in dict.fromkeys(operator.inputs):
                self._users.setdefault(tensor, []).append(index)
        self._measured = self._chosen(recurrent.with_states(self.subgraph, ranges))
        self._work: list[int] = []

    def value(self, tensor: int) -> np.ndarray | None:
        """Return a constant's array, None for an activation."""
        if tensor not in self._values:
            self._values[tensor] = constant_array(self.graph, self.number, tensor)
        return self._values[tensor]

    def is_float(self, tensor: int) -> bool:
        """Whether a tensor index is one of a float32 tensor."""
        return tensor >= 0 and self.subgraph.tensors[tensor].type is TensorType.FLOAT32

    def make(self) -> Plan:
        """Return the plan."""
        plan = self.plan
        for tensor, (low, high) in self._measured.items():
            plan.tensors[tensor] = measured_parameters(low, high, self.scheme.activation)
        for index, rule in self._rules.items():
            self._plan_weights(index, rule)
        self._spread_all()
        for index in self._rules:
            if self.subgraph.operators[index].name in recurrent.NAMES:
                recurrent.plan_recurrent(self, index, self._ranges)
        for index, rule in self._rules.items():
            self._plan_bias(index, rule)
        self._decide()
        widen(self, plan, self._wide)
        return plan

    def codes_of(self, values: np.ndarray, parameters: Parameters) -> np.ndarray:
        """Return the codes of a constant."""
        return codes_of(values, parameters)

    def _decide(self) -> None:
        """Decide which operators are integer ones."""
        for index, operator in enumerate(self.subgraph.operators):
            if not any(self.is_float(tensor) for tensor in (*operator.inputs, *operator.outputs)):
                continue
            if operator.name in TYPELESS:
                continue
            reason = self._why_float(index, operator)
            if reason:
                self.plan.why_float[index] = reason
            else:
                self.plan.operators.add(index)

    def _activations(self, index: int) -> list[tuple[int, int]]:
        """Return (operand, tensor) of an operator's float inputs that are no weights and no bias."""
        rule, operator = self._rules[index], self.subgraph.operators[index]
        apart = {*rule.weights, *(() if rule.bias is None else (rule.bias[0],))}
        return [(n, t) for n, t in enumerate(operator.inputs) if n not in apart and self.is_float(t)]

    def _chosen(self, ranges: Mapping[int, tuple[float, float]]) -> dict[int, tuple[float, float]]:
        """Return the ranges that count: those of outputs that have their input's scale, or a fixed one, do not.

        An operator of one input hands its input's range on; one of several takes the range of its output.
        """
        measured = {t: r for t, r in ranges.items() if self.is_float(t) and self.value(t) is None}
        redundant: set[int] = set()
        forward = list(measured)
        while forward:
            tensor = forward.pop()
            maker = self._rules.get(self._maker.get(tensor, -1))
            if maker is not None and self.scheme.fixed(maker) is not None:
                redundant.add(tensor)
            for user in self._users.get(tensor, ()):
                if not self._moves(user) or self._float_operands(user) > 1:
                    continue
                for output in self.subgraph.operators[user].outputs:
                    if output in measured and output not in redundant:
                        redundant.add(output)
                        forward.append(output)
        backward = [tensor for tensor in measured if tensor not in redundant]
        passed: set[int] = set()
        while backward:
            tensor = backward.pop()
            index = self._maker.get(tensor, -1)
            if not self._moves(index):
                continue
            for source in self.subgraph.operators[index].inputs:
                if (
                    source in measured and source not in passed and not self._recurs(source)
                ):  # through redundant ones, too
                    redundant.add(source)
                    passed.add(source)
                    backward.append(source)
        return {tensor: range for tensor, range in measured.items() if tensor not in redundant}

    def _recurs(self, tensor: int) -> bool:
        """Whether a tensor goes back into its operator, which then is best in a scale of its own."""
        maker = self._maker.get(tensor, -1)
        return maker in self._rules and self.subgraph.operators[maker].name in recurrent.LSTMS

    def _moves(self, index: int) -> bool:
        return index in self._rules and self._rules[index].same_scale

    def _float_operands(self, index: int) -> int:
        return sum(self.is_float(tensor) for tensor in self.subgraph.operators[index].inputs)

    def _plan_weights(self, index: int, rule: Rule) -> None:
        operator, constants = self.subgraph.operators[index], self.plan.constants
        for operand, axis in rule.weights.items():
            value = self.value(operator.inputs[operand]) if operand < len(operator.inputs) else None
            if value is not None and self.is_float(operator.inputs[operand]):
                require_finite(value, self.subgraph.tensors[operator.inputs[operand]].name)
                constants[index, operand] = self.scheme.weights(operator, rule, axis, value)
        if rule.same_scale:
            return
        for operand, tensor in self._activations(index):
            value = self.value(tensor)
            if value is not None and value.size:
                require_finite(value, self.subgraph.tensors[tensor].name)
                low, high = float(value.min()), float(value.max())
                constants[index, operand] = activation_parameters(low, high, self.scheme.activation)

    def _spread_all(self) -> None:
        """Spread parameters from the last operator to the first, and on to the makers and users of what gets some.

        What then has none yet, since another user of its input was given them later, gets them afterwards: the
        converter leaves it float.
        """
        done: set[int] = set()
        before = -1
        while len(done) > before:
            before = len(done)
            self._work = [index for index in self._rules if index not in done]
            while self._work:
                index = self._work.pop()
                if index not in done and self._spread(index):
                    done.add(index)

    def _spread(self, index: int) -> bool:
        """Spread parameters through an operator; False where none are known yet."""
        rule, operator = self._rules[index], self.subgraph.operators[index]
        if rule.same_scale:
            shared = self._shared(index)
            if shared is None:
                return False
            for operand, tensor in self._activations(index):
                if self.value(tensor) is not None:
                    self.plan.constants[index, operand] = shared
                else:
                    self._set_input(index, operand, tensor, shared)
            for tensor in operator.outputs:
                if self.is_float(tensor):
                    self._set_output(tensor, shared)
        fixed = self.scheme.fixed(rule)
        if fixed is not None:
            for tensor in operator.outputs:
                self._set_output(tensor, fixed)
        return True

    def _shared(self, index: int) -> Parameters | None:
        """Return the parameters that inputs and outputs of an operator are to share.

        Measured ones before those that spread here; of these, those of the one input, those of the one output, the
        first.
        """
        inputs = [t for _, t in self._activations(index) if self.value(t) is None]
        outputs = [t for t in self.subgraph.operators[index].outputs if self.is_float(t)]
        known = self.plan.tensors
        for among in (lambda t: t in self._measured, lambda t: t in known):
            sources = [t for t in inputs if among(t)]
            results = [t for t in outputs if among(t)]
            if len(self.subgraph.operators[index].inputs) == 1 and len(sources) == 1:
                return known[sources[0]]
            if len(self.subgraph.operators[index].outputs) == 1 and len(results) == 1:
                return known[results[0]]
            if sources or results:
                return known[(sources + results)[0]]
        return None

    def _set_input(self, index: int, operand: int, tensor: int, parameters: Parameters) -> None:
        known = self.plan.tensors.get(tensor)
        if known == parameters:
            return
        if known is not None:
            self.plan.requantized_inputs[index, operand] = parameters
            return
        self.plan.tensors[tensor] = parameters
        if tensor in self._maker and self._maker[tensor] in self._rules:
            self._work.append(self._maker[tensor])

    def _set_output(self, tensor: int, parameters: Parameters) -> None:
        known = self.plan.tensors.get(tensor)
        if known == parameters:
            return
        if known is not None:
            self.plan.requantized_outputs[tensor] = parameters
            return
        self.plan.tensors[tensor] = parameters
        self._work.extend(user for user in self._users.get(tensor, ()) if user in self._rules)

    def _plan_bias(self, index: int, rule: Rule) -> None:
        if rule.bias is None:
            return
        operand, (first, second) = rule.bias
        operator, constants = self.subgraph.operators[index], self.plan.constants
        if operand >= len(operator.inputs) or not self.is_float(operator.inputs[operand]):
            return
        value = self.value(operator.inputs[operand])
        input, weights = self.seen(index, first), self.seen(index, second)
        if value is None or input is None or weights is None:
            return
        require_finite(value, self.subgraph.tensors[operator.inputs[operand]].name)
        bias = bias_parameters(input, weights, self.scheme.bias)
        if (index, second) in constants:
            constants[index, second], bias = self._fitted(index, first, value, input, weights)
        constants[index, operand] = bias

    def _fitted(
        self, index: int, first: int, bias: np.ndarray, input: Parameters, weights: Parameters
    ) -> tuple[Parameters, Parameters]:
        """Return the parameters of a filter and its bias, such that the bias's codes leave accumulators room."""
        return fitted_to_bias(bias, input, weights, bias_parameters(input, weights, self.scheme.bias))

    def seen(self, index: int, operand: int) -> Parameters | None:
        """Return the parameters in which an operator sees an operand."""
        tensor = self.subgraph.operators[index].inputs[operand]
        for found in (self.plan.constants.get((index, operand)), self.plan.requantized_inputs.get((index, operand))):
            if found is not None:
                return found
        return self.plan.tensors.get(tensor)

    def _unfit(self, operator: Operator, rule: Rule | None) -> str:
        """Return why an operator stays float whatever the ranges are, or nothing."""
        if rule is None:
            return f"it has no integer form of {self.scheme.activation.name.lower()}"
        if rule.last_resort and self.scheme.float_allowed:
            return "its integer form is kept for modes without floats"
        for operand in rule.constants:
            if operand < len(operator.inputs) and self._is_activation(operator.inputs[operand]):
                return f"its input {operand} is no constant"
        for operand, tensor in enumerate(operator.inputs):
            value = self.value(tensor) if self.is_float(tensor) else None
            if value is not None and not np.isfinite(value).all():
                return f"its input {operand} has values that are not finite"
        return recurrent.unfit(operator, self.subgraph) if operator.name in recurrent.NAMES else ""

    def _is_activation(self, tensor: int) -> bool:
        return self.is_float(tensor) and self.value(tensor) is None

    def _why_float(self, index: int, operator: Operator) -> str:
        """Return why an operator stays float, or nothing."""
        if index in self._refused:
            return self._refused[index]
        for operand, tensor in enumerate(operator.inputs):
            if self.is_float(tensor) and self.seen(index, operand) is None:
                name = self.subgraph.tensors[tensor].name
                return f"no range is known of its input {operand}, {name}"
        for tensor in operator.outputs:
            if self.is_float(tensor) and tensor not in self.plan.tensors:
                return f"no range is known of its output {self.subgraph.tensors[tensor].name}"
        if operator.name == "DIV" and self._may_divide_by_zero(index, operator.inputs[1]):
            return "its divisor may have the code of 0, where the kernel fails"
        return ""

    def _may_divide_by_zero(self, index: int, divisor: int) -> bool:
        parameters, value = self.seen(index, 1), self.value(divisor)
        assert parameters is not None
        if value is None:
            low, high = self._ranges.get(divisor, (0.0, 0.0))
            value = np.asarray([0.0] if low <= 0 <= high else [low, high], np.float32)
        return bool(np.any(codes_of(value, parameters) == parameters.quantization.zero_point[0]))
