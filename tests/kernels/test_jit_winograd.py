"""Convolutions of 3x3 taps by Winograd's algorithm give the bits of ``evaluate``, and are computed by it at all."""

import os
from collections.abc import Iterator
from typing import Any

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
LEAST = {name: getattr(winograd_lowering, name) for name in ("LEAST_CHANNELS", "LEAST_TILES")}


@pytest.fixture(autouse=True, scope="module")
def small_products_too() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    for name in LEAST:
        patch.setattr(winograd_lowering, name, 1)
    patch.setattr(isa, "QUADS", False)
    patch.setattr(isa, "TILES", False)
    yield
    patch.undo()


def lowered(node: Node) -> Instruction:
    assert KERNEL.lower is not None
    instruction = KERNEL.lower(KERNEL.prepare(node, LITERT), node)
    assert isinstance(instruction, Instruction)
    return instruction


def node_of(
    image: tuple[int, ...], filters: int, tensor_type: TensorType = TensorType.INT8, **options: Any
) -> tuple[Node, np.ndarray]:
    drawn = drawn_for((filters, 3, 3, image[3]), 0, 2.0**-6 / (9 * image[3]) ** 0.5)
    return make_node("CONV_2D", Conv2DOptions(**{"stride_h": 1, "stride_w": 1, **options}), tensor_type, image, drawn)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), PROFILE, EIGHT_BIT, PADDINGS, ACTIVATIONS, st.integers(1, 3), st.integers(3, 12), st.integers(3, 12))
def test_conv_2d_of_3x3_taps(data, profile, tensor_type, padding, activation, batches, height, width):
    channels = st.one_of(st.integers(1, 6), st.sampled_from([15, 16, 17, 32, 33, 40]))
    depth, filters = data.draw(channels), data.draw(channels)
    drawn = data.draw(operands((filters, 3, 3, depth), 0, tensor_type))
    options = Conv2DOptions(stride_h=1, stride_w=1, padding=padding, fused_activation_function=activation)
    node, x = make_node("CONV_2D", options, tensor_type, (batches, height, width, depth), drawn)
    assert lowered(node).kernel == "conv_2d_winograd"
    check(KERNEL, node, x, profile)


@pytest.mark.parametrize("padding", Padding)
@pytest.mark.parametrize("size", [(3, 3), (4, 5), (7, 7), (8, 8), (14, 13)])
def test_images_of_odd_and_even_sizes(size, padding):
    node, x = node_of((2, *size, 20), 37, padding=padding)
    assert lowered(node).kernel == "conv_2d_winograd"
    check(KERNEL, node, x, LITERT)


@pytest.mark.parametrize("image", [(1, 1, 1, 16), (1, 2, 1, 5), (2, 1, 4, 17)])
def test_images_smaller_than_the_filter(image):
    node, x = node_of(image, 9, padding=Padding.SAME)
    assert lowered(node).kernel == "conv_2d_winograd"
    check(KERNEL, node, x, LITERT)


