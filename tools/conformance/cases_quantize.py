"""Cases of QUANTIZE, DEQUANTIZE and CAST."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...schema import Quantization, TensorType, numpy_dtype
from ...schema.options import CastOptions, DequantizeOptions, QuantizeOptions
from .case import Case, constant, result, single_operator, tensor
from .cases_shape import data
from .strategies import (
    arrays,
    code_range,
    extreme_scales,
    float_arrays,
    multipliers,
    per_tensor,
    scales,
    shapes,
)

FLOAT32, FLOAT16, FLOAT64 = TensorType.FLOAT32, TensorType.FLOAT16, TensorType.FLOAT64
BFLOAT16, INT2, UINT4 = TensorType.BFLOAT16, TensorType.INT2, TensorType.UINT4
INT8, UINT8, INT16, INT32 = TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.INT32
COMPLEX64, INT64, UINT32, BOOL, INT4 = (
    TensorType.COMPLEX64,
    TensorType.INT64,
    TensorType.UINT32,
    TensorType.BOOL,
    TensorType.INT4,
)


def any_scale() -> SearchStrategy[float]:
    return st.one_of(scales(), scales(), extreme_scales())


def any_zero_point(tensor_type: TensorType) -> SearchStrategy[int]:
    low, high = code_range(tensor_type)
    return st.one_of(st.just(0), st.sampled_from([low, high]), st.integers(low, high))


@st.composite
def each_channel(draw: DrawFn, tensor_type: TensorType, shape: tuple[int, ...]) -> Quantization:
    """Scales and zero points along a drawn axis of at least two elements, or per tensor."""
    axes = [axis for axis, size in enumerate(shape) if size > 1]
    if not axes:
        return draw(per_tensor(tensor_type, any_scale(), any_zero_point(tensor_type)))
    axis = draw(st.sampled_from(axes))
    several = [draw(per_tensor(tensor_type, any_scale(), any_zero_point(tensor_type))) for _ in range(shape[axis])]
    zero_points = tuple(one.zero_point[0] for one in several)
    return Quantization(
        scale=tuple(one.scale[0] for one in several),
        zero_point=zero_points if draw(st.booleans()) else (zero_points[0],) * len(several),
        quantized_dimension=axis,
    )


@st.composite
def near_halves(draw: DrawFn, shape: tuple[int, ...], output: Quantization) -> np.ndarray:
    """Floats at, just below and just above the borders between two codes; and anything else a float can be."""
    if draw(st.booleans()):
        return draw(float_arrays(shape, magnitude=100 * output.scale[0], special=True))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    borders = (random.integers(-300, 300, shape) + 0.5) * np.float32(output.scale[0])
    return np.nextafter(borders.astype(np.float32), random.choice([-np.inf, np.inf], shape)).astype(np.float32)


@st.composite
def quantize(draw: DrawFn, target: TensorType, per_channel: bool = False) -> Case:
    shape = draw(shapes())
    zero_point = any_zero_point(target)
    output = draw(each_channel(target, shape) if per_channel else per_tensor(target, any_scale(), zero_point))
    x = draw(near_halves(shape, output))
    inputs, outputs = [tensor(FLOAT32, shape)], [result(target, output)]
    return single_operator("QUANTIZE", QuantizeOptions(), inputs, outputs, [x], version=2)


@st.composite
def requantize(draw: DrawFn, source: TensorType, target: TensorType) -> Case:
    shape = draw(shapes())
    both_int16 = source is INT16 and target is INT16
    first = draw(per_tensor(source, any_scale(), 0 if both_int16 else any_zero_point(source)))
    ratio = draw(st.one_of(st.just(1.0), multipliers(), multipliers(2.0**-33, 2.0**20)))
    zero_point = 0 if both_int16 else any_zero_point(target)
    second = draw(per_tensor(target, max(first.scale[0] / ratio, 1e-30), zero_point))
    x = draw(arrays(source, shape, first.zero_point[0]))
    inputs, outputs = [tensor(source, shape, first)], [result(target, second)]
    return single_operator("QUANTIZE", QuantizeOptions(), inputs, outputs, [x], version=2)


@st.composite
def dequantize(draw: DrawFn, source: TensorType, per_channel: bool = False) -> Case:
    shape = draw(shapes())
    if source is FLOAT16:
        with np.errstate(over="ignore"):
            x = draw(float_arrays(shape, special=True)).astype(np.float16)
        parameter = Quantization()
    else:
        parameter = draw(
            each_channel(source, shape)
            if per_channel
            else per_tensor(source, any_scale(), 0 if source is INT16 else any_zero_point(source))
        )
        x = draw(arrays(source, shape, parameter.zero_point[0]))
    fixed = source is INT2 or draw(st.booleans())
    inputs = [constant(x, parameter, source) if fixed else tensor(source, shape, parameter)]
    outputs = [result(FLOAT32)]
    return single_operator("DEQUANTIZE", DequantizeOptions(), inputs, outputs, [] if fixed else [x], version=3)


_FLOATS = (FLOAT32, FLOAT16, FLOAT64, BFLOAT16)
_CAST_TYPES = (FLOAT32, FLOAT16, FLOAT64, INT8, UINT8, INT16, TensorType.UINT16, INT32, UINT32, INT64, BOOL, BFLOAT16)
_PACKED = (INT4, INT2, UINT4)


@st.composite
def cast(draw: DrawFn, source: TensorType) -> Case:
    shape = draw(shapes())
    # Packed integers are cast from float32 and to it only; there are few others that the oracle answers.
    targets = {FLOAT32: (*_CAST_TYPES, *_PACKED, *_PACKED), **dict.fromkeys(_PACKED, (FLOAT32,))}
    target = draw(st.sampled_from(targets.get(source, _CAST_TYPES)))
    if source is COMPLEX64:
        x = draw(float_arrays(shape)) + np.complex64(1j) * draw(float_arrays(shape))
    elif source in _FLOATS:
        magnitude = draw(st.sampled_from([1.0, 100.0, 4e4, 2e9, 1e10, 1e19]))
        with np.errstate(over="ignore"):
            x = draw(float_arrays(shape, magnitude, special=True)).astype(numpy_dtype(source))
    else:
        x = draw(arrays(source, shape))
    operand, values = data(np.asarray(x), source, Quantization())
    return single_operator("CAST", CastOptions(source, target), [operand], [result(target)], values)


CASES: dict[str, SearchStrategy[Case]] = {
    **{f"QUANTIZE float32 to {t.name.lower()}": quantize(t) for t in (INT8, UINT8, INT16, INT4)},
    **{f"QUANTIZE float32 to {t.name.lower()} per-channel": quantize(t, True) for t in (INT8, UINT8, INT16)},
    **{
        f"QUANTIZE {source.name.lower()} to {target.name.lower()}": requantize(source, target)
        for source, targets in (
            (INT8, (INT8, UINT8)),
            (UINT8, (INT8, UINT8)),
            (INT16, (INT8, INT16, INT32)),
            (INT32, (INT8, INT16)),
        )
        for target in targets
    },
    **{f"DEQUANTIZE {t.name.lower()}": dequantize(t) for t in (INT8, UINT8, INT16, FLOAT16, *_PACKED)},
    **{f"DEQUANTIZE {t.name.lower()} per-channel": dequantize(t, True) for t in (INT8, UINT8, *_PACKED)},
    **{f"CAST {t.name.lower()}": cast(t) for t in (*_CAST_TYPES, COMPLEX64, *_PACKED)},
}
