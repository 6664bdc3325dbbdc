"""Compiled reductions, MAXIMUM and MINIMUM give the bits of ``evaluate``, and touch no byte beyond their operands."""

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiled_nodes import EXAMPLES, INNER, PROFILE, check, run_cases_in_a_process
from q31.kernels.elementwise import binary
from q31.kernels.operator import Kernel, Node, TensorSpec
from q31.kernels.reduce import mean, reductions, sum_prod
from q31.schema import Quantization, TensorType
from q31.schema.options import ReducerOptions

FLOAT32, INT16 = TensorType.FLOAT32, TensorType.INT16
TYPES = st.sampled_from([FLOAT32, FLOAT32, FLOAT32, TensorType.INT8, TensorType.UINT8, INT16])
KERNELS = {one.name: one for family in (mean, reductions, sum_prod, binary) for one in family.KERNELS}
SEEDS = st.integers(0, 2**32).map(np.random.default_rng)
SHAPES = [(1,), (40,), (3, 17), (2, 3, 16), (1, 4, 4, 33), (2, 3, 1, 5), (2, 3, 2, 3, 2)]


def numbers(random: Any, kind: TensorType, shape: tuple[int, ...]) -> np.ndarray:
    """Draw codes of the whole range; or float32 of many sizes, or all zeros of either sign; sometimes a NaN."""
    dtype = TensorSpec("", kind, ()).dtype
    if kind is not FLOAT32:
        limits = np.iinfo(dtype)
        return np.asarray(random.integers(limits.min, limits.max + 1, shape).astype(dtype))
    x = random.standard_normal(shape) * 10.0 ** random.integers(-20, 38, shape)
    x = np.where(random.random(shape) < 0.3, random.choice([0.0, -0.0, 1.0, -1.0], shape), x)
    if random.random() < 0.5:
        x = random.choice([0.0, -0.0], shape, p=random.choice([[0, 1], [0.5, 0.5]]))
    if random.random() < 0.3:
        x.flat[random.integers(0, x.size)] = random.choice([np.nan, np.inf, -np.inf])
    return np.asarray(x.astype(np.float32))


def quantization(random: Any, kind: TensorType, scale: float) -> Quantization:
    """Draw a zero point, of the types that have one."""
    if kind is FLOAT32:
        return Quantization()
    dtype = TensorSpec("", kind, ()).dtype
    limits = np.iinfo(dtype)
    return Quantization((scale,), (0 if kind is INT16 else int(random.integers(limits.min, limits.max + 1)),))


@settings(max_examples=3 * EXAMPLES, deadline=None)
@given(
    SEEDS,
    PROFILE,
    st.sampled_from(["MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"]),
    TYPES,
    st.sampled_from(SHAPES),
    st.lists(st.integers(0, 4), max_size=5),
    st.sampled_from([2.0**-12, 0.3, 1.0, 1.7, 2.0**6]),
    st.booleans(),
)
def test_reduction(random, profile, name, kind, shape, axes, ratio, keep_dims):
    axes = np.array([axis % len(shape) for axis in axes], np.int32)
    source = quantization(random, kind, 0.5)
    target = source if name in ("REDUCE_MAX", "REDUCE_MIN") else quantization(random, kind, 0.5 / ratio)
    specs = TensorSpec("x", kind, shape, source), TensorSpec("axes", TensorType.INT32, axes.shape, value=axes)
    node = Node(name, 1, ReducerOptions(keep_dims=keep_dims), specs, (TensorSpec("y", kind, (), target),))
    with np.errstate(all="ignore"):
        check(KERNELS[name], node, numbers(random, kind, shape), profile)


@settings(max_examples=2 * EXAMPLES, deadline=None)
@given(
    SEEDS,
    PROFILE,
    st.sampled_from(["MAXIMUM", "MINIMUM"]),
    TYPES,
    st.sampled_from(
        [((2, 3, 17),) * 2, ((2, 3, 17), (17,)), ((3, 1), (2, 3, 17)), ((), (40,)), ((4, 1), (1, 5)), ((1,), (1, 1))]
    ),
    st.booleans(),
)
def test_extreme_of_two(random, profile, name, kind, shapes, swapped):
    first, second = shapes[::-1] if swapped else shapes
    one = quantization(random, kind, 0.5)
    specs = TensorSpec("a", kind, first, one), TensorSpec("b", kind, second, one)
    node = Node(name, 1, None, specs, (TensorSpec("y", kind, (), one),))
    kernel: Kernel = KERNELS[name]
    check(kernel, node, numbers(random, kind, first), profile, others=[numbers(random, kind, second)])


@pytest.mark.skipif(INNER in os.environ, reason="this is the inner run")
@pytest.mark.parametrize("environment", [{"Q31_JIT": "0"}, {"Q31_ISA": "generic"}], ids=str)
def test_other_forms_compute_the_same_bits(environment):
    run_cases_in_a_process(__file__, "reduction or extreme", **environment)
