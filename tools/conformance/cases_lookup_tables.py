"""Cases of HASHTABLE_LOOKUP, SKIP_GRAM and LSH_PROJECTION, and of DENSIFY's sparse constants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...schema import Sparsity, TensorType
from ...schema.graph import Buffer, DimensionMetadata
from ...schema.options import LSHProjectionOptions, SkipGramOptions
from ...schema.types import DimensionType, LSHProjectionType
from .case import Case, constant, result, single_operator, tensor
from .cases_shape import COPIED, FLOAT16, FLOAT32, INT8, INT16, INT32, INT64, STRING, UINT8
from .strategies import arrays, by_type, shapes

EVERY = (FLOAT32, INT8, INT16, INT64, *COPIED, TensorType.COMPLEX128, STRING)


@st.composite
def hashtable_lookup(draw: DrawFn, tensor_type: TensorType) -> Case:
    """Keys mostly in order, some of which come twice, and some looked for that are not there."""
    key = st.one_of(st.integers(-4, 8), st.sampled_from([2**31 - 1, -(2**31)]))
    keys = draw(st.lists(key, min_size=1, max_size=9))
    keys = sorted(keys) if draw(st.integers(0, 3)) else keys
    wanted = draw(st.lists(st.one_of(key, st.sampled_from(keys)), min_size=1, max_size=6))
    shape = (len(keys),) if tensor_type is STRING else (len(keys), *draw(shapes(0, 3)))
    x = draw(arrays(tensor_type, shape))
    inputs = [tensor(INT32, (len(wanted),)), constant(np.array(keys, np.int32)), tensor(tensor_type, shape)]
    outputs = [result(tensor_type), result(UINT8)]
    return single_operator("HASHTABLE_LOOKUP", None, inputs, outputs, [np.array(wanted, np.int32), x])


@st.composite
def skip_gram(draw: DrawFn) -> Case:
    """A sentence with white space of all kinds, also at its ends and doubled."""
    piece = st.sampled_from([b"a", b"word", b"\xc3\xbc", b" ", b" ", b" ", b"\t", b"\n", b"\x0b", b"\xa0"])
    sentence = b"".join(draw(st.lists(piece, min_size=1, max_size=14)))
    sizes = draw(st.integers(0, 4)), draw(st.integers(-1, 3)), draw(st.booleans())
    given = np.array([sentence, *draw(st.sampled_from([(), (b"another one",)]))], object)
    inputs, outputs = [tensor(STRING, given.shape)], [result(STRING)]
    return single_operator("SKIP_GRAM", SkipGramOptions(*sizes), inputs, outputs, [given])


@st.composite
def lsh_projection(draw: DrawFn, tensor_type: TensorType) -> Case:
    """Rows of few bytes and of more than a hundred, for every form of the fingerprint."""
    rows, width = draw(st.integers(1, 4)), draw(st.sampled_from([1, 2, 3, 5, 9, 17, 40]))
    shape = draw(st.sampled_from([(rows,), (rows, width)]))
    x = draw(arrays(tensor_type, shape))
    bits = draw(st.sampled_from([1, 2, 5, 31, 32]))
    seeds = draw(arrays(FLOAT32, (draw(st.integers(1, 3)), bits)))
    inputs, values = [constant(seeds), tensor(tensor_type, shape)], [x]
    if draw(st.booleans()):
        inputs.append(tensor(FLOAT32, (rows,)))
        values.append(draw(arrays(FLOAT32, (rows,))))
    options = LSHProjectionOptions(draw(st.sampled_from([LSHProjectionType.SPARSE, LSHProjectionType.DENSE])))
    return single_operator("LSH_PROJECTION", options, inputs, [result(INT32)], values)


@st.composite
def densify(draw: DrawFn, tensor_type: TensorType) -> Case:
    """A matrix in compressed sparse rows, or columns."""
    shape = draw(shapes(2, 2))
    dense = draw(arrays(tensor_type, shape))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    kept = random.random(shape) < draw(st.sampled_from([0.0, 0.3, 0.7, 1.0]))
    kept.flat[0] = True  # without a value there is no constant
    order = draw(st.sampled_from([(0, 1), (1, 0)]))
    values, places = dense.transpose(order), kept.transpose(order)
    segments = (0, *np.cumsum(places.sum(1)).tolist())
    indices = tuple(np.nonzero(places)[1].tolist())
    rows = DimensionMetadata(DimensionType.DENSE, shape[order[0]])
    columns = DimensionMetadata(DimensionType.SPARSE_CSR, 0, segments, indices)
    case = single_operator("DENSIFY", None, [constant(dense)], [result(tensor_type)], [])
    graph, subgraph = case.graph, case.graph.subgraphs[0]
    (index,) = subgraph.operators[0].inputs
    tensors = list(subgraph.tensors)
    tensors[index] = replace(tensors[index], sparsity=Sparsity(order, (), (rows, columns)))
    buffers = list(graph.buffers)
    buffers[tensors[index].buffer] = Buffer(memoryview(values[places].tobytes()))
    subgraph = replace(subgraph, tensors=tuple(tensors))
    return replace(case, graph=replace(graph, subgraphs=(subgraph,), buffers=tuple(buffers)))


CASES: dict[str, SearchStrategy[Case]] = {
    **by_type("HASHTABLE_LOOKUP", hashtable_lookup, *EVERY),
    "SKIP_GRAM string": skip_gram(),
    **by_type("LSH_PROJECTION", lsh_projection, *EVERY),
    **by_type("DENSIFY", densify, FLOAT32, FLOAT16, INT8),
}
