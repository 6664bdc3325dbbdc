"""Cases of EMBEDDING_LOOKUP_SPARSE: all combiners, indices sorted as a rule."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from ...schema import TensorType
from ...schema.options import EmbeddingLookupSparseOptions
from ...schema.types import CombinerType
from .case import Case, Operand, constant, result, single_operator, tensor
from .strategies import float_arrays, shapes


@st.composite
def lookup_sparse(draw: DrawFn) -> Case:
    dense = draw(shapes(1, 3, high=4))
    table = draw(float_arrays((draw(st.integers(1, 5)), *draw(shapes(1, 2, high=4)))))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(0, 8))
    positions = random.integers(0, math.prod(dense), count)
    if draw(st.integers(0, 3)):
        positions.sort()
    indices = np.stack(np.unravel_index(positions, dense), axis=-1).astype(np.int32).reshape(count, len(dense))
    rows = random.integers(0, len(table) + (draw(st.integers(0, 19)) == 19), count).astype(np.int32)
    weights = draw(float_arrays((count,), special=True))
    given: list[Operand] = []
    arrays = []
    for value in (rows, indices, np.array(dense, np.int32), weights, table):
        operand = constant(value)
        if draw(st.booleans()):
            arrays.append(value)
            operand = tensor(operand.type, value.shape)
        given.append(operand)
    options = EmbeddingLookupSparseOptions(draw(st.sampled_from(CombinerType)))
    target = [result(TensorType.FLOAT32)]
    return single_operator("EMBEDDING_LOOKUP_SPARSE", options, given, target, arrays)


CASES: dict[str, st.SearchStrategy[Case]] = {"EMBEDDING_LOOKUP_SPARSE float32": lookup_sparse()}
