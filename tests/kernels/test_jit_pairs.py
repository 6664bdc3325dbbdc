"""Operators of two codes, and of one, that run by a table: the bits of ``evaluate``, and no byte beyond."""

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiled_nodes import ACTIVATIONS, EXAMPLES, INNER, PROFILE, check, run_cases_in_a_process
from q31.kernels.elementwise import comparisons, div, roots, squared_difference
from q31.kernels.operator import Kernel, Node, TensorSpec
from q31.kernels.profiles import LITERT
from q31.kernels.quantize import cast
from q31.schema import Quantization, TensorType
from q31.schema.options import DivOptions

SEEDS = st.integers(0, 2**32).map(np.random.default_rng)
INT8, UINT8, INT16, FLOAT32 = TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.FLOAT32
KINDS = st.sampled_from([INT8, UINT8])
SHAPES = st.sampled_from(
    [
        *(((3, 700),) * 2, ((3, 700), (3, 1)), ((3, 1), (3, 700)), ((2100,), ()), ((), (2100,)), ((2, 1200), (1200,))),
        *(((300, 1), (1, 7)), ((1, 7), (300, 1)), ((700, 1, 3), (1, 1, 1)), ((2, 33, 40), (2, 1, 40))),
    ]
)
COMPARISONS: dict[str, Kernel] = {kernel.name: kernel for kernel in comparisons.KERNELS}


def codes(random: Any, kind: TensorType, shape: tuple[int, ...]) -> np.ndarray:
    dtype = TensorSpec("", kind, ()).dtype
    limits = np.iinfo(dtype)
    return np.asarray(random.integers(limits.min, limits.max + 1, shape).astype(dtype))


def spec(name: str, kind: TensorType, shape: tuple[int, ...], scale: float, zero_point: int, value: Any = None) -> Any:
    """Return a tensor; the zero point is that of a byte."""
    base = 128 if kind is INT8 else 0
    return TensorSpec(name, kind, shape, Quantization((float(np.float32(scale)),), (zero_point - base,)), value)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    SEEDS,
    PROFILE,
    KINDS,
    st.sampled_from(sorted(COMPARISONS)),
    SHAPES,
    st.tuples(*[st.sampled_from([0.001, 0.01, 0.3, 0.99, 1.5])] * 2),
)
def test_comparisons(random, profile, kind, name, shapes, scales):
    points = random.integers(0, 256, 2) if random.random() < 0.5 else (3, 3)
    if random.random() < 0.5:
        scales = scales[:1] * 2
    inputs = tuple(spec(*one) for one in zip("ab", (kind, kind), shapes, scales, points, strict=True))
    node = Node(name, 1, None, inputs, (TensorSpec("y", TensorType.BOOL, ()),))
    lowered = not profile.reproduces_quirks or max(scales) < 1
    assert (COMPARISONS[name].lower(COMPARISONS[name].prepare(node, profile), node) is not None) is lowered
    x, y = (codes(random, kind, shape) for shape in shapes)
    check(COMPARISONS[name], node, x, profile, must_lower=lowered, others=[y])


@settings(max_examples=EXAMPLES // 4, deadline=None)
@given(SEEDS, PROFILE, SHAPES, st.tuples(*[st.floats(0.01, 2)] * 2))
def test_squared_differences(random, profile, shapes, scales):
    points = random.integers(0, 256, 3)
    inputs = tuple(spec(*one) for one in zip("ab", (INT8, INT8), shapes, scales, points[:2], strict=True))
    output = spec("y", INT8, (), max(scales) * random.uniform(0.3, 3), points[2])
    node = Node("SQUARED_DIFFERENCE", 2, None, inputs, (output,))
    x, y = (codes(random, INT8, shape) for shape in shapes)
    check(squared_difference.KERNELS[0], node, x, profile, others=[y])


@settings(max_examples=EXAMPLES // 4, deadline=None)
@given(SEEDS, PROFILE, KINDS, SHAPES, ACTIVATIONS, st.sampled_from([0, 3, 128, 255]))
def test_quotients_by_constants(random, profile, kind, shapes, activation, zero_point):
    divisors = codes(random, kind, shapes[1])
    zero = zero_point - (128 if kind is INT8 else 0)
    divisors[divisors == zero] = zero + (1 if zero_point < 255 else -1)
    inputs = spec("a", kind, shapes[0], 0.3, 7), spec("b", kind, shapes[1], 0.05, zero_point, divisors)
    node = Node(
        "DIV", 1, DivOptions(fused_activation_function=activation), inputs, (spec("y", kind, (), 0.2, zero_point),)
    )
    check(div.KERNELS[0], node, codes(random, kind, shapes[0]), profile, others=[divisors])


def test_what_may_be_refused_is_not_lowered():
    one, constant = spec("a", UINT8, (3000,), 0.3, 7), np.arange(3000).astype(np.uint8)
    for divisor in (spec("b", UINT8, (3000,), 0.1, 9), spec("b", UINT8, (3000,), 0.1, 9, constant)):
        node = Node("DIV", 1, DivOptions(), (one, divisor), (one,))
        assert div.lower(div.prepare(node, LITERT), node) is None
    node = Node("RSQRT", 1, None, (spec("a", INT8, (9,), 0.3, 1),), (spec("b", INT8, (9,), 0.3, 1),))
    assert roots.lower_rsqrt(roots.prepare_rsqrt(node, LITERT), node) is None


def test_tables_that_take_long_to_make_are_not_made_for_little():
    specs = spec("a", INT8, (20,), 0.3, 7), spec("b", INT8, (20,), 0.3, 7)
    node = Node("SQUARED_DIFFERENCE", 2, None, specs, specs[:1])
    assert squared_difference.lower(squared_difference.prepare(node, LITERT), node) is None


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS, PROFILE, st.sampled_from([1, 31, 100]), st.floats(0.001, 3), st.floats(0.001, 3))
def test_reciprocal_square_roots_of_codes_that_are_not_negative(random, profile, size, scale, output_scale):
    node = Node("RSQRT", 1, None, (spec("a", INT8, (size,), scale, 0),), (spec("y", INT8, (), output_scale, 77),))
    (kernel,) = [kernel for kernel in roots.KERNELS if kernel.name == "RSQRT"]
    check(kernel, node, codes(random, INT8, (size,)), profile)


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS, st.sampled_from([INT8, UINT8, INT16]), st.sampled_from([1, 15, 16, 17, 100, 200]))
def test_casts_to_float32(random, kind, size):
    node = Node("CAST", 1, None, (TensorSpec("x", kind, (size,)),), (TensorSpec("y", FLOAT32, ()),))
    check(cast.KERNELS[0], node, codes(random, kind, (size,)), LITERT, must_lower=size >= 16)


@pytest.mark.skipif(INNER in os.environ, reason="is the inner run")
@pytest.mark.parametrize("environment", [{"Q31_ISA": "generic"}, {"Q31_JIT": "0"}], ids=["generic", "interpreted"])
def test_other_ways_to_run_give_the_same_bits(environment):
    run_cases_in_a_process(__file__, "comparisons or squared or quotients or reciprocal or casts", **environment)
