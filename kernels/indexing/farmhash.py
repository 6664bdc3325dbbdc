"""Fingerprints of bytes: the 64-bit function of FarmHash that its authors promise never to change.

The numbers and the order of operations are its definition. Source: ``farmhash.cc`` of github.com/google/farmhash,
``Fingerprint64``, which is ``farmhashna::Hash64``. All arithmetic is modulo 2**64.
"""

from __future__ import annotations

_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_ALL = 2**64 - 1
_BLOCK = 64

Pair = tuple[int, int]


def _word(data: bytes, start: int, size: int = 8) -> int:
    start = start if start >= 0 else len(data) + start
    return int.from_bytes(data[start : start + size], "little")


def _rotate(x: int, count: int) -> int:
    x &= _ALL
    return (x >> count) | (x << (64 - count)) & _ALL


def _fold(x: int) -> int:
    x &= _ALL
    return x ^ (x >> 47)


def _mix(u: int, v: int, factor: int) -> int:
    """Mix two words into one."""
    v &= _ALL
    first = _fold(((u & _ALL) ^ v) * factor)
    return _fold((v ^ first) * factor) * factor & _ALL


def _short(data: bytes) -> int:
    """Up to 16 bytes."""
    size = len(data)
    factor = _K2 + 2 * size
    if size >= 8:
        a, b = _word(data, 0) + _K2, _word(data, -8)
        return _mix(_rotate(b, 37) * factor + a, (_rotate(a, 25) + b) * factor, factor)
    if size >= 4:
        return _mix(size + (_word(data, 0, 4) << 3), _word(data, -4, 4), factor)
    if size > 0:
        y, z = data[0] + (data[size >> 1] << 8), size + (data[-1] << 2)
        return _fold((y * _K2) ^ (z * _K0)) * _K2 & _ALL
    return _K2


def _medium(data: bytes) -> int:
    """17 to 64 bytes."""
    size = len(data)
    factor = _K2 + 2 * size
    a, b = _word(data, 0) * (_K1 if size <= 32 else _K2), _word(data, 8)
    c, d = _word(data, -8) * factor, _word(data, -16) * _K2
    y = _rotate(a + b, 43) + _rotate(c, 30) + d
    z = _mix(y, a + _rotate(b + _K2, 18) + c, factor)
    if size <= 32:
        return z
    e, f = _word(data, 16) * factor, _word(data, 24)
    g, h = (y + _word(data, -32)) * factor, (z + _word(data, -24)) * factor
    return _mix(_rotate(e + f, 43) + _rotate(g, 30) + h, e + _rotate(f + a, 18) + g, factor)


def _weak(data: bytes, start: int, a: int, b: int) -> Pair:
    """32 bytes into two words."""
    w, x, y, z = (_word(data, start + 8 * index) for index in range(4))
    a += w
    b = _rotate(b + a + z, 21)
    total = a + x + y
    return (total + z) & _ALL, (b + _rotate(total, 44) + a) & _ALL


def _long(data: bytes) -> int:
    """More than 64 bytes: blocks of 64, then the last 64 again."""
    seed = 81
    x, y = seed, seed * _K1 + 113
    z = _fold(y * _K2 + 113) * _K2
    v, w = (0, 0), (0, 0)
    x = x * _K2 + _word(data, 0)
    blocks = (len(data) - 1) // _BLOCK
    factor = _K1
    for block in range(blocks + 1):
        last = block == blocks
        start = len(data) - _BLOCK if last else _BLOCK * block
        if last:
            factor = _K1 + ((z & 0xFF) << 1)
            w = (w[0] + ((len(data) - 1) & 63), w[1])
            v = (v[0] + w[0], v[1])
            w = (w[0] + v[0], w[1])
        x = _rotate(x + y + v[0] + _word(data, start + 8), 37) * factor
        y = _rotate(y + v[1] + _word(data, start + 48), 42) * factor
        x = (x & _ALL) ^ (w[1] * (9 if last else 1) & _ALL)
        y = y + v[0] * (9 if last else 1) + _word(data, start + 40)
        z = _rotate(z + w[0], 33) * factor
        v = _weak(data, start, v[1] * factor, x + w[0])
        w = _weak(data, start + 32, z + w[1], y + _word(data, start + 16))
        x, z = z, x
    first = _mix(v[0], w[0], factor) + _fold(y) * _K0 + z
    return _mix(first, _mix(v[1], w[1], factor) + x, factor)


def fingerprint64(data: bytes) -> int:
    """Return the fingerprint of bytes, an unsigned number of 64 bits."""
    if len(data) <= 16:
        return _short(data)
    return _medium(data) if len(data) <= _BLOCK else _long(data)
