"""Compiled operators that go through rows of codes or numbers: the bits of ``evaluate``, whatever way a row takes."""

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiled_nodes import EXAMPLES, INNER, PROFILE, check, run_cases_in_a_process
from q31.kernels.activations import log_softmax, softmax
from q31.kernels.elementwise import div
from q31.kernels.normalization import l2_normalization
from q31.kernels.operator import Kernel, Node, TensorSpec
from q31.kernels.profiles import LITERT
from q31.kernels.quantize import quantize
from q31.kernels.reduce import arg_max
from q31.schema import Quantization, TensorType
from q31.schema.options import ArgMaxOptions, ArgMinOptions, DivOptions, L2NormOptions, SoftmaxOptions

SEEDS = st.integers(0, 2**32).map(np.random.default_rng)
KINDS = st.sampled_from([TensorType.INT8, TensorType.UINT8])
SHAPES = st.tuples(
    st.one_of(st.integers(1, 4), st.sampled_from([16, 17, 40])),
    st.sampled_from([1, 2, 7, 15, 16, 17, 21, 32, 33, 63, 64, 65, 100, 1001]),
)


def codes(random: Any, kind: TensorType, shape: tuple[int, ...]) -> np.ndarray:
    """Draw codes: of all of the range, of a few neighbours, or one everywhere."""
    limits = np.iinfo(TensorSpec("", kind, ()).dtype)
    spread = random.choice([0, 3, 256])
    low = int(random.integers(limits.min, limits.max + 1))
    drawn = random.integers(low - spread, low + spread + 1, shape)
    return np.clip(drawn, limits.min, limits.max).astype(limits.dtype)


def node_of(name: str, kind: TensorType, shape: Any, options: Any, scale: float, target: Any) -> Node:
    """Make a node of one operand and an output of its type."""
    source = TensorSpec("x", kind, shape, Quantization((float(np.float32(scale)),), (3,)))
    return Node(name, 1, options, (source,), (TensorSpec("y", kind, (), Quantization(*target)),))


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS, PROFILE, KINDS, SHAPES, st.sampled_from([1e-4, 0.01, 0.1, 0.3, 2.0]))
def test_softmax(random, profile, kind, shape, scale):
    target = ((1 / 256,), (-128 if kind is TensorType.INT8 else 0,))
    node = node_of("SOFTMAX", kind, shape, SoftmaxOptions(beta=1.0), scale, target)
    check(softmax.KERNELS[0], node, codes(random, kind, shape), profile)


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS, PROFILE, KINDS, SHAPES, st.sampled_from([1e-4, 0.01, 0.1, 0.3, 2.0]))
def test_log_softmax(random, profile, kind, shape, scale):
    target = ((1 / 16,), (127 if kind is TensorType.INT8 else 255,))
    node = node_of("LOG_SOFTMAX", kind, shape, None, scale, target)
    check(log_softmax.KERNELS[0], node, codes(random, kind, shape), profile)


