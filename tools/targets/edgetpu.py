"""Coral's Edge TPU: the model requirements and the table of supported operations of its documentation."""

from __future__ import annotations

import math

from ...schema import TensorType
from ...schema.types import FullyConnectedOptionsWeightsFormat
from . import conditions as c
from .rule import Rule, Site, Source, Target

_PAGE = "https://coral.ai/docs/edgetpu/models-intro/"
REQUIREMENTS = Source("Coral, TensorFlow models on the Edge TPU, Model requirements", f"{_PAGE}#model-requirements")
LIST = Source(
    "Coral, TensorFlow models on the Edge TPU, Supported operations (runtime 14)", f"{_PAGE}#supported-operations"
)
COMPILING = Source("Coral, TensorFlow models on the Edge TPU, Compiling", f"{_PAGE}#compiling")
FLOAT_ENDS = Source(
    "Coral, TensorFlow models on the Edge TPU, Float input and output tensors",
    f"{_PAGE}#float-input-and-output-tensors",
)
INT8, UINT8, INT32 = TensorType.INT8, TensorType.UINT8, TensorType.INT32
_MOST_IN_SOFTMAX = 16000


def _limit(text: str, broken: c.Condition) -> Rule:
    return Rule(text, LIST, broken)


def _zeros_beside_one(site: Site) -> str | None:
    constants = [i for i in range(len(site.inputs)) if site.is_constant(i)]
    if not constants:
        return None
    values, tensor = site.value(constants[0]), site.input(constants[0])
    assert tensor is not None
    zero = (tensor.quantization.zero_point or (0,))[0]
    if len(site.inputs) == 2 and values is not None and bool((values == zero).all()):
        return None
    return f"{len(site.inputs)} inputs, of which {tensor.name!r} is a constant"


def _depth_in_fours(site: Site) -> str | None:
    axes, tensor = site.integers(1), site.input(0)
    if axes is None or tensor is None or not tensor.shape:
        return None
    last = len(tensor.shape) - 1
    if last in {axis % len(tensor.shape) for axis in axes} and tensor.shape[-1] % 4:
        return f"a depth of {tensor.shape[-1]}"
    return None


def _no_padding_of_batch(site: Site) -> str | None:
    padding, tensor = site.integers(1), site.input(0)
    if padding is None or tensor is None:
        return "padding that is computed"
    return f"padding {padding[:2]} of it" if len(tensor.shape) == 4 and any(padding[:2]) else None


def _splits_no_batch(site: Site) -> str | None:
    position = 2 if site.name == "SPLIT_V" else 0
    axis, tensor = site.integers(position), site.input(0 if site.name == "SPLIT_V" else 1)
    if axis is None or tensor is None or not tensor.shape:
        return "an axis that is computed"
    return f"axis {axis[0]}" if axis[0] % len(tensor.shape) == 0 else None


def _strides_of_one(site: Site) -> str | None:
    values = site.integers(3)
    if values is None:
        return "strides that are computed"
    return f"strides {values}" if any(one != 1 for one in values) else None


def _quantizes_the_input(site: Site) -> bool:
    """Whether it is the QUANTIZE of a floating-point input, which by :data:`FLOAT_ENDS` runs before the rest."""
    return site.name == "QUANTIZE" and site.operator.inputs[0] in site.subgraph.inputs


_NO_BATCH = _limit("no reduction of the batch", c.axes_without(0))
_NO_ACTIVATION = _limit("no fused activation", c.no_fused_activation())
_SAME_DILATION = _limit("the same dilation in both directions", c.dilations(lambda height, width: height == width))
_CONSTANT_WEIGHTS = Rule("parameters that are constants when it is compiled", REQUIREMENTS, c.constant(1, 2))
_THREE_DIMENSIONS = _limit("input and output of three dimensions", c.shapes_of_activations(c.innermost_only))

