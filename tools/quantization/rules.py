"""How the tensors of each operator are quantized: the quantization specification as a table.

Source: the page "TensorFlow Lite 8-bit quantization specification"; where it is silent, what TensorFlow 2.20's
converter makes of a model of that operator alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...schema import Quantization


@dataclass(frozen=True)
class Rule:
    """How an operator's tensors are quantized.

    Parameters
    ----------
    version : of the operator with int8 activations; its own, where that is higher.
    version16 : with int16 activations; None where there is no such kernel.
    weights : operand -> the axis of its channels, None for a scale per tensor; symmetric, from -127 to 127.
    bias : (operand of the bias, operands whose scales' product is its scale), or None.
    same_scale : whether inputs and outputs have one scale and zero point.
    packed, packed16 : versions of the operator with weights of int4, likewise; None where no kernel unpacks them.
    fixed, fixed16 : the output's parameters with int8 and int16, where they follow from the function alone.
    constants : operands that must be constants: the kernel takes them with zero point 0, or in codes of int32.
    last_resort : it stays float where the mode allows that.
    """

    version: int = 1
    version16: int | None = None
    weights: Mapping[int, int | None] = field(default_factory=dict)
    bias: tuple[int, tuple[int, int]] | None = None
    same_scale: bool = False
    fixed: Quantization | None = None
    fixed16: Quantization | None = None
    constants: tuple[int, ...] = ()
    last_resort: bool = False
    packed: int | None = None
    packed16: int | None = None


def _parameters(scale: float, zero_point: int) -> Quantization:
    return Quantization(scale=(scale,), zero_point=(zero_point,))


def _moves(version: int, version16: int | None = None) -> Rule:
    return Rule(version, version16, same_scale=True)


_PROBABILITY = _parameters(1 / 256, -128)
_SINE = _parameters(1 / 128, 0)
_Q15 = _parameters(1 / 32768, 0)

RULES: Mapping[str, Rule] = {
    # products
    "CONV_2D": Rule(3, 3, {1: 0}, (2, (0, 1)), constants=(1, 2), packed=7, packed16=7),
    # The converter's version would be 7; the reference's kernel, which computes it, is registered up to 6.
    "DEPTHWISE_CONV_2D": Rule(3, 3, {1: 3}, (2, (0, 1)), constants=(1, 2), packed=6),
    "FULLY_CONNECTED": Rule(4, 4, {1: 0}, (2, (0, 1)), constants=(2,), packed=10, packed16=13),
    "TRANSPOSE_CONV": Rule(2, 3, {1: 0}, (3, (2, 1)), constants=(1, 3)),
    "BATCH_MATMUL": Rule(2, 3),
    # arithmetic
    "ADD": Rule(2, 3),
    "SUB": Rule(2, 3),
    "MUL": Rule(2, 4),
    "DIV": Rule(1),
    "SQUARED_DIFFERENCE": Rule(2),
    "ABS": Rule(2, 3),
    "MEAN": Rule(2, 3),
    "REDUCE_PROD": Rule(2, 2),
    "RSQRT": Rule(2, 3),
    "EQUAL": Rule(2),
    "LESS": Rule(2),
    "LESS_EQUAL": Rule(2),
    "GREATER": Rule(2),
    "GREATER_EQUAL": Rule(2),
    # The converter leaves these float, and the kernel of SQRT cuts results off where others round.
    "NOT_EQUAL": Rule(2, last_resort=True),
    "SQRT": Rule(2, last_resort=True),
    # LiteRT's reference reads its int8 codes as uint8; LiteRT's other kernels and TFLM's are right.
    "SUM": Rule(2, last_resort=True),
    # activations
    "RELU": Rule(2, 3),
    "RELU6": Rule(2, 3),
    "RELU_N1_TO_1": Rule(1),
    "RELU_0_TO_1": Rule(1),
    "LEAKY_RELU": Rule(1, 2),
    "PRELU": Rule(1, weights={1: None}),
    "HARD_SWISH": Rule(1),
    # The converter leaves it float. The kernel looks results up in a table, as that of GELU, and rounds them.
    "ELU": Rule(1),
    "GELU": Rule(2, 2),
    "EXP": Rule(2, 2),
    "LOG": Rule(2),
    "LOGISTIC": Rule(2, 3, fixed=_PROBABILITY, fixed16=_Q15),
    "TANH": Rule(2, 3, fixed=_SINE, fixed16=_Q15),
    "SOFTMAX": Rule(2, 3, fixed=_PROBABILITY, fixed16=_Q15),
    "LOG_SOFTMAX": Rule(2, fixed=_parameters(16 / 256, 127)),
    "L2_NORMALIZATION": Rule(2, fixed=_SINE),
    # recurrent: the module recurrent has what else there is to them
    "LSTM": Rule(1, constants=(*range(1, 18), *range(20, 24))),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Rule(1, constants=(*range(1, 18), *range(20, 24))),
    "SVDF": Rule(3, constants=(1, 2, 3)),
    # what chooses or moves values
    "MAX_POOL_2D": _moves(2, 3),
    "AVERAGE_POOL_2D": _moves(2, 3),
    "CONCATENATION": _moves(2, 3),
    "MAXIMUM": _moves(2, 3),
    "MINIMUM": _moves(2, 3),
    "PAD": _moves(2, 3),
    "PADV2": _moves(2),
    "MIRROR_PAD": _moves(2, 3),
    "RESHAPE": _moves(1, 1),
    "SQUEEZE": _moves(1, 1),
    "EXPAND_DIMS": _moves(1, 1),
    "TRANSPOSE": _moves(2, 4),
    "SLICE": _moves(2, 4),
    "STRIDED_SLICE": _moves(2, 4),
    "SPLIT": _moves(2, 4),
    "SPLIT_V": _moves(2, 2),
    "PACK": _moves(2, 3),
    "UNPACK": _moves(2, 4),
    "GATHER": _moves(2, 4),
    "GATHER_ND": _moves(1, 3),
    "EMBEDDING_LOOKUP": _moves(1),
    # The converter writes version 3, and version 2 of DEPTH_TO_SPACE, which the reference does not know.
    "TILE": _moves(1, 1),
    "BROADCAST_TO": _moves(3, 3),
    "REVERSE_V2": _moves(3, 3),
    "RESIZE_BILINEAR": _moves(2, 4),
    "RESIZE_NEAREST_NEIGHBOR": _moves(2, 4),
    "SPACE_TO_DEPTH": _moves(2),
    "DEPTH_TO_SPACE": _moves(1),
    "SPACE_TO_BATCH_ND": _moves(2, 4),
    "BATCH_TO_SPACE_ND": _moves(2, 4),
    "SELECT": _moves(1, 1),
    "SELECT_V2": _moves(1, 1),
    "REDUCE_MAX": _moves(2, 3),
    "REDUCE_MIN": _moves(2, 3),
    "TOPK_V2": _moves(2, 3),
    "FILL": _moves(3),
    # The converter leaves it float; the kernel copies codes.
    "DYNAMIC_UPDATE_SLICE": _moves(1, 2),
    # The converter gives their operands scales of their own, although the kernels copy codes.
    "MATRIX_SET_DIAG": _moves(1),
    "SPARSE_TO_DENSE": _moves(3),
    "ONE_HOT": _moves(1),
    # codes in, numbers of another kind out
    "ARG_MAX": Rule(2),
    "ARG_MIN": Rule(2),
}
"""Operator -> its rule. An operator that is not listed stays float.

These are not listed though the converter quantizes them: SCATTER_ND and MATRIX_DIAG, whose kernels write code 0 where
they put no value, whatever the zero point is; REVERSE_SEQUENCE, which has no kernel of int8. NEG, FLOOR_DIV, FLOOR_MOD,
BITCAST and CAST compute with codes as they are.
"""

TYPELESS = ("SHAPE", "RANK")
"""Operators that look at no value: they take an input in whatever form it has."""
