"""CONV_3D, CONV_3D_TRANSPOSE and RFFT2D: values worked out by hand, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import q31
from q31.schema import ActivationFunctionType, Padding, TensorType
from q31.schema.options import Conv3DOptions, Rfft2dOptions
from q31.tools.conformance.case import Case, constant, result, single_operator, tensor

FLOAT32, INT8, INT32 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT32


def _run(case: Case) -> np.ndarray:
    interpreter = q31.Interpreter(model_content=case.model, backend="numpy")
    interpreter.allocate_tensors()
    for details, array in zip(interpreter.get_input_details(), case.inputs, strict=True):
        interpreter.set_tensor(details["index"], array)
    interpreter.invoke()
    return np.array(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


def _conv_3d(padding: Padding, activation: ActivationFunctionType = ActivationFunctionType.NONE) -> Case:
    """A line of three voxels along depth, a filter that takes ten times the next from one, and a bias of 5."""
    x = np.array([1, 2, 3], np.float32).reshape(1, 3, 1, 1, 1)
    weights = np.array([1, -10], np.float32).reshape(2, 1, 1, 1, 1)
    inputs = [tensor(FLOAT32, x.shape), constant(weights), constant(np.array([5], np.float32))]
    return single_operator("CONV_3D", Conv3DOptions(padding, 1, 1, 1, activation), inputs, [result(FLOAT32)], [x])


def test_a_filter_of_two_voxels_slides_along_the_depth() -> None:
    # 1 - 20 + 5 and 2 - 30 + 5; with padding SAME a zero follows the last voxel: 3 - 0 + 5.
    assert _run(_conv_3d(Padding.VALID)).ravel().tolist() == [-14, -23]
    assert _run(_conv_3d(Padding.SAME)).ravel().tolist() == [-14, -23, 8]
    assert _run(_conv_3d(Padding.SAME, ActivationFunctionType.RELU6)).ravel().tolist() == [0, 0, 6]


def _conv_3d_transpose(depth: int) -> Case:
    """Two voxels along depth, each of which writes itself and ten times itself."""
    x = np.array([1, 2], np.float32).reshape(1, 2, 1, 1, 1)
    weights = np.array([1, 10], np.float32).reshape(2, 1, 1, 1, 1)
    shape = constant(np.array([1, depth, 1, 1, 1], np.int32))
    inputs = [shape, constant(weights), tensor(FLOAT32, x.shape)]
    return single_operator("CONV_3D_TRANSPOSE", Conv3DOptions(Padding.VALID, 1, 1, 1), inputs, [result(FLOAT32)], [x])


def test_a_transposed_filter_adds_where_its_windows_overlap() -> None:
    assert _run(_conv_3d_transpose(3)).ravel().tolist() == [1, 12, 20]


def test_an_output_shape_that_the_input_does_not_make_is_refused() -> None:
    with pytest.raises(q31.ModelError, match="for an output of"):
        _run(_conv_3d_transpose(5))


def test_a_transposed_convolution_of_int8_is_refused_by_name() -> None:
    x, weights = np.ones((1, 1, 1, 1, 1), np.int8), constant(np.ones((1, 1, 1, 1, 1), np.int8))
    inputs = [constant(np.ones(5, np.int32)), weights, tensor(INT8, x.shape)]
    options = Conv3DOptions(Padding.VALID, 1, 1, 1)
    with pytest.raises(q31.UnsupportedOperatorError, match="CONV_3D_TRANSPOSE"):
        _run(single_operator("CONV_3D_TRANSPOSE", options, inputs, [result(INT8)], [x]))


def _rfft_2d(image: list[Any], height: int, width: int) -> list[Any]:
    x = np.array(image, np.float32)
    inputs = [tensor(FLOAT32, x.shape), constant(np.array([height, width], np.int32))]
    case = single_operator("RFFT2D", Rfft2dOptions(), inputs, [result(TensorType.COMPLEX64)], [x])
    return list(_run(case).tolist())


def test_four_numbers_become_sums_and_differences() -> None:
    # Rows: (1 + 2, 1 - 2) and (3 + 4, 3 - 4); then the sum and the difference of the two.
    assert _rfft_2d([[1, 2], [3, 4]], 2, 2) == [[10, -2], [-4, 0]]


def test_a_row_of_four_is_its_sum_a_quarter_turn_and_the_alternating_sum() -> None:
    # 1 + 2 + 3 + 4, (1 - 3) + (4 - 2) i, 1 - 2 + 3 - 4.
    assert _rfft_2d([[1, 2, 3, 4]], 1, 4) == [[10, -2 + 2j, -2]]


def test_an_image_is_cut_or_filled_with_zeros() -> None:
    assert _rfft_2d([[1, 2, 9], [3, 4, 9], [9, 9, 9]], 2, 2) == [[10, -2], [-4, 0]]
    assert _rfft_2d([[1]], 2, 2) == [[1, 1], [1, 1]]


def test_a_single_column_is_not_transformed_by_the_reference_but_folded() -> None:
    # Beside each number stands its copy, the imaginary part. Of rows 1 and 3 both become (2 + 8) / 2 = 5.
    assert _rfft_2d([[1], [2], [3], [8]], 4, 1) == [[1 - 1j], [5 - 5j], [3], [5 + 5j]]


@pytest.mark.parametrize("length", [0, 3, -4])
def test_a_length_that_is_no_power_of_two_is_refused(length: int) -> None:
    with pytest.raises(q31.ModelError, match="powers of two"):
        _rfft_2d([[1, 2]], length, 2)