TARGET = Target(
    name="edgetpu",
    title="Coral's Edge TPU",
    listed=LIST,
    fallback="the CPU",
    every=(
        Rule("activations of 8 bits (int8 or uint8)", REQUIREMENTS, c.activations_are(INT8, UINT8)),
        Rule(
            "parameters of 8 bits, or int32 as biases, shapes and axes",
            REQUIREMENTS,
            c.constants_are(INT8, UINT8, INT32),
        ),
        Rule("shapes, axes and paddings that are constants when it is compiled", REQUIREMENTS, c.constant_parameters()),
        Rule("quantized activations", REQUIREMENTS, c.quantized()),
        Rule("sizes that are constant when it is compiled", REQUIREMENTS, c.open_sizes(1)),
        Rule(
            "sizes above 1 in the three innermost dimensions only",
            REQUIREMENTS,
            c.shapes_of_activations(c.innermost_only),
        ),
    ),
    operators={
        "ADD": (),
        "AVERAGE_POOL_2D": (_NO_ACTIVATION,),
        "CONCATENATION": (
            _NO_ACTIVATION,
            _limit("no constant input, or two inputs of which the constant one is zeros", _zeros_beside_one),
        ),
        "CONV_2D": (_CONSTANT_WEIGHTS, _SAME_DILATION),
        "DEPTHWISE_CONV_2D": (_CONSTANT_WEIGHTS, _SAME_DILATION),
        "EXPAND_DIMS": (),
        "FULLY_CONNECTED": (
            _CONSTANT_WEIGHTS,
            _limit(
                "weights in the default format",
                c.option("weights_format", lambda one: one == FullyConnectedOptionsWeightsFormat.DEFAULT),
            ),
            _limit("an output of one dimension", c.shape_of_output(c.at_most_one_large)),
        ),
        "L2_NORMALIZATION": (),
        "LOGISTIC": (),
        "UNIDIRECTIONAL_SEQUENCE_LSTM": (),
        "MAXIMUM": (),
        "MAX_POOL_2D": (_NO_ACTIVATION,),
        "MEAN": (_NO_BATCH, _limit("a depth that is a multiple of 4, where it is reduced", _depth_in_fours)),
        "MINIMUM": (),
        "MUL": (),
        "PACK": (_limit("no packing along the batch", c.axis_option_is_not(0)),),
        "PAD": (_limit("no padding of the batch", _no_padding_of_batch),),
        "PRELU": (
            _limit(
                "slopes that differ in the innermost dimension only",
                c.shape_of_input(lambda s: math.prod(s[:-1]) == 1, 1),
            ),
        ),
        "QUANTIZE": (),
        "REDUCE_MAX": (_NO_BATCH,),
        "REDUCE_MIN": (_NO_BATCH,),
        "RELU": (),
        "RELU6": (),
        "RELU_N1_TO_1": (),
        "RESHAPE": (),
        "RESIZE_BILINEAR": (_THREE_DIMENSIONS,),
        "RESIZE_NEAREST_NEIGHBOR": (_THREE_DIMENSIONS,),
        "RSQRT": (),
        "SLICE": (),
        "SOFTMAX": (
            _limit(
                f"an input of one dimension of at most {_MOST_IN_SOFTMAX:,} elements",
                c.shape_of_input(lambda s: c.at_most_one_large(s) and math.prod(s) <= _MOST_IN_SOFTMAX),
            ),
        ),
        "SPACE_TO_DEPTH": (),
        "SPLIT": (_limit("no splitting along the batch", _splits_no_batch),),
        "SQUEEZE": (),
        "STRIDED_SLICE": (
            _limit("strides of 1", _strides_of_one),
            _limit("an ellipsis mask of 0", c.option("ellipsis_mask", lambda one: one == 0)),
            _limit("a new-axis mask of 0", c.option("new_axis_mask", lambda one: one == 0)),
        ),
        "SUB": (),
        "SUM": (_NO_BATCH,),
        "SQUARED_DIFFERENCE": (),
        "TANH": (),
        "TRANSPOSE": (),
        "TRANSPOSE_CONV": (Rule("parameters that are constants when it is compiled", REQUIREMENTS, c.constant(1, 3)),),
    },
    notes={
        "RESHAPE": "large tensors may not be mapped",
        "RESIZE_BILINEAR": "may not be mapped, depending on the sizes, lest precision is lost",
        "RESIZE_NEAREST_NEIGHBOR": "may not be mapped, depending on the sizes, lest precision is lost",
    },
    rest_falls_back=COMPILING,
    stands_apart=_quantizes_the_input,
)
