"""SignalRfft and SignalIrfft: Fourier transforms of real numbers, as KISS FFT computes them, of powers of two."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ....schema import TensorType
from ....schema.flexbuffer import flexbuffer_map
from ...checks import require_arity
from ...operator import Kernel, Node, Prepared, Shape
from ...profiles import Profile
from ..options import integer

# Real and imaginary parts; the transform runs along the last axis.
Complex: TypeAlias = tuple[np.ndarray, np.ndarray]

_TYPES = (TensorType.INT16, TensorType.INT32, TensorType.FLOAT32)
_LONGEST = 1 << 16


@dataclass(frozen=True)
class Arithmetic:
    """Products and quotients of one data type; ``fraction_bits`` is 0 for floats. Sums are the data type's own."""

    dtype: np.dtype
    fraction_bits: int

    def multiply(self, a: Complex, b: Complex) -> Complex:
        """Multiply complex numbers; integers are rounded once, after the sum of the products."""
        if not self.fraction_bits:
            return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]
        (ar, ai), (br, bi) = ([part.astype(np.int64) for part in one] for one in (a, b))
        return self._round(ar * br - ai * bi), self._round(ar * bi + ai * br)

    def divide(self, a: Complex, divisor: int) -> Complex:
        """Divide integers by multiplying with the rounded-down reciprocal, so that sums fit; floats stay."""
        if not self.fraction_bits:
            return a
        reciprocal = ((1 << self.fraction_bits) - 1) // divisor
        return self._round(a[0].astype(np.int64) * reciprocal), self._round(a[1].astype(np.int64) * reciprocal)

    def halve(self, a: np.ndarray) -> np.ndarray:
        """Halve; integers are rounded down."""
        return a >> 1 if self.fraction_bits else a * np.float32(0.5)

    def unit_circle(self, phases: list[float]) -> Complex:
        """Return cosines and sines."""
        parts = [[function(phase) for phase in phases] for function in (math.cos, math.sin)]
        if self.fraction_bits:
            greatest = (1 << self.fraction_bits) - 1
            parts = [[math.floor(0.5 + greatest * value) for value in part] for part in parts]
        return np.array(parts[0], self.dtype), np.array(parts[1], self.dtype)

    def _round(self, x: np.ndarray) -> np.ndarray:
        return ((x + (1 << (self.fraction_bits - 1))) >> self.fraction_bits).astype(self.dtype)


@dataclass(frozen=True)
class Rfft(Prepared):
    """``twiddles`` are those of the complex transform of half the length, ``real_twiddles`` of the step after it."""

    length: int
    arithmetic: Arithmetic
    twiddles: Complex
    real_twiddles: Complex


def prepare(node: Node, profile: Profile) -> Rfft:
    """Prepare SignalRfft.

    Notes
    -----
    Source: ``RfftPrepare`` in tflite-micro's ``signal/micro/kernels/rfft.cc``, ``kf_init_state`` and
    ``kiss_fftr_alloc`` of KISS FFT 130.
    """
    length = _checked_length(node)
    shape = node.input(0).shape
    node.require(shape[-1] <= length, f"at most {length} samples")
    return _prepared(node, (*shape[:-1], length + 2), length, -1)


def prepare_inverse(node: Node, profile: Profile) -> Rfft:
    """Prepare SignalIrfft.

    Notes
    -----
    Source: ``Prepare`` in tflite-micro's ``signal/micro/kernels/irfft.cc``. Bins beyond those of the length are not
    read; too few of them are refused.
    """
    length = _checked_length(node)
    shape = node.input(0).shape
    node.require(shape[-1] >= length + 2 and shape[-1] % 2 == 0, f"{length // 2 + 1} bins, real and imaginary in turn")
    return _prepared(node, (*shape[:-1], length), length, 1)


def _checked_length(node: Node) -> int:
    require_arity(node, 1)
    source = node.input(0)
    node.require(node.output().type is source.type, "an output of the input's data type")
    node.require(len(source.shape) >= 1, "an input of rank 1 or more")
    options = flexbuffer_map(node.custom_options)
    length, code = integer(node, options, "fft_length"), integer(node, options, "T")
    node.require(code == source.type, f"T to be the input's data type, not {code}")
    if not 4 <= length <= _LONGEST or length & (length - 1):
        raise node.unsupported(f"fft_length a power of two from 4 to {_LONGEST}, not {length}")
    return length


