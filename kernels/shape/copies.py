"""Lowering what only moves elements: boxes of bytes, copied from strides to strides."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from ...schema.deferred import dataclass
from ..indexing.bounds import bounds_message
from ..operator import Fault, Field, Input, Instruction, Node, Output, Scratch, Shape, TensorSpec


@dataclass(frozen=True)
class Region:
    """A box of elements within a tensor: sizes, and the distance of neighbours and of the first element in bytes."""

    shape: Shape
    strides: tuple[int, ...]
    offset: int = 0

    @classmethod
    def whole(cls, spec: TensorSpec, shape: Shape | None = None) -> Region:
        """Return all of a contiguous tensor of the type of ``spec``, of its shape or another."""
        shape = spec.shape if shape is None else shape
        strides = []
        stride = spec.dtype.itemsize
        for size in reversed(shape):
            strides.append(stride)
            stride *= size
        return cls(shape, tuple(reversed(strides)))

    def part(self, axis: int, begin: int, size: int, step: int = 1) -> Region:
        """Return ``size`` elements along an axis from ``begin``, each ``step`` behind the one before."""
        shape = (*self.shape[:axis], size, *self.shape[axis + 1 :])
        strides = (*self.strides[:axis], self.strides[axis] * step, *self.strides[axis + 1 :])
        return Region(shape, strides, self.offset + begin * self.strides[axis])

    def end(self, item_size: int) -> int:
        """Return how many bytes of the tensor lie before the end of the box's last element."""
        return self.offset + item_size + sum(max(0, (n - 1) * s) for n, s in zip(self.shape, self.strides, strict=True))


Loop: TypeAlias = tuple[int, int, int]
"""Size, source stride and target stride."""


def _merge(source: Region, target: Region, item_size: int) -> tuple[list[Loop], int]:
    """Return the fewest loops and the length of the innermost run in bytes."""
    run = item_size
    loops: list[Loop] = []
    for size, near, far in zip(
        *(reversed(values) for values in (source.shape, source.strides, target.strides)), strict=True
    ):
        if size == 1:
            continue
        if not loops and near == far == run:
            run *= size
        elif loops and (near, far) == (loops[-1][0] * loops[-1][1], loops[-1][0] * loops[-1][2]):
            loops[-1] = (loops[-1][0] * size, *loops[-1][1:])
        else:
            loops.append((size, near, far))
    return loops[::-1] or [(1, run, run)], run


_SHORT = 8
_TILES = range(8, 33)


