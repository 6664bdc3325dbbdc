"""Cases of the operators from StableHLO, of DILATE and of FAKE_QUANT."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...kernels.registry import REGISTRY
from ...schema import Graph, GraphBuilder, TensorType
from ...schema.options import (
    DilateOptions,
    FakeQuantOptions,
    ReduceWindowOptions,
    StablehloGatherOptions,
    StablehloPadOptions,
    StablehloReduceWindowOptions,
    StablehloScatterOptions,
)
from ...schema.types import ReduceWindowFunction
from .case import Case, constant, result, single_operator, tensor
from .control_flow_graphs import joined
from .strategies import arrays, float_arrays, numbers, shapes

FLOAT32, INT32, INT64 = TensorType.FLOAT32, TensorType.INT32, TensorType.INT64
_COMPUTATIONS = (None, "STABLEHLO_ADD", "STABLEHLO_MULTIPLY", "STABLEHLO_MAXIMUM", "STABLEHLO_MINIMUM")


def ints(draw: Any, count: int, low: int, high: int) -> tuple[int, ...]:
    """Draw so many integers."""
    return tuple(draw(st.lists(st.integers(low, high), min_size=count, max_size=count)))


@st.composite
def elementwise(draw: Any, name: str, tensor_type: TensorType) -> Case:
    """Two tensors of one shape, nothing left out: the extremes of integers wrap, floats are NaN and infinite."""
    shape = draw(shapes(0, 4))
    given = [draw(numbers(tensor_type, shape)) for _ in range(2)]
    return single_operator(name, None, [tensor(tensor_type, shape)] * 2, [result(tensor_type)], given)


@st.composite
def pad(draw: Any, tensor_type: TensorType) -> Case:
    """Padding before, after and between, and cropping, also through the padding in between."""
    shape = draw(shapes(1, 4, high=4))
    low, high = (ints(draw, len(shape), -3, 3) for _ in range(2))
    options = StablehloPadOptions(low, high, ints(draw, len(shape), 0, 3))
    given = [draw(arrays(tensor_type, shape)), draw(arrays(tensor_type, ()))]
    inputs = [tensor(tensor_type, shape), tensor(tensor_type, ())]
    return single_operator("STABLEHLO_PAD", options, inputs, [result(tensor_type)], given)


@st.composite
def dilate(draw: Any, tensor_type: TensorType) -> Case:
    """Factors from 1, constant or not."""
    shape = draw(shapes(1, 4, high=4))
    factors = np.array(ints(draw, len(shape), 1, 3), np.int32)
    fixed = draw(st.booleans())
    x, padding = draw(arrays(tensor_type, shape)), draw(arrays(tensor_type, ()))
    inputs = [
        tensor(tensor_type, shape),
        constant(factors) if fixed else tensor(INT32, factors.shape),
        tensor(tensor_type, ()),
    ]
    given = [x, padding] if fixed else [x, factors, padding]
    return single_operator("DILATE", DilateOptions(), inputs, [result(tensor_type)], given)


@st.composite
def gather(draw: Any, tensor_type: TensorType) -> Case:
    """Windows at any place, also beyond the ends; the vector of indices along any axis."""
    shape = draw(shapes(1, 4, high=4))
    rank = len(shape)
    mapped = draw(st.permutations(range(rank)))[: draw(st.integers(1, rank))]
    sizes = tuple(draw(st.integers(1, side)) for side in shape)
    collapsed = tuple(axis for axis in range(rank) if sizes[axis] == 1 and draw(st.booleans()))
    batch = draw(shapes(0, 2, high=3))
    vector = draw(st.integers(0, len(batch)))
    window = [size for axis, size in enumerate(sizes) if axis not in collapsed]
    result_rank = len(window) + len(batch)
    offset = tuple(sorted(draw(st.permutations(range(result_rank)))[: len(window)]))
    index_type = draw(st.sampled_from([INT32, INT64]))
    indices_shape = (*batch[:vector], len(mapped), *batch[vector:])
    indices = draw(st.one_of(arrays(index_type, indices_shape, low=-2, high=5), arrays(index_type, indices_shape)))
    options = StablehloGatherOptions(offset, collapsed, tuple(mapped), vector, sizes, False)
    inputs = [tensor(tensor_type, shape), tensor(index_type, indices_shape)]
    outputs = [result(tensor_type, shape=(1,) * result_rank)]
    return single_operator("STABLEHLO_GATHER", options, inputs, outputs, [draw(arrays(tensor_type, shape)), indices])


@st.composite
def reduce_window(draw: Any, tensor_type: TensorType) -> Case:
    """Every function; windows with gaps, that overlap, and that are larger than the input."""
    shape = draw(shapes(1, 4, high=5))
    functions = list(ReduceWindowFunction)[1:]
    if tensor_type is TensorType.BOOL:  # true + true is a byte of 2 in the reference, which is no bool
        functions.remove(ReduceWindowFunction.ADD)
    geometry = [constant(np.array(ints(draw, len(shape), 1, 3), np.int64)) for _ in range(3)]
    inputs = [tensor(tensor_type, shape), tensor(tensor_type, ()), *geometry]
    given = [draw(numbers(tensor_type, shape)), draw(numbers(tensor_type, ()))]
    options = ReduceWindowOptions(draw(st.sampled_from(functions)))
    return single_operator("REDUCE_WINDOW", options, inputs, [result(tensor_type)], given)


@st.composite
def padded_reduce_window(draw: Any, tensor_type: TensorType) -> Case:
    """Every body; the input moved apart, padded and cropped."""
    shape = draw(shapes(1, 3, high=4))
    bodies = ["MUL", "MAXIMUM", "MINIMUM", "LOGICAL_AND", "LOGICAL_OR", "STABLEHLO_AND", *_COMPUTATIONS[2:]]
    if tensor_type is not TensorType.BOOL:  # whose sum is a byte above 1 in the reference
        bodies += ["ADD", "STABLEHLO_ADD"]
    window, strides, base, dilations = (ints(draw, len(shape), 1, high) for high in (3, 3, 3, 2))
    options = StablehloReduceWindowOptions(window, strides, base, dilations, ints(draw, 2 * len(shape), -1, 3), 1)
    inputs = [tensor(tensor_type, shape), tensor(tensor_type, ())]
    given = [draw(numbers(tensor_type, shape)), draw(numbers(tensor_type, ()))]
    main = single_operator("STABLEHLO_REDUCE_WINDOW", options, inputs, [result(tensor_type)], given)
    return Case(joined(main.graph, body_of(tensor_type, draw(st.sampled_from(bodies)))), main.inputs)


@st.composite
def fake_quant(draw: Any) -> Case:
    """Ranges around 0 or ending there, any number of bits, values within and beyond."""
    shape = draw(shapes(0, 4))
    low, high = (np.float32(draw(st.floats(0, 8, width=32))) for _ in range(2))
    low, high = (low, high) if low + high > 1e-3 else (np.float32(1), high)
    options = FakeQuantOptions(-float(low), float(high), draw(st.integers(1, 16)))
    x = draw(float_arrays(shape, magnitude=draw(st.sampled_from([0.1, 4.0, 100.0])), special=True))
    version = draw(st.integers(1, 2))
    return single_operator("FAKE_QUANT", options, [tensor(FLOAT32, shape)], [result(FLOAT32)], [x], version=version)


@st.composite
def scatter(draw: Any, tensor_type: TensorType) -> Case:
    """Windows that overlap and reach beyond the end; replaced, or combined by one of four functions."""
    shape = draw(shapes(1, 3, high=4))
    rank = len(shape)
    mapped = draw(st.permutations(range(rank)))[: draw(st.integers(1, rank))]
    inserted = tuple(axis for axis in range(rank) if draw(st.booleans()))
    batch = draw(shapes(0, 2, high=3))
    vector = draw(st.integers(0, len(batch)))
    window = [draw(st.integers(1, side)) for axis, side in enumerate(shape) if axis not in inserted]
    updates_rank = len(window) + len(batch)
    window_axes = tuple(sorted(draw(st.permutations(range(updates_rank)))[: len(window)]))
    sizes = iter(window), iter(batch)
    updates_shape = tuple(next(sizes[0] if axis in window_axes else sizes[1]) for axis in range(updates_rank))
    index_type = draw(st.sampled_from([INT32, INT64]))
    indices_shape = (*batch[:vector], len(mapped), *batch[vector:])
    indices = draw(st.one_of(arrays(index_type, indices_shape, low=-2, high=4), arrays(index_type, indices_shape)))
    options = StablehloScatterOptions(False, window_axes, inserted, tuple(mapped), vector, False, 1)
    inputs = [tensor(tensor_type, shape), tensor(index_type, indices_shape), tensor(tensor_type, updates_shape)]
    given = [draw(arrays(tensor_type, shape)), indices, draw(arrays(tensor_type, updates_shape))]
    main = single_operator("STABLEHLO_SCATTER", options, inputs, [result(tensor_type)], given)
    return Case(joined(main.graph, body_of(tensor_type, draw(st.sampled_from(_COMPUTATIONS)))), main.inputs)


def body_of(tensor_type: TensorType, name: str | None) -> Graph:
    """Build a subgraph of one operator on two scalars, or of none, which gives the second."""
    builder = GraphBuilder()
    first, second = (builder.tensor(one, tensor_type, ()) for one in "ab")
    output = second
    if name is not None:
        output = builder.tensor("c", tensor_type, ())
        builder.operator(name, [first, second], [output], None)
    return builder.build([first, second], [output])


def _of_every_type(name: str, make: Any) -> dict[str, st.SearchStrategy[Case]]:
    return {f"{name} {one.name.lower()}": make(one) for one in REGISTRY[name].types}


CASES: dict[str, st.SearchStrategy[Case]] = {
    **_of_every_type("STABLEHLO_PAD", pad),
    **_of_every_type("DILATE", dilate),
    **_of_every_type("STABLEHLO_GATHER", gather),
    **_of_every_type("REDUCE_WINDOW", reduce_window),
    **_of_every_type("STABLEHLO_REDUCE_WINDOW", padded_reduce_window),
    **_of_every_type("STABLEHLO_SCATTER", scatter),
    "FAKE_QUANT float32": fake_quant(),
}
for _name in _COMPUTATIONS[1:]:
    CASES.update({f"{_name} {one.name.lower()}": elementwise(_name, one) for one in REGISTRY[_name].types})
