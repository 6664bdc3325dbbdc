"""Operators that move elements: what the reference's Prepare derives, and the elements themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import LITERT
from q31.kernels.registry import REGISTRY
from q31.schema import ModelError, Quantization, TensorType
from q31.schema.options import (
    ConcatenationOptions,
    PackOptions,
    ReshapeOptions,
    ShapeOptions,
    SplitOptions,
    SqueezeOptions,
    StridedSliceOptions,
    UnpackOptions,
)

INT8, UINT8, INT16, INT32, INT64, FLOAT32 = (
    TensorType.INT8,
    TensorType.UINT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.INT64,
    TensorType.FLOAT32,
)
UNIT = Quantization((1.0,), (0,))


def spec(
    array: np.ndarray, tensor_type: TensorType = INT8, quantization: Quantization = UNIT, constant: bool = False
) -> TensorSpec:
    return TensorSpec("x", tensor_type, array.shape, quantization, array if constant else None)


def ints(*values: Any, dtype: type = np.int32) -> TensorSpec:
    array = np.array(*values, dtype)
    return TensorSpec("i", INT32 if dtype is np.int32 else INT64, array.shape, value=array)


def output(tensor_type: TensorType = INT8, quantization: Quantization = UNIT) -> TensorSpec:
    return TensorSpec("y", tensor_type, (), quantization)


def run(
    name: str, options: Any, inputs: Sequence[TensorSpec], arrays: Sequence[Any], outputs: Sequence[TensorSpec] = ()
) -> Any:
    kernel = REGISTRY[name]
    node = Node(name, 1, options, tuple(inputs), tuple(outputs) or (output(inputs[0].type, inputs[0].quantization),))
    prepared = kernel.prepare(node, LITERT)
    result = kernel.evaluate(prepared, *arrays)
    shapes = [array.shape for array in (result if isinstance(result, tuple) else (result,))]
    assert shapes == list(prepared.output_shapes)
    return result


def ramp(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.int8).reshape(shape)


# PAD and PADV2


def pad(x: np.ndarray, paddings: Any, quantization: Quantization = UNIT, name: str = "PAD", *more: Any) -> np.ndarray:
    inputs = [spec(x, INT8, quantization), ints(paddings), *(m[0] for m in more)]
    return run(name, None, inputs, [x, None, *(m[1] for m in more)])


def test_a_quantized_pad_is_the_outputs_zero_point() -> None:
    result = pad(np.array([1, 2], np.int8), [[1, 2]], Quantization((0.5,), (-7,)))
    assert result.tolist() == [-7, 1, 2, -7, -7]


def test_an_unquantized_pad_is_zero() -> None:
    assert pad(np.array([1], np.int8), [[1, 0]], Quantization()).tolist() == [0, 1]


def test_padv2_brings_the_code_of_the_border() -> None:
    value = np.array([9], np.int8)
    assert pad(np.array([1], np.int8), [[0, 1]], UNIT, "PADV2", (spec(value), value)).tolist() == [1, 9]


def test_padv2_does_not_rescale_its_constant() -> None:
    value = np.array([9], np.int8)
    with pytest.raises(ModelError, match="scale and zero point"):
        pad(np.array([1], np.int8), [[0, 1]], UNIT, "PADV2", (spec(value, INT8, Quantization((2.0,), (0,))), value))


@pytest.mark.parametrize("paddings", [[[0, -1]], [[0, 1], [0, 1]], [0, 1]])
def test_wrong_paddings_are_model_errors(paddings: Any) -> None:
    with pytest.raises(ModelError, match="paddings"):
        pad(ramp(4), paddings)


# RESHAPE, SQUEEZE, EXPAND_DIMS


def reshape(x: np.ndarray, option: tuple[int, ...] | None, *shape: TensorSpec) -> tuple[int, ...]:
    options = None if option is None else ReshapeOptions(option)
    return run("RESHAPE", options, [spec(x), *shape], [x, *(s.value for s in shape)]).shape


def test_the_shape_tensor_wins_over_the_options() -> None:
    assert reshape(ramp(2, 6), (12,), ints([3, 4])) == (3, 4)


def test_a_shape_tensor_that_is_no_int32_vector_gives_way_to_the_options() -> None:
    assert reshape(ramp(2, 6), (12,), ints([[3, 4]])) == (12,)
    assert reshape(ramp(2, 6), (12,), ints([3, 4], dtype=np.int64)) == (12,)


def test_minus_one_takes_what_is_left() -> None:
    assert reshape(ramp(2, 6), (4, -1)) == (4, 3)
    assert reshape(ramp(0, 6), (4, -1)) == (4, 0)
    assert reshape(ramp(0, 6), (0, -1)) == (0, 6)


def test_a_lone_zero_in_the_options_is_a_scalar() -> None:
    assert reshape(ramp(1), (0,)) == ()


@pytest.mark.parametrize("shape", [(5,), (-1, -1), (5, -1), (-3, -4), (0, 12)])
def test_another_number_of_elements_is_a_model_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"elements|at most one"):
        reshape(ramp(12), shape)


def test_squeeze_drops_named_axes_or_all_of_size_one() -> None:
    x = ramp(1, 3, 1, 2, 1)
    assert run("SQUEEZE", SqueezeOptions((0, -1, 0)), [spec(x)], [x]).shape == (3, 1, 2)
    assert run("SQUEEZE", None, [spec(x)], [x]).shape == (3, 2)
    with pytest.raises(ModelError, match="size 1 along"):
        run("SQUEEZE", SqueezeOptions((1,)), [spec(x)], [x])


def test_expand_dims_counts_axes_of_the_result() -> None:
    x = ramp(3, 2)
    for axis, shape in ((0, (1, 3, 2)), (2, (3, 2, 1)), (-1, (3, 2, 1)), (-3, (1, 3, 2))):
        assert run("EXPAND_DIMS", None, [spec(x), ints(axis)], [x, None]).shape == shape


def test_results_do_not_share_memory_with_inputs() -> None:
    x = ramp(2, 3)
    assert not np.shares_memory(run("RESHAPE", ReshapeOptions((6,)), [spec(x)], [x]), x)
    assert not np.shares_memory(run("TRANSPOSE", None, [spec(x), ints([0, 1])], [x, None]), x)
    assert not np.shares_memory(run("SLICE", None, [spec(x), ints([0, 0]), ints([2, 3])], [x, None, None]), x)


# TRANSPOSE, SHAPE


def test_transpose_takes_negative_axes_and_refuses_repeated_ones() -> None:
    x = ramp(2, 3, 4)
    assert np.array_equal(run("TRANSPOSE", None, [spec(x), ints([-1, 0, 1])], [x, None]), x.transpose(2, 0, 1))
    with pytest.raises(ModelError, match="permutation"):
        run("TRANSPOSE", None, [spec(x), ints([0, 0, 1])], [x, None])


def test_shape_needs_no_values() -> None:
    result = run("SHAPE", ShapeOptions(INT64), [spec(ramp(2, 0, 3))], [None], [output(INT64)])
    assert result.tolist() == [2, 0, 3] and result.dtype == np.int64


# CONCATENATION, PACK, SPLIT, UNPACK


def test_uint8_inputs_are_rescaled_to_the_output() -> None:
    x = np.array([100, 101, 255], np.uint8)
    fine, coarse = Quantization((0.5,), (100,)), Quantization((1.0,), (10,))
    inputs = [spec(x, UINT8, fine), spec(x, UINT8, coarse)]
    result = run("CONCATENATION", ConcatenationOptions(0), inputs, [x, x], [output(UINT8, coarse)])
    # 0.5 of a code rounds away from zero.
    assert result.tolist() == [10, 11, 88, 100, 101, 255]


def test_int8_inputs_must_have_the_outputs_parameters() -> None:
    x = ramp(2)
    with pytest.raises(ModelError, match="one scale and zero point"):
        inputs = [spec(x), spec(x, INT8, Quantization((2.0,), (0,)))]
        run("CONCATENATION", ConcatenationOptions(0), inputs, [x, x])


def test_split_takes_the_axis_first_and_parts_of_one_size() -> None:
    x = ramp(2, 6)
    parts = run("SPLIT", SplitOptions(3), [ints(-1), spec(x)], [None, x], [output()] * 3)
    assert np.array_equal(np.concatenate(parts, 1), x)
    with pytest.raises(ModelError, match="multiple of 4"):
        run("SPLIT", SplitOptions(4), [ints(1), spec(x)], [None, x], [output()] * 4)


def test_unpack_undoes_pack() -> None:
    arrays = [ramp(2, 3) + i for i in range(4)]
    packed = run("PACK", PackOptions(4, 1), [spec(x) for x in arrays], arrays)
    assert packed.shape == (2, 4, 3)
    for one, other in zip(
        run("UNPACK", UnpackOptions(4, 1), [spec(packed)], [packed], [output()] * 4), arrays, strict=True
    ):
        assert np.array_equal(one, other)


# SLICE and STRIDED_SLICE


def strided_slice(x: np.ndarray, begin: Any, end: Any, strides: Any, **options: Any) -> np.ndarray:
    inputs = [spec(x), ints(begin), ints(end), ints(strides)]
    return run("STRIDED_SLICE", StridedSliceOptions(**options), inputs, [x, None, None, None])


def test_slice_takes_all_that_is_left_for_minus_one() -> None:
    x = ramp(4, 5)
    result = run("SLICE", None, [spec(x), ints([1, 2]), ints([-1, 2])], [x, None, None])
    assert np.array_equal(result, x[1:, 2:4])
    with pytest.raises(ModelError, match="within axis 1"):
        run("SLICE", None, [spec(x), ints([1, 2]), ints([-1, 4])], [x, None, None])


def test_strides_may_be_negative_and_bounds_are_clamped() -> None:
    x = ramp(7)
    assert np.array_equal(strided_slice(x, [-1], [-100], [-2]), x[::-2])
    assert np.array_equal(strided_slice(x, [100], [0], [-1]), x[:0:-1])
    assert np.array_equal(strided_slice(x, [-100], [100], [3]), x[::3])
    assert strided_slice(x, [5], [2], [1]).size == 0


def test_masks_do_what_slices_of_python_do() -> None:
    x = ramp(3, 4, 5)
    assert np.array_equal(strided_slice(x, [1, 1], [2, 2], [1, 1], begin_mask=1, end_mask=2), x[:2, 1:])
    assert np.array_equal(strided_slice(x, [0, 2], [0, 4], [1, 1], ellipsis_mask=1), x[..., 2:4])
    assert np.array_equal(strided_slice(x, [1, 0, 1], [2, 0, 3], [1, 1, 1], new_axis_mask=2), x[1:2, None, 1:3])
    assert np.array_equal(
        strided_slice(x, [-1, 0, 3], [0, 0, 0], [1] * 3, ellipsis_mask=2, shrink_axis_mask=5), x[-1, ..., 3]
    )


def test_with_offset_the_end_counts_from_the_begin() -> None:
    x = ramp(9)
    assert np.array_equal(strided_slice(x, [2], [4], [1], offset=True), x[2:6])
    with pytest.raises(ModelError, match="offset"):
        strided_slice(x, [7], [4], [1], offset=True)


@pytest.mark.parametrize(
    ("begin", "strides", "options"),
    [([0], [0], {}), ([9], [1], {"shrink_axis_mask": 1}), ([0] * 3, [1] * 3, {"ellipsis_mask": 3})],
)
def test_slices_without_meaning_are_model_errors(begin: Any, strides: Any, options: Any) -> None:
    with pytest.raises(ModelError):
        strided_slice(ramp(4), begin, [2] * len(begin), strides, **options)
