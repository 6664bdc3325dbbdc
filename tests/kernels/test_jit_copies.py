"""Boxes of any strides copied by the compiled machine, against NumPy: loops longer than the conformance cases have."""

import math
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from compiled_nodes import EXAMPLES, Guarded
from q31.engine.binding import Binder, aligned_empty
from q31.engine.machine import Stretch, kernel_address
from q31.kernels.operator import Instruction, Node, TensorSpec
from q31.kernels.profiles import LITERT
from q31.kernels.registry import find
from q31.kernels.shape.copies import Region, along_axes, pad, strided_copy
from q31.schema import TensorType
from q31.schema.options import GatherOptions

TYPES = st.sampled_from(
    [TensorType.INT8, TensorType.INT16, TensorType.FLOAT32, TensorType.INT64, TensorType.COMPLEX128]
)
SIZES = st.sampled_from([1, 1, 2, 3, 5, 7, 8, 12, 16, 33, 56])


def counted(shape, dtype):
    """Return an array whose elements all differ in 16 bits, but for those of 8."""
    return np.arange(math.prod(shape), dtype=np.int64).astype(np.uint16).astype(dtype).reshape(shape)


def node_of(tensor_type, source, target):
    spec = TensorSpec("x", tensor_type, source.shape), TensorSpec("y", tensor_type, target.shape)
    return Node("TRANSPOSE", 1, None, spec[:1], spec[1:])


def region(view, array):
    return Region(view.shape, view.strides, view.ctypes.data - array.ctypes.data)


def move(instruction: Instruction, source, target):
    """Run an instruction whose output has the target's bytes before, and return those after it."""
    output = Guarded(target.nbytes)
    output.memory[...] = target.reshape(-1).view(np.uint8)
    source = source.copy()
    binder = Binder([source, output.memory].__getitem__, aligned_empty(0))
    Stretch([(kernel_address(instruction.kernel), binder.bind(instruction, [0], [1]))])()
    assert output.intact(), "written beyond the output"
    return output.memory.view(target.dtype).reshape(target.shape)


def stepped(array, steps, permutation):
    """Return a view of an array with every so many elements along each axis, backwards where negative, permuted."""
    return array[tuple(slice(None, None, step) for step in steps)].transpose(permutation)


@settings(max_examples=EXAMPLES)
@given(st.data(), TYPES)
def test_boxes_of_any_strides(data, tensor_type):
    dtype = TensorSpec("x", tensor_type, ()).dtype
    shape = data.draw(st.lists(SIZES, min_size=1, max_size=5).filter(lambda sizes: math.prod(sizes) <= 30_000))
    order = data.draw(st.permutations(range(len(shape))))
    inverse = np.argsort(order)
    steps = [data.draw(st.sampled_from([1, 1, 1, 1, -1, 2, -3])) for _ in shape]
    base = counted([shape[axis] * abs(step) for axis, step in zip(order, steps, strict=True)], dtype)
    source = stepped(base, steps, inverse)
    if data.draw(st.booleans()):  # one element everywhere along an axis
        axis = data.draw(st.integers(0, len(shape) - 1))
        source = np.broadcast_to(source[(slice(None),) * axis + (slice(0, 1),)], source.shape)
    kept = [data.draw(st.sampled_from([1, 1, 1, 2])) for _ in shape]
    target = np.full([size * step for size, step in zip(shape, kept, strict=True)], 77).astype(dtype)
    view = stepped(target, kept, range(len(shape)))
    instruction = strided_copy(node_of(tensor_type, base, target), region(source, base), region(view, target))
    assert instruction is not None
    moved = move(instruction, base, target)
    view[...] = source
    np.testing.assert_array_equal(moved, target)


@settings(max_examples=EXAMPLES)
@given(
    st.tuples(st.integers(1, 3), st.integers(16, 140), st.integers(1, 3), st.integers(2, 70)),
    st.sampled_from([TensorType.INT8, TensorType.INT16, TensorType.FLOAT32]),
    st.sampled_from([1, -1]),
    st.integers(1, 3),
    st.booleans(),
)
def test_rows_and_columns_change_places_in_blocks(shape, tensor_type, step, parts, cropped):
    """Rows of the input, read backwards too, become columns; so they do in parts, and within a larger output."""
    base = counted(shape, TensorSpec("x", tensor_type, ()).dtype)
    source = base[:, ::step].transpose(0, 2, 3, 1)
    target = np.full([size + 2 * cropped for size in source.shape], 77).astype(base.dtype)
    view = target[tuple(slice(1, -1) for _ in shape)] if cropped else target
    instruction = strided_copy(node_of(tensor_type, base, target), region(source, base), region(view, target))
    assert instruction is not None and instruction.kernel == "turned_copy"
    moved = target
    for part in range(parts):
        fields = {**instruction.fields, "part": part, "parts": parts}
        moved = move(replace(instruction, fields=fields), base, moved)
    view[...] = source
    np.testing.assert_array_equal(moved, target)


@settings(max_examples=EXAMPLES)
@given(st.data(), TYPES)
def test_elements_picked_along_each_axis(data, tensor_type):
    dtype = TensorSpec("x", tensor_type, ()).dtype
    shape = data.draw(st.lists(SIZES, min_size=1, max_size=4).filter(lambda sizes: math.prod(sizes) <= 10_000))
    indices = []
    for size in shape:
        some = st.lists(st.integers(0, size - 1), min_size=1, max_size=size + 3)
        indices.append(np.array(data.draw(st.one_of(st.just(range(size)), some)), np.int64))
    base = counted(shape, dtype)
    expected = base[np.ix_(*indices)]
    instruction = along_axes(node_of(tensor_type, base, expected), indices)
    assert instruction is not None
    np.testing.assert_array_equal(move(instruction, base, np.zeros_like(expected)), expected)


@settings(max_examples=EXAMPLES)
@given(st.data(), TYPES.filter(lambda tensor_type: tensor_type is not TensorType.COMPLEX128))
def test_borders_filled_with_a_code(data, tensor_type):
    dtype = TensorSpec("x", tensor_type, ()).dtype
    shape = data.draw(st.lists(SIZES, min_size=1, max_size=4).filter(lambda sizes: math.prod(sizes) <= 10_000))
    borders = [data.draw(st.tuples(st.sampled_from([0, 0, 1, 9]), st.sampled_from([0, 0, 1, 5]))) for _ in shape]
    base = counted(shape, dtype)
    expected = np.pad(base, borders, constant_values=dtype.type(-77))
    node = node_of(tensor_type, base, expected)
    instruction = pad(node, [before for before, _ in borders], expected.shape, -77)
    assert instruction is not None
    np.testing.assert_array_equal(move(instruction, base, np.zeros_like(expected)), expected)


def test_picking_from_nothing_stays_with_evaluate() -> None:
    nothing, position = TensorSpec("x", TensorType.INT8, (0,)), TensorSpec("i", TensorType.INT32, ())
    node = Node("GATHER", 1, GatherOptions(), (nothing, position), (TensorSpec("y", TensorType.INT8, ()),))
    kernel = find(node)
    assert kernel.lower is not None and kernel.lower(kernel.prepare(node, LITERT), node) is None
