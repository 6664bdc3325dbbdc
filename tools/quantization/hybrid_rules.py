"""Which constants of which operators become codes in the mode ``dynamic``, and the versions of the hybrid operators.

Source: which operands TensorFlow 2.20's converter takes, as found by converting models of one operator; of recurrent
operators, the operands that its operator definitions (``tfl_ops.td``) declare. Versions: ``op_version.cc``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ...schema import Operator, Tensor, TensorType
from ...schema.types import ActivationFunctionType, LSTMKernelType


@dataclass(frozen=True)
class Form:
    """What of a hybrid operator its version depends on."""

    operator: Operator
    asymmetric: bool
    per_channel: bool
    grouped: bool
    four_bits: bool


@dataclass(frozen=True)
class HybridRule:
    """How an operator's weights are quantized.

    Parameters
    ----------
    operands : those that are weights; all that are there become codes, or none.
    version : of the hybrid operator.
    axis : of the channels that have a scale of their own; None for a scale per tensor.
    four_bits : whether there is a kernel for int4.
    """

    operands: tuple[int, ...]
    version: Callable[[Form], int]
    axis: int | None = None
    four_bits: bool = False


def _conv_2d(form: Form) -> int:
    if form.four_bits:
        return 7
    return 6 if form.grouped else 5 if form.per_channel else 2


def _fully_connected(form: Form) -> int:
    least = 5 if form.operator.options is not None and form.operator.options.keep_num_dims else 1
    least = max(least, 6 if len(form.operator.inputs) == 2 else 1)
    if form.per_channel:
        return 12
    return max(least, 10 if form.four_bits else 9 if form.asymmetric else 3)


def _transpose_conv(form: Form) -> int:
    operator = form.operator
    if operator.options is not None and operator.options.fused_activation_function != ActivationFunctionType.NONE:
        return 4
    return 3 if len(operator.inputs) == 4 and operator.inputs[3] >= 0 else 2


def _versions(symmetric: int, asymmetric: int) -> Callable[[Form], int]:
    return lambda form: asymmetric if form.asymmetric else symmetric


_RECURRENT = range(5, 9)
_WITH_DIAGONALS = ("LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM")
"""Operators in which a vector in the place of a recurrent matrix is its diagonal, for which there are no codes."""

_GATES = (*range(1, 12), 16)
_BIDIRECTIONAL_GATES = (*_GATES, *range(18, 29), 33, *range(40, 48))

HYBRID_RULES: Mapping[str, HybridRule] = {
    "CONV_2D": HybridRule((1,), _conv_2d, 0, four_bits=True),
    "DEPTHWISE_CONV_2D": HybridRule((1,), lambda form: 6 if form.per_channel else 4, 3),
    "TRANSPOSE_CONV": HybridRule((1,), _transpose_conv, 0),
    "FULLY_CONNECTED": HybridRule((1,), _fully_connected, 0, four_bits=True),
    "BATCH_MATMUL": HybridRule((1,), _versions(1, 4)),
    "EMBEDDING_LOOKUP": HybridRule((1,), lambda form: 1),
    "SVDF": HybridRule((1, 2), _versions(2, 4)),
    "RNN": HybridRule((1, 2), _versions(2, 3)),
    "UNIDIRECTIONAL_SEQUENCE_RNN": HybridRule((1, 2), _versions(2, 3)),
    "BIDIRECTIONAL_SEQUENCE_RNN": HybridRule((1, 2, 5, 6, 10, 11), _versions(2, 3)),
    "LSTM": HybridRule(_GATES, _versions(3, 4)),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": HybridRule(_GATES, _versions(2, 3)),
    "BIDIRECTIONAL_SEQUENCE_LSTM": HybridRule(_BIDIRECTIONAL_GATES, _versions(2, 3)),
}
"""Operator -> its rule. GATHER has another: it moves codes, and DEQUANTIZE follows it."""


def hybrid_rule(operator: Operator, tensors: Sequence[Tensor]) -> HybridRule | None:
    """Return the rule of an operator that can be hybrid; ``tensors``: those of its subgraph."""
    if getattr(operator.options, "kernel_type", LSTMKernelType.FULL) != LSTMKernelType.FULL:
        return None
    if operator.name in _WITH_DIAGONALS:
        recurrent = [operator.inputs[operand] for operand in _RECURRENT]
        if any(len(tensors[one].shape) == 1 for one in recurrent if one >= 0):
            return None
    return HYBRID_RULES.get(operator.name)


def weight_type(rule: HybridRule, bits: int) -> TensorType:
    """Return the type of an operator's codes."""
    return TensorType.INT4 if bits == 4 and rule.four_bits else TensorType.INT8
