"""Compiled operators between types, and activations, give the bits of ``evaluate``, and touch no byte beyond.

Conformance holds the same operators to the reference, whether they are lowered or not; here they must be lowered.
"""

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiled_nodes import ACTIVATIONS, EXAMPLES, INNER, PROFILE, check, run_cases_in_a_process
from q31.kernels.activations import elu, gelu, prelu, softmax
from q31.kernels.convolution import batch_matmul, fully_connected
from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import LITERT
from q31.schema import Quantization, TensorType
from q31.schema.options import BatchMatMulOptions, FullyConnectedOptions, GeluOptions, SoftmaxOptions
from q31.schema.types import FullyConnectedOptionsWeightsFormat

SEEDS = st.integers(0, 2**32).map(np.random.default_rng)
INT8, UINT8, INT16, INT32 = TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.INT32
FLOAT32 = TensorType.FLOAT32


def codes(random: Any, kind: TensorType, shape: tuple[int, ...]) -> np.ndarray:
    """Draw codes over the whole range of a type."""
    dtype = TensorSpec("", kind, ()).dtype
    limits = np.iinfo(dtype)
    return np.asarray(random.integers(limits.min, limits.max + 1, shape).astype(dtype))


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    SEEDS,
    PROFILE,
    st.sampled_from([INT8, INT16]),
    st.sampled_from([((2, 3, 17), (17,)), ((2, 3, 17), (3, 1)), ((40,), (40,)), ((3, 5), ()), ((1, 2), (1, 1))]),
    st.sampled_from([2.0**-12, 0.1, 1.0, 3.0]),
)
def test_prelu_of_int16(random, profile, alpha_type, shapes, scale):
    alpha = codes(random, alpha_type, shapes[1])
    specs = (
        TensorSpec("x", INT16, shapes[0], Quantization((scale,), (int(random.integers(-9, 9)),))),
        TensorSpec("a", alpha_type, shapes[1], Quantization((0.01,), (int(random.integers(-9, 9)),)), alpha),
    )
    target = TensorSpec("y", INT16, (), Quantization((0.5,), (int(random.integers(-9, 9)),)))
    node = Node("PRELU", 1, None, specs, (target,))
    check(prelu.KERNELS[0], node, codes(random, INT16, shapes[0]), profile)


def test_prelu_of_int16_by_an_alpha_that_is_no_constant_is_not_lowered():
    one = Quantization((0.5,), (0,))
    specs = TensorSpec("x", INT16, (2,), one), TensorSpec("a", INT8, (2,), one)
    node, kernel = Node("PRELU", 1, None, specs, (TensorSpec("y", INT16, (), one),)), prelu.KERNELS[0]
    assert kernel.lower is not None and kernel.lower(kernel.prepare(node, LITERT), node) is None


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    SEEDS,
    PROFILE,
    st.sampled_from([INT8, UINT8]),
    st.sampled_from([(1, 1), (3, 10), (2, 3, 7), (1, 1001), (1, 40_000)]),
    st.sampled_from([1e-4, 0.01, 0.3, 2.0]),
)
def test_softmax_to_int16(random, profile, kind, shape, scale):
    source = TensorSpec("x", kind, shape, Quantization((scale,), (0,)))
    target = TensorSpec("y", INT16, (), Quantization((1 / 65536,), (-32768,)))
    node = Node("SOFTMAX", 1, SoftmaxOptions(beta=1.0), (source,), (target,))
    x = codes(random, kind, shape)
    check(softmax.KERNELS[0], node, x, profile)
    check(softmax.KERNELS[0], node, np.minimum(x, 3), profile)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    SEEDS,
    PROFILE,
    st.tuples(st.booleans(), st.booleans()),
    st.sampled_from([((), ()), ((2,), ()), ((2, 1), (3,))]),
    st.tuples(*[st.sampled_from([1, 2, 7, 16, 33])] * 3),
    st.booleans(),
)
def test_batch_matmul_to_int32(random, profile, adjoint, batches, sizes, extreme):
    rows, depth, columns = sizes
    first = (*batches[0], depth, rows) if adjoint[0] else (*batches[0], rows, depth)
    second = (*batches[1], columns, depth) if adjoint[1] else (*batches[1], depth, columns)
    one = Quantization((0.5,), (3,))
    specs = TensorSpec("x", INT8, first, one), TensorSpec("y", INT8, second, one)
    options = BatchMatMulOptions(adj_x=adjoint[0], adj_y=adjoint[1])
    node = Node("BATCH_MATMUL", 1, options, specs, (TensorSpec("z", INT32, (), one),))
    x, y = (np.full(s, -128, np.int8) if extreme else codes(random, INT8, s) for s in (first, second))
    check(batch_matmul.KERNELS[0], node, x, profile, others=[y])


