"""Where a window stands: output sizes, paddings, and which taps meet the image."""

import itertools

import numpy as np
import pytest

from q31.kernels.operator import Node
from q31.kernels.padding import compute_axis, compute_window
from q31.schema import ModelError, Padding

NODE = Node("CONV_2D", 1, None, (), ())


@pytest.mark.parametrize(
    ("size", "taps", "stride", "dilation", "expected"),
    [
        (224, 3, 2, 1, (112, 0, 1)),  # the odd element goes after
        (224, 3, 1, 1, (224, 1, 1)),
        (5, 2, 1, 1, (5, 0, 1)),
        (7, 3, 1, 2, (7, 2, 2)),
        (5, 1, 3, 1, (2, 0, 0)),  # a stride beyond the window pads nothing
        (1, 5, 1, 1, (1, 2, 2)),
    ],
)
def test_same_padding(size, taps, stride, dilation, expected):
    axis = compute_axis(Padding.SAME, size, taps, stride, dilation)
    assert (axis.output_size, axis.before, axis.after) == expected


@pytest.mark.parametrize(
    ("size", "taps", "stride", "dilation", "expected"), [(224, 3, 2, 1, 111), (7, 3, 1, 2, 3), (5, 5, 4, 1, 1)]
)
def test_valid_padding_pads_nothing(size, taps, stride, dilation, expected):
    axis = compute_axis(Padding.VALID, size, taps, stride, dilation)
    assert (axis.output_size, axis.before, axis.after) == (expected, 0, 0)


def test_a_tap_gives_exactly_the_positions_inside_the_image():
    for padding, size, taps, stride, dilation in itertools.product(
        Padding, range(1, 8), range(1, 5), range(1, 5), range(1, 4)
    ):
        axis = compute_axis(padding, size, taps, stride, dilation)
        for tap in range(taps if axis.output_size > 0 else 0):
            positions = [(o, o * stride - axis.before + tap * dilation) for o in range(axis.output_size)]
            outputs, inputs = axis.tap(tap)
            got = list(zip(range(100)[outputs], range(100)[inputs], strict=True))
            assert got == [(o, i) for o, i in positions if 0 <= i < size]


def test_taps_come_row_by_row_and_those_that_never_meet_the_image_are_left_out():
    window = compute_window(NODE, Padding.SAME, image=(1, 3), filter_size=(3, 3), stride=(1, 1))
    assert [(tap.y, tap.x) for tap in window.taps()] == [(1, 0), (1, 1), (1, 2)]
    image = np.arange(3).reshape(1, 1, 3, 1)
    assert [tap.of_input(image).ravel().tolist() for tap in window.taps()] == [[0, 1], [0, 1, 2], [1, 2]]
    assert [tap.of_output(image).ravel().tolist() for tap in window.taps()] == [[1, 2], [0, 1, 2], [0, 1]]


def test_a_vast_dilation_allocates_nothing():
    window = compute_window(
        NODE, Padding.SAME, image=(2, 2), filter_size=(2, 2), stride=(1, 1), dilation=(2**31 - 2, 1)
    )
    assert list(window.taps()) == []


@pytest.mark.parametrize(
    "change",
    [
        {"stride": (0, 1)},
        {"stride": (1, -1)},
        {"stride": (2**31, 1)},
        {"dilation": (1, 0)},
        {"dilation": (2**31, 1)},
        {"image": (0, 4)},
        {"image": (4, 2)},
        {"filter_size": (3, 0)},
        {"padding": 2},
    ],
)
def test_a_window_that_cannot_be_is_an_error(change):
    arguments = {"padding": Padding.VALID, "image": (4, 4), "filter_size": (3, 3), "stride": (1, 1)}
    with pytest.raises(ModelError):
        compute_window(NODE, **{**arguments, **change})
