"""Hypothesis strategies that the cases of all operators share.

Sizes are kept small, so that a case costs a millisecond or two and a failure shrinks to something a person can read;
the quantization parameters are what is driven to extremes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...schema import ActivationFunctionType, Padding, Quantization, TensorType, numpy_dtype

QUANTIZED_8_BIT = (TensorType.INT8, TensorType.UINT8)

_RANGES = {
    TensorType.INT4: (-8, 7),
    TensorType.INT2: (-2, 1),
    TensorType.UINT4: (0, 15),
    **{t: (int(np.iinfo(d).min), int(np.iinfo(d).max)) for t, d in (
        (TensorType.INT8, np.int8), (TensorType.UINT8, np.uint8), (TensorType.INT16, np.int16),
        (TensorType.INT32, np.int32), (TensorType.INT64, np.int64), (TensorType.UINT32, np.uint32),
        (TensorType.UINT16, np.uint16), (TensorType.UINT64, np.uint64),
    )},
}  # fmt: skip


def code_range(tensor_type: TensorType) -> tuple[int, int]:
    """Return the least and greatest code of an integer type."""
    return _RANGES[tensor_type]


def float32(value: float) -> float:
    """Round to float32, as a Python float: what a scale in a file can be."""
    return float(np.float32(value))


# Quantization parameters


@st.composite
def log_uniform(draw: DrawFn, low: float, high: float) -> float:
    """Draw a float32 between ``low`` and ``high``, uniform in the logarithm; sometimes a power of two.

    A seed is drawn, because Hypothesis prefers numbers near the ends of a range. Seed 0, to which a failure shrinks, is
    the power of two in the middle.
    """
    low_exponent, high_exponent = np.log2(low), np.log2(high)
    least, greatest = int(np.ceil(low_exponent)), int(np.floor(high_exponent))
    seed = draw(st.integers(0, 2**32 - 1))
    if seed == 0 and least <= greatest:
        return float32(2.0 ** ((least + greatest) // 2))
    random = Random(seed)
    if random.random() < 1 / 8 and least <= greatest:
        return float32(2.0 ** random.randint(least, greatest))
    return float32(2.0 ** random.uniform(low_exponent, high_exponent))


def mostly(usual: SearchStrategy[float], rare: SearchStrategy[float]) -> SearchStrategy[float]:
    """Draw from the first strategy three times in four."""
    return st.one_of(usual, usual, usual, rare)


def scales(low: float = 2.0**-12, high: float = 2.0**3) -> SearchStrategy[float]:
    """Scales as real models have them; widen the range for the extremes."""
    return log_uniform(low, high)


def extreme_scales() -> SearchStrategy[float]:
    """Scales from far too small to far too large."""
    return log_uniform(2.0**-40, 2.0**30)


def multipliers(low: float = 2.0**-10, high: float = 2.0**2) -> SearchStrategy[float]:
    """Real multipliers of a requantization, mostly below 1, some above."""
    return log_uniform(low, high)


def zero_points(tensor_type: TensorType) -> SearchStrategy[int]:
    """Zero points of a type: its range's ends, the middle, and anything. 0 only, for types that allow nothing else."""
    if tensor_type not in QUANTIZED_8_BIT:
        return st.just(0)
    low, high = code_range(tensor_type)
    return st.one_of(st.just((low + high + 1) // 2), st.sampled_from([low, high]), st.integers(low, high))


@st.composite
def per_tensor(
    draw: DrawFn,
    tensor_type: TensorType,
    scale: SearchStrategy[float] | float | None = None,
    zero_point: SearchStrategy[int] | int | None = None,
) -> Quantization:
    """Draw per-tensor quantization; scale and zero point can be given as values or as strategies."""
    scale = scales() if scale is None else scale
    zero_point = zero_points(tensor_type) if zero_point is None else zero_point
    return Quantization(
        scale=(float32(scale if isinstance(scale, float | int) else draw(scale)),),
        zero_point=(zero_point if isinstance(zero_point, int) else draw(zero_point),),
    )


@st.composite
def per_channel(
    draw: DrawFn, channels: int, dimension: int = 0, scale: SearchStrategy[float] | None = None, spread: float = 16.0
) -> Quantization:
    """Draw per-channel quantization: scales within a factor of ``spread`` of each other, zero points 0."""
    base = draw(scales() if scale is None else scale)
    ratio = log_uniform(1 / spread, 1.0)
    return Quantization(
        scale=tuple(float32(base * draw(ratio)) for _ in range(channels)),
        zero_point=(0,) * channels,
        quantized_dimension=dimension,
    )


@st.composite
def requantized(
    draw: DrawFn,
    tensor_type: TensorType,
    accumulator_scale: float,
    multiplier: SearchStrategy[float] | None = None,
    zero_point: SearchStrategy[int] | int | None = None,
) -> Quantization:
    """Draw output quantization such that ``accumulator_scale / scale`` is a multiplier worth testing.

    Scales drawn without regard to each other mostly give outputs that are all saturated or all zero.
    """
    real = draw(multipliers() if multiplier is None else multiplier)
    return draw(per_tensor(tensor_type, float32(accumulator_scale / real), zero_point))


# Shapes and options


def sides(low: int = 1, high: int = 9) -> SearchStrategy[int]:
    """Sizes of one dimension."""
    return st.integers(low, high)


@st.composite
def shapes(draw: DrawFn, low_rank: int = 1, high_rank: int = 4, low: int = 1, high: int = 6) -> tuple[int, ...]:
    """Shapes of any rank between the two given."""
    return tuple(draw(st.lists(sides(low, high), min_size=low_rank, max_size=high_rank)))


@st.composite
def images(draw: DrawFn, channels: int | None = None, high: int = 9, high_channels: int = 20) -> tuple[int, ...]:
    """NHWC shapes; channels around the widths of vector registers appear on purpose."""
    depth = channels or draw(st.one_of(st.integers(1, 5), st.sampled_from([7, 8, 9, 15, 16, 17, high_channels])))
    return (draw(st.integers(1, 3)), draw(sides(1, high)), draw(sides(1, high)), depth)


@st.composite
def broadcastable(draw: DrawFn, shape: Sequence[int]) -> tuple[int, ...]:
    """A shape that broadcasts with the one given: ones in some places, leading dimensions left out."""
    kept = shape[draw(st.integers(0, len(shape))) :]
    return tuple(1 if draw(st.booleans()) else side for side in kept)


def paddings() -> SearchStrategy[Padding]:
    """SAME and VALID."""
    return st.sampled_from([Padding.SAME, Padding.VALID])


def activations() -> SearchStrategy[ActivationFunctionType]:
    """The fused activations that the kernels accept; mostly none, because the others clamp so much away."""
    kinds = ActivationFunctionType
    return st.sampled_from([kinds.NONE, kinds.NONE, kinds.NONE, kinds.RELU, kinds.RELU6, kinds.RELU_N1_TO_1])


def by_type(
    name: str, make: Callable[[TensorType], SearchStrategy[Any]], *types: TensorType
) -> dict[str, SearchStrategy[Any]]:
    """Return a family's cases of one operator, ``"NAME type"`` for each type."""
    return {f"{name} {one.name.lower()}": make(one) for one in types}


# Arrays

_FLOATS = (TensorType.FLOAT32, TensorType.FLOAT16, TensorType.BFLOAT16, TensorType.FLOAT64)
_WORDS = (b"", b"a", b"b", b"ab", b"a\0b", b"\0", "größe".encode(), b"a longer word than the others", b"\xff\xfe")


@st.composite
def string_arrays(draw: DrawFn, shape: Sequence[int]) -> np.ndarray:
    """Draw an array of words, of which many come twice, some are empty and some are no text."""
    random = Random(draw(st.integers(0, 2**32)))
    array = np.empty(tuple(shape), object)
    for place in np.ndindex(*shape):
        array[place] = random.choice(_WORDS)
    return array


# Arrays of a single code are kept few: most of what they go into comes out flat, and proves little.
_KINDS = (*["random"] * 8, "ends", "ends", "near", "ramp", "ramp", "least", "greatest", "zero point")


@st.composite
def arrays(
    draw: DrawFn,
    tensor_type: TensorType,
    shape: Sequence[int],
    zero_point: int = 0,
    low: int | None = None,
    high: int | None = None,
) -> np.ndarray:
    """Draw an integer or bool array: random over the range, its two ends mixed, all least, all greatest, near the
    zero point, or a ramp. A seed is drawn, not each element: fast, and shapes still shrink.
    """
    if tensor_type is TensorType.BOOL:
        return np.random.default_rng(draw(st.integers(0, 2**32))).integers(0, 2, shape).astype(bool)
    if tensor_type is TensorType.STRING:
        return draw(string_arrays(shape))
    if tensor_type in _FLOATS:
        return draw(float_arrays(shape)).astype(numpy_dtype(tensor_type))
    if tensor_type in (TensorType.COMPLEX64, TensorType.COMPLEX128):
        return (draw(float_arrays(shape)) + 1j * draw(float_arrays(shape))).astype(numpy_dtype(tensor_type))
    dtype = numpy_dtype(tensor_type)
    least, greatest = code_range(tensor_type)
    least = least if low is None else low
    greatest = greatest if high is None else high
    kind = draw(st.sampled_from(_KINDS))
    zero_point = min(max(zero_point, least), greatest)
    if kind == "least":
        return np.full(shape, least, dtype)
    if kind == "greatest":
        return np.full(shape, greatest, dtype)
    if kind == "zero point":
        return np.full(shape, zero_point, dtype)
    if kind == "ramp":
        count = int(np.prod(shape))
        period = min(greatest - least + 1, 2**63 - 1)
        return (least + np.arange(count, dtype=np.int64) % period).astype(dtype).reshape(shape)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    if kind == "ends":
        return random.choice(np.array([least, greatest], dtype), tuple(shape))
    if kind == "near":
        least, greatest = max(least, zero_point - 3), min(greatest, zero_point + 3)
    return random.integers(least, greatest, tuple(shape), dtype, endpoint=True)


@st.composite
def float_arrays(
    draw: DrawFn, shape: Sequence[int], magnitude: float | None = None, special: bool = False
) -> np.ndarray:
    """Draw a float32 array: normal values of a drawn magnitude; ``special`` sprinkles zeros of both signs,
    infinities, NaN, denormals and the greatest values.
    """
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = draw(st.sampled_from([1.0, 1.0, 10.0, 0.01, 1e4])) if magnitude is None else magnitude
    array = (random.standard_normal(tuple(shape)) * size).astype(np.float32)
    if special and draw(st.booleans()):
        values = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 3.4e38, -3.4e38], np.float32)
        array = np.where(random.random(tuple(shape)) < 0.2, random.choice(values, tuple(shape)), array)
    return array.astype(np.float32)


@st.composite
def biases(draw: DrawFn, channels: int, dtype: type = np.int32) -> np.ndarray:
    """Draw a bias: zeros, of the size of real ones, or large enough to make the accumulator wrap."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    reach = draw(st.sampled_from([0, 100, 20_000, 20_000, 1_000_000, 2**31 - 1]))
    return random.integers(-reach, reach, channels, np.int64, endpoint=True).astype(dtype)


def _rounded(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    with np.errstate(over="ignore"):
        return array.astype(dtype)


def numbers(tensor_type: TensorType, shape: tuple[int, ...], zero_point: int = 0) -> SearchStrategy[np.ndarray]:
    """Any values of a type; floats with zeros of both signs, infinities and NaN."""
    if tensor_type in (TensorType.FLOAT32, TensorType.FLOAT16, TensorType.BFLOAT16):
        return float_arrays(shape, special=True).map(lambda array: _rounded(array, numpy_dtype(tensor_type)))
    if tensor_type is TensorType.COMPLEX64:
        return float_arrays((*shape, 2), special=True).map(lambda array: array.view(np.complex64)[..., 0])
    return arrays(tensor_type, shape, zero_point)
