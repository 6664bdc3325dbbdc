"""SLICE and STRIDED_SLICE: a box of a tensor, with steps and axes added or dropped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import StridedSliceOptions
from ..checks import options_of, require_arity, require_same_type
from ..operator import Instruction, Kernel, Node, Prepared, Shape
from ..profiles import Profile
from . import copies
from .arguments import COPIED_TYPES, vector

_MAX_INDICES = 31


@dataclass(frozen=True)
class StridedSlice(Prepared):
    """Where each axis starts, how many elements are taken and in which steps.

    ``input_shape`` is the input's with the new axes of size 1 put in; ``begin``, ``size`` and ``strides`` have one
    entry for each of its axes. The output drops the axes in ``shrink_axes``, whose size is 1.
    """

    input_shape: Shape
    begin: tuple[int, ...]
    size: tuple[int, ...]
    strides: tuple[int, ...]
    shrink_axes: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Axis:
    """What is asked of one axis; None: from, or to, the end that the stride's direction says."""

    size: int
    begin: int | None = None
    end: int | None = None
    stride: int = 1
    shrink: bool = False


def prepare_slice(node: Node, profile: Profile) -> StridedSlice:
    """Prepare SLICE; a size of -1 means all that is left.

    Notes
    -----
    Source: ``CalculateOutputShapeVector`` in ``kernels/slice.cc``.
    """
    require_arity(node, 3)
    source = node.input(0)
    require_same_type(node, source, node.output())
    require_same_type(node, node.input(1), node.input(2))
    begin, size = vector(node, 1), vector(node, 2)
    rank = len(source.shape)
    node.require(len(begin) == rank and len(size) == rank, f"{rank} begins and sizes")
    taken = tuple(s - b if n == -1 else n for s, b, n in zip(source.shape, begin, size, strict=True))
    for axis in range(rank):
        inside = begin[axis] >= 0 and taken[axis] >= 0 and begin[axis] + taken[axis] <= source.shape[axis]
        node.require(inside, f"begin {begin[axis]} and size {size[axis]} within axis {axis}")
    return StridedSlice((taken,), source.shape, begin, taken, (1,) * rank)


def _new_axis_count(options: StridedSliceOptions, index_count: int) -> int:
    return bin(options.new_axis_mask & ~options.ellipsis_mask & ((1 << index_count) - 1)).count("1")


def _requested_axes(node: Node, options: StridedSliceOptions) -> list[_Axis]:
    """Return what is asked of each axis of the input with the new axes put in.

    Notes
    -----
    Source: ``BuildStridedSliceParams`` in ``kernels/strided_slice.cc``. Axes without an index are taken whole; an
    index that is both ellipsis and new axis is an ellipsis, which stands for at least one axis; indices that are left
    when every axis has one are ignored.
    """
    begin, end, strides = (vector(node, index, (TensorType.INT32,)) for index in (1, 2, 3))
    count = len(begin)
    node.require(count == len(end) == len(strides) <= _MAX_INDICES, f"up to {_MAX_INDICES} begins, ends and strides")
    node.require(bin(options.ellipsis_mask & ((1 << count) - 1)).count("1") <= 1, "at most one ellipsis")
    sizes = list(node.input(0).shape)
    axis_count = len(sizes) + _new_axis_count(options, count)
    axes: list[_Axis] = []
    for i in range(count):
        if len(axes) == axis_count:
            break
        if options.ellipsis_mask >> i & 1:
            covered = min(max(1, axis_count - count + 1), axis_count - i)
            node.require(covered <= len(sizes), "an ellipsis that stands for axes of the input")
            axes += [_Axis(sizes.pop(0)) for _ in range(covered)]
        elif options.new_axis_mask >> i & 1:
            axes.append(_Axis(1))
        else:
            node.require(bool(sizes), "no more indices than axes")
            first = None if options.begin_mask >> i & 1 else begin[i]
            last = None if options.end_mask >> i & 1 else end[i]
            axes.append(_Axis(sizes.pop(0), first, last, strides[i], bool(options.shrink_axis_mask >> i & 1)))
    return axes + [_Axis(size) for size in sizes]


