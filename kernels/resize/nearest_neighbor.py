"""RESIZE_NEAREST_NEIGHBOR: each output pixel is a copy of one input pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import ResizeNearestNeighborOptions
from ..checks import options_of
from ..fixed_point import round_half_away
from ..operator import Input, Instruction, Kernel, Node, Output, Prepared
from ..profiles import Profile
from .size import output_shape


@dataclass(frozen=True)
class ResizeNearestNeighbor(Prepared):
    """Which input row each output row copies, and the same for columns (int64 arrays)."""

    rows: np.ndarray
    columns: np.ndarray


def nearest(input_size: int, output_size: int, align_corners: bool, half_pixel_centers: bool) -> np.ndarray:
    """Return the input position of each output position along one axis.

    Notes
    -----
    Source: ``GetNearestNeighbor`` in ``kernels/internal/reference/resize_nearest_neighbor.h``; all in float32.
    """
    if align_corners and output_size > 1:
        scale = np.float32(input_size - 1) / np.float32(output_size - 1)
    else:
        scale = np.float32(input_size) / np.float32(output_size)
    offset = np.float32(0.5 if half_pixel_centers else 0)
    position = (np.arange(output_size, dtype=np.float32) + offset) * scale
    position = round_half_away(position) if align_corners else np.floor(position)
    return np.clip(position.astype(np.int64), 0, input_size - 1)


def prepare(node: Node, profile: Profile) -> ResizeNearestNeighbor:
    """Prepare RESIZE_NEAREST_NEIGHBOR."""
    options = options_of(node, ResizeNearestNeighborOptions)
    shape = output_shape(node)
    source = node.input(0).shape
    rows = nearest(source[1], shape[1], options.align_corners, options.half_pixel_centers)
    columns = nearest(source[2], shape[2], options.align_corners, options.half_pixel_centers)
    return ResizeNearestNeighbor((shape,), rows, columns)


def evaluate(prepared: ResizeNearestNeighbor, x: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Resize ``x`` (N, H, W, C) of any type."""
    return np.ascontiguousarray(x[:, prepared.rows][:, :, prepared.columns])


def lower(prepared: ResizeNearestNeighbor, node: Node) -> Instruction | None:
    """Lower to ``resize_nearest_neighbor``, which copies pixels of any item size as bytes."""
    spec = node.input(0)
    batches, height, width, depth = spec.shape
    _, output_height, output_width, _ = prepared.output_shape
    pixel = depth * spec.dtype.itemsize
    if batches * pixel == 0:
        return None
    return Instruction(
        "resize_nearest_neighbor",
        {
            "input": Input(0, math.prod(spec.shape) * spec.dtype.itemsize),
            "output": Output(0, math.prod(prepared.output_shape) * spec.dtype.itemsize),
            "rows": prepared.rows,
            "columns": prepared.columns,
            "batches": batches,
            "input_height": height,
            "input_width": width,
            "output_height": output_height,
            "output_width": output_width,
            "pixel": pixel,
        },
    )


_TYPES = (
    *(TensorType.FLOAT32, TensorType.FLOAT16, TensorType.BFLOAT16, TensorType.BOOL),
    *(TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.UINT16, TensorType.INT32, TensorType.UINT32),
)
"""Pixels of 8, 16 and 32 bits are moved by their size."""

KERNELS = (Kernel("RESIZE_NEAREST_NEIGHBOR", (1, 4), _TYPES, prepare, evaluate, lower, values=(1,)),)
