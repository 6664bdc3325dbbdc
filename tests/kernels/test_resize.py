"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import LITERT
from q31.kernels.registry import REGISTRY
from q31.kernels.resize.bilinear import interpolate_fixed_point
from q31.schema import ModelError, TensorType
from q31.schema.options import ResizeBilinearOptions, ResizeNearestNeighborOptions

TYPES = {
    np.float32: TensorType.FLOAT32,
    np.uint8: TensorType.UINT8,
    np.int8: TensorType.INT8,
    np.int16: TensorType.INT16,
}


def resize(name: str, options: Any, x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    tensor_type = TYPES[x.dtype.type]
    wanted = np.array(size, np.int32)
    inputs = (TensorSpec("x", tensor_type, x.shape), TensorSpec("size", TensorType.INT32, (2,), value=wanted))
    node = Node(name, 1, options, inputs, (TensorSpec("y", tensor_type, ()),))
    kernel = REGISTRY[name]
    return kernel.evaluate(kernel.prepare(node, LITERT), x, wanted)


def row(values: Any, dtype: type) -> np.ndarray:
    return np.array(values, dtype).reshape(1, 1, -1, 1)


def bilinear(values: Any, dtype: type, width: int, **options: bool) -> list[float]:
    return resize("RESIZE_BILINEAR", ResizeBilinearOptions(**options), row(values, dtype), (1, width)).ravel().tolist()


@pytest.mark.parametrize("dtype", TYPES)
def test_bilinear_lies_between_neighbours(dtype: type) -> None:
    assert bilinear([0, 10], dtype, 4) == [0, 5, 10, 10]
    assert bilinear([0, 9], dtype, 4, align_corners=True) == [0, 3, 6, 9]
    assert bilinear([0, 16], dtype, 4, half_pixel_centers=True) == [0, 4, 12, 16]


def test_fixed_point_rounds_halves_away_from_zero_and_uint8_up() -> None:
    assert bilinear([0, -1], np.int8, 4) == [0, -1, -1, -1]
    assert bilinear([0, 1], np.int8, 4) == [0, 1, 1, 1]
    assert bilinear([0, 1], np.uint8, 4) == [0, 1, 1, 1]


def test_the_scale_is_rounded_to_ten_bits() -> None:
    positions = interpolate_fixed_point(3, 7, False, False)
    assert (positions.lower * 1024 + positions.distance).tolist() == [439 * i for i in range(7)]


def test_half_pixel_centers_reach_below_the_first_pixel() -> None:
    first = interpolate_fixed_point(2, 4, False, True)
    assert (first.lower[0], first.upper[0], first.distance[0]) == (0, 0, -256)


def test_a_float_minus_zero_becomes_zero() -> None:
    assert not np.signbit(bilinear([-0.0, -0.0], np.float32, 2)).any()


def nearest(values: Any, width: int, **options: bool) -> list[int]:
    table = ResizeNearestNeighborOptions(**options)
    return resize("RESIZE_NEAREST_NEIGHBOR", table, row(values, np.int8), (1, width)).ravel().tolist()


def test_nearest_neighbor_floors_or_rounds() -> None:
    assert nearest([1, 2, 3], 5) == [1, 1, 2, 2, 3]
    assert nearest([1, 2, 3], 5, align_corners=True) == [1, 2, 2, 3, 3]
    assert nearest([1, 2, 3], 2, half_pixel_centers=True) == [1, 3]


@pytest.mark.parametrize("size", [(0, 1), (1, -1), (2**31 - 1, 1)])
def test_a_size_without_meaning_is_a_model_error(size: tuple[int, int]) -> None:
    with pytest.raises(ModelError, match="a new size"):
        resize("RESIZE_BILINEAR", None, row([1, 2], np.int8), size)


def test_both_conventions_at_once_are_a_model_error() -> None:
    with pytest.raises(ModelError, match="not both"):
        bilinear([1, 2], np.int8, 3, align_corners=True, half_pixel_centers=True)