def test_a_sum_of_exponentials_fits_int32_in_the_longest_row():
    for depth, lowered in ((4095, True), (4096, False)):
        node = node_of("LOG_SOFTMAX", TensorType.INT8, (1, depth), None, 0.1, ((1 / 16,), (127,)))
        prepared = log_softmax.prepare(node, LITERT)
        assert (log_softmax.lower(prepared, node) is not None) == lowered
        check(log_softmax.KERNELS[0], node, np.full((1, depth), 5, np.int8), LITERT, must_lower=lowered)


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS, PROFILE, KINDS, SHAPES)
def test_l2_normalization(random, profile, kind, shape):
    target = ((1 / 128,), (0 if kind is TensorType.INT8 else 128,))
    node = node_of("L2_NORMALIZATION", kind, shape, L2NormOptions(), 0.1, target)
    check(l2_normalization.KERNELS[0], node, codes(random, kind, shape), profile)


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(st.integers(1, 255), st.integers(0, 16), PROFILE)
def test_rows_of_any_length_squared_are_normalized(largest, power, profile):
    """Lengths squared from 1 to beyond 2**29, where the reciprocal's first steps differ."""
    x = np.full((1, 1 << power), largest, np.uint8)
    node = node_of("L2_NORMALIZATION", TensorType.UINT8, x.shape, L2NormOptions(), 0.1, ((1 / 128,), (128,)))
    check(l2_normalization.KERNELS[0], node, x, profile)


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS, KINDS, SHAPES, st.booleans(), st.sampled_from([TensorType.INT32, TensorType.INT64]))
def test_the_first_extreme_of_a_row(random, kind, shape, greatest, index_type):
    options = ArgMaxOptions(index_type) if greatest else ArgMinOptions(index_type)
    (kernel,) = [k for k in arg_max.KERNELS if k.name == ("ARG_MAX" if greatest else "ARG_MIN")]
    axis = TensorSpec("axis", TensorType.INT32, (), value=np.array(1, np.int32))
    node = node_of(kernel.name, kind, shape, options, 0.1, ((0.1,), (3,)))
    target = TensorSpec("y", index_type, ())
    node = Node(node.name, 1, options, (*node.inputs, axis), (target,))
    check(kernel, node, codes(random, kind, shape), LITERT)


_FLOATS = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 2**31, -(2**31), 2147483520, 3e38, -3e38, 1e-40], np.float32)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    SEEDS,
    st.sampled_from([(TensorType.INT8, -128), (TensorType.UINT8, 0), (TensorType.INT16, -32768)]),
    st.sampled_from([1, 5, 15, 16, 17, 40, 200]),
    st.sampled_from([1.0, 0.5, 0.1, 1 / 3, 2e-3, 1e-38, 1e30]),
    st.sampled_from(["zero", "ends", "below zero"]),
)
def test_quotients_are_rounded_to_codes(random, target, size, scale, zero_points):
    kind, least = target
    zero_point = {"zero": 0, "ends": -least - 1 if least else 255, "below zero": -1 if least else 1}[zero_points]
    specs = (TensorSpec("x", TensorType.FLOAT32, (size,)),)
    output = TensorSpec("y", kind, (), Quantization((float(np.float32(scale)),), (zero_point,)))
    halves = random.integers(-600, 600, size) / 2 * np.float32(scale)
    with np.errstate(all="ignore"):
        near = np.nextafter(halves.astype(np.float32), random.choice([-np.inf, np.inf], size)).astype(np.float32)
        beyond = random.choice(_FLOATS, size) * np.float32(random.choice([1, scale]))
    x = np.where(random.random(size) < 0.4, near, np.where(random.random(size) < 0.7, halves, beyond))
    check(quantize.KERNELS[0], Node("QUANTIZE", 1, None, specs, (output,)), x.astype(np.float32), LITERT)


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(SEEDS, st.sampled_from([((3, 17), (3, 17)), ((17,), ()), ((), (17,)), ((3, 5), (5,)), ((2, 1), (1, 3))]))
def test_quotients_of_numbers(random, shapes):
    specs = tuple(TensorSpec(name, TensorType.FLOAT32, shape) for name, shape in zip("xy", shapes, strict=True))
    node = Node("DIV", 1, DivOptions(), specs, (TensorSpec("z", TensorType.FLOAT32, ()),))
    x, y = (np.asarray(random.choice(_FLOATS, shape) + random.normal(size=shape), np.float32) for shape in shapes)
    kernel: Kernel = div.KERNELS[0]
    check(kernel, node, x, LITERT, others=[y])


@pytest.mark.skipif(INNER in os.environ, reason="is the inner run")
def test_the_generic_tier_gives_the_same_bits():
    run_cases_in_a_process(__file__, "test", Q31_ISA="generic")


@pytest.mark.skipif(INNER in os.environ, reason="is the inner run")
def test_interpreted_kernels_stay_inside_their_memory():
    run_cases_in_a_process(__file__, "test", Q31_JIT="0")
