"""TensorFlow Lite Micro: the operators that its resolver can be given, and the types that their kernels take.

The types are those of the kernels' source, held to what the wheel ``tflite-micro`` 0.dev20261023182759 makes of models
of one operator, as far as it ran them.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...schema import TensorType
from . import conditions as c
from .rule import Rule, Site, Source, Target

_HOME = "https://github.com/tensorflow/tflite-micro/blob/main"
LIST = Source(
    "TensorFlow Lite Micro, micro_mutable_op_resolver.h (as in the wheel tflite-micro 0.dev20261023182759)",
    f"{_HOME}/tensorflow/lite/micro/micro_mutable_op_resolver.h",
)
_TYPES = {
    "f": TensorType.FLOAT32,
    "b": TensorType.BOOL,
    "8": TensorType.INT8,
    "u": TensorType.UINT8,
    "16": TensorType.INT16,
    "32": TensorType.INT32,
    "64": TensorType.INT64,
    "u16": TensorType.UINT16,
    "u32": TensorType.UINT32,
}


def kernel(file: str) -> Source:
    """Return the source file of a kernel."""
    return Source(f"TensorFlow Lite Micro, kernels/{file}", f"{_HOME}/tensorflow/lite/micro/kernels/{file}")


def _typed(file: str, codes: str, position: int = 0) -> tuple[Rule, ...]:
    types = tuple(_TYPES[code] for code in codes.split())
    shown = ", ".join(one.name.lower() for one in types)
    return (Rule(f"an input of {shown}", kernel(file), c.first_input_is(*types, position=position)),)


def _hybrid(source: int) -> c.Condition:
    def broken(site: Site) -> str | None:
        tensor, weights = site.input(source), site.input(1)
        if tensor is None or weights is None or tensor.type is not TensorType.FLOAT32:
            return None
        return None if weights.type is TensorType.FLOAT32 else f"weights of {weights.type.name.lower()}"

    return broken


def _product(file: str, packed: bool = True, source: int = 0) -> tuple[Rule, ...]:
    weights = (TensorType.FLOAT32, TensorType.INT8, *((TensorType.INT4,) if packed else ()))
    return (
        *_typed(file, "f 8 16", source),
        Rule("no float32 activations with integer weights (hybrid)", kernel(file), _hybrid(source)),
        Rule(f"weights of {', '.join(one.name.lower() for one in weights)}", kernel(file), c.weights_are(*weights)),
    )


_ROWS: Mapping[str, tuple[Rule, ...]] = {
    "ABS": _typed("elementwise.cc", "f 8 16"),
    "ADD": _typed("add.cc", "f 8 16 32"),
    "ADD_N": _typed("add_n.cc", "f 8"),
    "ARG_MAX": _typed("arg_min_max.cc", "f 8"),
    "ARG_MIN": _typed("arg_min_max.cc", "f 8"),
    "ASSIGN_VARIABLE": (),
    "AVERAGE_POOL_2D": _typed("pooling.cc", "f 8 16"),
    "BATCH_MATMUL": _typed("batch_matmul.cc", "f 8 16"),
    "BATCH_TO_SPACE_ND": _typed("batch_to_space_nd.cc", "f 8"),
    "BROADCAST_ARGS": _typed("broadcast_args.cc", "32 64"),
    "BROADCAST_TO": (),
    "CALL_ONCE": (),
    "CAST": _typed("cast.cc", "f b 8 16 32 u32"),
    "CEIL": _typed("ceil.cc", "f"),
    "CONCATENATION": _typed("concatenation.cc", "f 8 16 32 64 b"),
    "CONV_2D": _product("conv.cc"),
    "COS": _typed("elementwise.cc", "f"),
    "CUMSUM": _typed("cumsum.cc", "f 8"),
    "DEPTH_TO_SPACE": _typed("depth_to_space.cc", "f 8"),
    "DEPTHWISE_CONV_2D": _product("depthwise_conv.cc"),
    "DEQUANTIZE": _typed("dequantize.cc", "8 16 u 32"),
    "DIV": _typed("div.cc", "f 8 32"),
    "DYNAMIC_UPDATE_SLICE": _typed("dynamic_update_slice.cc", "f 8 16 32"),
    "ELU": _typed("elu.cc", "f 8"),
    "EMBEDDING_LOOKUP": _typed("embedding_lookup.cc", "f 8", 1),
    "EQUAL": _typed("comparisons.cc", "b f 8 32 64"),
    "EXP": _typed("exp.cc", "f 8 16"),
    "EXPAND_DIMS": (),
    "FILL": (),
    "FLOOR": _typed("floor.cc", "f"),
    "FLOOR_DIV": _typed("floor_div.cc", "f"),
    "FLOOR_MOD": _typed("floor_mod.cc", "f"),
    "FULLY_CONNECTED": _product("fully_connected.cc"),
    "GATHER": _typed("gather.cc", "f 8"),
    "GATHER_ND": _typed("gather_nd.cc", "f 8"),
    "GREATER": _typed("comparisons.cc", "f 8 16 32 64"),
    "GREATER_EQUAL": _typed("comparisons.cc", "f 8 32 64"),
    "HARD_SWISH": _typed("hard_swish.cc", "f 8"),
    "IF": (),
    "L2_NORMALIZATION": _typed("l2norm.cc", "f 8"),
    "L2_POOL_2D": _typed("l2_pool_2d.cc", "f"),
    "LEAKY_RELU": _typed("leaky_relu.cc", "f 8 16"),
    "LESS": _typed("comparisons.cc", "f 8 32 64"),
    "LESS_EQUAL": _typed("comparisons.cc", "f 8 32 64"),
    "LOG": _typed("elementwise.cc", "f"),
    "LOGICAL_AND": _typed("logical.cc", "b"),
    "LOGICAL_NOT": _typed("elementwise.cc", "b"),
    "LOGICAL_OR": _typed("logical.cc", "b"),
    "LOGISTIC": _typed("logistic.cc", "f 8 16"),
    "LOG_SOFTMAX": _typed("log_softmax.cc", "f 8"),
    "MAX_POOL_2D": _typed("pooling.cc", "f 8 16"),
    "MAXIMUM": _typed("maximum_minimum.cc", "f 8 16 32 64"),
    "MEAN": _typed("reduce.cc", "f 8 16"),
    "MINIMUM": _typed("maximum_minimum.cc", "f 8 16 32 64"),
    "MIRROR_PAD": _typed("mirror_pad.cc", "f 8"),
    "MUL": _typed("mul.cc", "f 8 16 32"),
    "NEG": _typed("neg.cc", "f"),
    "NOT_EQUAL": _typed("comparisons.cc", "b f 8 32 64"),
    "PACK": _typed("pack.cc", "f 8 16 32 64"),
    "PAD": _typed("pad.cc", "f 8 16 32"),
    "PADV2": _typed("pad.cc", "f 8 16 32"),
    "PRELU": _typed("prelu.cc", "f 8 16"),
    "QUANTIZE": _typed("quantize.cc", "f 8 16 32 u"),
    "READ_VARIABLE": (),
    "REDUCE_ALL": _typed("reduce.cc", "b"),
    "REDUCE_MAX": _typed("reduce.cc", "f 8"),
    "REDUCE_MIN": _typed("reduce.cc", "f 8"),
    "RELU": _typed("activations.cc", "f 8 16"),
    "RELU6": _typed("activations.cc", "f 8 16"),
    "RESHAPE": (),
    "RESIZE_BILINEAR": _typed("resize_bilinear.cc", "f 8"),
    "RESIZE_NEAREST_NEIGHBOR": _typed("resize_nearest_neighbor.cc", "f 8 16"),
    "REVERSE_V2": _typed("reverse.cc", "f b 8 u 16 32 64"),
    "ROUND": _typed("round.cc", "f"),
    "RSQRT": _typed("elementwise.cc", "f 8"),
    "SELECT_V2": _typed("select.cc", "f 8 16", 1),
    "SHAPE": (),
    "SIN": _typed("elementwise.cc", "f"),
    "SLICE": _typed("slice.cc", "f 8 16 32 b"),
    "SOFTMAX": _typed("softmax.cc", "f 8 16"),
    "SPACE_TO_BATCH_ND": _typed("space_to_batch_nd.cc", "f 8"),
    "SPACE_TO_DEPTH": _typed("space_to_depth.cc", "f 8"),
    "SPLIT": _typed("split.cc", "f 8 16 32", 1),
    "SPLIT_V": _typed("split_v.cc", "f 8 16 32"),
    "SQRT": _typed("elementwise.cc", "f"),
    "SQUARE": _typed("elementwise.cc", "f"),
    "SQUARED_DIFFERENCE": _typed("squared_difference.cc", "f 8 16 32"),
    "SQUEEZE": (),
    "STRIDED_SLICE": _typed("strided_slice.cc", "f 8 16 32 b"),
    "SUB": _typed("sub.cc", "f 8 16 32"),
    "SUM": _typed("reduce.cc", "f 8 16"),
    "SVDF": _typed("svdf.cc", "f 8"),
    "TANH": _typed("tanh.cc", "f 8 16"),
    "TRANSPOSE": _typed("transpose.cc", "f 8 16"),
    "TRANSPOSE_CONV": _product("transpose_conv.cc", packed=False, source=2),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _typed("unidirectional_sequence_lstm.cc", "f 8 16"),
    "UNPACK": _typed("unpack.cc", "f 8 16 32"),
    "VAR_HANDLE": (),
    "WHILE": (),
    "ZEROS_LIKE": _typed("zeros_like.cc", "f 8 32 64"),
}
_CUSTOM = (
    "CIRCULAR_BUFFER",
    "TFLite_Detection_PostProcess",
    "ethos-u",
    "SignalDelay",
    "SignalEnergy",
    "SignalFftAutoScale",
    "SignalFramer",
    "SignalIrfft",
    "SignalOverlapAdd",
    "SignalRfft",
    "SignalStacker",
    "SignalWindow",
)

TARGET = Target(
    name="tflm",
    title="TensorFlow Lite Micro's reference kernels",
    listed=LIST,
    fallback="nothing: the model is refused",
    operators={**_ROWS, **dict.fromkeys(_CUSTOM, ())},
)
