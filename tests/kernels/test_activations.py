"""SOFTMAX, LOGISTIC, TANH, the RELUs and HARD_SWISH: what is not in a table; tests/conformance asks the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from q31.kernels import libm
from q31.kernels.activations import hard_swish, lookup, relu, softmax
from q31.kernels.operator import Kernel, Node, TensorSpec
from q31.kernels.profiles import LITERT, SINGLE, TFLM
from q31.kernels.registry import find
from q31.schema import ModelError, Quantization, TensorType
from q31.schema.options import LeakyReluOptions, SoftmaxOptions

INT8, UINT8, INT16, FLOAT32 = TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.FLOAT32
ALL_INT8 = np.arange(-128, 128).astype(np.int8)


def node(name: str, tensor_type: TensorType, shape: Any, source: Any = None, target: Any = None, options: Any = None):
    quantizations = [Quantization() if pair is None else Quantization(pair[:1], pair[1:]) for pair in (source, target)]
    x, y = (TensorSpec("t", tensor_type, tuple(shape), quantization) for quantization in quantizations)
    return Node(name, 1, options, (x,), (y,))


def compute(the_node: Node, x: np.ndarray, profile: Any = LITERT) -> np.ndarray:
    kernel: Kernel = find(the_node)
    result = kernel.evaluate(kernel.prepare(the_node, profile), x)
    assert isinstance(result, np.ndarray)
    return result


def test_more_than_512_equal_classes_are_softmaxed_where_the_reference_ends_its_process() -> None:
    for classes, expected in ((10, -102), (200, -127), (1000, -128), (20000, -128)):
        the_node = node("SOFTMAX", INT8, (1, classes), (0.1, 0), (1 / 256, -128), SoftmaxOptions(beta=1.0))
        assert set(compute(the_node, np.zeros((1, classes), np.int8)).ravel().tolist()) == {expected}


def test_a_softmax_of_tiny_scale_is_uniform() -> None:
    the_node = node("SOFTMAX", INT8, (1, 4), (1e-30, 0), (1 / 256, -128), SoftmaxOptions(beta=1.0))
    assert compute(the_node, np.array([[-128, 0, 5, 127]], np.int8)).tolist() == [[-64] * 4]


def test_softmax_keeps_its_exponentials_in_a_table() -> None:
    the_node = node("SOFTMAX", INT8, (1, 4), (0.1, 0), (1 / 256, -128), SoftmaxOptions(beta=1.0))
    prepared = softmax.prepare(the_node, LITERT)
    assert isinstance(prepared, softmax.QuantizedSoftmax)
    assert np.allclose(prepared.exponentials / 2**31, np.exp(-0.1 * np.arange(256)), atol=1e-6)


def test_softmax_of_probabilities_sums_to_one() -> None:
    random = np.random.default_rng(0)
    x = random.integers(-128, 128, (50, 10)).astype(np.int8)
    the_node = node("SOFTMAX", INT8, x.shape, (0.05, 0), (1 / 256, -128), SoftmaxOptions(beta=1.0))
    exact = np.exp(0.05 * x.astype(float))
    exact /= exact.sum(axis=1, keepdims=True)
    assert np.allclose((compute(the_node, x) + 128.0) / 256, exact, atol=1 / 256)
    assert np.allclose((compute(the_node, x, SINGLE) + 128.0) / 256, exact, atol=1 / 256)


def test_a_table_is_laid_out_by_unsigned_code() -> None:
    prepared = lookup.prepare_tanh(node("TANH", INT8, (1,), (0.1, 0), (1 / 128, 0)), LITERT)
    assert isinstance(prepared, lookup.Lookup)
    assert prepared.table[255] == round(np.tanh(-0.1) * 128)


def test_a_table_value_beyond_int32_saturates_for_int8_and_underflows_for_uint8() -> None:
    signed = compute(node("TANH", INT8, (256,), (0.1, 0), (1e-19, 0)), ALL_INT8)
    assert signed.tolist() == [-128] * 128 + [0] + [127] * 127
    unsigned = compute(node("TANH", UINT8, (256,), (0.1, 100), (1e-19, 100)), np.arange(256).astype(np.uint8))
    assert unsigned.tolist() == [0] * 100 + [100] + [0] * 155


def test_float_logistic_has_the_references_cutoffs() -> None:
    x = np.array([-200, -9.5, 0, 16.7, 1e38], np.float32)
    result = compute(node("LOGISTIC", FLOAT32, x.shape), x)
    assert result[0] == 0
    assert result[1] == libm.expf(np.float32(-9.5))
    assert result[2:].tolist() == [0.5, 1.0, 1.0]


def test_logistic_demands_its_output_scale() -> None:
    with pytest.raises(ModelError, match="1/256"):
        lookup.prepare_logistic(node("LOGISTIC", INT8, (1,), (0.1, 0), (1 / 128, -128)), LITERT)


def test_int16_logistic_is_close_to_the_function() -> None:
    x = np.arange(-32768, 32768, 7).astype(np.int16)
    for scale in (2.0**-12, 0.00037):
        result = compute(node("LOGISTIC", INT16, x.shape, (scale, 0), (1 / 32768, 0)), x)
        assert np.allclose(result / 32768, 1 / (1 + np.exp(-scale * x.astype(float))), atol=2e-4)


def test_relu_rescales_and_clamps() -> None:
    x = np.array([-128, -1, 0, 1, 10, 127], np.int8)
    assert compute(node("RELU6", INT8, x.shape, (0.1, 0), (0.1, 0)), x).tolist() == [0, 0, 0, 1, 10, 60]
    assert compute(node("RELU_N1_TO_1", INT8, x.shape, (0.1, 0), (0.05, 5)), x).tolist() == [-15, 3, 5, 7, 25, 25]


def test_float_relu_keeps_nan() -> None:
    x = np.array([np.nan, -1, 7], np.float32)
    assert np.array_equal(
        compute(node("RELU6", FLOAT32, x.shape), x), np.array([np.nan, 0, 6], np.float32), equal_nan=True
    )


@pytest.mark.parametrize(("alpha", "expected"), [(0.5, [-17, 10]), (-0.5, [16, 10])])
def test_leaky_relu_negates_after_rounding(alpha: float, expected: list[int]) -> None:
    x = np.array([-33, 10], np.int8)
    the_node = node("LEAKY_RELU", INT8, x.shape, (1.0, 0), (1.0, 0), LeakyReluOptions(alpha=alpha))
    low = expected if alpha < 0 else [-16, 10]
    assert compute(the_node, x).tolist() == low


def test_hard_swish_is_close_to_the_function() -> None:
    result = compute(node("HARD_SWISH", INT8, (256,), (0.05, 0), (0.05, 0)), ALL_INT8)
    real = 0.05 * ALL_INT8.astype(float)
    assert np.allclose(result * 0.05, real * np.clip(real + 3, 0, 6) / 6, atol=0.05)


def test_hard_swish_refuses_an_output_scale_too_fine() -> None:
    with pytest.raises(ModelError, match="1/128"):
        hard_swish.prepare(node("HARD_SWISH", INT8, (1,), (1.0, 0), (0.001, 0)), LITERT)


def test_int16_activations_must_be_symmetric() -> None:
    with pytest.raises(ModelError, match="zero point 0"):
        relu.prepare(node("RELU", INT16, (1,), (1.0, 1), (1.0, 0)), LITERT)


@pytest.mark.parametrize(("name", "target"), [("LOGISTIC", (1 / 256, -128)), ("TANH", (1 / 128, 0))])
def test_tflm_has_int8_logistic_and_tanh_in_fixed_point(name: str, target: Any) -> None:
    for profile in (TFLM, SINGLE):
        for scale in (0.004, 0.05, 0.9):
            the_node = node(name, INT8, (256,), (scale, 3), target)
            difference = compute(the_node, ALL_INT8, profile).astype(int) - compute(the_node, ALL_INT8)
            assert np.abs(difference).max() <= 1
    coarse = node(name, INT8, (256,), (20.0, 0), target)  # every code saturates, zero downwards
    assert compute(coarse, ALL_INT8, TFLM).tolist() == [-128] * 129 + [127] * 127


def test_tflm_clamps_relu6_in_the_inputs_codes() -> None:
    x = np.array([-128, -1, 0, 1, 10, 127], np.int8)
    the_node = node("RELU6", INT8, x.shape, (0.1, 0), (0.2, 0))
    assert compute(the_node, x).tolist() == [0, 0, 0, 1, 5, 30]
    assert compute(the_node, x, TFLM).tolist() == compute(the_node, x, SINGLE).tolist() == [0, 0, 0, 1, 10, 60]
