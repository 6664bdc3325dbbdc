"""SPACE_TO_DEPTH, DEPTH_TO_SPACE, SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND: blocks of an image moved to another axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import DepthToSpaceOptions, SpaceToDepthOptions
from ..activation_range import type_range
from ..checks import options_of, require_arity, require_same_type, require_symmetric
from ..operator import Instruction, Kernel, Node, Prepared, Shape
from ..profiles import Profile
from . import copies
from .arguments import COPIED_TYPES, integers, vector

_ACROSS = (0, 1, 3, 2, 4, 5)
"""The order of axes in which an image of blocks has the blocks of a row beside each other."""

_QUANTIZABLE = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)


@dataclass(frozen=True)
class Blocks(Prepared):
    """The side of the square blocks."""

    block_size: int


def prepare_space_to_depth(node: Node, profile: Profile) -> Blocks:
    """Prepare SPACE_TO_DEPTH (``Prepare`` in ``kernels/space_to_depth.cc``)."""
    require_arity(node, 1)
    source = node.input(0)
    require_same_type(node, source, node.output())
    node.require(len(source.shape) == 4, "an input of rank 4")
    block = options_of(node, SpaceToDepthOptions).block_size
    node.require(block >= 1, f"a block_size of at least 1, not {block}")
    batch, height, width, depth = source.shape
    node.require(height % block == 0 and width % block == 0, f"height and width that are multiples of {block}")
    return Blocks(((batch, height // block, width // block, depth * block * block),), block)


def evaluate_space_to_depth(prepared: Blocks, x: np.ndarray) -> np.ndarray:
    """Put the rows of each block behind each other along the last axis."""
    batch, height, width, _ = prepared.output_shape
    blocks = x.reshape(batch, height, prepared.block_size, width, prepared.block_size, x.shape[3])
    return blocks.transpose(_ACROSS).reshape(prepared.output_shape).copy()


def lower_space_to_depth(prepared: Blocks, node: Node) -> Instruction | None:
    """Lower to ``strided_copy``: the rows of each block are read behind each other."""
    batch, height, width, _ = prepared.output_shape
    shape = (batch, height, prepared.block_size, width, prepared.block_size, node.input(0).shape[3])
    return copies.permute(node, shape, _ACROSS)


def prepare_depth_to_space(node: Node, profile: Profile) -> Blocks:
    """Prepare DEPTH_TO_SPACE (``Prepare`` in ``kernels/depth_to_space.cc``)."""
    require_arity(node, 1)
    source = node.input(0)
    require_same_type(node, source, node.output())
    node.require(len(source.shape) == 4, "an input of rank 4")
    block = options_of(node, DepthToSpaceOptions).block_size
    node.require(1 <= block <= 2**15, f"a block_size in [1, 2**15], not {block}")
    batch, height, width, depth = source.shape
    node.require(depth % (block * block) == 0, f"a depth that is a multiple of {block * block}")
    return Blocks(((batch, height * block, width * block, depth // (block * block)),), block)


def evaluate_depth_to_space(prepared: Blocks, x: np.ndarray) -> np.ndarray:
    """Make a block of each element of the image: the inverse of SPACE_TO_DEPTH."""
    batch, height, width, _ = x.shape
    blocks = x.reshape(batch, height, width, prepared.block_size, prepared.block_size, prepared.output_shape[3])
    return blocks.transpose(_ACROSS).reshape(prepared.output_shape).copy()


def lower_depth_to_space(prepared: Blocks, node: Node) -> Instruction | None:
    """Lower to ``strided_copy``: one row of all blocks beside each other is read after the other."""
    batch, height, width, _ = node.input(0).shape
    shape = (batch, height, width, prepared.block_size, prepared.block_size, prepared.output_shape[3])
    return copies.permute(node, shape, _ACROSS)


@dataclass(frozen=True)
class BatchBlocks(Prepared):
    """Sides of the blocks, and what is added (SPACE_TO_BATCH_ND) or cut away around each spatial axis.

    ``pad_value`` is the code that is added.
    """

    block_shape: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    pad_value: int = 0


def _blocks_and_borders(node: Node) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Check what both operators have in common and return block_shape, before and after."""
    require_arity(node, 3)
    source, target = node.input(0), node.output()
    require_same_type(node, source, target)
    spatial = len(source.shape) - 2
    node.require(spatial in (1, 2), "an input of rank 3 or 4")
    if source.type in _QUANTIZABLE:
        same = (source.scale, source.zero_point) == (target.scale, target.zero_point)
        node.require(same, "input and output of one scale and zero point")
    if source.type is TensorType.INT16:
        require_symmetric(node, source, target)
    block_shape = vector(node, 1, (TensorType.INT32,))
    node.require(len(block_shape) == spatial, f"{spatial} block sizes")
    node.require(all(size >= 1 for size in block_shape), f"block sizes of at least 1, not {list(block_shape)}")
    node.require(node.input(2).shape == (spatial, 2), f"input 2 of shape ({spatial}, 2)")
    borders = integers(node, 2, (TensorType.INT32,))
    node.require(all(amount >= 0 for amount in borders), "paddings or crops of at least 0")
    return block_shape, borders[0::2], borders[1::2]


