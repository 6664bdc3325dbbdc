"""Lowering of BATCH_MATMUL where both factors are of one kind: int8 (also to int32), int16, float32."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...schema import TensorType
from ..broadcast import broadcast_strides
from ..operator import Field, Input, Instruction, Node, Output, Scratch, Shape
from .int16_lowering import wide_requantization_fields
from .packing import LANES, LARGEST_SCRATCH, TILE, pad_channels, round_up
from .prepared import Requantization
from .requantization import requantization_fields

_PANEL_ROWS = 96
_SAFE_TERMS = {TensorType.INT16: 256, TensorType.INT8: 1 << 15}  # bytes times such codes, added up in int32


def lower_float_batch_matmul(prepared: Any, node: Node) -> Instruction | None:
    """Lower to ``batch_matmul_float32``."""
    shared = _shared_fields(prepared, node, step=1, rows_each=1)
    if shared is None:
        return None
    zeros = pad_channels(np.zeros(prepared.output_shape[-1], np.float32))
    bounds = {"activation_min": -np.inf, "activation_max": np.inf}
    return Instruction("batch_matmul_float32", {**shared, "bias": zeros, **bounds})


def lower_plain_batch_matmul(prepared: Any, node: Node) -> Instruction | None:
    """Lower products of int8 codes, whose sums leave as they are, to ``batch_matmul8_to_32``."""
    shared = _shared_fields(prepared, node, step=2, rows_each=1)
    if shared is None:
        return None
    return Instruction("batch_matmul8_to_32", {**shared, "chunk": shared["depth"], "sums": Scratch(8 * TILE * LANES)})


def lower_quantized_batch_matmul(prepared: Any, node: Node) -> Instruction | None:
    """Lower to ``batch_matmul8`` or ``batch_matmul16``."""
    wide = node.input(0).type is TensorType.INT16
    shared = _shared_fields(prepared, node, step=2, rows_each=2 if wide else 1)
    if shared is None:
        return None
    columns = prepared.output_shape[-1]
    requantization = Requantization(
        np.zeros(columns),
        np.full(columns, prepared.multiplier, np.int32),
        np.full(columns, prepared.shift, np.int32),
        prepared.rounding,
        np.dtype(np.int64 if wide else np.int32),
        prepared.output_zero_point,
        prepared.output_min,
        prepared.output_max,
        node.output().dtype,
    )
    bias = np.zeros(columns, np.int64 if wide else np.int32)
    if wide:
        constants = wide_requantization_fields(requantization, bias, np.zeros(columns), groups=1)
        if constants is None:
            return None
        terms = _SAFE_TERMS[node.input(1).type]
        narrow = int(node.input(1).type is TensorType.INT8)
        own: dict[str, Field] = {"chunk": terms, "sums": Scratch(8 * TILE * LANES), "narrow": narrow, "packed": 0}
        return Instruction("batch_matmul16", {**shared, **constants, **own})
    reach = np.full(columns, 255.0 * 255.0 * (node.input(0).shape[-2 if prepared.adjoint_x else -1]))
    rescaling = requantization_fields(requantization, bias, reach, groups=1)
    if rescaling is None:
        return None
    points = {"input1_zero_point": prepared.x_zero_point, "input2_zero_point": prepared.y_zero_point}
    points["output_step"] = prepared.output_shape[-1]
    return Instruction("batch_matmul8", {**shared, **rescaling, **points})


def _shared_fields(prepared: Any, node: Node, step: int, rows_each: int) -> dict[str, Field] | None:
    """Return where the matrices are and the memory to pack them in; None where it is too much, or nothing is computed.

    Parameters
    ----------
    step : the depth is filled up to a multiple of it.
    rows_each : rows of the panel for each row of the first factor.
    """
    x, y, shape = node.input(0), node.input(1), prepared.output_shape
    rows, columns = shape[-2:]
    inner = x.shape[-2] if prepared.adjoint_x else x.shape[-1]
    if math.prod(shape) == 0 or inner == 0:
        return None
    depth, blocks, width = round_up(inner, step), round_up(columns, LANES), max(x.dtype.itemsize, 2)
    panel_rows = round_up(min(_PANEL_ROWS, rows * rows_each), TILE)
    sizes = width * depth * blocks, width * (panel_rows * depth + LANES)
    if sum(sizes) > LARGEST_SCRATCH:
        return None
    batch = shape[:-2]
    return {
        "input1": Input(0, x.dtype.itemsize * math.prod(x.shape)),
        "input1_size": math.prod(x.shape),
        "input2": Input(1, y.dtype.itemsize * math.prod(y.shape)),
        "input2_size": math.prod(y.shape),
        "output": Output(0, node.output().dtype.itemsize * math.prod(shape)),
        "offsets1": _offsets(x.shape, batch),
        "offsets2": _offsets(y.shape, batch),
        "batches": math.prod(batch),
        "rows": rows,
        "inner": inner,
        "columns": columns,
        "row_stride1": 1 if prepared.adjoint_x else inner,
        "depth_stride1": rows if prepared.adjoint_x else 1,
        "depth_stride2": 1 if prepared.adjoint_y else columns,
        "column_stride2": inner if prepared.adjoint_y else 1,
        "output_channels": columns,
        "depth": depth,
        "filter": Scratch(sizes[0]),
        "panel": Scratch(sizes[1]),
        "panel_rows": panel_rows,
    }


def _offsets(shape: Shape, batch: Shape) -> np.ndarray:
    """Return where each product's matrix starts, int64: leading axes broadcast to ``batch``."""
    matrix = shape[-2] * shape[-1]
    offsets = np.zeros(batch, np.int64)
    for axis, stride in enumerate(broadcast_strides(shape[:-2], batch)):
        steps = np.arange(batch[axis], dtype=np.int64) * stride * matrix
        offsets += steps.reshape((-1,) + (1,) * (len(batch) - axis - 1))
    return offsets.reshape(-1)
