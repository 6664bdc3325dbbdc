"""Arm Ethos-U55 and Ethos-U65: what their compiler, Vela, takes, by the report it prints of itself."""

from __future__ import annotations

import math

from ...schema import Padding, TensorType
from . import conditions as c
from .rule import Rule, Site, Source, Target

_HOME = "https://gitlab.arm.com/artificial-intelligence/ethos-u/ethos-u-vela/-/blob/5.2.0/SUPPORTED_OPS.md"
LIST = Source("Arm, Vela 5.2.0, SUPPORTED_OPS.md (vela --supported-ops-report), Ethos-U55 and Ethos-U65 TFLite", _HOME)
INT8, UINT8, INT16, INT32, INT64 = (
    TensorType.INT8,
    TensorType.UINT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.INT64,
)
_LARGEST_WEIGHT_SUM = 8323072
_LARGEST_BIAS = 1099511627775
_UNQUANTIZED = ("ARG_MAX", "EXPAND_DIMS", "MIRROR_PAD", "PAD", "PADV2", "QUANTIZE", "TRANSPOSE")
_PER_AXIS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
_WEIGHTS = dict.fromkeys(_PER_AXIS, 1)
_ANY_ZERO_POINT = (
    "AVERAGE_POOL_2D",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
)


def _rule(text: str, broken: c.Condition) -> Rule:
    return Rule(text, LIST, broken)


def _but_of(exceptions: tuple[str, ...], condition: c.Condition) -> c.Condition:
    return lambda site: None if site.name in exceptions else condition(site)


def _is_quantized(site: Site) -> str | None:
    return c.quantized(_WEIGHTS.get(site.name))(site)


def _zero_points(site: Site) -> str | None:
    for tensor in site.activations:
        zero = (tensor.quantization.zero_point or (0,))[0]
        if (tensor.type is INT32 and zero) or (tensor.type is UINT8 and zero < 0):
            return f"zero point {zero} of {tensor.name!r}"
    return None


def _narrow_stride(site: Site) -> str | None:
    height, width = getattr(site.options, "stride_h", 1), getattr(site.options, "stride_w", 1)
    dilated = max(getattr(site.options, "dilation_h_factor", 1), getattr(site.options, "dilation_w_factor", 1)) > 1
    if max(height, width) <= 3 or not (dilated or _is_padded(site)):
        return None
    return f"a stride of {height}x{width}"