def prepare_space_to_batch(node: Node, profile: Profile) -> BatchBlocks:
    """Prepare SPACE_TO_BATCH_ND of an NHC or NHWC tensor; quantized borders are the output's zero point.

    Notes
    -----
    Source: ``Prepare`` and ``ResizeOutputTensor`` in ``kernels/space_to_batch_nd.cc``.
    """
    block_shape, before, after = _blocks_and_borders(node)
    source, target = node.input(0), node.output()
    batch, *spatial, depth = source.shape
    sizes = []
    for size, block, first, last in zip(spatial, block_shape, before, after, strict=True):
        padded = size + first + last
        node.require(padded % block == 0, f"a padded size {padded} that is a multiple of {block}")
        sizes.append(padded // block)
        batch *= block
    pad_value = target.zero_point if source.type in _QUANTIZABLE else 0
    if source.type in _QUANTIZABLE:
        low, high = type_range(target.type)
        node.require(low <= pad_value <= high, f"an output zero point in [{low}, {high}]")
    return BatchBlocks(((batch, *sizes, depth),), block_shape, before, after, pad_value)


def evaluate_space_to_batch(
    prepared: BatchBlocks, x: np.ndarray, block_shape: np.ndarray, paddings: np.ndarray
) -> np.ndarray:
    """Pad ``x``, and make each place within the blocks a batch of its own."""
    borders = ((0, 0), *zip(prepared.before, prepared.after, strict=True), (0, 0))
    padded = np.pad(x, borders, constant_values=x.dtype.type(prepared.pad_value))
    steps = [range(block) for block in prepared.block_shape]
    places = np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, len(steps))
    parts = [
        padded[(slice(None), *(slice(i, None, b) for i, b in zip(place, prepared.block_shape, strict=True)))]
        for place in places
    ]
    return np.concatenate(parts).reshape(prepared.output_shape)


def prepare_batch_to_space(node: Node, profile: Profile) -> BatchBlocks:
    """Prepare BATCH_TO_SPACE_ND of an NHC or NHWC tensor.

    Notes
    -----
    Source: ``Prepare`` and ``ResizeOutputTensor`` in ``kernels/batch_to_space_nd.cc``.
    """
    block_shape, before, after = _blocks_and_borders(node)
    batch, *spatial, depth = node.input(0).shape
    sizes = []
    for size, block, first, last in zip(spatial, block_shape, before, after, strict=True):
        node.require(batch % block == 0, f"a batch of {batch} that is a multiple of {block}")
        batch //= block
        node.require(size * block >= first + last, "crops within the image")
        sizes.append(size * block - first - last)
    return BatchBlocks(((batch, *sizes, depth),), block_shape, before, after)


