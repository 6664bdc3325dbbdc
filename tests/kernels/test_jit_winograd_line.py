"""Convolutions of 7 taps in a line by Winograd's algorithm give the bits of ``evaluate``, and are computed so."""

import os
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiled_nodes import ACTIVATIONS, EXAMPLES, INNER, PADDINGS, PROFILE, check, run_cases_in_a_process
from drawn_convolutions import EIGHT_BIT, drawn_for, make_node, operands
from q31.kernels.convolution import conv_2d, winograd_lowering
from q31.kernels.jit import isa
from q31.kernels.operator import Instruction, Node
from q31.kernels.profiles import LITERT
from q31.schema import Padding, Quantization, TensorType
from q31.schema.options import Conv2DOptions

KERNEL = conv_2d.KERNELS[0]
LINES = pytest.mark.parametrize("taps", [(1, 7), (7, 1)])


@pytest.fixture(autouse=True, scope="module")
def small_products_too() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    for name in ("LEAST_CHANNELS", "LEAST_TILES"):
        patch.setattr(winograd_lowering, name, 1)
    patch.setattr(isa, "QUADS", False)
    patch.setattr(isa, "TILES", False)
    yield
    patch.undo()


def kernel_of(node: Node) -> str:
    assert KERNEL.lower is not None
    instruction = KERNEL.lower(KERNEL.prepare(node, LITERT), node)
    assert isinstance(instruction, Instruction)
    return instruction.kernel


def options(padding: Padding = Padding.SAME, **others: int) -> Conv2DOptions:
    return Conv2DOptions(padding=padding, **{"stride_h": 1, "stride_w": 1, **others})


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), PROFILE, EIGHT_BIT, PADDINGS, ACTIVATIONS, st.integers(1, 3), st.integers(7, 18), st.integers(1, 5))
def test_conv_2d_of_seven_taps(data, profile, tensor_type, padding, activation, batches, along, across):
    channels = st.one_of(st.integers(1, 6), st.sampled_from([15, 16, 17, 32, 33, 40]))
    depth, filters, upright = data.draw(channels), data.draw(channels), data.draw(st.booleans())
    taps, size = ((7, 1), (along, across)) if upright else ((1, 7), (across, along))
    drawn = data.draw(operands((filters, *taps, depth), 0, tensor_type))
    settings_of = Conv2DOptions(stride_h=1, stride_w=1, padding=padding, fused_activation_function=activation)
    node, x = make_node("CONV_2D", settings_of, tensor_type, (batches, *size, depth), drawn)
    assert kernel_of(node) == "conv_2d_winograd_line"
    check(KERNEL, node, x, profile)


@LINES
@pytest.mark.parametrize("image", [(1, 1, 1, 16), (1, 2, 3, 5), (2, 17, 17, 48), (1, 9, 8, 700)])
def test_small_images_and_several_panels(taps, image):
    drawn = drawn_for((33, *taps, image[3]), 0, 2.0**-10)
    node, x = make_node("CONV_2D", options(), TensorType.INT8, image, drawn)
    assert kernel_of(node) == "conv_2d_winograd_line"
    check(KERNEL, node, x, LITERT)


@LINES
@pytest.mark.parametrize("weights", ["highest", "lowest", "checks"])
@pytest.mark.parametrize("codes", ["highest", "lowest", "checks"])
@pytest.mark.parametrize(("tensor_type", "zero_point"), [(t, z) for t in ("INT8", "UINT8") for z in ("low", "high")])
def test_the_farthest_codes(taps, tensor_type, zero_point, weights, codes):
    """All as far from their zero point as they go, or by turns, so that every element of a tile reaches its bound."""
    kind = TensorType[tensor_type]
    info = np.iinfo(np.int8 if kind is TensorType.INT8 else np.uint8)
    low, high = info.min, info.max
    values = {"highest": (high, high), "lowest": (low, low), "checks": (low, high)}
    drawn = drawn_for((18, *taps, 50), 0, 2.0**-16)
    near = low if zero_point == "low" else high
    drawn["input"] = Quantization(drawn["input"].scale, (near,))
    drawn["output"] = Quantization(drawn["output"].scale, (5,))
    if kind is TensorType.UINT8:
        drawn["filter"] = Quantization(drawn["filter"].scale, (near,), 0)
    y, x = np.indices(taps)
    filters = np.array(values[weights])[(y + x) % 2, None]
    drawn["weights"] = np.broadcast_to(filters, (18, *taps, 50)).astype(info.dtype)
    node, _ = make_node("CONV_2D", options(), kind, (1, 9, 10, 50), drawn)
    y, x = np.indices((9, 10))
    image = np.broadcast_to(np.array(values[codes])[(y + x) % 2, None], (1, 9, 10, 50)).astype(info.dtype)
    assert kernel_of(node) == "conv_2d_winograd_line"
    check(KERNEL, node, image, LITERT)


@LINES
@pytest.mark.parametrize("name", ["stride_h", "stride_w", "dilation_h_factor", "dilation_w_factor"])
def test_other_windows_are_multiplied_tap_by_tap(taps, name):
    drawn = drawn_for((32, *taps, 32), 0, 2.0**-10)
    node, _ = make_node("CONV_2D", options(**{name: 2}), TensorType.INT8, (1, 20, 20, 32), drawn)
    assert kernel_of(node) == "conv_2d"


def test_the_packed_filter_is_twice_the_factors_of_the_products():
    weights = np.random.default_rng(0).integers(-255, 256, (5, 1, 7, 3)).astype(np.int16)
    elements = winograd_lowering.transform_line(weights)
    assert elements.shape == (5, 16, 3) and elements.dtype == np.int16
    np.testing.assert_array_equal(elements, winograd_lowering.transform_line(weights.reshape(5, 7, 1, 3)))
    g = weights[3, 0, :, 1].astype(int)
    both = g[0:6:2] + g[1:6:2]
    np.testing.assert_array_equal(elements[3, [0, 3, 8, 11], 1], 2 * g[[0, 4, 1, 5]])
    np.testing.assert_array_equal(elements[3, 4:8, 1], [2 * both[0], both.sum(), both @ [1, -1, 1], 2 * both[2]])
    np.testing.assert_array_equal(elements[3, 12:, 1], 2 * g[6])


@pytest.mark.skipif(INNER in os.environ, reason="this is the inner run")
def test_uncompiled_kernels_stay_within_their_memory():
    run_cases_in_a_process(__file__, "of_seven_taps or small", Q31_JIT="0")


@pytest.mark.skipif(INNER in os.environ, reason="this is the inner run")
@pytest.mark.parametrize("tier", [tier for tier in ("generic", "avx2") if tier != isa.TIER])
def test_the_other_tiers_of_pairs_compute_the_same_bits(tier):
    run_cases_in_a_process(__file__, "not uncompiled", Q31_ISA=tier)
