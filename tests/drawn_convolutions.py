"""Operands of 8-bit convolutions, drawn or random, and nodes with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from q31.kernels.operator import Node, TensorSpec
from q31.schema import Quantization, TensorType

EIGHT_BIT = st.sampled_from([TensorType.INT8, TensorType.UINT8])


@st.composite
def operands(draw: Any, filter_shape: tuple[int, ...], channel_axis: int, tensor_type: TensorType) -> dict[str, Any]:
    """Draw quantization, filter and bias: multipliers from far below 1 to far above, extreme zero points."""
    low, high = (0, 255) if tensor_type is TensorType.UINT8 else (-128, 127)
    channels = filter_shape[channel_axis]
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    zero_point = st.one_of(st.sampled_from([low, high]), st.integers(low, high))
    taps = int(np.prod(filter_shape)) // channels
    usual = 2.0**-7 / np.sqrt(taps)
    multiplier = usual * draw(
        st.one_of(st.floats(0.5, 2), st.sampled_from([2.0**-20, 2.0**-3, 1 / usual, 2.0**9 / usual]))
    )
    per_channel = tensor_type is TensorType.INT8 and draw(st.booleans())
    scales = np.float32(2.0**-8) * random.uniform(0.2, 1.5, channels if per_channel else 1).astype(np.float32)
    weights = random.integers(low, high + 1, filter_shape).astype(np.uint8 if low == 0 else np.int8)
    if draw(st.integers(0, 4)) == 0:
        weights[...] = draw(st.sampled_from([low, high]))  # the largest sums
    largest = draw(st.sampled_from([0, 1000, 2**31 - 1]))  # the last makes sums wrap
    bias = random.integers(-largest, largest + 1, channels).astype(np.int32)
    return {
        "random": random,
        "input": Quantization((float(np.float32(0.05)),), (draw(zero_point),)),
        "filter": Quantization(
            tuple(map(float, scales)), (draw(zero_point) if low == 0 else 0,) * len(scales), channel_axis
        ),
        "output": Quantization((float(np.float32(0.05 * float(scales[0]) / multiplier)),), (draw(zero_point),)),
        "weights": weights,
        "bias": draw(st.sampled_from([bias, bias, None])),
    }


def make_node(
    name: str, options: Any, tensor_type: TensorType, shape: tuple[int, ...], drawn: dict[str, Any]
) -> tuple[Node, np.ndarray]:
    weights, bias = drawn["weights"], drawn["bias"]
    accumulator_scale = float(np.float32(drawn["input"].scale[0] * drawn["filter"].scale[0]))
    specs = [
        TensorSpec("x", tensor_type, shape, drawn["input"]),
        TensorSpec("w", tensor_type, weights.shape, drawn["filter"], weights),
    ]
    if bias is not None:
        specs.append(TensorSpec("b", TensorType.INT32, bias.shape, Quantization((accumulator_scale,), (0,)), bias))
    node = Node(name, 1, options, tuple(specs), (TensorSpec("y", tensor_type, (), drawn["output"]),))
    info = np.iinfo(specs[0].dtype)
    return node, drawn["random"].integers(info.min, info.max + 1, shape).astype(specs[0].dtype)


def drawn_for(shape: tuple[int, ...], axis: int, multiplier: float) -> dict[str, Any]:
    random = np.random.default_rng(1)
    return {
        "random": random,
        "input": Quantization((0.5,), (3,)),
        "filter": Quantization((0.25,), (0,), axis),
        "output": Quantization((float(np.float32(0.125 / multiplier)),), (-5,)),
        "weights": random.integers(-128, 128, shape).astype(np.int8),
        "bias": random.integers(-1000, 1000, shape[axis]).astype(np.int32),
    }
