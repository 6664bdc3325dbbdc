"""A product and a sum with constants of channels, compiled as one: the bits of the two, and no byte beyond."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiled_nodes import ACTIVATIONS, EXAMPLES, INNER, PROFILE, run_cases_in_a_process, run_compiled
from q31.kernels.elementwise import add_sub, mul, scaled_sum
from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import PROFILES
from q31.schema import ActivationFunctionType, Quantization, TensorType
from q31.schema.options import AddOptions, MulOptions, SubOptions

KINDS = [TensorType.INT8, TensorType.UINT8]
OPTIONS = {"MUL": MulOptions, "ADD": AddOptions, "SUB": SubOptions}
EVALUATE = {"MUL": mul.evaluate, "ADD": add_sub.evaluate_add, "SUB": add_sub.evaluate_sub}


def spec(kind: TensorType, shape: tuple[int, ...], scale: float, zero_point: int) -> TensorSpec:
    base = -128 if kind is TensorType.INT8 else 0
    return TensorSpec("t", kind, shape, Quantization((float(np.float32(scale)),), (zero_point + base,)))


def joined(random: Any, kind: TensorType, shape: tuple[int, ...], name: str, term_first: bool, **drawn: Any) -> Any:
    """Return the node of both operators in one, what was prepared for it, and how the two compute it."""
    activation = drawn.get("activation", ActivationFunctionType.NONE)
    profile = drawn["profile"]
    scales = np.exp(random.uniform(-2, 0, 5))
    if drawn.get("small_factors"):
        scales[1] /= 50
    if drawn.get("simple"):
        scales = random.choice([0.25, 0.5, 1.0, 0.75], 5)
    zero_points = random.choice([0, 3, 100, 128, 129, 250, 255], 5)
    shapes = (shape, shape[-1:], shape, shape[-1:], shape)
    x, factors, middle, terms, y = (spec(kind, *one) for one in zip(shapes, scales, zero_points.tolist(), strict=True))
    first = Node("MUL", 1, MulOptions(fused_activation_function=activation), (x, factors), (middle,))
    operands = (terms, middle) if term_first else (middle, terms)
    second = Node(name, 1, OPTIONS[name](fused_activation_function=activation), operands, (y,))
    product, total = mul.prepare(first, profile), add_sub.prepare(second, profile)
    limits = np.iinfo(x.dtype)
    values = [random.integers(limits.min, limits.max + 1, one.shape).astype(x.dtype) for one in (factors, terms)]
    if total.output_shift > 0:
        return None, second, None
    prepared = scaled_sum.join(product, values[0], total, second, values[1], term_first)

    def both(array: np.ndarray) -> np.ndarray:
        between = mul.evaluate(product, array, values[0])
        return EVALUATE[name](total, *((values[1], between) if term_first else (between, values[1])))

    return prepared, Node(name, 1, None, (x,), (y,)), both


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.integers(0, 2**32).map(np.random.default_rng),
    PROFILE,
    st.sampled_from(KINDS),
    st.sampled_from([16, 17, 31, 32, 40]),
    st.sampled_from(["ADD", "SUB"]),
    st.booleans(),
    st.booleans(),
    ACTIVATIONS,
)
def test_all_codes_of_all_channels(random, profile, kind, channels, name, term_first, simple, activation):
    shape = (2, 128, channels)
    prepared, node, both = joined(
        random, kind, shape, name, term_first, profile=profile, simple=simple, activation=activation
    )
    if prepared is None:
        return
    x = np.repeat(np.arange(256, dtype=np.uint8).view(node.input(0).dtype), channels).reshape(shape)
    expected, kernel = both(x), scaled_sum.kernel_of(name, (1, 1))
    np.testing.assert_array_equal(kernel.evaluate(prepared, x), expected)
    for parts in (1, 3):
        (compiled,) = run_compiled(kernel, node, prepared, x, parts=parts)
        np.testing.assert_array_equal(compiled, expected)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
@pytest.mark.parametrize("kind", KINDS)
def test_nearly_all_have_a_form(profile, kind):
    random, prepared = np.random.default_rng(3), []
    for _ in range(60):
        one, _, both = joined(random, kind, (4, 64), "ADD", False, profile=profile, small_factors=True)
        prepared += [one] if both is not None else []
    assert len(prepared) >= 30 and prepared.count(None) <= len(prepared) // 20


@pytest.mark.skipif(INNER in os.environ, reason="is the inner run")
@pytest.mark.parametrize("environment", [{"Q31_ISA": "generic"}, {"Q31_JIT": "0"}], ids=["generic", "interpreted"])
def test_other_tiers_give_the_same_bits(environment):
    run_cases_in_a_process(__file__, "all_codes", **environment)
