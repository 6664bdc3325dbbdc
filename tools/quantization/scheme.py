"""The types of a mode, and what else a mode decides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import Operator, TensorType
from .layers import LAYERS
from .parameters import SMALLEST_RANGE, Parameters
from .rules import RULES, Rule
from .weight_scales import chosen_weight_parameters


@dataclass(frozen=True)
class Scheme:
    """The types of a mode, and what else it decides.

    ``dense_per_channel``: dense layers have a scale a channel. ``float_allowed``: operators may stay float.
    ``weight_scale``: how scales of weights are chosen.
    """

    activation: TensorType = TensorType.INT8
    weight: TensorType = TensorType.INT8
    bias: TensorType = TensorType.INT32
    dense_per_channel: bool = True
    float_allowed: bool = True
    weight_scale: str = "max"

    def rule(self, operator: Operator) -> Rule | None:
        """Return the rule of an operator that has a kernel for these types."""
        rule = RULES.get(operator.name)
        if rule is not None and self.activation is TensorType.INT16 and rule.version16 is None:
            return None
        return rule

    def version(self, rule: Rule, operator: Operator, packed: bool = False) -> int:
        """Return the version that an operator has in these types; ``packed``: with weights of int4."""
        versions = (rule.packed, rule.packed16) if packed else (rule.version, rule.version16)
        version = versions[self.activation is TensorType.INT16]
        assert version is not None
        return max(version, operator.version)

    def weights(self, operator: Operator, rule: Rule, axis: int | None, values: np.ndarray) -> Parameters:
        """Return the parameters of an operator's weights, whose channels lie along an axis."""
        if operator.name == "FULLY_CONNECTED" and not self.dense_per_channel:
            axis = None
        packed = rule.packed16 if self.activation is TensorType.INT16 else rule.packed
        type = TensorType.INT8 if packed is None else self.weight
        least = 0.0 if self.activation is TensorType.INT16 else SMALLEST_RANGE / 2
        scale = self.weight_scale if operator.name in LAYERS else "max"
        return chosen_weight_parameters(values, axis, type, scale, least)

    def fixed(self, rule: Rule) -> Parameters | None:
        """Return the output's parameters that follow from the function."""
        fixed = rule.fixed16 if self.activation is TensorType.INT16 else rule.fixed
        return None if fixed is None else Parameters(self.activation, fixed)