def _tile(loops: list[Loop]) -> list[Loop]:
    """Cut the innermost loop where another has the source's neighbours, so that what both read stays in the cache."""
    *outer, (size, near, far) = loops
    nearest = min(range(len(loops)), key=lambda i: abs(loops[i][1]))
    tile = max((divisor for divisor in _TILES if size % divisor == 0), default=size)
    if tile == size or not 0 < abs(loops[nearest][1]) < abs(near):
        return loops
    inner = [outer.pop(nearest), (tile, near, far)]
    return [*outer, (size // tile, near * tile, far * tile), *inner]


def _arrange(loops: list[Loop], run: int) -> tuple[list[Loop], int]:
    """Return loops for the kernel, whose innermost is better long: at least two, and the length of the run.

    A run of few elements becomes a loop, too.
    """
    if 1 < run < _SHORT:
        loops, run = [*loops, (run, 1, 1)], 1
    if loops[-1][0] < _SHORT:
        long = max(range(len(loops)), key=lambda i: (min(loops[i][0], _SHORT), i))
        loops = [*loops[:long], *loops[long + 1 :], loops[long]]
    if run == 1:
        loops = _tile(loops)
    return [(1, 0, 0)] * (2 - len(loops)) + loops, run


def strided_copy(
    node: Node,
    source: Region,
    target: Region,
    input_index: int = 0,
    output_index: int = 0,
    table: np.ndarray | None = None,
    widest: int = 8,
) -> Instruction | None:
    """Copy a box of one tensor to a box of the same sizes in another; through a table of 256 codes if one is given.

    The copy is in units whose size in bytes divides ``widest``.
    """
    if 0 in source.shape:
        return None
    item_size = node.output(output_index).dtype.itemsize
    loops, run = _merge(source, target, item_size)
    if table is None and run <= widest:
        turned = _turned_copy(source, target, input_index, output_index, item_size, loops, run)
        if turned is not None:
            return turned
    unit = 1
    if table is None:
        unit = math.gcd(widest, run, source.offset, target.offset, *(stride for loop in loops for stride in loop[1:]))
        loops, run = _arrange([(size, near // unit, far // unit) for size, near, far in loops], run // unit)
    input_size, output_size = source.end(item_size), target.end(item_size)
    fields: dict[str, Field] = {
        "input": Input(input_index, input_size),
        "output": Output(output_index, output_size),
        "sizes": np.array([size for size, _, _ in loops], np.int64),
        "input_strides": np.array([stride for _, stride, _ in loops], np.int64),
        "output_strides": np.array([stride for _, _, stride in loops], np.int64),
        "rank": len(loops),
        "run": run,
        "input_offset": source.offset // unit,
        "output_offset": target.offset // unit,
        "input_size": input_size // unit,
        "output_size": output_size // unit,
    }
    if table is None:
        return Instruction("strided_copy", {**fields, "unit": unit})
    return Instruction("strided_lookup8", {**fields, "table": table})


_BLOCKS = {1: 16, 2: 8, 4: 4}
"""Elements of a row of 16 bytes, by their size."""


def _turned_copy(
    source: Region, target: Region, input_index: int, output_index: int, item_size: int, loops: list[Loop], unit: int
) -> Instruction | None:
    """Copy where one loop is over neighbours in the source, and a long one over neighbours in the target."""
    columns = next((loop for loop in loops if loop[1] == unit), None)
    rows = next((loop for loop in loops if loop[2] == unit), None)
    if unit not in _BLOCKS or columns is None or rows is None or rows[0] < _BLOCKS[unit]:
        return None
    boxes = [loop for loop in loops if loop not in (columns, rows)]
    input_size, output_size = source.end(item_size), target.end(item_size)
    fields: dict[str, Field] = {
        "input": Input(input_index, input_size),
        "output": Output(output_index, output_size),
        "sizes": np.array([size for size, _, _ in boxes], np.int64),
        "input_strides": np.array([stride for _, stride, _ in boxes], np.int64),
        "output_strides": np.array([stride for _, _, stride in boxes], np.int64),
        "rank": len(boxes),
        "boxes": math.prod(size for size, _, _ in boxes),
        "rows": rows[0],
        "columns": columns[0],
        "row_stride": rows[1],
        "column_stride": columns[2],
        "input_offset": source.offset,
        "output_offset": target.offset,
        "input_size": input_size,
        "output_size": output_size,
        "unit": unit,
        "part": 0,
        "parts": 1,
    }
    return Instruction("turned_copy", fields)


def contiguous_copy(node: Node) -> Instruction | None:
    """Copy all of input 0, whatever its shape."""
    whole = Region.whole(node.input(0))
    return strided_copy(node, whole, whole)


def _all(instructions: Sequence[Instruction | None]) -> tuple[Instruction, ...] | None:
    present = tuple(instruction for instruction in instructions if instruction is not None)
    return present or None


def join(
    node: Node, axis: int, output_shape: Shape, tables: Sequence[np.ndarray | None]
) -> tuple[Instruction, ...] | None:
    """Copy each input to its place along an axis of the output."""
    whole = Region.whole(node.output(), output_shape)
    instructions = []
    begin = 0
    across = math.prod(output_shape[:axis]) * math.prod(output_shape[axis + 1 :])
    for index, table in enumerate(tables):
        spec = node.input(index)
        size = math.prod(spec.shape) // across if across else 0
        target = whole.part(axis, begin, size)
        instructions.append(strided_copy(node, Region.whole(spec, target.shape), target, index, 0, table))
        begin += size
    return _all(instructions)


def split(node: Node, input_index: int, axis: int, sizes: Sequence[int]) -> tuple[Instruction, ...] | None:
    """Copy parts along an axis of an input, one behind the other, to the outputs."""
    spec = node.input(input_index)
    instructions = []
    begin = 0
    for index, size in enumerate(sizes):
        part = Region.whole(spec).part(axis, begin, size)
        instructions.append(strided_copy(node, part, Region.whole(spec, part.shape), input_index, index))
        begin += size
    return _all(instructions)


def permute(node: Node, shape: Shape, order: Sequence[int]) -> Instruction | None:
    """Copy input 0, read in a shape of as many elements, with its axes in another order."""
    source = Region.whole(node.input(0), shape)
    permuted = tuple(shape[axis] for axis in order)
    region = Region(permuted, tuple(source.strides[axis] for axis in order))
    return strided_copy(node, region, Region.whole(node.input(0), permuted))


def repeat(node: Node, multiples: Sequence[int]) -> Instruction | None:
    """Copy input 0 so many times along each axis."""
    source = Region.whole(node.input(0))
    pairs = list(zip(multiples, source.shape, strict=True))
    shape = tuple(size for pair in pairs for size in pair)
    strides = tuple(stride for own in source.strides for stride in (0, own))
    return strided_copy(node, Region(shape, strides), Region.whole(node.input(0), shape))


def stretch(node: Node, output_shape: Shape) -> Instruction | None:
    """Copy input 0 along the axes of size 1 that an output has longer, and those it has before the input's."""
    source = Region.whole(node.input(0))
    own = [stride if size > 1 else 0 for size, stride in zip(source.shape, source.strides, strict=True)]
    region = Region(output_shape, (*[0] * (len(output_shape) - len(own)), *own))
    return strided_copy(node, region, Region.whole(node.input(0), output_shape))


def reverse(node: Node, axes: Sequence[int]) -> Instruction | None:
    """Copy input 0 with the elements along some axes in opposite order."""
    whole = region = Region.whole(node.input(0))
    for axis in axes:
        region = region.part(axis, whole.shape[axis] - 1, whole.shape[axis], -1)
    return strided_copy(node, region, whole)


def _filled(node: Node, output_shape: Shape, value: Field) -> dict[str, Field]:
    """Return the fields of ``pad`` where all of the output is filled with a value, and nothing is copied."""
    item_size = node.output().dtype.itemsize
    size = math.prod(output_shape)
    return {
        "input": value,
        "output": Output(0, size * item_size),
        "value": value,
        "sizes": np.zeros(1, np.int64),
        "output_strides": np.zeros(1, np.int64),
        "rank": 1,
        "run": 0,
        "item_size": item_size,
        "output_offset": 0,
        "input_size": 0,
        "output_size": size,
    }


def fill(node: Node, output_shape: Shape, value: int | Input) -> Instruction:
    """Fill all of an output with a code of its type, or with the one element of an input."""
    field = value if isinstance(value, Input) else np.array([value], node.output().dtype)
    return Instruction("pad", _filled(node, output_shape, field))


def pad(node: Node, before: Sequence[int], output_shape: Shape, pad_value: int | None) -> Instruction | None:
    """Copy input 0 into the middle of the output and fill what lies around it.

    ``pad_value`` is a code of the output's type; None: the one element of input 2.
    """
    spec = node.input(0)
    item_size = spec.dtype.itemsize
    if 0 in output_shape or 0 in spec.shape:
        return None
    whole = Region.whole(spec, output_shape)
    offset = sum(count * stride for count, stride in zip(before, whole.strides, strict=True))
    source, target = Region.whole(spec), Region(spec.shape, whole.strides, offset)
    loops, run = _merge(source, target, item_size)
    fields: dict[str, Field] = {
        "input": Input(0, source.end(item_size)),
        "sizes": np.array([size for size, _, _ in loops], np.int64),
        "output_strides": np.array([stride // item_size for _, _, stride in loops], np.int64),
        "rank": len(loops),
        "run": run // item_size,
        "output_offset": offset // item_size,
        "input_size": math.prod(spec.shape),
    }
    value = Input(2, item_size) if pad_value is None else np.array([pad_value], spec.dtype)
    return Instruction("pad", {**_filled(node, output_shape, value), **fields})


def _pick(
    node: Node, output_shape: Shape, source: int, run: int, starts: Sequence[int], fields: Mapping[str, Field]
) -> Instruction:
    spec = node.input(source)
    input_size = math.prod(spec.shape) * spec.dtype.itemsize
    output_size = math.prod(output_shape) * spec.dtype.itemsize
    unit = math.gcd(8, run)
    return Instruction(
        "gather",
        {
            "input": Input(source, input_size),
            "output": Output(0, output_size),
            "starts": np.array(starts, np.int64),
            "batches": len(starts),
            "run": run // unit,
            "unit": unit,
            "input_size": input_size // unit,
            "output_size": output_size // unit,
            **fields,
        },
    )


def gather(
    node: Node, source: int, indices: int, output_shape: Shape, axis: int = 0, batch_dims: int = 0
) -> Instruction | None:
    """Copy the slices of one input along an axis that another names, for each index of the shared axes on its own."""
    shape, positions = node.input(source).shape, node.input(indices)
    if 0 in output_shape or 0 in shape:
        return None
    known = positions.value
    if known is not None and (known.min() < 0 or known.max() >= shape[axis]):
        return None
    count = math.prod(positions.shape)
    batches, outer = math.prod(shape[:batch_dims]), math.prod(shape[batch_dims:axis])
    index_size = positions.dtype.itemsize
    indexed: dict[str, Field] = {
        "positions": Scratch(8 * count),
        "indices": Input(indices, count * index_size),
        "index_size": index_size,
        "fault": Fault(bounds_message(node.name, 0, shape[axis]), values=2),
    }
    if known is not None:
        indexed = {"positions": known.ravel().astype(np.int64), "indices": 0, "index_size": 0, "fault": 0}
    fields = {
        **indexed,
        "index_count": count,
        "position_step": count // batches,
        "count": count // batches,
        "axis_size": shape[axis],
        "outer": outer,
        "outer_step": shape[axis],
    }
    run = math.prod(shape[axis + 1 :]) * node.input(source).dtype.itemsize
    starts = range(0, batches * outer * shape[axis], outer * shape[axis])
    return _pick(node, output_shape, source, run, starts, fields)


def along_axes(node: Node, indices: Sequence[np.ndarray]) -> Instruction | None:
    """Copy the elements of input 0 whose index along each axis is one of those given."""
    shape = node.input(0).shape
    output_shape = tuple(len(index) for index in indices)
    if 0 in output_shape:
        return None
    moved = [axis for axis, size in enumerate(shape) if not np.array_equal(indices[axis], np.arange(size))]
    last = moved[-1] if moved else -1
    run, starts, positions = math.prod(shape[last + 1 :]), np.zeros(1, np.int64), np.zeros(1, np.int64)
    for axis in range(last + 1):
        starts = np.add.outer(starts, positions).ravel()
        positions = indices[axis] * math.prod(shape[axis + 1 : last + 1])
    fields: dict[str, Field] = {
        "positions": positions,
        "position_step": 0,
        "indices": 0,
        "index_size": 0,
        "index_count": len(positions),
        "axis_size": 0,
        "fault": 0,
        "outer": 1,
        "outer_step": 0,
        "count": len(positions),
    }
    return _pick(node, output_shape, 0, run * node.input(0).dtype.itemsize, starts.tolist(), fields)
