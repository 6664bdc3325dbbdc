"""Transforms of lengths that are powers of two, in the order of operations of Ooura's package fft2d (``fftsg.c``).

The package works in place by split-radix steps of four: a block of numbers becomes four blocks, one of each of which
is ``twisted``, that is, belongs to odd multiples of half the frequency. Blocks of 8 or 16 are transformed at once.
What makes the bits is which twiddle factor is a product, which an eighth of a turn, and which nothing; that is kept
here, while the order in memory is not. Signs are the package's: frequencies turn by ``exp(+2 pi i j k / n)``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

# Real and imaginary parts, float64; transforms run along the last axis.
Complex: TypeAlias = tuple[np.ndarray, np.ndarray]
# A cosine and a sine, numbers or arrays.
Twiddle: TypeAlias = "tuple[float, float] | Complex"

_ROOT_HALF = math.cos(math.atan(1.0))


def rdft(x: np.ndarray) -> Complex:
    """Return the transform of real numbers: n / 2 + 1 frequencies of n samples along the last axis.

    Notes
    -----
    Source: ``rdft`` and ``rftfsub`` in fft2d's ``fftsg.c``.
    """
    length = x.shape[-1]
    half = length // 2
    real, imaginary = cdft((x[..., 0::2], x[..., 1::2]))
    result = np.empty((*x.shape[:-1], half + 1)), np.zeros((*x.shape[:-1], half + 1))
    result[0][..., :half], result[1][..., :half] = real, imaginary
    if half > 2:
        near = np.arange(1, half // 2)
        far = half - near
        cosines, sines = _half_table(half // 2)
        difference = real[..., near] - real[..., far], imaginary[..., near] + imaginary[..., far]
        turned = _multiply(difference, (0.5 - sines[near], cosines[near]))
        result[0][..., near] -= turned[0]
        result[1][..., near] -= turned[1]
        result[0][..., far] += turned[0]
        result[1][..., far] -= turned[1]
    result[0][..., half] = real[..., 0] - imaginary[..., 0]
    result[0][..., 0] = real[..., 0] + imaginary[..., 0]
    result[1][..., 0] = 0.0
    return result


def cdft(x: Complex) -> Complex:
    """Return the transform of complex numbers along the last axis.

    Notes
    -----
    Source: ``cdft``, ``cftfsub`` and ``cftf1st`` in fft2d's ``fftsg.c``.
    """
    length = x[0].shape[-1]
    if length == 1:
        return x[0].copy(), x[1].copy()
    if length == 2:
        first, second = _points(x)
        return _stack([_add(first, second), _subtract(first, second)])
    if length <= 16:
        blocks = {4: _four, 8: _eight, 16: _sixteen}[length](_points(x))
        ordered = _stack(blocks)
    else:
        ordered = _blocks(_split(x, *_first_twiddles(length // 4)), (False, True, False, False))
    order = _bit_reversal(length)
    return ordered[0][..., order], ordered[1][..., order]


def _blocks(quarters: Sequence[Complex], twisted: Sequence[bool]) -> Complex:
    return _join([_block(quarter, odd) for quarter, odd in zip(quarters, twisted, strict=True)])


def _block(x: Complex, twisted: bool) -> Complex:
    """Return the transform of a block, its frequencies in bit-reversed order."""
    length = x[0].shape[-1]
    if length <= 16:
        leaves = {(8, False): _eight, (8, True): _eight_twisted, (16, False): _sixteen, (16, True): _sixteen_twisted}
        return _stack(leaves[length, twisted](_points(x)))
    if twisted:
        return _blocks(_split_twisted(x), (False, True, False, True))
    return _blocks(_split(x, *_twiddles(length // 4)), (False, True, False, False))


# Steps from a block to four


def _split(x: Complex, ones: Complex, threes: Complex) -> list[Complex]:
    """Return the quarters of a block after a step; the last two are turned by ``ones`` and by ``threes``.

    Notes
    -----
    Source: ``cftmdl1`` and ``cftf1st`` in fft2d's ``fftsg.c``.
    """
    first, second, third, fourth = _quarters(x)
    x0, x1, x2, x3 = _add(first, third), _subtract(first, third), _add(second, fourth), _subtract(second, fourth)
    left, right = _add_i(x1, x3), _subtract_i(x1, x3)
    by_one, by_three = _multiply(left, ones), _multiply(right, threes)
    middle = x0[0].shape[-1] // 2
    _put(by_one, 0, _at(left, 0))
    _put(by_three, 0, _at(right, 0))
    _put(by_one, middle, _eighth(_at(left, middle)))
    _put(by_three, middle, _three_eighths(_at(right, middle)))
    return [_add(x0, x2), _subtract(x0, x2), by_one, by_three]


def _split_twisted(x: Complex) -> list[Complex]:
    """Return the quarters of a twisted block after a step.

    Notes
    -----
    Source: ``cftmdl2`` in fft2d's ``fftsg.c``.
    """
    first, second, third, fourth = _quarters(x)
    x0, x1 = _add_i(first, third), _subtract_i(first, third)
    x2, x3 = _add_i(second, fourth), _subtract_i(second, fourth)
    size = first[0].shape[-1]
    middle = size // 2
    cosines, sines, thrice_cosines, thrice_sines = _table(4 * size, np.arange(size) * 4)
    back = -np.arange(size) % size  # from t to size - t
    y0, y1 = _multiply(x0, (cosines, sines)), _multiply(x1, (thrice_cosines, thrice_sines))
    y2 = _multiply(x2, (sines[back], cosines[back]))
    y3 = _multiply(x3, (-thrice_sines[back], -thrice_cosines[back]))
    half = float(cosines[middle]), float(sines[middle])
    _put(y1, middle, _multiply(_at(x1, middle), (half[1], half[0])))
    _put(y3, middle, _negative(_multiply(_at(x3, middle), half)))
    _put(y0, 0, _at(x0, 0))
    _put(y1, 0, _at(x1, 0))
    _put(y2, 0, _eighth(_at(x2, 0)))
    turned = _eighth(_at(x3, 0))
    _put(y3, 0, (-turned[1], turned[0]))
    return [_add(y0, y2), _subtract(y0, y2), _add(y1, y3), _subtract(y1, y3)]


def _first_twiddles(size: int) -> tuple[Complex, Complex]:
    """Return the twiddles of the first step: every other one is the middle of its neighbors, made longer.

    Notes
    -----
    Source: ``cftf1st`` in fft2d's ``fftsg.c``.
    """
    middle = size // 2
    even = np.stack(_table(size, np.arange(0, middle, 2) * 2))
    even[:, 0] = 1, 0, 1, 0
    after = np.concatenate([even[:, 1:], np.array([[_ROOT_HALF], [_ROOT_HALF], [-_ROOT_HALF], [_ROOT_HALF]])], axis=1)
    step = math.atan(1.0) / size
    longer = np.array([[0.5 / math.cos(step * 2)]] * 2 + [[0.5 / math.cos(step * 6)]] * 2)
    odd = longer * (even + after)
    return _both_halves(np.stack([even, odd], axis=-1).reshape(4, middle), size)


def _twiddles(size: int) -> tuple[Complex, Complex]:
    """Return the twiddles of a step that is not the first."""
    return _both_halves(np.stack(_table(2 * size, np.arange(size // 2) * 4)), size)


def _both_halves(table: np.ndarray, size: int) -> tuple[Complex, Complex]:
    """Return twiddles from those before the middle: behind it cosine and sine change places."""
    result = np.zeros((4, size))
    middle = size // 2
    result[:, :middle] = table
    cosines, sines, thrice_cosines, thrice_sines = table[:, :0:-1]
    result[:, middle + 1 :] = sines, cosines, -thrice_sines, -thrice_cosines
    return (result[0], result[1]), (result[2], result[3])


def _table(size: int, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return cosines and sines of parts of an eighth of a turn, which has ``size`` of them, and of thrice as many.

    Notes
    -----
    Source: ``makewt`` in fft2d's ``fftsg.c``.
    """
    step = math.atan(1.0) / size
    once, thrice = [step * number for number in numbers.tolist()], [3 * step * number for number in numbers.tolist()]
    functions = (math.cos, once), (math.sin, once), (math.cos, thrice), (math.sin, thrice)
    one, two, three, four = (np.array([function(phase) for phase in phases]) for function, phases in functions)
    return one, two, three, four