def _is_padded(site: Site) -> bool:
    """Whether a window overhangs its image: padding SAME may pad nothing, and Vela then takes it for VALID."""
    image, weights, options = site.input(0), site.input(1), site.options
    if getattr(options, "padding", None) is Padding.VALID or image is None or len(image.shape) != 4:
        return False
    filters = (
        weights.shape[1:3]
        if site.name == "CONV_2D" and weights is not None and len(weights.shape) == 4
        else (getattr(options, "filter_height", 1), getattr(options, "filter_width", 1))
    )
    strides = getattr(options, "stride_h", 1), getattr(options, "stride_w", 1)
    overhangs = (
        -(-size // stride) * stride - stride + taps - size
        for size, stride, taps in zip(image.shape[1:3], strides, filters, strict=True)
    )
    return any(overhang > 0 for overhang in overhangs)


def _bias(position: int) -> tuple[Rule, ...]:
    def in_channels(site: Site) -> str | None:
        tensor = site.input(position)
        return None if tensor is None or c.at_most_one_large(tensor.shape) else f"shape {list(tensor.shape)}"

    def below(site: Site) -> str | None:
        tensor, values = site.input(position), site.integers(position)
        if tensor is None or tensor.type is not INT64 or values is None:
            return None
        most = max(map(abs, values), default=0)
        return None if most < _LARGEST_BIAS else f"{most}"

    return (
        _rule("a constant bias", c.constant(position)),
        _rule("a bias of int32 or int64", c.first_input_is(INT32, INT64, position=position)),
        _rule("a bias along the channels", in_channels),
        _rule(f"an int64 bias below {_LARGEST_BIAS}", below),
    )


def _weights(axis: int) -> tuple[Rule, ...]:
    return (
        _rule("weights of 8 bits", c.weights_are(INT8, UINT8)),
        _rule(
            f"weights whose magnitudes add up to at most {_LARGEST_WEIGHT_SUM}",
            c.largest_sum_of_weights(_LARGEST_WEIGHT_SUM, axis),
        ),
    )


def _pool(site: Site) -> str | None:
    height, width = getattr(site.options, "filter_height", 1), getattr(site.options, "filter_width", 1)
    if site.name == "AVERAGE_POOL_2D" and getattr(site.options, "padding", None) is not Padding.VALID:
        fits = max(height, width) <= 8
    else:
        fits = height * width <= 256 * 256 and height <= 256
    return None if fits else f"a window of {height}x{width}"


def _reduced(site: Site) -> str | None:
    axes, tensor = site.integers(1), site.input(0)
    if axes is None or tensor is None:
        return None
    sizes = [tensor.shape[axis % len(tensor.shape)] for axis in axes]
    limit = {INT8: 16777216, UINT8: 8388608, INT16: 65536}.get(tensor.type, 0)
    if math.prod(sizes) > limit:
        return f"{math.prod(sizes)} elements of {tensor.type.name.lower()}"
    return f"an axis of {max(sizes)}" if max(sizes, default=0) >= 4096 else None


def _depth_reduced_alone(site: Site) -> str | None:
    axes, tensor = site.integers(1), site.input(0)
    if axes is None or tensor is None or not tensor.shape:
        return None
    rank = len(tensor.shape)
    whole = all(size > 1 for size in tensor.shape[-3:]) and rank >= 3
    return f"shape {list(tensor.shape)}" if rank - 1 in {axis % rank for axis in axes} and whole else None


def _resized(site: Site) -> str | None:
    source, target = site.input(0), site.outputs[0]
    if source is None or len(source.shape) != 4 or len(target.shape) != 4:
        return None
    before, after = source.shape[1:3], target.shape[1:3]
    if before == (1, 1) or source.shape == target.shape:
        return None
    corners = bool(getattr(site.options, "align_corners", False))
    less = 1 if corners else 0
    scales = [(b - less) / (a - less) if a > less else 1.0 for a, b in zip(before, after, strict=True)]
    allowed = (
        (2,) if getattr(site.options, "half_pixel_centers", False) and site.name == "RESIZE_BILINEAR" else (2, 4, 8)
    )
    shown = f"{before[0]}x{before[1]} to {after[0]}x{after[1]}"
    if scales[0] != scales[1]:
        ones = [scale for scale, b in zip(scales, after, strict=True) if b == 1]
        if not ones or any(scale != 1 for scale in ones):
            return shown
    return None if max(scales) in allowed else shown


def _lstm(site: Site) -> str | None:
    left_out = {"input gate": (1, 5, 12), "peephole": (), "projection": ()}
    given = {"a peephole": (9, 10, 11), "a projection": (16, 17), "gate normalization": (20, 21, 22, 23)}
    if any(site.input(position) is None for position in left_out["input gate"]):
        return "an implicit input gate"
    for name, positions in given.items():
        if any(site.input(position) is not None for position in positions):
            return name
    return None


def _transposed_shape(site: Site) -> str | None:
    source, weights, target = site.input(2), site.input(1), site.outputs[0]
    if source is None or weights is None or len(source.shape) != 4 or len(weights.shape) != 4:
        return None
    for axis, name in ((1, "stride_h"), (2, "stride_w")):
        stride = getattr(site.options, name, 1)
        valid = getattr(site.options, "padding", None) is Padding.VALID
        expected = source.shape[axis] * stride + (weights.shape[axis] - stride if valid else 0)
        if len(target.shape) == 4 and target.shape[axis] != expected:
            return f"{target.shape[axis]} for {expected}"
    return None


def _transposed_stride(site: Site) -> str | None:
    source, weights = site.input(2), site.input(1)
    height, width = getattr(site.options, "stride_h", 1), getattr(site.options, "stride_w", 1)
    if (height, width) in ((1, 1), (2, 2)):
        return None
    if source is not None and weights is not None and len(source.shape) == len(weights.shape) == 4:
        if (height, width) == (1, 2) and source.shape[1] == weights.shape[1] == 1:
            return None
        if (height, width) == (2, 1) and source.shape[2] == weights.shape[2] == 1:
            return None
    return f"a stride of {height}x{width}"


def _argmax_axis(site: Site) -> str | None:
    axes, tensor = site.integers(1), site.input(0)
    if axes is None or tensor is None or not tensor.shape:
        return "an axis that is computed"
    return None if axes[0] % len(tensor.shape) == len(tensor.shape) - 1 else f"axis {axes[0]}"


def _num_splits(site: Site) -> str | None:
    count = getattr(site.options, "num_splits", len(site.outputs))
    return None if count == len(site.outputs) else f"{count} for {len(site.outputs)} outputs"


_SMALL = _rule("no feature maps of 32 bits", c.activations_are_not(INT32))
_STRIDE_TO_3 = _rule("strides of at most 3", c.strides(lambda height, width: 1 <= height <= 3 and 1 <= width <= 3))
_LONG_STRIDE = _rule("strides above 3 without dilation and with padding VALID only", _narrow_stride)
_PARAMETER = _rule("parameters that are constants", c.constant(1))
_PARAMETER_TYPE = _rule("a parameter of int32 or int64", c.first_input_is(INT32, INT64, position=1))
_SAME_SCALES = _rule("inputs quantized as the output", c.same_quantization(0, 1))
_SAME_SHAPE = _rule(
    "input and output of one shape",
    lambda site: (
        None
        if (tensor := site.input(0)) is None or tensor.shape == site.outputs[0].shape
        else f"{list(tensor.shape)} and {list(site.outputs[0].shape)}"
    ),
)
_RESIZE = (_SMALL, _rule("2, 4 or 8 times the size, the same in both directions", _resized))
_PAD = (_SMALL, _PARAMETER, _PARAMETER_TYPE)
_FUNCTION = (_SMALL, _SAME_SHAPE)


def _functions_of(*types: TensorType) -> tuple[Rule, ...]:
    shown = " or ".join(one.name.lower() for one in types)
    return (*_FUNCTION, _rule(f"input and output of {shown}", c.activations_are(*types)))


_PRODUCT_OF_COMPUTED = _rule("int8, where both factors are computed", c.activations_are(INT8))
_CONV = (_SMALL, *_bias(2))

TARGET = Target(
    name="ethos-u",
    title="Arm Ethos-U55 and Ethos-U65, compiled by Vela",
    listed=LIST,
    fallback="the CPU",
    every=(
        _rule("sizes that are constant, but for the first", c.open_sizes(1)),
        _rule(
            "feature maps of int8, uint8, int16, int32 or int64", c.activations_are(INT8, UINT8, INT16, INT32, INT64)
        ),
        _rule(
            "feature maps and weights that are quantized, with positive scales", _but_of(_UNQUANTIZED, _is_quantized)
        ),
        _rule("one scale for each tensor", _but_of(_PER_AXIS, c.per_tensor())),
        _rule(
            "no feature maps of 64 bits",
            _but_of(("ARG_MAX",), c.activations_are_not(INT64)),
        ),
        _rule(
            "zero points of 0 for int32, not negative ones of unsigned types", _but_of(_ANY_ZERO_POINT, _zero_points)
        ),
    ),
    operators={
        "ABS": (_SMALL,),
        "ADD": (),
        "ARG_MAX": (
            _rule("a depth of at most 127", c.shape_of_input(lambda shape: not shape or shape[-1] <= 127)),
            _rule("the depth as axis", _argmax_axis),
        ),
        "AVERAGE_POOL_2D": (
            _SMALL,
            _rule("a window of at most 8x8, or with padding VALID 256 high and 65536 large", _pool),
            _LONG_STRIDE,
        ),
        "BATCH_MATMUL": (_PRODUCT_OF_COMPUTED,),
        "CONCATENATION": (_SMALL,),
        "CONV_2D": (*_CONV, _LONG_STRIDE, *_weights(0)),
        "DEPTHWISE_CONV_2D": (*_CONV, _STRIDE_TO_3, *_weights(3)),
        "ELU": _functions_of(INT8),
        "EXP": (_SMALL,),
        "EXPAND_DIMS": (),
        "FULLY_CONNECTED": (*_bias(2), *_weights(0)),
        "GELU": _functions_of(INT8, UINT8),
        "HARD_SWISH": (_SMALL,),
        "LEAKY_RELU": (_SMALL,),
        "LOG": _functions_of(INT8, INT16),
        "LOGISTIC": (_SMALL,),
        "MAXIMUM": (_SMALL, _SAME_SCALES),
        "MAX_POOL_2D": (_SMALL, _LONG_STRIDE, _rule("a window at most 256 high and 65536 large", _pool)),
        "MEAN": (
            _SMALL,
            _rule("a number of reduced elements that the type allows, axes below 4096", _reduced),
            _rule("a batch of 1", c.shape_of_input(lambda shape: len(shape) < 4 or shape[0] == 1)),
            _rule("int8, uint8 or int16", c.first_input_is(INT8, UINT8, INT16)),
            _PARAMETER,
            _rule("a reduction of the depth only where height, width or depth is 1", _depth_reduced_alone),
        ),
        "MINIMUM": (_SMALL, _SAME_SCALES),
        "MIRROR_PAD": (_PARAMETER, _PARAMETER_TYPE),
        "MUL": (),
        "NEG": (),
        "PACK": (_SMALL,),
        "PAD": _PAD,
        "PADV2": _PAD,
        "PRELU": (_SMALL,),
        "QUANTIZE": (_SMALL,),
        "REDUCE_MAX": (_SMALL,),
        "REDUCE_MIN": (_SMALL,),
        "RELU": (_SMALL,),
        "RELU6": (_SMALL,),
        "RELU_0_TO_1": (_SMALL,),
        "RELU_N1_TO_1": (_SMALL,),
        "RESHAPE": (),
        "RESIZE_BILINEAR": _RESIZE,
        "RESIZE_NEAREST_NEIGHBOR": _RESIZE,
        "REVERSE_V2": (_SMALL,),
        "RSQRT": (_SMALL, _rule("an input of int8 or int16", c.first_input_is(INT8, INT16))),
        "SLICE": (_SMALL, _rule("parameters that are constants", c.constant(1, 2))),
        "SOFTMAX": (
            _SMALL,
            _rule(
                "height times width below 65536",
                c.shape_of_input(lambda shape: math.prod(shape[-3:-1]) < 65536),
            ),
        ),
        "SPLIT": (_SMALL, _rule("as many splits as outputs", _num_splits)),
        "SPLIT_V": (_SMALL, _rule("as many splits as outputs", _num_splits)),
        "SQUARED_DIFFERENCE": (_SMALL,),
        "SQUEEZE": (),
        "STRIDED_SLICE": (_SMALL, _rule("parameters that are constants", c.constant(1, 2, 3))),
        "SUB": (),
        "SUM": (),
        "TANH": (_SMALL,),
        "TILE": (_SMALL,),
        "TRANSPOSE": (
            _PARAMETER,
            _rule("at most 8 dimensions", c.shape_of_input(lambda shape: len(shape) <= 8)),
        ),
        "TRANSPOSE_CONV": (
            _SMALL,
            *_bias(3),
            _rule("an output of input times stride, with padding VALID and the kernel's overhang", _transposed_shape),
            _rule("strides of 1x1 or 2x2, or 2 along an image and kernel of one row or column", _transposed_stride),
            *_weights(0),
        ),
        "UNIDIRECTIONAL_SEQUENCE_LSTM": (
            _SMALL,
            _rule("no normalization, implicit gate, peephole or projection", _lstm),
        ),
        "UNPACK": (_SMALL,),
    },
    notes={
        "REVERSE_V2": "the list says that the axis is not supported, without saying which",
        "TRANSPOSE": "large tensors are limited by the permutation",
        "STRIDED_SLICE": "the slice has to be a box with strides that are not negative",
    },
)
