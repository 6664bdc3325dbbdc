"""AVERAGE_POOL_2D and MAX_POOL_2D by hand; tests/conformance holds them to the oracle."""

from __future__ import annotations

import numpy as np
import pytest

from q31.kernels.operator import Node, TensorSpec
from q31.kernels.pooling import pool_2d
from q31.kernels.profiles import LITERT
from q31.schema import ActivationFunctionType, ModelError, Padding, Quantization, TensorType
from q31.schema.options import Pool2DOptions

ONE = Quantization((1.0,), (0,))


def node(tensor_type: TensorType, shape: tuple[int, ...], filter_size: int, stride: int = 1, **options: object) -> Node:
    quantization = Quantization() if tensor_type is TensorType.FLOAT32 else ONE
    own = {"filter_width": filter_size, "filter_height": filter_size, "stride_w": stride, "stride_h": stride}
    source, target = (TensorSpec(name, tensor_type, shape, quantization) for name in ("x", "y"))
    return Node("AVERAGE_POOL_2D", 2, Pool2DOptions(**own, **options), (source,), (target,))  # type: ignore[arg-type]


def average(x: np.ndarray, tensor_type: TensorType, filter_size: int, **options: object) -> np.ndarray:
    prepared = pool_2d.prepare(node(tensor_type, x.shape, filter_size, **options), LITERT)
    return pool_2d.evaluate_average(prepared, x)


def test_taps_outside_the_image_do_not_count() -> None:
    x = np.array([[1, 3], [5, 7]], np.int8).reshape(1, 2, 2, 1)
    assert average(x, TensorType.INT8, 3, padding=Padding.SAME).ravel().tolist() == [4, 4, 4, 4]


def test_halves_go_away_from_zero_in_int8_and_up_in_uint8() -> None:
    down, up = np.array([-1, -2, -2, -1], np.int8), np.array([1, 2, 2, 1], np.uint8)
    assert average(down.reshape(1, 2, 2, 1), TensorType.INT8, 2, padding=Padding.VALID).ravel().tolist() == [-2]
    assert average(up.reshape(1, 2, 2, 1), TensorType.UINT8, 2, padding=Padding.VALID).ravel().tolist() == [2]


def test_accumulators_and_counts_can_be_had() -> None:
    x = np.ones((1, 3, 3, 2), np.int8)
    prepared = pool_2d.prepare(node(TensorType.INT8, x.shape, 3, padding=Padding.SAME), LITERT)
    sums, counts = pool_2d.accumulate(prepared, x)
    assert counts[..., 0].tolist() == [[4, 6, 4], [6, 9, 6], [4, 6, 4]]
    assert np.array_equal(sums[0], np.broadcast_to(counts, (3, 3, 2)))


def test_in_float_a_nan_never_wins_the_maximum() -> None:
    x = np.array([np.nan, 1, -np.inf, np.nan], np.float32).reshape(1, 2, 2, 1)
    prepared = pool_2d.prepare(node(TensorType.FLOAT32, x.shape, 2, padding=Padding.VALID), LITERT)
    assert pool_2d.evaluate_max(prepared, x).ravel().tolist() == [1.0]


def test_float_sums_run_tap_by_tap() -> None:
    x = np.array([1e8, 1, -1e8, 1], np.float32).reshape(1, 2, 2, 1)
    assert average(x, TensorType.FLOAT32, 2, padding=Padding.VALID).ravel().tolist() == [0.25]


def test_a_filter_far_larger_than_the_image_costs_no_time() -> None:
    x = np.arange(4, dtype=np.int8).reshape(1, 2, 2, 1)
    assert average(x, TensorType.INT8, 2**30, padding=Padding.SAME).ravel().tolist() == [2, 2, 2, 2]


def test_a_fused_activation_clamps_codes() -> None:
    x = np.array([-5, 3, 9, 100], np.int8).reshape(1, 2, 2, 1)
    relu6 = ActivationFunctionType.RELU6
    prepared = pool_2d.prepare(node(TensorType.INT8, x.shape, 1, fused_activation_function=relu6), LITERT)
    assert pool_2d.evaluate_max(prepared, x).ravel().tolist() == [0, 3, 6, 6]


@pytest.mark.parametrize("stride", [0, -1])
def test_a_stride_of_nothing_is_refused(stride: int) -> None:
    with pytest.raises(ModelError, match="stride"):
        pool_2d.prepare(node(TensorType.INT8, (1, 2, 2, 1), 1, stride), LITERT)


def test_a_window_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ModelError, match="3x3"):
        pool_2d.prepare(node(TensorType.INT8, (1, 2, 2, 1), 3, padding=Padding.VALID), LITERT)


@pytest.mark.parametrize(("tensor_type", "zero_point", "code"), [("UINT8", 128, 100), ("INT16", 0, 0), ("INT8", 5, 5)])
def test_a_bound_of_2_to_31_becomes_the_least_int32_cut_to_a_code(tensor_type: str, zero_point: int, code: int) -> None:
    """As recorded from LiteRT."""
    kind = TensorType[tensor_type]
    spec = TensorSpec("x", kind, (1, 1, 1, 1), Quantization((2.0**-31,), (zero_point,)))
    options = Pool2DOptions(Padding.VALID, 1, 1, 1, 1, ActivationFunctionType.RELU_N1_TO_1)
    prepared = pool_2d.prepare(Node("MAX_POOL_2D", 2, options, (spec,), (spec,)), LITERT)
    assert pool_2d.evaluate_max(prepared, np.full(spec.shape, 100, spec.dtype)).item() == code