@pytest.mark.parametrize("image", [(1, 31, 29, 16), (3, 14, 14, 48), (1, 9, 9, 512)])
def test_several_panels(image):
    node, x = node_of(image, 33, padding=Padding.SAME)
    instruction = lowered(node)
    rows, tiles = instruction.fields["panel_rows"], image[0] * -(-image[1] // 2) * -(-image[2] // 2)
    assert instruction.kernel == "conv_2d_winograd" and rows < tiles
    check(KERNEL, node, x, LITERT)


@pytest.mark.parametrize("weights", ["highest", "lowest", "checks"])
@pytest.mark.parametrize("codes", ["highest", "lowest", "checks"])
@pytest.mark.parametrize(("tensor_type", "zero_point"), [(t, z) for t in ("INT8", "UINT8") for z in ("low", "high")])
def test_the_farthest_codes(tensor_type, zero_point, weights, codes):
    """All as far from their zero point as they go, or by turns, so that every element of a tile reaches its bound."""
    kind = TensorType[tensor_type]
    info = np.iinfo(np.int8 if kind is TensorType.INT8 else np.uint8)
    low, high = info.min, info.max
    values = {"highest": (high, high), "lowest": (low, low), "checks": (low, high)}
    drawn = drawn_for((18, 3, 3, 50), 0, 2.0**-16)
    near = low if zero_point == "low" else high
    drawn["input"] = Quantization(drawn["input"].scale, (near,))
    drawn["output"] = Quantization(drawn["output"].scale, (5,))
    if kind is TensorType.UINT8:
        drawn["filter"] = Quantization(drawn["filter"].scale, (near,), 0)
    y, x = np.indices((3, 3))
    drawn["weights"] = np.broadcast_to(np.array(values[weights])[(y + x) % 2, None], (18, 3, 3, 50)).astype(info.dtype)
    node, _ = make_node("CONV_2D", Conv2DOptions(stride_h=1, stride_w=1), kind, (1, 7, 6, 50), drawn)
    y, x = np.indices((7, 6))
    image = np.broadcast_to(np.array(values[codes])[(y + x) % 2, None], (1, 7, 6, 50)).astype(info.dtype)
    assert lowered(node).kernel == "conv_2d_winograd"
    check(KERNEL, node, image, LITERT)


def test_sums_whose_fourfold_leaves_int32_are_multiplied_tap_by_tap():
    """At 127 and codes 255 apart, a sum over 9 taps reaches 2**29 with 1842 channels."""
    for channels, kernel in ((1841, "conv_2d_winograd"), (1842, "conv_2d")):
        drawn = drawn_for((2, 3, 3, channels), 0, 2.0**-22)
        drawn["weights"] = np.full_like(drawn["weights"], 127)
        drawn["weights"][1] = -127
        drawn["input"] = Quantization(drawn["input"].scale, (-128,))
        options = Conv2DOptions(stride_h=1, stride_w=1, padding=Padding.SAME)
        node, x = make_node("CONV_2D", options, TensorType.INT8, (1, 3, 4, channels), drawn)
        assert lowered(node).kernel == kernel
        check(KERNEL, node, np.full_like(x, 127), LITERT)


@pytest.mark.parametrize(
    "options", [{"stride_h": 2}, {"stride_w": 2}, {"dilation_h_factor": 2}, {"dilation_w_factor": 2}]
)
def test_other_windows_are_multiplied_tap_by_tap(options):
    assert lowered(node_of((1, 12, 12, 32), 32, **options)[0]).kernel == "conv_2d"


def test_small_products_and_those_of_higher_tiers_are_multiplied_tap_by_tap(monkeypatch):
    for name, least in LEAST.items():
        monkeypatch.setattr(winograd_lowering, name, least)
    images = {(1, 6, 6, 16): "conv_2d_winograd", (1, 6, 6, 15): "conv_2d", (1, 4, 4, 16): "conv_2d"}
    for image, kernel in images.items():
        assert lowered(node_of(image, 16, padding=Padding.SAME)[0]).kernel == kernel
    assert lowered(node_of((1, 6, 6, 16), 15, padding=Padding.SAME)[0]).kernel == "conv_2d"
    monkeypatch.setattr(isa, "QUADS", True)
    assert lowered(node_of((1, 6, 6, 16), 16, padding=Padding.SAME)[0]).kernel == "conv_2d_quads"


def test_the_packed_filter_is_four_times_the_transformed():
    random = np.random.default_rng(0)
    weights = random.integers(-255, 256, (5, 3, 3, 3)).astype(np.int16)
    packed = winograd_lowering.pack_elements(winograd_lowering.transform_square(weights), 16)
    assert packed.shape == (1, 16, 8, 16, 2) and packed.dtype == np.int16
    g = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
    for o in range(16):
        for c in range(16):
            expected = 4 * g @ weights[o, :, :, c] @ g.T if o < 5 and c < 3 else np.zeros((4, 4))
            np.testing.assert_array_equal(packed[0, :, c // 2, o, c % 2].reshape(4, 4), expected)


@pytest.mark.skipif(INNER in os.environ, reason="this is the inner run")
def test_uncompiled_kernels_stay_within_their_memory():
    run_cases_in_a_process(__file__, "of_3x3_taps or smaller", Q31_JIT="0")


@pytest.mark.skipif(INNER in os.environ, reason="this is the inner run")
@pytest.mark.parametrize("tier", [tier for tier in ("generic", "avx2") if tier != isa.TIER])
def test_the_other_tiers_of_pairs_compute_the_same_bits(tier):
    run_cases_in_a_process(__file__, "not uncompiled", Q31_ISA=tier)
