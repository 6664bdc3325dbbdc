"""Compiled poolings, interpolations and reductions of 8-bit codes: the bits of ``evaluate``, and no byte beyond."""

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiled_nodes import ACTIVATIONS, EXAMPLES, INNER, PROFILE, check, run_cases_in_a_process, windows
from q31.kernels.operator import Node, TensorSpec
from q31.kernels.pooling import pool_2d
from q31.kernels.profiles import LITERT
from q31.kernels.quantize import dequantize
from q31.kernels.registry import find
from q31.kernels.resize import bilinear
from q31.schema import Padding, Quantization, TensorType
from q31.schema.options import MaximumMinimumOptions, Pool2DOptions, ReducerOptions, ResizeBilinearOptions

SEEDS = st.integers(0, 2**32).map(np.random.default_rng)
KINDS = st.sampled_from([TensorType.INT8, TensorType.UINT8])
CHANNELS = st.sampled_from([1, 3, 5, 15, 16, 17, 31, 32, 33, 64, 70])
ZERO_POINTS = st.sampled_from([0, 3, 128, 255])


def codes(random: Any, kind: TensorType, shape: tuple[int, ...]) -> np.ndarray:
    """Draw codes: of all, or only the least and the greatest."""
    limits = np.iinfo(TensorSpec("", kind, ()).dtype)
    if random.random() < 0.3:
        return random.choice([limits.min, limits.max], shape).astype(limits.dtype)
    return random.integers(limits.min, limits.max + 1, shape).astype(limits.dtype)


def quantization(kind: TensorType, scale: float, zero_point: int) -> Quantization:
    """Return parameters; the zero point is that of a byte."""
    return Quantization((scale,), (zero_point - (128 if kind is TensorType.INT8 else 0),))


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS, KINDS, st.sampled_from(["AVERAGE_POOL_2D", "MAX_POOL_2D"]), windows(), CHANNELS, ACTIVATIONS, ZERO_POINTS)
def test_pools(random, kind, name, window, channels, activation, zero_point):
    image, (height, width), options = window
    own = Pool2DOptions(
        padding=options["padding"],
        stride_h=options["stride_h"],
        stride_w=options["stride_w"],
        filter_height=height,
        filter_width=width,
        fused_activation_function=activation,
    )
    shape = (int(random.integers(1, 3)), *image, channels)
    both = quantization(kind, 0.1, zero_point)
    node = Node(name, 1, own, (TensorSpec("x", kind, shape, both),), (TensorSpec("y", kind, (), both),))
    (kernel,) = [kernel for kernel in pool_2d.KERNELS if kernel.name == name]
    check(kernel, node, codes(random, kind, shape), LITERT)


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(SEEDS, KINDS, st.sampled_from([(1, 1), (1, 2), (2, 8), (8, 8), (8, 16), (11, 11), (1, 127), (12, 12)]))
def test_averages_of_every_size_up_to_the_largest(random, kind, taps):
    options = Pool2DOptions(Padding.VALID, 1, 1, filter_height=taps[0], filter_width=taps[1])
    shape = (1, taps[0] + 1, taps[1] + 1, 20)
    both = quantization(kind, 0.1, 7)
    node = Node(
        "AVERAGE_POOL_2D", 1, options, (TensorSpec("x", kind, shape, both),), (TensorSpec("y", kind, (), both),)
    )
    check(pool_2d.KERNELS[0], node, codes(random, kind, shape), LITERT)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    SEEDS,
    PROFILE,
    KINDS,
    st.sampled_from(["MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"]),
    st.sampled_from(
        [
            *(((1, 7, 9, 40), (1, 2)), ((300, 16), (0,)), ((5, 15), (0,)), ((2, 3, 33), (1,)), ((3, 20), (1,))),
            *(
                ((3, 130, 64), (1,)),
                ((2, 5, 203), (1,)),
                ((7, 150), (0,)),
                ((2, 3, 4, 70), (0, 2)),
                ((2, 3, 2, 70), (1,)),
            ),
        ]
    ),
)
def test_reductions_of_columns(random, profile, kind, name, form):
    shape, axes = form
    same = name.startswith("REDUCE")
    target = quantization(kind, 0.1 if same else 0.3, 7 if same else 90)
    specs = (
        TensorSpec("x", kind, shape, quantization(kind, 0.1, 7)),
        TensorSpec("axes", TensorType.INT32, (len(axes),), None, np.array(axes, np.int32)),
    )
    node = Node(name, 1, ReducerOptions(keep_dims=True), specs, (TensorSpec("y", kind, (), target),))
    check(find(node), node, codes(random, kind, shape), profile)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    SEEDS,
    KINDS,
    st.sampled_from(["MAXIMUM", "MINIMUM"]),
    st.sampled_from([(3, 40), (40,), (3, 1), (1,), (3, 5), (3, 32), (700,)]),
)
def test_extremes_of_two(random, kind, name, shape):
    other = (3, 40) if shape[-1] in (1, 40) else shape
    if random.random() < 0.5:
        shape, other = other, shape
    same = quantization(kind, 0.1, 7)
    specs = TensorSpec("x", kind, shape, same), TensorSpec("y", kind, other, same)
    node = Node(name, 1, MaximumMinimumOptions(), specs, (TensorSpec("z", kind, (), same),))
    check(find(node), node, codes(random, kind, shape), LITERT, others=[codes(random, kind, other)])