def dense(
    random: Any,
    kinds: tuple[TensorType, TensorType],
    sizes: tuple[int, int, int],
    options: FullyConnectedOptions,
    zero_points: tuple[int, int],
    multiplier: float,
) -> tuple[Node, np.ndarray]:
    """Draw FULLY_CONNECTED of activations and weights of ``kinds`` to int16, and its input."""
    (batch, depth, units), (kind, weights_type) = sizes, kinds
    bias = random.integers(-(2**31), 2**31, units).astype(np.int32) // random.choice([1, 1000])
    matrix = codes(random, weights_type, (units, depth))
    specs = [
        TensorSpec("x", kind, (batch, depth), Quantization((0.5,), zero_points[:1])),
        TensorSpec("w", weights_type, matrix.shape, Quantization((1.0,), zero_points[1:]), matrix),
        TensorSpec("b", INT32, bias.shape, Quantization((0.5,), (0,)), bias.astype(np.int32)),
    ]
    targets = [TensorSpec("y", INT16, (), Quantization((float(np.float32(0.5 / multiplier)),), (0,)))]
    if options.weights_format is FullyConnectedOptionsWeightsFormat.SHUFFLED4x16INT8:
        targets.append(TensorSpec("workspace", UINT8, (batch, depth)))
    elif random.random() < 0.3:
        del specs[2]
    node = Node("FULLY_CONNECTED", 1, options, tuple(specs), tuple(targets))
    x = codes(random, kind, (batch, depth))
    if random.random() < 0.3:  # sums as large as they can be
        limits = np.iinfo(x.dtype), np.iinfo(matrix.dtype)
        x[...] = random.choice([limits[0].min, limits[0].max])
        matrix[...] = random.choice([limits[1].min, limits[1].max])
    return node, x


SIZES = st.tuples(st.integers(1, 9), st.sampled_from([1, 5, 16, 33, 700]), st.sampled_from([1, 5, 16, 17, 33]))
MULTIPLIERS = st.sampled_from([2.0**-28, 2.0**-20, 2.0**-9, 0.3, 20.0])


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS, PROFILE, SIZES, ACTIVATIONS, MULTIPLIERS)
def test_dense_of_int16_by_int16(random, profile, sizes, activation, multiplier):
    options = FullyConnectedOptions(fused_activation_function=activation)
    node, x = dense(random, (INT16, INT16), sizes, options, (0, 0), multiplier)
    check(fully_connected.KERNELS[0], node, x, profile)


@pytest.mark.parametrize(("zero_point", "lowered"), [(-1, True), (-3, False)])
def test_dense_of_int16_by_int16_with_a_zero_point_is_lowered_where_int16_holds_the_difference(zero_point, lowered):
    one, weights = Quantization((0.5,), (0,)), np.array([[-32768, 7, 32766]], np.int16)
    filters = TensorSpec("w", INT16, (1, 3), Quantization((0.5,), (zero_point,)), weights)
    specs = TensorSpec("x", INT16, (2, 3), one), filters
    node = Node("FULLY_CONNECTED", 1, FullyConnectedOptions(), specs, (TensorSpec("y", INT16, (), one),))
    kernel, x = fully_connected.KERNELS[0], np.array([[-32768, 1, 2], [32767, -1, 0]], np.int16)
    assert kernel.lower is not None and bool(kernel.lower(kernel.prepare(node, LITERT), node)) is lowered
    check(kernel, node, x, LITERT, lowered)


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS, PROFILE, SIZES, ACTIVATIONS, MULTIPLIERS, st.sampled_from([(0, 255), (128, 128), (7, 0)]))
def test_dense_of_uint8_to_int16(random, profile, sizes, activation, multiplier, zero_points):
    options = FullyConnectedOptions(fused_activation_function=activation)
    node, x = dense(random, (UINT8, UINT8), sizes, options, zero_points, multiplier)
    check(fully_connected.KERNELS[0], node, x, profile, must_lower=multiplier < 1)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    SEEDS,
    PROFILE,
    st.tuples(st.sampled_from([1, 4]), st.sampled_from([16, 48, 320]), st.sampled_from([4, 16, 36])),
    ACTIVATIONS,
    MULTIPLIERS,
)
def test_dense_of_shuffled_weights(random, profile, sizes, activation, multiplier):
    shuffled = FullyConnectedOptionsWeightsFormat.SHUFFLED4x16INT8
    options = FullyConnectedOptions(fused_activation_function=activation, weights_format=shuffled)
    node, x = dense(random, (UINT8, UINT8), sizes, options, (128, 128), multiplier)
    check(fully_connected.KERNELS[0], node, x, profile)


def any_float32(random: Any, size: int) -> np.ndarray:
    """Draw float32 of any bits, NaN and infinities among them, and as many of common size."""
    bits = random.integers(0, 2**32, size, dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = np.where(random.random(size) < 0.5, bits, random.standard_normal(size) * 4).astype(np.float32)
    x[:1] = random.choice(np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40], np.float32))
    return np.asarray(x)


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS, PROFILE, st.one_of(st.integers(1, 70), st.just(1000)), st.sampled_from(["ELU", "GELU", "GELU tanh"]))
def test_float_activations(random, profile, size, name):
    specs = (TensorSpec("x", FLOAT32, (size,)),), (TensorSpec("y", FLOAT32, ()),)
    operator = elu if name == "ELU" else gelu
    options = None if name == "ELU" else GeluOptions(approximate=name == "GELU tanh")
    node = Node(name.split()[0], 1, options, *specs)
    with np.errstate(all="ignore"):
        check(operator.KERNELS[0], node, any_float32(random, size), profile)


@pytest.mark.skipif(INNER in os.environ, reason="this is the inner run")
@pytest.mark.parametrize("environment", [{"Q31_JIT": "0"}, {"Q31_ISA": "generic"}], ids=str)
def test_other_forms_compute_the_same_bits(environment):
    run_cases_in_a_process(__file__, "prelu or softmax or batch_matmul or dense or float", **environment)
