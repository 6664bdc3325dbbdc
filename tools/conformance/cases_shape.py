"""Cases of the operators that move elements: pads, reshapes, slices, joins and splits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...schema import Quantization, TensorType
from ...schema.options import (
    ConcatenationOptions,
    ExpandDimsOptions,
    PackOptions,
    PadOptions,
    PadV2Options,
    ReshapeOptions,
    ShapeOptions,
    SliceOptions,
    SplitOptions,
    SqueezeOptions,
    StridedSliceOptions,
    TransposeOptions,
    UnpackOptions,
)
from .case import Case, Operand, constant, result, single_operator, tensor
from .strategies import arrays, by_type, per_tensor, shapes

FLOAT32, FLOAT16, BOOL = TensorType.FLOAT32, TensorType.FLOAT16, TensorType.BOOL
INT8, UINT8, INT16, INT32, INT64 = (
    TensorType.INT8,
    TensorType.UINT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.INT64,
)
QUANTIZED = (INT8, UINT8, INT16)


@st.composite
def parameters(draw: DrawFn, tensor_type: TensorType) -> Quantization:
    """Parameters of a type that can have them; sometimes none."""
    if tensor_type not in QUANTIZED or draw(st.integers(0, 4)) == 0:
        return Quantization()
    return draw(per_tensor(tensor_type))


@st.composite
def index(
    draw: DrawFn, value: Sequence[int] | int, tensor_type: TensorType = INT32
) -> tuple[Operand, list[np.ndarray]]:
    """An index tensor: a constant, or one that takes its value at run time and makes the output's shape unknown."""
    array = np.array(value, np.int64 if tensor_type is INT64 else np.int32)
    if draw(st.integers(0, 4)) == 0:
        return tensor(tensor_type, array.shape), [array]
    return constant(array), []


def data(x: np.ndarray, tensor_type: TensorType, quantization: Quantization) -> tuple[Operand, list[np.ndarray]]:
    """An input that is given at run time; a constant where LiteRT does not let it be given."""
    scalar = tensor_type in (STRING, INT4, TensorType.UINT4) and x.shape == ()
    if tensor_type is TensorType.INT2 or scalar:
        return constant(x, quantization, tensor_type), []
    return tensor(tensor_type, x.shape, quantization), [x]


def sized(low_rank: int = 1, high_rank: int = 4) -> SearchStrategy[tuple[int, ...]]:
    """Shapes, now and then with an empty axis; the oracle gives no answer where the output is empty."""
    plain = shapes(low_rank, high_rank)
    # Not at an end of the range: hypothesis draws those more often than others.
    return st.integers(0, 9).flatmap(lambda n: shapes(low_rank, high_rank, low=0, high=2) if n == 6 else plain)


@st.composite
def bounds(draw: DrawFn, size: int, stride: int) -> tuple[int, int]:
    """Begin and end of a slice of an axis, mostly with elements between; from the end, beyond it, and backwards too."""
    if draw(st.integers(0, 9)) == 9:
        anywhere = st.one_of(st.integers(-size - 2, size + 2), st.sampled_from([2**31 - 1, -(2**31)]))
        return draw(anywhere), draw(anywhere)
    first = draw(st.integers(0, size - 1))
    last = draw(st.integers(first + 1, size + 2)) if stride > 0 else draw(st.integers(-1, first - 1))
    begin = first - size if draw(st.booleans()) else first
    if last < 0 or (last < size and draw(st.booleans())):
        return begin, last - size
    return begin, last


@st.composite
def pad(draw: DrawFn, tensor_type: TensorType, name: str = "PAD") -> Case:
    shape = draw(sized())
    image_style = len(shape) == 4 and draw(st.booleans())
    amount = st.integers(0, 3)
    paddings = [
        [0, 0] if image_style and axis in (0, 3) else [draw(amount), draw(amount)] for axis in range(len(shape))
    ]
    parameter = draw(parameters(tensor_type))
    index_type = draw(st.sampled_from([INT32, INT32, INT64]))
    pads, given = draw(index(paddings, index_type))
    x = draw(arrays(tensor_type, shape, (*parameter.zero_point, 0)[0]))
    inputs, values = [tensor(tensor_type, shape, parameter), pads], [x, *given]
    if name == "PADV2":
        value = draw(arrays(tensor_type, (1,)))
        if draw(st.booleans()):
            inputs.append(constant(value, parameter))
        else:
            inputs.append(tensor(tensor_type, (1,), parameter))
            values.append(value)
    options = PadV2Options() if name == "PADV2" else PadOptions()
    return single_operator(name, options, inputs, [result(tensor_type, parameter)], values, version=2)