def evaluate_batch_to_space(
    prepared: BatchBlocks, x: np.ndarray, block_shape: np.ndarray, crops: np.ndarray
) -> np.ndarray:
    """Weave the batches into blocks and crop: the inverse of SPACE_TO_BATCH_ND."""
    batch, *_, depth = prepared.output_shape
    spatial = x.shape[1:-1]
    count = len(spatial)
    apart = x.reshape(*prepared.block_shape, batch, *spatial, depth)
    order = [count]
    for axis in range(count):
        order += [count + 1 + axis, axis]
    whole = apart.transpose(*order, 2 * count + 1)
    sizes = [size * block for size, block in zip(spatial, prepared.block_shape, strict=True)]
    image = whole.reshape(batch, *sizes, depth)
    kept = [slice(first, size - last) for first, size, last in zip(prepared.before, sizes, prepared.after, strict=True)]
    return image[(slice(None), *kept)].copy(order="C")


_MOST_PLACES = 1024


def _weave(
    prepared: BatchBlocks, node: Node, image_shape: Shape, batches_shape: Shape
) -> list[tuple[copies.Region, copies.Region]]:
    """Return, for each place within the blocks, where it is in the image and in the batches."""
    spec = node.input(0)
    pairs = []
    for number, place in enumerate(np.ndindex(*prepared.block_shape)):
        image, batches = copies.Region.whole(spec, image_shape), copies.Region.whole(spec, batches_shape)
        batches = batches.part(0, number * image_shape[0], image_shape[0])
        for axis, (first, block, before) in enumerate(
            zip(place, prepared.block_shape, prepared.before, strict=True), start=1
        ):
            begin = max(0, -((first - before) // block))
            end = (image_shape[axis] - 1 + before - first) // block + 1
            count = max(0, end - begin)
            batches = batches.part(axis, begin, count)
            image = image.part(axis, begin * block + first - before, count, block)
        pairs.append((image, batches))
    return pairs


def lower_space_to_batch(prepared: BatchBlocks, node: Node) -> tuple[Instruction, ...] | None:
    """Lower to one ``strided_copy`` for each place within the blocks, after borders are filled."""
    shape = prepared.output_shape
    if 0 in shape or math.prod(prepared.block_shape) > _MOST_PLACES:
        return None
    bordered = any(prepared.before) or any(prepared.after)
    moves = [copies.fill(node, shape, prepared.pad_value)] if bordered else []
    pairs = _weave(prepared, node, node.input(0).shape, shape)
    return (*moves, *filter(None, [copies.strided_copy(node, image, batches) for image, batches in pairs]))


def lower_batch_to_space(prepared: BatchBlocks, node: Node) -> tuple[Instruction, ...] | None:
    """Lower to one ``strided_copy`` for each place within the blocks."""
    shape = prepared.output_shape
    if 0 in shape or math.prod(prepared.block_shape) > _MOST_PLACES:
        return None
    pairs = _weave(prepared, node, shape, node.input(0).shape)
    return tuple(filter(None, [copies.strided_copy(node, batches, image) for image, batches in pairs]))


_DEPTH_TYPES = (TensorType.FLOAT32, TensorType.UINT8, TensorType.INT8, TensorType.INT32, TensorType.INT64)

KERNELS = (
    Kernel(
        "SPACE_TO_DEPTH", (1, 2), _DEPTH_TYPES, prepare_space_to_depth, evaluate_space_to_depth, lower_space_to_depth
    ),
    Kernel(
        "DEPTH_TO_SPACE", (1, 1), _DEPTH_TYPES, prepare_depth_to_space, evaluate_depth_to_space, lower_depth_to_space
    ),
    Kernel(
        "SPACE_TO_BATCH_ND",
        (1, 4),
        COPIED_TYPES,
        prepare_space_to_batch,
        evaluate_space_to_batch,
        lower_space_to_batch,
        values=(1, 2),
    ),
    Kernel(
        "BATCH_TO_SPACE_ND",
        (1, 4),
        COPIED_TYPES,
        prepare_batch_to_space,
        evaluate_batch_to_space,
        lower_batch_to_space,
        values=(1, 2),
    ),
)
