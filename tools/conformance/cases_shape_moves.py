"""Cases of the operators that repeat, reverse, mirror, block and cut tensors."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...schema import TensorType
from ...schema.options import (
    BatchToSpaceNDOptions,
    BroadcastToOptions,
    DepthToSpaceOptions,
    FillOptions,
    MirrorPadOptions,
    ReverseSequenceOptions,
    ReverseV2Options,
    SpaceToBatchNDOptions,
    SpaceToDepthOptions,
    SplitVOptions,
    TileOptions,
)
from ...schema.types import MirrorPadMode
from .case import Case, result, single_operator, tensor
from .cases_shape import (
    BFLOAT16,
    BOOL,
    COPIED,
    FLOAT16,
    FLOAT32,
    INT8,
    INT16,
    INT32,
    INT64,
    STRING,
    UINT8,
    data,
    index,
    parameters,
    sized,
)
from .strategies import arrays, by_type, shapes

INDEX = st.sampled_from([INT32, INT32, INT64])


@st.composite
def tile(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(sized())
    multiples = [draw(st.sampled_from([1, 1, 2, 3, 4])) for _ in shape]
    operand, given = draw(index(multiples, draw(INDEX)))
    parameter = draw(parameters(tensor_type))
    x = draw(arrays(tensor_type, shape))
    inputs, outputs = [tensor(tensor_type, shape, parameter), operand], [result(tensor_type, parameter)]
    return single_operator("TILE", TileOptions(), inputs, outputs, [x, *given])


@st.composite
def broadcast_to(draw: DrawFn, tensor_type: TensorType) -> Case:
    target = draw(sized(1, 6))
    kept = target[draw(st.integers(0, len(target))) :]
    shape = tuple(1 if draw(st.booleans()) else size for size in kept)
    operand, given = draw(index(target, draw(INDEX)))
    parameter = draw(parameters(tensor_type))
    x = draw(arrays(tensor_type, shape))
    inputs, outputs = [tensor(tensor_type, shape, parameter), operand], [result(tensor_type, parameter)]
    return single_operator("BROADCAST_TO", BroadcastToOptions(), inputs, outputs, [x, *given], version=2)


@st.composite
def fill(draw: DrawFn, tensor_type: TensorType) -> Case:
    operand, given = draw(index(draw(sized(0, 5)), draw(INDEX)))
    parameter = draw(parameters(tensor_type))
    value = draw(arrays(tensor_type, ()))
    source, values = data(np.asarray(value), tensor_type, parameter)
    outputs = [result(tensor_type, parameter)]
    return single_operator("FILL", FillOptions(), [operand, source], outputs, [*given, *values])


@st.composite
def reverse(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(sized(1, 5))
    first = draw(st.integers(0, len(shape) - 1))
    axes = list(range(first, draw(st.integers(first, len(shape) - 1)) + 1))
    entries = [axis - len(shape) if draw(st.booleans()) else axis for axis in draw(st.permutations(axes))]
    operand, given = draw(index(entries))
    parameter = draw(parameters(tensor_type))
    x = draw(arrays(tensor_type, shape))
    inputs, outputs = [tensor(tensor_type, shape, parameter), operand], [result(tensor_type, parameter)]
    return single_operator("REVERSE_V2", ReverseV2Options(), inputs, outputs, [x, *given], version=3)


@st.composite
def reverse_sequence(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(2, 5))
    seq_dim, batch_dim = draw(st.permutations(range(len(shape))))[:2]
    lengths = [draw(st.integers(0, shape[seq_dim])) for _ in range(shape[batch_dim])]
    operand, given = draw(index(lengths, draw(INDEX)))
    x = draw(arrays(tensor_type, shape))
    options = ReverseSequenceOptions(seq_dim, batch_dim)
    inputs, outputs = [tensor(tensor_type, shape), operand], [result(tensor_type)]
    return single_operator("REVERSE_SEQUENCE", options, inputs, outputs, [x, *given])


@st.composite
def space_to_depth(draw: DrawFn, tensor_type: TensorType) -> Case:
    block = draw(st.integers(1, 4))
    batch, height, width, depth = draw(shapes(4, 4, high=4))
    shape = (batch, height * block, width * block, depth)
    parameter = draw(parameters(tensor_type))
    x = draw(arrays(tensor_type, shape))
    inputs, outputs = [tensor(tensor_type, shape, parameter)], [result(tensor_type, parameter)]
    return single_operator("SPACE_TO_DEPTH", SpaceToDepthOptions(block), inputs, outputs, [x])


@st.composite
def depth_to_space(draw: DrawFn, tensor_type: TensorType) -> Case:
    block = draw(st.integers(1, 4))
    batch, height, width, depth = draw(shapes(4, 4, high=4))
    shape = (batch, height, width, depth * block * block)
    parameter = draw(parameters(tensor_type))
    x = draw(arrays(tensor_type, shape))
    inputs, outputs = [tensor(tensor_type, shape, parameter)], [result(tensor_type, parameter)]
    return single_operator("DEPTH_TO_SPACE", DepthToSpaceOptions(block), inputs, outputs, [x])


@st.composite
def space_to_batch(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(3, 4))
    blocks, paddings = [], []
    for size in shape[1:-1]:
        block = draw(st.integers(1, 4))
        before = draw(st.integers(0, 3))
        blocks.append(block)
        paddings.append([before, -(size + before) % block + block * draw(st.integers(0, 1))])
    parameter = draw(parameters(tensor_type))
    (block_shape, first), (pads, second) = draw(index(blocks)), draw(index(paddings))
    x = draw(arrays(tensor_type, shape))
    inputs = [tensor(tensor_type, shape, parameter), block_shape, pads]
    options, outputs = SpaceToBatchNDOptions(), [result(tensor_type, parameter)]
    return single_operator("SPACE_TO_BATCH_ND", options, inputs, outputs, [x, *first, *second], version=2)


@st.composite
def batch_to_space(draw: DrawFn, tensor_type: TensorType) -> Case:
    batch, *spatial, depth = draw(shapes(3, 4, high=4))
    blocks, crops = [], []
    for size in spatial:
        block = draw(st.integers(1, 4))
        blocks.append(block)
        batch *= block
        before = draw(st.integers(0, size * block - 1))
        crops.append([before, draw(st.integers(0, size * block - 1 - before))])
    shape = (batch, *spatial, depth)
    parameter = draw(parameters(tensor_type))
    (block_shape, first), (crop, second) = draw(index(blocks)), draw(index(crops))
    x = draw(arrays(tensor_type, shape))
    inputs = [tensor(tensor_type, shape, parameter), block_shape, crop]
    options, outputs = BatchToSpaceNDOptions(), [result(tensor_type, parameter)]
    return single_operator("BATCH_TO_SPACE_ND", options, inputs, outputs, [x, *first, *second], version=2)


@st.composite
def mirror_pad(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(1, 5))
    mode = draw(st.sampled_from(MirrorPadMode))
    spare = int(mode is MirrorPadMode.REFLECT)
    paddings = [[draw(st.integers(0, size - spare)), draw(st.integers(0, size - spare))] for size in shape]
    operand, given = draw(index(paddings, draw(INDEX)))
    parameter = draw(parameters(tensor_type))
    x = draw(arrays(tensor_type, shape))
    inputs, outputs = [tensor(tensor_type, shape, parameter), operand], [result(tensor_type, parameter)]
    return single_operator("MIRROR_PAD", MirrorPadOptions(mode), inputs, outputs, [x, *given])


@st.composite
def split_v(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = list(draw(shapes()))
    axis = draw(st.integers(0, len(shape) - 1))
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    shape[axis] = sum(sizes)
    count = len(sizes)
    if draw(st.booleans()):
        sizes[draw(st.integers(0, count - 1))] = -1
    (size_splits, first), (axes, second) = (
        draw(index(sizes, draw(INDEX))),
        draw(index(draw(st.sampled_from([axis, [axis], axis - len(shape)])))),
    )
    parameter = draw(parameters(tensor_type))
    x = draw(arrays(tensor_type, shape))
    inputs = [tensor(tensor_type, shape, parameter), size_splits, axes]
    outputs = [result(tensor_type, parameter) for _ in range(count)]
    return single_operator("SPLIT_V", SplitVOptions(count), inputs, outputs, [x, *first, *second], version=2)


REVERSED = (FLOAT32, FLOAT16, BFLOAT16, UINT8, INT8, INT16, INT32, INT64, BOOL)
BLOCKED = (FLOAT32, UINT8, INT8, INT32, INT64)

CASES: dict[str, SearchStrategy[Case]] = {
    **{f"TILE {t.name.lower()}": tile(t) for t in (FLOAT32, INT8)},
    **by_type("TILE", tile, INT16, INT64, *COPIED, STRING),
    **{f"BROADCAST_TO {t.name.lower()}": broadcast_to(t) for t in (FLOAT32, INT8)},
    **by_type("BROADCAST_TO", broadcast_to, INT16, INT64, *COPIED, TensorType.COMPLEX128),
    **{f"FILL {t.name.lower()}": fill(t) for t in (FLOAT32, INT8)},
    **by_type("FILL", fill, INT16, INT64, *COPIED, STRING),
    **by_type("REVERSE_V2", reverse, *REVERSED),
    **by_type("REVERSE_SEQUENCE", reverse_sequence, FLOAT32, UINT8, INT16, INT32, INT64),
    **by_type("SPACE_TO_DEPTH", space_to_depth, *BLOCKED),
    **by_type("DEPTH_TO_SPACE", depth_to_space, *BLOCKED),
    **{f"SPACE_TO_BATCH_ND {t.name.lower()}": space_to_batch(t) for t in (FLOAT32, INT8, UINT8, INT16)},
    **by_type("SPACE_TO_BATCH_ND", space_to_batch, INT64, *COPIED),
    **{f"BATCH_TO_SPACE_ND {t.name.lower()}": batch_to_space(t) for t in (FLOAT32, INT8)},
    **by_type("BATCH_TO_SPACE_ND", batch_to_space, INT16, INT64, *COPIED),
    **{f"MIRROR_PAD {t.name.lower()}": mirror_pad(t) for t in (FLOAT32, INT8)},
    **by_type("MIRROR_PAD", mirror_pad, INT16, INT64, *COPIED),
    **by_type("SPLIT_V", split_v, FLOAT32, UINT8, INT8, INT16, INT32, INT64),
}