@st.composite
def reshape(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(sized())
    count = int(np.prod(shape))
    sizes = draw(st.permutations(shape))
    split = draw(st.integers(0, len(sizes)))
    target = draw(st.sampled_from([list(sizes), [count], [*sizes[:split], 1, *sizes[split:]], [1, count, 1]]))
    if draw(st.booleans()):
        target[draw(st.integers(0, len(target) - 1))] = -1
    parameter = draw(parameters(tensor_type))
    operand, values = data(draw(arrays(tensor_type, shape)), tensor_type, parameter)
    inputs = [operand]
    options = ReshapeOptions(tuple(target))
    if draw(st.booleans()):
        operand, given = draw(index(target))
        inputs.append(operand)
        values += given
        options = draw(st.sampled_from([options, ReshapeOptions((7, 7)), None]))
    return single_operator("RESHAPE", options, inputs, [result(tensor_type, parameter)], values)


@st.composite
def squeeze(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = tuple(draw(st.lists(st.sampled_from([1, 1, 2, 3]), min_size=1, max_size=5)))
    ones = [axis for axis, size in enumerate(shape) if size == 1]
    axes = draw(st.lists(st.sampled_from(ones), max_size=3)) if ones else []
    dims = tuple(axis - len(shape) if draw(st.booleans()) else axis for axis in axes)
    parameter = draw(parameters(tensor_type))
    x = draw(arrays(tensor_type, shape))
    operand, values = data(x, tensor_type, parameter)
    return single_operator("SQUEEZE", SqueezeOptions(dims), [operand], [result(tensor_type, parameter)], values)


@st.composite
def expand_dims(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(sized())
    axis = draw(st.integers(-len(shape) - 1, len(shape)))
    operand, given = draw(index(draw(st.sampled_from([axis, [axis]])), draw(st.sampled_from([INT32, INT64]))))
    parameter = draw(parameters(tensor_type))
    x = draw(arrays(tensor_type, shape))
    source, values = data(x, tensor_type, parameter)
    outputs = [result(tensor_type, parameter)]
    return single_operator("EXPAND_DIMS", ExpandDimsOptions(), [source, operand], outputs, [*values, *given])


@st.composite
def transpose(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(sized(1, 5))
    order = draw(st.permutations(range(len(shape))))
    entries = [axis - len(shape) if draw(st.integers(0, 3)) == 0 else axis for axis in order]
    operand, given = draw(index(entries))
    parameter = draw(parameters(tensor_type))
    x = draw(arrays(tensor_type, shape))
    inputs, outputs = [tensor(tensor_type, shape, parameter), operand], [result(tensor_type, parameter)]
    return single_operator("TRANSPOSE", TransposeOptions(), inputs, outputs, [x, *given], version=4)


@st.composite
def concatenation(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(sized())
    axis = draw(st.integers(0, len(shape) - 1))
    output = draw(per_tensor(tensor_type)) if tensor_type in QUANTIZED else Quantization()
    inputs, values = [], []
    for _ in range(draw(st.integers(1, 4))):
        part = (*shape[:axis], draw(st.integers(0 if 0 in shape else 1, 5)), *shape[axis + 1 :])
        rescaled = tensor_type is UINT8 and draw(st.booleans())
        parameter = draw(per_tensor(tensor_type)) if rescaled else output
        value = draw(arrays(tensor_type, part, (*parameter.zero_point, 0)[0]))
        if draw(st.integers(0, 5)) == 0:
            inputs.append(constant(value, parameter, tensor_type))
        else:
            inputs.append(tensor(tensor_type, part, parameter))
            values.append(value)
    options = ConcatenationOptions(axis=axis - len(shape) if draw(st.booleans()) else axis)
    outputs = [result(tensor_type, output)]
    return single_operator("CONCATENATION", options, inputs, outputs, values, version=2)


@st.composite
def pack(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(sized(0, 4))
    axis = draw(st.integers(-len(shape) - 1, len(shape)))
    count = draw(st.integers(1, 4))
    parameter = draw(parameters(tensor_type))
    values = [draw(arrays(tensor_type, shape)) for _ in range(count)]
    inputs = [tensor(tensor_type, shape, parameter) for _ in values]
    outputs = [result(tensor_type, parameter)]
    return single_operator("PACK", PackOptions(count, axis), inputs, outputs, values, version=2)


@st.composite
def unpack(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes())
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    count = shape[axis]
    parameter = draw(parameters(tensor_type))
    x = draw(arrays(tensor_type, shape))
    outputs = [result(tensor_type, parameter) for _ in range(count)]
    inputs = [tensor(tensor_type, shape, parameter)]
    return single_operator("UNPACK", UnpackOptions(count, axis), inputs, outputs, [x], version=2)


@st.composite
def split(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = list(draw(sized()))
    axis = draw(st.integers(0, len(shape) - 1))
    count = draw(st.integers(1, 4))
    shape[axis] *= count
    operand, given = draw(index(draw(st.sampled_from([axis, [axis], axis - len(shape)]))))
    parameter = draw(parameters(tensor_type))
    x = draw(arrays(tensor_type, shape))
    outputs = [result(tensor_type, parameter) for _ in range(count)]
    inputs = [operand, tensor(tensor_type, shape, parameter)]
    return single_operator("SPLIT", SplitOptions(count), inputs, outputs, [*given, x], version=2)


@st.composite
def take(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(sized(1, 5))
    begin = [draw(st.integers(0, max(size - 1, 0))) for size in shape]
    most = [whole - first for whole, first in zip(shape, begin, strict=True)]
    size = [-1 if draw(st.booleans()) else draw(st.integers(min(1, left), left)) for left in most]
    if draw(st.integers(0, 9)) == 9:
        begin[0], size[0] = shape[0], 0
    # Both indices have one type; an output whose shape the file gives is not resized, so none is given.
    index_type = draw(st.sampled_from([INT32, INT64]))
    (begins, first), (sizes, second) = draw(index(begin, index_type)), draw(index(size, index_type))
    parameter = draw(parameters(tensor_type))
    x = draw(arrays(tensor_type, shape))
    inputs = [tensor(tensor_type, shape, parameter), begins, sizes]
    outputs = [result(tensor_type, parameter)]
    return single_operator("SLICE", SliceOptions(), inputs, outputs, [x, *first, *second], version=2)


@st.composite
def strided_slice(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(1, 4))
    count = draw(st.integers(1, len(shape)))
    mask = st.integers(0, 2**count - 1)
    masks = {name: draw(mask) for name in ("begin_mask", "end_mask")}
    masks["shrink_axis_mask"] = draw(st.sampled_from([0, 0, draw(mask)]))
    added = draw(st.sampled_from([0, 0, draw(mask)]))
    ellipsis = draw(st.sampled_from([0, 0, 1 << draw(st.integers(0, count - 1))]))
    strides = [draw(st.sampled_from([1, 1, 2, 3, -1, -2, 7])) for _ in range(count)]
    pairs = [draw(bounds(size, stride)) for size, stride in zip(shape, strides, strict=False)]
    for axis in range(count):
        if masks["shrink_axis_mask"] >> axis & 1:
            # The reference reads nothing, and writes nothing, where a dropped axis is out of bounds or goes back.
            # Behind a new axis or an ellipsis the index is of another axis: only those are drawn that any axis has.
            shifted = bool(added or ellipsis)
            first = draw(st.sampled_from([0, -1]) if shifted else st.integers(-shape[axis], shape[axis] - 1))
            pairs[axis] = (first, pairs[axis][1])
            strides[axis] = 1
    begin, end = zip(*pairs, strict=True)
    options = StridedSliceOptions(ellipsis_mask=ellipsis, new_axis_mask=added, **masks)
    operands, values = zip(*(draw(index(value)) for value in (begin, end, strides)), strict=True)
    parameter = draw(parameters(tensor_type))
    x = draw(arrays(tensor_type, shape))
    inputs = [tensor(tensor_type, shape, parameter), *operands]
    outputs = [result(tensor_type, parameter)]
    return single_operator("STRIDED_SLICE", options, inputs, outputs, [x, *chain(*values)], version=4)


@st.composite
def strided_slice_by_offset(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(1, 4))
    begin = [draw(st.integers(0, size - 1)) for size in shape]
    # Empty results end LiteRT's process where an operand is not constant, so they are kept few.
    least = 0 if draw(st.integers(0, 7)) == 7 else 1
    end = [draw(st.integers(least, size - first)) for size, first in zip(shape, begin, strict=True)]
    operands, values = zip(*(draw(index(value)) for value in (begin, end, [1] * len(shape))), strict=True)
    parameter = draw(parameters(tensor_type))
    x = draw(arrays(tensor_type, shape))
    inputs = [tensor(tensor_type, shape, parameter), *operands]
    outputs = [result(tensor_type, parameter)]
    options = StridedSliceOptions(offset=True)
    return single_operator("STRIDED_SLICE", options, inputs, outputs, [x, *chain(*values)], version=4)


@st.composite
def shape_of(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(sized(0, 5))
    out_type = draw(st.sampled_from([INT32, INT64]))
    x = draw(arrays(tensor_type, shape))
    operand, values = data(x, tensor_type, Quantization())
    return single_operator("SHAPE", ShapeOptions(out_type), [operand], [result(out_type)], values)


BFLOAT16, STRING, INT4 = TensorType.BFLOAT16, TensorType.STRING, TensorType.INT4
SELDOM = (BFLOAT16, TensorType.UINT16, TensorType.UINT64, TensorType.COMPLEX64)
COPIED = (FLOAT16, TensorType.FLOAT64, UINT8, INT32, TensorType.UINT32, BOOL, *SELDOM)
ANY = (*COPIED, TensorType.COMPLEX128, STRING, INT4, TensorType.UINT4, TensorType.INT2)

CASES: dict[str, SearchStrategy[Case]] = {
    **{f"PAD {t.name.lower()}": pad(t) for t in (FLOAT32, FLOAT16, BFLOAT16, INT8, UINT8, INT16, INT32, INT64, BOOL)},
    **{f"PADV2 {t.name.lower()}": pad(t, "PADV2") for t in (FLOAT32, INT8, UINT8, INT16, INT64)},
    **{f"RESHAPE {t.name.lower()}": reshape(t) for t in (FLOAT32, INT8, INT64)},
    **{f"SQUEEZE {t.name.lower()}": squeeze(t) for t in (FLOAT32, INT8)},
    **{f"EXPAND_DIMS {t.name.lower()}": expand_dims(t) for t in (FLOAT32, INT8)},
    **{f"TRANSPOSE {t.name.lower()}": transpose(t) for t in (FLOAT32, INT8, INT16, INT64, BOOL)},
    **{f"CONCATENATION {t.name.lower()}": concatenation(t) for t in (FLOAT32, INT8, UINT8, INT16, INT32, INT64, BOOL)},
    **{f"PACK {t.name.lower()}": pack(t) for t in (FLOAT32, INT8, INT16, INT64)},
    **{f"UNPACK {t.name.lower()}": unpack(t) for t in (FLOAT32, INT8, INT16, INT32, BOOL)},
    **{f"SPLIT {t.name.lower()}": split(t) for t in (FLOAT32, INT8, UINT8, INT16, INT64)},
    **{f"SLICE {t.name.lower()}": take(t) for t in (FLOAT32, INT8, INT16, INT64, BOOL)},
    **{f"STRIDED_SLICE {t.name.lower()}": strided_slice(t) for t in (FLOAT32, INT8, INT16, INT64, BOOL)},
    "STRIDED_SLICE int8 by offset": strided_slice_by_offset(INT8),
    **{f"SHAPE {t.name.lower()}": shape_of(t) for t in (FLOAT32, INT8)},
    **by_type("PADV2", lambda t: pad(t, "PADV2"), FLOAT16, INT32, BOOL, BFLOAT16),
    **by_type("RESHAPE", reshape, INT16, INT32, *ANY),
    **by_type("SQUEEZE", squeeze, INT16, INT64, *ANY),
    **by_type("EXPAND_DIMS", expand_dims, INT16, INT64, *ANY),
    **by_type("TRANSPOSE", transpose, *COPIED, INT4),
    **by_type("CONCATENATION", concatenation, FLOAT16, TensorType.UINT32, BFLOAT16, INT4),
    **by_type("PACK", pack, UINT8, INT32, TensorType.UINT32),
    **by_type("UNPACK", unpack, UINT8, FLOAT16, BFLOAT16),
    **by_type("SPLIT", split, INT32),
    **by_type("SLICE", take, *COPIED, INT4, STRING),
    **by_type("STRIDED_SLICE", strided_slice, *COPIED, STRING),
    **by_type("SHAPE", shape_of, INT16, INT64, *ANY),
}