def _half_table(size: int) -> Complex:
    """Return halves of cosines and sines; the first cosine is not used.

    Notes
    -----
    Source: ``makect`` in fft2d's ``fftsg.c``, which has sines in the cosines' place behind the middle.
    """
    middle = size // 2
    step = math.atan(1.0) / middle
    entries = np.zeros(size + 1)
    entries[middle] = 0.5 * math.cos(step * middle)
    for j in range(1, middle):
        entries[j], entries[size - j] = 0.5 * math.cos(step * j), 0.5 * math.sin(step * j)
    return entries[:size], entries[::-1][:size]


# Blocks that are transformed at once


def _four(a: list[Complex]) -> list[Complex]:
    x0, x1, x2, x3 = _add(a[0], a[2]), _subtract(a[0], a[2]), _add(a[1], a[3]), _subtract(a[1], a[3])
    return [_add(x0, x2), _subtract(x0, x2), _add_i(x1, x3), _subtract_i(x1, x3)]


def _eight(a: list[Complex]) -> list[Complex]:
    """Return eight frequencies (``cftf081``)."""
    y0, y2, y1, y3 = _four(a[0::2])
    y4, y6, y5, y7 = _four(a[1::2])
    y5, y7 = _eighth(y5), _eighth(y7)
    return [*_pair(y0, y4), *_pair_i(y2, y6), *_pair(y1, y5), *_pair_i(y3, y7)]


