"""CONV_3D and CONV_3D_TRANSPOSE of float32."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...schema import Padding, TensorType
from ...schema.options import Conv3DOptions
from ..activation_range import clamp_float, float_activation_range
from ..checks import options_of, require_arity_between
from ..operator import Kernel, Node, Prepared, Shape, TensorSpec
from ..padding import Axis, compute_axis
from ..profiles import Profile
from .quantization import require_bias
from .taps import add_bias

_LARGEST_SIZE = 2**31 - 1
_Slices = tuple[slice, ...]


@dataclass(frozen=True)
class Conv3D(Prepared):
    """The window along depth, height and width, and the fused activation's clamp.

    A transposed convolution's window is that of the convolution that would turn the output back into the input.
    """

    axes: tuple[Axis, Axis, Axis]
    activation_min: np.float32
    activation_max: np.float32


def _axes(node: Node, options: Conv3DOptions, volume: Shape, filter_size: Shape) -> tuple[Axis, Axis, Axis]:
    """Return the window along depth, height and width, or raise ModelError."""
    strides = (options.stride_d, options.stride_h, options.stride_w)
    dilations = (options.dilation_d_factor, options.dilation_h_factor, options.dilation_w_factor)
    node.require(min(*volume, *filter_size) > 0, "a volume and a filter that are not empty")
    node.require(min(strides) > 0, f"positive strides, not {strides}")
    node.require(min(dilations) > 0, f"positive dilations, not {dilations}")
    reach = max((size - 1) * step + 1 for size, step in zip(filter_size, dilations, strict=True))
    node.require(reach <= _LARGEST_SIZE, "a filter within 32 bits")
    node.require(options.padding in (Padding.SAME, Padding.VALID), "padding SAME or VALID")
    depth, height, width = (
        compute_axis(options.padding, *sizes) for sizes in zip(volume, filter_size, strides, dilations, strict=True)
    )
    node.require(min(axis.output_size for axis in (depth, height, width)) > 0, "a volume that the filter fits into")
    return depth, height, width


def _require_volumes(node: Node, source: TensorSpec, weights: TensorSpec, channels_axis: int) -> None:
    types = (source.type, weights.type, node.output().type)
    if any(one is not TensorType.FLOAT32 for one in types):
        raise node.unsupported("float32")
    node.require(len(source.shape) == 5 and len(weights.shape) == 5, "input and filter of rank 5")
    node.require(source.shape[4] == weights.shape[channels_axis], "input and filter of the same number of channels")
    node.require(math.prod(source.shape) > 0 and math.prod(weights.shape) > 0, "input and filter that are not empty")


def prepare(node: Node, profile: Profile) -> Conv3D:
    """Prepare CONV_3D: volume (N, D, H, W, C), filter (FD, FH, FW, C, O) and, if there is one, bias (O,).

    Notes
    -----
    Source: ``Prepare`` in ``kernels/conv3d.cc``.
    """
    require_arity_between(node, 2, 3)
    source, weights = node.input(0), node.input(1)
    _require_volumes(node, source, weights, 3)
    require_bias(node, node.optional_input(2), weights.shape[4], (TensorType.FLOAT32,))
    options = options_of(node, Conv3DOptions)
    axes = _axes(node, options, source.shape[1:4], weights.shape[:3])
    shape = (source.shape[0], *(axis.output_size for axis in axes), weights.shape[4])
    return Conv3D((shape,), axes, *float_activation_range(options.fused_activation_function))


def _taps(axes: tuple[Axis, Axis, Axis]) -> Iterator[tuple[tuple[int, ...], _Slices, _Slices]]:
    """Yield the taps that meet the volume, in row-major order, with where they are inside output and input."""
    for position in itertools.product(*(axis.taps() for axis in axes)):
        inside = [axis.tap(one) for axis, one in zip(axes, position, strict=True)]
        whole = slice(None)
        yield position, (whole, *(one[0] for one in inside)), (whole, *(one[1] for one in inside))


def evaluate(prepared: Conv3D, x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """Sum products in float32 in the order depth, row, column, channel of the filter; then bias and clamp.

    Notes
    -----
    Source: ``Conv3D`` in ``kernels/internal/reference/conv3d.h``.
    """
    total = np.zeros(prepared.output_shape, np.float32)
    for tap, inside, seen in _taps(prepared.axes):
        for channel, column in enumerate(weights[tap]):
            total[inside] += x[seen][..., channel, None] * column
    return clamp_float(add_bias(total, bias), prepared.activation_min, prepared.activation_max)


def prepare_transpose(node: Node, profile: Profile) -> Conv3D:
    """Prepare CONV_3D_TRANSPOSE: output shape, filter (FD, FH, FW, O, C), volume and, if there is one, bias (O,).

    Notes
    -----
    Source: ``Prepare`` and ``ResizeOutputAndTemporaryTensors`` in ``kernels/conv3d_transpose.cc``.
    """
    require_arity_between(node, 3, 4)
    given, weights, source = node.input(0), node.input(1), node.input(2)
    _require_volumes(node, source, weights, 4)
    node.require(given.type is TensorType.INT32 and given.shape == (5,), "an output shape of 5 int32 values")
    require_bias(node, node.optional_input(3), weights.shape[3], (TensorType.FLOAT32,))
    shape = tuple(map(int, node.value(0)))
    node.require(min(shape) > 0 and math.prod(shape) <= _LARGEST_SIZE, f"a positive output shape, not {shape}")
    node.require(shape[0] == source.shape[0], f"output batch {shape[0]} equal to the input's")
    # The reference takes multiples, too, and reads past the end of the filter.
    node.require(shape[4] == weights.shape[3], f"{shape[4]} output channels, as many as filters")
    options = options_of(node, Conv3DOptions)
    axes = _axes(node, options, shape[1:4], weights.shape[:3])
    size = tuple(axis.output_size for axis in axes)
    node.require(source.shape[1:4] == size, f"an input of {size} for an output of {shape[1:4]}")
    return Conv3D((shape,), axes, *float_activation_range(options.fused_activation_function))


def evaluate_transpose(
    prepared: Conv3D, output_shape: np.ndarray, weights: np.ndarray, x: np.ndarray, bias: np.ndarray | None = None
) -> np.ndarray:
    """Scatter in float32 in the order depth, row, column, channel of the input; then bias and clamp.

    A later element of the input reaches the same output through an earlier tap, hence the taps in reverse.

    Notes
    -----
    Source: ``Conv3DTranspose`` in ``kernels/internal/reference/conv3d_transpose.h``.
    """
    total = np.zeros(prepared.output_shape, np.float32)
    for tap, read, written in reversed(list(_taps(prepared.axes))):
        for channel, column in enumerate(weights[tap].T):
            total[written] += x[read][..., channel, None] * column
    total = total if bias is None else add_bias(total, bias)
    return clamp_float(total, prepared.activation_min, prepared.activation_max)


_TYPES = (TensorType.FLOAT32,)

KERNELS = (
    Kernel("CONV_3D", (1, 1), _TYPES, prepare, evaluate),
    Kernel("CONV_3D_TRANSPOSE", (1, 1), _TYPES, prepare_transpose, evaluate_transpose, values=(0,), selector=2),
)
