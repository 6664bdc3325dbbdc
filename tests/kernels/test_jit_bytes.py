"""Compiled operators of 8-bit codes that are vectors of bytes: the bits of ``evaluate``, and no byte beyond."""

import itertools
import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiled_nodes import ACTIVATIONS, EXAMPLES, INNER, PROFILE, check, run_cases_in_a_process, run_compiled
from q31.kernels.activations import relu
from q31.kernels.elementwise import add_sub, mul
from q31.kernels.operator import Kernel, Node, TensorSpec
from q31.kernels.profiles import LITERT, PROFILES
from q31.schema import Quantization, TensorType
from q31.schema.options import AddOptions, MulOptions, SubOptions

SEEDS = st.integers(0, 2**32).map(np.random.default_rng)
KINDS = st.sampled_from([TensorType.INT8, TensorType.UINT8])
KERNELS: dict[str, Kernel] = {kernel.name: kernel for kernel in (*add_sub.KERNELS, *mul.KERNELS)}
OPTIONS = {"ADD": AddOptions, "SUB": SubOptions, "MUL": MulOptions}
SHAPES = [
    ((3, 40), (3, 40)),
    ((5, 64), (64,)),
    ((64,), (5, 64)),
    ((5, 24), (24,)),
    ((4, 7), (7,)),
    ((3, 17), (3, 1)),
    ((3, 1), (3, 17)),
    ((2, 3, 20), (2, 1, 20)),
    ((100,), ()),
    ((1,), (1,)),
    ((15,), (15,)),
    ((16,), (16,)),
    ((2, 1, 3), (1, 5, 1)),
]


def codes(random: Any, kind: TensorType, shape: tuple[int, ...]) -> np.ndarray:
    limits = np.iinfo(TensorSpec("", kind, ()).dtype)
    return random.integers(limits.min, limits.max + 1, shape).astype(limits.dtype)


def node_of(name: str, kind: TensorType, shapes: Any, scales: Any, zero_points: Any, activation: Any = None) -> Node:
    """Make a node of two operands; zero points are those of bytes."""
    base = -128 if kind is TensorType.INT8 else 0
    specs = [
        TensorSpec(name, kind, shape, Quantization((float(scale),), (int(zero_point) + base,)))
        for name, shape, scale, zero_point in zip("xyz", (*shapes, ()), scales, zero_points, strict=True)
    ]
    options = OPTIONS[name]() if activation is None else OPTIONS[name](fused_activation_function=activation)
    return Node(name, 1, options, tuple(specs[:2]), tuple(specs[2:]))


def draw_scales(random: Any) -> np.ndarray:
    """Draw three scales: of any ratios, of simple ones, of powers of two, or alike."""
    pick = random.integers(4)
    if pick == 0:
        return np.exp(random.uniform(-3, 3, 3)).astype(np.float32)
    return np.float32([random.integers(1, 9, 3) / 8, 2.0 ** random.integers(-3, 3, 3), np.full(3, 0.7)][pick - 1])


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS, PROFILE, KINDS, st.sampled_from(sorted(KERNELS)), st.sampled_from(SHAPES), ACTIVATIONS)
def test_arithmetic_of_two_operands(random, profile, kind, name, shapes, activation):
    node = node_of(name, kind, shapes, draw_scales(random), random.integers(0, 256, 3), activation)
    x, y = (codes(random, kind, shape) for shape in shapes)
    check(KERNELS[name], node, x, profile, must_lower=False, others=[y])


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(SEEDS, PROFILE, KINDS, st.sampled_from(sorted(KERNELS)))
def test_every_pair_of_codes(random, profile, kind, name):
    shapes = (256, 1), (1, 256)
    node = node_of(name, kind, shapes, draw_scales(random), random.choice([0, 3, 100, 128, 255], 3))
    every = np.arange(256, dtype=np.uint8).view(TensorSpec("", kind, ()).dtype)
    check(KERNELS[name], node, every.reshape(shapes[0]), profile, must_lower=False, others=[every.reshape(shapes[1])])


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
def test_nearly_all_sums_are_weighted(profile):
    random, found = np.random.default_rng(1), 0
    for _ in range(100):
        scales = np.exp(random.uniform(-1, 1, 3)).astype(np.float32)
        scales[2] = max(scales[2], scales[:2].max() / 2)
        node = node_of("ADD", TensorType.INT8, ((16,), (16,)), scales, random.integers(0, 256, 3))
        instruction = add_sub.lower(add_sub.prepare(node, profile), node)
        found += instruction.kernel == "weighted_sum8"
    assert found >= 90


def test_sums_of_one_scale_are_weighted_with_halves_away_from_zero():
    node = node_of("ADD", TensorType.INT8, ((16,), (16,)), (1.0, 1.0, 2.0), (128, 128, 128))
    prepared = add_sub.prepare(node, LITERT)
    assert add_sub.lower(prepared, node).kernel == "weighted_sum8"
    x, y = np.arange(-8, 8).astype(np.int8), np.full(16, -1, np.int8)
    (total,) = run_compiled(KERNELS["ADD"], node, prepared, x, others=[y])
    halves = (x.astype(int) + y) / 2
    np.testing.assert_array_equal(total, np.sign(halves) * np.floor(np.abs(halves) + 0.5))


def test_products_are_requantized_in_32_bits():
    for shapes, scale in itertools.product(SHAPES, (0.3, 1.0)):
        node = node_of("MUL", TensorType.INT8, shapes, (scale, 0.1, 0.5), (3, 128, 7))
        assert mul.lower(mul.prepare(node, LITERT), node).kernel == "product8"


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS, KINDS, st.sampled_from([1, 31, 32, 33, 63, 64, 200]), st.sampled_from([0.5, 1.0, 1.7]))
def test_functions_of_one_code(random, kind, size, scale):
    (kernel,) = [kernel for kernel in relu.KERNELS if kernel.name == "RELU"]
    specs = (TensorSpec("x", kind, (size,), Quantization((1.0,), (3,))),)
    node = Node("RELU", 1, None, specs, (TensorSpec("y", kind, (), Quantization((scale,), (5,))),))
    check(kernel, node, codes(random, kind, (size,)), LITERT)


@pytest.mark.skipif(INNER in os.environ, reason="is the inner run")
def test_the_generic_tier_gives_the_same_bits():
    run_cases_in_a_process(__file__, "operands or one_code or every_pair", Q31_ISA="generic")


@pytest.mark.skipif(INNER in os.environ, reason="is the inner run")
def test_interpreted_kernels_stay_inside_their_memory():
    run_cases_in_a_process(__file__, "operands or one_code", Q31_JIT="0")