@settings(max_examples=2 * EXAMPLES, deadline=None)
@given(
    SEEDS,
    st.one_of(CHANNELS, st.integers(1, 5)),
    st.tuples(st.integers(1, 9), st.integers(1, 60)),
    st.tuples(*[st.integers(1, 20)] * 2),
    st.sampled_from([(False, False), (True, False), (False, True)]),
)
def test_bilinear_interpolation_of_int8(random, channels, image, size, corners):
    shape = (int(random.integers(1, 3)), *image, channels)
    same = quantization(TensorType.INT8, 0.1, 7)
    specs = (
        TensorSpec("x", TensorType.INT8, shape, same),
        TensorSpec("size", TensorType.INT32, (2,), None, np.array(size, np.int32)),
    )
    options = ResizeBilinearOptions(align_corners=corners[0], half_pixel_centers=corners[1])
    node = Node("RESIZE_BILINEAR", 1, options, specs, (TensorSpec("y", TensorType.INT8, (), same),))
    check(bilinear.KERNELS[0], node, codes(random, TensorType.INT8, shape), LITERT)
    lowered = bilinear.lower(bilinear.prepare(node, LITERT), node)
    assert lowered is not None and (lowered.kernel == "resize_bilinear_bytes") == (image[1] * channels >= 16)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    SEEDS,
    KINDS,
    st.sampled_from([1, 15, 16, 17, 100, 200]),
    st.floats(2.0**-120, 2.0**100, width=32),
    st.sampled_from([0, 3, 255]),
)
def test_dequantized_codes(random, kind, size, scale, zero_point):
    source = TensorSpec("x", kind, (size,), quantization(kind, scale, zero_point))
    node = Node("DEQUANTIZE", 1, None, (source,), (TensorSpec("y", TensorType.FLOAT32, ()),))
    check(dequantize.KERNELS[0], node, codes(random, kind, (size,)), LITERT)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    SEEDS,
    st.sampled_from([1, 15, 16, 17, 100, 200]),
    st.floats(2.0**-149, 2.0**127, width=32),
    st.sampled_from([0, 1, -3, 32767, -32768]),
)
def test_dequantized_codes_of_int16(random, size, scale, zero_point):
    source = TensorSpec("x", TensorType.INT16, (size,), Quantization((scale,), (zero_point,)))
    node = Node("DEQUANTIZE", 1, None, (source,), (TensorSpec("y", TensorType.FLOAT32, ()),))
    check(dequantize.KERNELS[0], node, codes(random, TensorType.INT16, (size,)), LITERT)


def test_a_zero_point_beyond_int16_is_not_dequantized_in_float32():
    source = TensorSpec("x", TensorType.INT16, (20,), Quantization((0.1,), (40_000,)))
    node = Node("DEQUANTIZE", 1, None, (source,), (TensorSpec("y", TensorType.FLOAT32, ()),))
    assert dequantize.lower(dequantize.prepare(node, LITERT), node) is None


@pytest.mark.skipif(INNER in os.environ, reason="is the inner run")
@pytest.mark.parametrize("environment", [{"Q31_ISA": "generic"}, {"Q31_JIT": "0"}], ids=["generic", "interpreted"])
def test_other_ways_to_run_give_the_same_bits(environment):
    run_cases_in_a_process(__file__, "pools or columns or two or bilinear or codes", **environment)
