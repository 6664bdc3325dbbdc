"""CMSIS-NN: which operators and types have a kernel of its own; the rest runs on TFLM's reference kernels."""

from __future__ import annotations

from ...schema import TensorType
from . import conditions as c
from .rule import Rule, Source, Target

LIST = Source(
    "CMSIS-NN, README, Current Operator Support (2026, with the float16/float32 columns)",
    "https://github.com/ARM-software/CMSIS-NN/blob/main/README.md#current-operator-support",
)
SPECIFICATION = Source(
    "LiteRT, 8-bit quantization specification, which CMSIS-NN's README says it follows",
    "https://ai.google.dev/edge/litert/models/quantization_spec",
)
INT4, INT8, INT16 = TensorType.INT4, TensorType.INT8, TensorType.INT16


def _types(*types: TensorType, position: int = 0) -> tuple[Rule, ...]:
    shown = " or ".join(one.name.lower() for one in types)
    return (Rule(f"activations of {shown}", LIST, c.first_input_is(*types, position=position)),)


def _with_weights(*types: TensorType, packed: bool, position: int = 0) -> tuple[Rule, ...]:
    weights = (INT8, INT4) if packed else (INT8,)
    text = "weights of int8" + (", or int4 with int8 activations" if packed else "")
    return (*_types(*types, position=position), Rule(text, LIST, c.weights_are(*weights)))


_SYMMETRIC_WEIGHTS = Rule(
    "weights with a zero point of 0",
    SPECIFICATION,
    lambda site: (
        None
        if (tensor := site.input(1)) is None or not any(tensor.quantization.zero_point)
        else f"zero point {next(one for one in tensor.quantization.zero_point if one)}"
    ),
)
_PACKED_WITH_INT8 = Rule(
    "int4 weights with int8 activations only",
    LIST,
    lambda site: (
        f"int4 weights with {first.type.name.lower()}"
        if (first := site.input(0)) is not None
        and (second := site.input(1)) is not None
        and second.type is INT4
        and first.type is not INT8
        else None
    ),
)

_CONVOLUTION = (*_with_weights(INT8, INT16, packed=True), _PACKED_WITH_INT8, _SYMMETRIC_WEIGHTS)
_BOTH = _types(INT8, INT16)

TARGET = Target(
    name="cmsis-nn",
    title="CMSIS-NN's kernels for Arm Cortex-M",
    listed=LIST,
    fallback="TFLM's reference kernels",
    operators={
        "CONV_2D": _CONVOLUTION,
        "DEPTHWISE_CONV_2D": _CONVOLUTION,
        "TRANSPOSE_CONV": (*_with_weights(INT8, packed=False, position=2), _SYMMETRIC_WEIGHTS),
        "FULLY_CONNECTED": (*_with_weights(INT8, INT16, packed=True), _PACKED_WITH_INT8),
        "BATCH_MATMUL": _BOTH,
        "ADD": _BOTH,
        "MINIMUM": _types(INT8),
        "MAXIMUM": _types(INT8),
        "MUL": _BOTH,
        "MAX_POOL_2D": _BOTH,
        "AVERAGE_POOL_2D": _BOTH,
        "SOFTMAX": _BOTH,
        "UNIDIRECTIONAL_SEQUENCE_LSTM": _BOTH,
        "SVDF": _types(INT8),
        "PAD": _types(INT8),
        "TRANSPOSE": _types(INT8),
    },
    notes={
        "MINIMUM": "plain C, or MVE: nothing for the DSP extension",
        "MAXIMUM": "plain C, or MVE: nothing for the DSP extension",
        "PAD": "plain C, or MVE: nothing for the DSP extension",
        "TRANSPOSE": "plain C, or MVE: nothing for the DSP extension",
    },
)