def _clamp(index: int, stride: int, size: int) -> int:
    index += size if index < 0 else 0
    return max(0, min(index, size)) if stride > 0 else max(-1, min(index, size - 1))


def _resolve(node: Node, axis: _Axis, offset: bool) -> tuple[int, int]:
    """Return the first index along an axis and how many are taken.

    Notes
    -----
    Source: ``StartForAxis`` and ``EndForAxis`` in ``kernels/internal/reference/strided_slice.h``. With ``offset``
    the end counts from the (clamped) begin.
    """
    node.require(axis.stride != 0, "strides other than 0")
    forward = axis.stride > 0
    start = 0 if forward else axis.size - 1
    first = start if axis.begin is None else _clamp(axis.begin, axis.stride, axis.size)
    if axis.shrink:
        return first, int(0 <= first < axis.size)
    if axis.end is None:
        last = axis.size if forward else -1
    else:
        last = _clamp(axis.end + (first if offset else 0), axis.stride, axis.size)
    count = max(0, -((first - last) // axis.stride))
    if offset and axis.end is not None:
        node.require(count == max(0, -(-axis.end // axis.stride)), "an offset that ends within the axis")
    return first, count


def prepare_strided_slice(node: Node, profile: Profile) -> StridedSlice:
    """Prepare STRIDED_SLICE with all its masks and the ``offset`` option.

    Where the index of a dropped axis is out of bounds, the reference leaves the output unwritten; here that is a
    ModelError. It also writes nothing where such an axis has a negative stride; here that element is taken.
    """
    require_arity(node, 4)
    source = node.input(0)
    require_same_type(node, source, node.output())
    options = options_of(node, StridedSliceOptions)
    axes = _requested_axes(node, options)
    taken = [_resolve(node, axis, options.offset) for axis in axes]
    shrink_axes = tuple(i for i, axis in enumerate(axes) if axis.shrink)
    shape = tuple(count for i, (_, count) in enumerate(taken) if i not in shrink_axes)
    inside = all(taken[i][1] for i in shrink_axes)
    node.require(inside or 0 in shape, "an index within each dropped axis")
    return StridedSlice(
        (shape,),
        tuple(axis.size for axis in axes),
        tuple(first for first, _ in taken),
        tuple(count for _, count in taken),
        tuple(axis.stride for axis in axes),
        shrink_axes,
    )


def evaluate(prepared: StridedSlice, x: np.ndarray, *indices: np.ndarray) -> np.ndarray:
    """Take the box out of ``x`` of any type."""
    boxes = []
    for begin, size, stride in zip(prepared.begin, prepared.size, prepared.strides, strict=True):
        end = begin + size * stride
        boxes.append(slice(begin, end if end >= 0 else None, stride) if size else slice(0, 0))
    # With the ellipsis even a scalar string stays an array.
    return np.array(x.reshape(prepared.input_shape)[(*boxes, ...)], order="C").reshape(prepared.output_shape)


def lower(prepared: StridedSlice, node: Node) -> Instruction | None:
    """Lower to ``strided_copy``: the input is read from an offset with its strides multiplied."""
    whole = copies.Region.whole(node.input(0), prepared.input_shape)
    strides = tuple(step * stride for step, stride in zip(prepared.strides, whole.strides, strict=True))
    offset = sum(begin * stride for begin, stride in zip(prepared.begin, whole.strides, strict=True))
    return copies.strided_copy(
        node, copies.Region(prepared.size, strides, offset), copies.Region.whole(node.input(0), prepared.size)
    )


_SLICED_TYPES = (*COPIED_TYPES, TensorType.STRING, TensorType.INT4)
_STRIDED_TYPES = (*COPIED_TYPES, TensorType.STRING)

KERNELS = (
    Kernel("SLICE", (1, 8), _SLICED_TYPES, prepare_slice, evaluate, lower, values=(1, 2)),
    Kernel("STRIDED_SLICE", (1, 4), _STRIDED_TYPES, prepare_strided_slice, evaluate, lower, values=(1, 2, 3)),
)