def _eight_twisted(a: list[Complex]) -> list[Complex]:
    """Return eight frequencies of a twisted block (``cftf082``)."""
    turn = math.cos(math.atan(1.0) / 4 * 2), math.sin(math.atan(1.0) / 4 * 2)
    back = turn[1], turn[0]
    y0, y1 = _pair_i(a[0], a[4])
    y2, y3 = map(_eighth, _pair_i(a[2], a[6]))
    left, right = _pair_i(a[1], a[5])
    y4, y5 = _multiply(left, turn), _multiply(right, back)
    left, right = _pair_i(a[3], a[7])
    y6, y7 = _multiply(left, back), _multiply(right, turn)
    return [
        *_pair(_add(y0, y2), _add(y4, y6)),
        *_pair_i(_subtract(y0, y2), _subtract(y4, y6)),
        *_pair(_add_i(y1, y3), _subtract(y5, y7)),
        *_pair_i(_subtract_i(y1, y3), _add(y5, y7)),
    ]


def _sixteen(a: list[Complex]) -> list[Complex]:
    """Return sixteen frequencies (``cftf161``)."""
    turn = math.cos(math.atan(1.0) / 4 * 2), math.sin(math.atan(1.0) / 4 * 2)
    back = turn[1], turn[0]
    y = [_four(a[group::4]) for group in range(4)]
    y9, y13 = _multiply(y[1][2], turn), _multiply(y[1][3], back)
    y10, y14 = _eighth(y[2][2]), _eighth_back(y[2][3])
    y11, y15 = _multiply(y[3][2], back), _multiply(y[3][3], turn)
    y8, y12 = y[0][2], y[0][3]
    x2, x3 = map(_eighth, _pair_i(y[1][1], y[3][1]))
    x0, x1 = _pair_i(y[0][1], y[2][1])
    return [
        *_pair(_add(y[0][0], y[2][0]), _add(y[1][0], y[3][0])),
        *_pair_i(_subtract(y[0][0], y[2][0]), _subtract(y[1][0], y[3][0])),
        *_pair(x0, x2),
        *_pair_i(x1, x3),
        *_pair(_add(y8, y10), _add(y9, y11)),
        *_pair_i(_subtract(y8, y10), _subtract(y9, y11)),
        *_pair(_subtract(y12, y14), _subtract(y13, y15)),
        *_pair_i(_add(y12, y14), _add(y13, y15)),
    ]