def _prepared(node: Node, shape: Shape, length: int, sign: int) -> Rfft:
    dtype = node.input(0).dtype
    arithmetic = Arithmetic(dtype, 0 if dtype.kind == "f" else 8 * dtype.itemsize - 1)
    half = length // 2
    return Rfft(
        (shape,),
        length,
        arithmetic,
        arithmetic.unit_circle([sign * 2 * math.pi * i / half for i in range(half)]),
        arithmetic.unit_circle([sign * math.pi * ((i + 1) / half + 0.5) for i in range(half // 2)]),
    )


def evaluate(prepared: Rfft, x: np.ndarray) -> np.ndarray:
    """Return the spectrum along the last axis: real and imaginary parts in turn, of ``length / 2 + 1`` bins.

    Integers are divided by the length as the transform goes, so that they fit.

    Notes
    -----
    Source: ``RfftEval`` in tflite-micro's ``signal/micro/kernels/rfft.cc``, ``kiss_fftr`` of KISS FFT 130.
    """
    with np.errstate(all="ignore"):
        padded = np.zeros((*x.shape[:-1], prepared.length), x.dtype)
        padded[..., : x.shape[-1]] = x
        # Even samples are the real parts and odd ones the imaginary parts of a transform of half the length.
        packed = _transform(prepared.arithmetic, (padded[..., 0::2], padded[..., 1::2]), prepared.twiddles)
        return _unpack(prepared, packed)


def evaluate_inverse(prepared: Rfft, x: np.ndarray) -> np.ndarray:
    """Return the samples of which ``x`` is the spectrum, along the last axis.

    Integers are divided by the length as the transform goes, floats after it.

    Notes
    -----
    Source: ``IrfftFloatApply`` in tflite-micro's ``signal/src/irfft_float.cc``, ``kiss_fftri`` of KISS FFT 130.
    """
    packed = _transform(prepared.arithmetic, _pack(prepared, x), prepared.twiddles, inverse=True)
    samples = np.stack(packed, axis=-1).reshape(prepared.output_shape)
    return samples if prepared.arithmetic.fraction_bits else samples / np.float32(prepared.length)


def _pack(prepared: Rfft, x: np.ndarray) -> Complex:
    """Return the spectrum of even samples as real and odd ones as imaginary parts, from that of real samples."""
    arithmetic, half = prepared.arithmetic, prepared.length // 2
    real, imaginary = x[..., 0::2], x[..., 1::2]
    packed = tuple(np.zeros((*x.shape[:-1], half), arithmetic.dtype) for _ in range(2))
    packed[0][..., 0], packed[1][..., 0] = arithmetic.divide(
        (real[..., 0] + real[..., half], real[..., 0] - real[..., half]), 2
    )
    k = np.arange(1, half // 2 + 1)
    near = arithmetic.divide((real[..., k], imaginary[..., k]), 2)
    far = arithmetic.divide((real[..., half - k], -imaginary[..., half - k]), 2)
    both = _add(near, far)
    turned = arithmetic.multiply(_subtract(near, far), prepared.real_twiddles)
    packed[0][..., k], packed[1][..., k] = _add(both, turned)
    # Bin half - k; in the middle, where it is the same bin, this one stays.
    packed[0][..., half - k], packed[1][..., half - k] = both[0] - turned[0], -(both[1] - turned[1])
    return packed[0], packed[1]


def _transform(arithmetic: Arithmetic, x: Complex, twiddles: Complex, *, inverse: bool = False) -> Complex:
    """Return the complex transform by decimation in time, radix 4 and, where the length is twice that, radix 2.

    ``twiddles`` say which way it goes, but for the quarter turns of radix 4.

    Notes
    -----
    Source: ``kf_work``, ``kf_bfly4`` and ``kf_bfly2`` of KISS FFT 130.
    """
    length = x[0].shape[-1]
    if length == 1:
        return x
    radix = 4 if length % 4 == 0 else 2
    below = twiddles[0][::radix], twiddles[1][::radix]
    parts = [
        _transform(arithmetic, (x[0][..., q::radix], x[1][..., q::radix]), below, inverse=inverse) for q in range(radix)
    ]
    parts = [arithmetic.divide(part, radix) for part in parts]
    k = np.arange(length // radix)
    turned = [parts[0]]
    turned += [arithmetic.multiply(parts[q], (twiddles[0][q * k], twiddles[1][q * k])) for q in range(1, radix)]
    if radix == 2:
        return _join([_add(*turned), _subtract(*turned)])
    first, one, two, three = turned
    sums, differences = _add(one, three), _subtract(one, three)
    even, odd = _add(first, two), _subtract(first, two)
    right = odd[0] + differences[1], odd[1] - differences[0]
    left = odd[0] - differences[1], odd[1] + differences[0]
    quarters = [left, right] if inverse else [right, left]
    return _join([_add(even, sums), quarters[0], _subtract(even, sums), quarters[1]])


def _unpack(prepared: Rfft, packed: Complex) -> np.ndarray:
    """Return the spectrum of real samples from that of their even and odd ones packed together."""
    arithmetic, half = prepared.arithmetic, prepared.length // 2
    result = np.zeros((*packed[0].shape[:-1], half + 1, 2), arithmetic.dtype)
    zeroth = arithmetic.divide((packed[0][..., 0], packed[1][..., 0]), 2)
    result[..., 0, 0] = zeroth[0] + zeroth[1]
    result[..., half, 0] = zeroth[0] - zeroth[1]
    k = np.arange(1, half // 2 + 1)
    near = arithmetic.divide((packed[0][..., k], packed[1][..., k]), 2)
    far = arithmetic.divide((packed[0][..., half - k], -packed[1][..., half - k]), 2)
    both = _add(near, far)
    turned = arithmetic.multiply(_subtract(near, far), prepared.real_twiddles)
    result[..., k, 0] = arithmetic.halve(both[0] + turned[0])
    result[..., k, 1] = arithmetic.halve(both[1] + turned[1])
    # Bin half - k; in the middle, where it is the same bin, this one stays.
    result[..., half - k, 0] = arithmetic.halve(both[0] - turned[0])
    result[..., half - k, 1] = arithmetic.halve(turned[1] - both[1])
    return result.reshape(*result.shape[:-2], prepared.length + 2)


def _add(a: Complex, b: Complex) -> Complex:
    return a[0] + b[0], a[1] + b[1]


def _subtract(a: Complex, b: Complex) -> Complex:
    return a[0] - b[0], a[1] - b[1]


def _join(parts: list[Complex]) -> Complex:
    return np.concatenate([one[0] for one in parts], axis=-1), np.concatenate([one[1] for one in parts], axis=-1)


KERNELS = (
    Kernel("SignalRfft", (1, 1), _TYPES, prepare, evaluate),
    Kernel("SignalIrfft", (1, 1), _TYPES, prepare_inverse, evaluate_inverse),
)
