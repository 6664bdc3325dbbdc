"""Counter-based generators: each block of random words is a function of a key and of the block's number."""

from __future__ import annotations

import numpy as np

_MASK = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def _words(key: int) -> tuple[np.uint64, np.uint64]:
    return np.uint64(key & 0xFFFFFFFF), np.uint64(key >> 32)


def _split(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return numbers & _MASK, numbers >> _HALF


def philox(key: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return four words, uint32 (blocks, 4), for each counter, whose halves are uint64 (blocks,).

    Notes
    -----
    Source: Philox 4x32 of ten rounds, of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"; as in
    ``tsl/lib/random/philox_random.h`` and ``kernels/rng_util.cc``.
    """
    first_key, second_key = _words(key)
    (a, b), (c, d) = _split(low), _split(high)
    for _ in range(10):
        low_product, high_product = _split(np.uint64(0xD2511F53) * a)
        other_low, other_high = _split(np.uint64(0xCD9E8D57) * c)
        a, b, c, d = other_high ^ b ^ first_key, other_low, high_product ^ d ^ second_key, low_product
        first_key = (first_key + np.uint64(0x9E3779B9)) & _MASK
        second_key = (second_key + np.uint64(0xBB67AE85)) & _MASK
    return np.stack([a, b, c, d], axis=-1).astype(np.uint32)


_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def threefry(key: int, counters: np.ndarray) -> np.ndarray:
    """Return two words, uint32 (blocks, 2), for each counter of uint64 (blocks,).

    Notes
    -----
    Source: Threefry 2x32 of twenty rounds, of the same paper; as in ``kernels/rng_util.cc``.
    """
    first, second = _words(key)
    keys = (first, second, first ^ second ^ np.uint64(0x1BD11BDA))
    a, b = _split(counters)
    a, b = (a + keys[0]) & _MASK, (b + keys[1]) & _MASK
    for group in range(5):
        for distance in _ROTATIONS[group % 2]:
            a = (a + b) & _MASK
            b = ((b << np.uint64(distance)) | (b >> np.uint64(32 - distance))) & _MASK
            b ^= a
        a = (a + keys[(group + 1) % 3]) & _MASK
        b = (b + keys[(group + 2) % 3] + np.uint64(group + 1)) & _MASK
    return np.stack([a, b], axis=-1).astype(np.uint32)
