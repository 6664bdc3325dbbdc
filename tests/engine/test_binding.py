"""Memory of constants: aligned, copied once at most, and of small ones many in one piece."""

import ctypes

import numpy as np
import pytest

from q31.engine.binding import Binder, aligned_copy, aligned_empty
from q31.kernels.convolution.packing import LANES, pack_filter
from q31.kernels.operator import Instruction


def at(address: int, like: np.ndarray) -> np.ndarray:
    return np.frombuffer((ctypes.c_uint8 * like.nbytes).from_address(address), like.dtype)


def test_small_constants_lie_side_by_side_and_stay_as_they_were():
    random = np.random.default_rng(0)
    dtypes = (np.int8, np.int32, np.float64)
    given = [random.integers(-99, 99, random.integers(0, 400)).astype(dtypes[i % 3]) for i in range(300)]
    binder, blocks = Binder([].__getitem__, aligned_empty(0)), []
    for one in given:
        block = binder.bind(Instruction("walk", {"table": one, "rows": one}), [], [])
        blocks.append(block)
        binder.forget_originals()
    addresses = [at(block, np.empty(2, np.int64)).tolist() for block in blocks]
    assert all(first == second for first, second in addresses)  # one array, one copy
    places = [first for first, _ in addresses]
    assert not any(place % 64 for place in places)
    assert all(np.array_equal(at(place, one), one) for place, one in zip(places, given, strict=True) if one.size)
    assert 1 < len(binder._pools) < 50


@pytest.mark.parametrize(("dtype", "step"), [(np.int16, 2), (np.int8, 4), (np.float32, 1)])
@pytest.mark.parametrize(("channels", "groups", "taps"), [(32, 1, (1, 1, 8)), (32, 2, (1, 2, 4)), (20, 1, (3, 3, 3))])
def test_a_filter_is_packed_into_aligned_memory(dtype, step, channels, groups, taps):
    weights = np.random.default_rng(1).integers(-99, 99, (channels, *taps)).astype(dtype)
    depth = -(-int(np.prod(taps)) // step) * step
    packed = pack_filter(weights, groups, depth, step)
    assert aligned_copy(packed) is packed  # what binds it does not copy it
    each = channels // groups
    rows = np.zeros((groups, packed.shape[1] * LANES, depth), dtype)
    rows[:, :each, : np.prod(taps)] = weights.reshape(groups, each, -1)
    for place in np.ndindex(packed.shape):
        group, block, at_step, lane, within = place
        assert packed[place] == rows[group, block * LANES + lane, at_step * step + within]