def _sixteen_twisted(a: list[Complex]) -> list[Complex]:
    """Return sixteen frequencies of a twisted block (``cftf162``)."""
    step = math.atan(1.0) / 16
    one, two = ((math.cos(step * k), math.sin(step * k)) for k in (4, 8))
    three = math.cos(3 * step * 4), math.sin(3 * step * 4)
    back_one, back_two, back_three = ((sine, cosine) for cosine, sine in (one, two, three))
    left, right = zip(*(_pair_i(a[k], a[k + 8]) for k in range(8)), strict=True)
    y0, y4 = _pair(left[0], _eighth(left[4]))
    y8, y12 = _pair_i(right[0], _eighth(right[4]))
    y1, y5 = _pair(_multiply(left[1], one), _multiply(left[5], back_three))
    y13, y9 = _pair(_multiply(right[1], three), _multiply(right[5], (one[0], -one[1])))
    y2, y6 = _pair(_multiply(left[2], two), _multiply(left[6], back_two))
    y14, y10 = _pair(_multiply(right[2], back_two), _multiply(right[6], two))
    y3, y7 = _pair(_multiply(left[3], three), _multiply(left[7], back_one))
    y11, y15 = _pair(_multiply(right[3], (one[1], -one[0])), _multiply(right[7], back_three))
    return [
        *_pair(_add(y0, y2), _add(y1, y3)),
        *_pair_i(_subtract(y0, y2), _subtract(y1, y3)),
        *_pair(_add_i(y4, y6), _eighth(_add_i(y5, y7))),
        *_pair_i(_subtract_i(y4, y6), _eighth(_subtract_i(y5, y7))),
        *_pair(_add(y8, y10), _subtract(y9, y11)),
        *_pair_i(_subtract(y8, y10), _add(y9, y11)),
        *_pair(_add_i(y12, y14), _eighth(_subtract_i(y13, y15))),
        *_pair_i(_subtract_i(y12, y14), _eighth(_add_i(y13, y15))),
    ]


# Complex numbers


def _add(a: Complex, b: Complex) -> Complex:
    return a[0] + b[0], a[1] + b[1]


def _subtract(a: Complex, b: Complex) -> Complex:
    return a[0] - b[0], a[1] - b[1]


def _add_i(a: Complex, b: Complex) -> Complex:
    """Return ``a + i b``."""
    return a[0] - b[1], a[1] + b[0]


def _subtract_i(a: Complex, b: Complex) -> Complex:
    """Return ``a - i b``."""
    return a[0] + b[1], a[1] - b[0]


def _pair(a: Complex, b: Complex) -> tuple[Complex, Complex]:
    return _add(a, b), _subtract(a, b)


def _pair_i(a: Complex, b: Complex) -> tuple[Complex, Complex]:
    return _add_i(a, b), _subtract_i(a, b)


def _negative(a: Complex) -> Complex:
    return -a[0], -a[1]


def _multiply(a: Complex, b: Twiddle) -> Complex:
    return b[0] * a[0] - b[1] * a[1], b[0] * a[1] + b[1] * a[0]


def _eighth(a: Complex) -> Complex:
    """Return ``a`` turned by an eighth."""
    return _ROOT_HALF * (a[0] - a[1]), _ROOT_HALF * (a[1] + a[0])


def _eighth_back(a: Complex) -> Complex:
    return _ROOT_HALF * (a[0] + a[1]), _ROOT_HALF * (a[1] - a[0])


def _three_eighths(a: Complex) -> Complex:
    return -_ROOT_HALF * (a[0] + a[1]), -_ROOT_HALF * (a[1] - a[0])


def _at(a: Complex, index: int) -> Complex:
    return a[0][..., index], a[1][..., index]


def _put(a: Complex, index: int, value: Complex) -> None:
    a[0][..., index], a[1][..., index] = value


def _points(a: Complex) -> list[Complex]:
    return [_at(a, index) for index in range(a[0].shape[-1])]


def _quarters(a: Complex) -> list[Complex]:
    return list(zip(*(np.split(part, 4, axis=-1) for part in a), strict=True))


def _stack(points: Sequence[Complex]) -> Complex:
    return np.stack([one[0] for one in points], axis=-1), np.stack([one[1] for one in points], axis=-1)


def _join(blocks: Sequence[Complex]) -> Complex:
    return np.concatenate([one[0] for one in blocks], axis=-1), np.concatenate([one[1] for one in blocks], axis=-1)


def _bit_reversal(length: int) -> np.ndarray:
    """Return the indices 0 to ``length - 1``, their bits turned around."""
    order = np.zeros(1, np.int64)
    while len(order) < length:
        order = np.concatenate([2 * order, 2 * order + 1])
    return order
