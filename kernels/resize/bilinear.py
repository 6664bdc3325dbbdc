"""RESIZE_BILINEAR: int8 and int16 in 10-bit fixed point, uint8 and float32 in float32."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import ResizeBilinearOptions
from ..checks import options_of
from ..operator import Field, Input, Instruction, Kernel, Node, Output, Prepared, Scratch
from ..profiles import Profile
from .size import output_shape

_ONE = 1 << 10


@dataclass(frozen=True)
class Interpolation:
    """The two input positions between which each output position lies, and its distance from the lower one.

    ``distance`` is in 1/1024 (int64) in fixed point, otherwise a float32. It may be negative at the border, where
    both positions are 0.
    """

    lower: np.ndarray
    upper: np.ndarray
    distance: np.ndarray


@dataclass(frozen=True)
class ResizeBilinear(Prepared):
    """How output rows and columns lie between input rows and columns; ``fixed_point`` says in which arithmetic."""

    rows: Interpolation
    columns: Interpolation
    fixed_point: bool


def _truncating_divide(a: np.ndarray, b: int) -> np.ndarray:
    return np.sign(a) * (np.abs(a) // b)


def interpolate_fixed_point(
    input_size: int, output_size: int, align_corners: bool, half_pixel_centers: bool
) -> Interpolation:
    """Place the output positions of one axis in 1/1024 of an input position.

    Notes
    -----
    Source: ``ComputeInterpolationValuesInteger`` and ``ResizeBilinearInteger`` in
    ``kernels/internal/reference/resize_bilinear.h``. The scale is rounded to 10 bits before it is multiplied; the
    products are int32 and wrap.
    """
    if align_corners and output_size > 1:
        scale = (_ONE * (input_size - 1) + (output_size - 1) // 2) // (output_size - 1)
    else:
        scale = (_ONE * input_size + output_size // 2) // output_size
    position = np.arange(output_size, dtype=np.int64) * scale
    if half_pixel_centers:
        position += scale // 2 - _ONE // 2
    position = position.astype(np.int32).astype(np.int64)
    lower = np.maximum(_truncating_divide(position, _ONE), 0)
    upper = np.minimum(_truncating_divide(position + _ONE - 1, _ONE), input_size - 1)
    return Interpolation(lower, upper, position - _ONE * lower)


def interpolate_float(
    input_size: int, output_size: int, align_corners: bool, half_pixel_centers: bool
) -> Interpolation:
    """Place the output positions of one axis in float32.

    Notes
    -----
    Source: ``ComputeInterpolationValues`` and ``ResizeBilinear`` in
    ``kernels/internal/reference/resize_bilinear.h``.
    """
    if align_corners and output_size > 1:
        scale = np.float32(input_size - 1) / np.float32(output_size - 1)
    else:
        scale = np.float32(input_size) / np.float32(output_size)
    position = np.arange(output_size, dtype=np.float32)
    half = np.float32(0.5)
    position = (position + half) * scale - half if half_pixel_centers else position * scale
    lower = np.maximum(np.floor(position).astype(np.int64), 0)
    upper = np.minimum(np.ceil(position).astype(np.int64), input_size - 1)
    return Interpolation(lower, upper, position - lower.astype(np.float32))


def prepare(node: Node, profile: Profile) -> ResizeBilinear:
    """Prepare RESIZE_BILINEAR."""
    options = options_of(node, ResizeBilinearOptions)
    both = options.align_corners and options.half_pixel_centers
    node.require(not both, "align_corners or half_pixel_centers, not both")
    shape = output_shape(node)
    source = node.input(0)
    fixed_point = source.type in (TensorType.INT8, TensorType.INT16)
    place = interpolate_fixed_point if fixed_point else interpolate_float
    rows, columns = (
        place(source.shape[axis], shape[axis], options.align_corners, options.half_pixel_centers) for axis in (1, 2)
    )
    for axis, interpolation in ((1, rows), (2, columns)):
        inside = interpolation.lower.max() < source.shape[axis] and interpolation.upper.min() >= 0
        node.require(bool(inside), "an image small enough for 10-bit positions in int32")
    return ResizeBilinear((shape,), rows, columns, fixed_point)


def evaluate(prepared: ResizeBilinear, x: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Resize ``x`` (N, H, W, C): four neighbours, each weighted along both axes, summed in the reference's order."""
    rows, columns = prepared.rows, prepared.columns
    vertical, horizontal = rows.distance[:, None, None], columns.distance[:, None]
    one: np.generic = np.int64(_ONE) if prepared.fixed_point else np.float32(1)
    wide = x.astype(one.dtype)
    above, below = wide[:, rows.lower], wide[:, rows.upper]
    with np.errstate(over="ignore", invalid="ignore"):
        total = above[:, :, columns.lower] * (one - vertical) * (one - horizontal)
        total = total + below[:, :, columns.lower] * vertical * (one - horizontal)
        total = total + above[:, :, columns.upper] * (one - vertical) * horizontal
        total = total + below[:, :, columns.upper] * vertical * horizontal
    if prepared.fixed_point:
        # 20 fractional bits: halves away from zero, and -1/2 for a zero, by C's truncating division.
        total = _truncating_divide(total + np.where(total > 0, _ONE * _ONE // 2, -_ONE * _ONE // 2), _ONE * _ONE)
    elif x.dtype == np.uint8:
        total = (total + np.float32(0.5)).astype(np.int64)
    else:
        total = total + np.float32(0)  # as there, the rounding offset of a float: it makes -0 a 0
    return total.astype(x.dtype)


_COMPILED = {
    TensorType.FLOAT32: "resize_bilinear_float32",
    TensorType.UINT8: "resize_bilinear_uint8",
    TensorType.INT8: "resize_bilinear_int8",
    TensorType.INT16: "resize_bilinear_int16",
}


def lower(prepared: ResizeBilinear, node: Node) -> Instruction | None:
    """Lower to one ``resize_bilinear`` kernel for each type."""
    spec = node.input(0)
    batches, height, width, channels = spec.shape
    _, output_height, output_width, _ = prepared.output_shape
    if batches * channels == 0:
        return None
    fields: dict[str, Field] = {
        "input": Input(0, math.prod(spec.shape) * spec.dtype.itemsize),
        "output": Output(0, math.prod(prepared.output_shape) * spec.dtype.itemsize),
        "lower_rows": prepared.rows.lower,
        "upper_rows": prepared.rows.upper,
        "row_distances": prepared.rows.distance,
        "lower_columns": prepared.columns.lower,
        "upper_columns": prepared.columns.upper,
        "column_distances": prepared.columns.distance,
        "batches": batches,
        "input_height": height,
        "input_width": width,
        "output_height": output_height,
        "output_width": output_width,
        "channels": channels,
    }
    row = width * channels
    if spec.type is TensorType.INT8 and row >= _LANES and _are_fractions(prepared.rows, prepared.columns):
        runs = _needed_runs(prepared.columns, channels)
        own: dict[str, Field] = {
            "line": Scratch(4 * (row + _LANES) + _LANES),
            "distances": np.repeat(prepared.columns.distance, _PIXEL).astype(np.int32),
            "runs": runs,
            "run_count": len(runs),
            "part": 0,
            "parts": 1,
        }
        return Instruction("resize_bilinear_bytes", {**fields, **own})
    return Instruction(_COMPILED[spec.type], fields)


_LANES, _PIXEL = 16, 4  # of kernels/jit/vectors.py and kernels/jit/resize.py


def _needed_runs(columns: Interpolation, channels: int) -> np.ndarray:
    """Return where the runs of elements begin and end that columns need, as int64 (runs, 2); small gaps are filled."""
    needed = np.unique((columns.lower, columns.upper))
    gaps = np.flatnonzero((np.diff(needed) - 1) * channels >= _LANES)
    first, last = needed[np.append(0, gaps + 1)], needed[np.append(gaps, -1)]
    return np.stack((first, last + 1), axis=1) * channels


def _are_fractions(*interpolations: Interpolation) -> bool:
    """Whether distances are what they are but for positions that wrapped: of a half before the border, to one."""
    return all(one.distance.min() >= -_ONE // 2 and one.distance.max() <= _ONE for one in interpolations)


_TYPES = (TensorType.FLOAT32, TensorType.UINT8, TensorType.INT8, TensorType.INT16)

KERNELS = (Kernel("RESIZE_BILINEAR", (1, 4), _TYPES, prepare, evaluate, lower, values=(1,)),)
