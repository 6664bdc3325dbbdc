"""Broadcasting, against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from q31.kernels.broadcast import broadcast_shape, broadcast_strides, collapse
from q31.kernels.operator import Node
from q31.schema import ModelError

NODE = Node("ADD", 1, None, (), ())


@st.composite
def shape_pairs(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    shape = tuple(draw(st.lists(st.integers(1, 4), max_size=6)))
    first, second = (
        tuple(1 if draw(st.booleans()) else size for size in shape[draw(st.integers(0, len(shape))) :]) for _ in "12"
    )
    return first, second


@given(shape_pairs())
def test_shapes_broadcast_as_in_numpy(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    assert broadcast_shape(NODE, *shapes) == np.broadcast_shapes(*shapes)


@given(shape_pairs())
def test_a_collapsed_walk_reads_what_broadcasting_reads(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    result = broadcast_shape(NODE, *shapes)
    sizes, strides = collapse(result, *(broadcast_strides(shape, result) for shape in shapes))
    assert np.prod(sizes) == np.prod(result, dtype=int)
    for shape, steps in zip(shapes, strides, strict=True):
        x = np.arange(np.prod(shape, dtype=int)).reshape(shape)
        walked = sum(np.arange(n).reshape([-1] + [1] * (len(sizes) - i - 1)) * steps[i] for i, n in enumerate(sizes))
        assert np.array_equal(np.broadcast_to(x, result).ravel(), np.ravel(walked))


def test_equal_dense_shapes_collapse_to_one_row() -> None:
    shape = (2, 3, 4, 5)
    strides = broadcast_strides(shape, shape)
    assert collapse(shape, strides, strides) == ((120,), ((1,), (1,)))


def test_an_empty_dimension_wins_over_one() -> None:
    assert broadcast_shape(NODE, (2, 0), (1,)) == (2, 0)


@pytest.mark.parametrize("shapes", [((2,), (3,)), ((2, 3), (2,)), ((0,), (2,))])
def test_shapes_that_do_not_fit_are_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ModelError, match="broadcast"):
        broadcast_shape(NODE, *shapes)


def test_beyond_numpys_rank_only_equal_shapes_fit() -> None:
    assert broadcast_shape(NODE, (1,) * 33, (1,) * 33) == (1,) * 33
    with pytest.raises(ModelError, match="rank"):
        broadcast_shape(NODE, (1,) * 33, (2,))
