"""Cases of the random operators: the same seeds give the same numbers, also in the invokes that follow."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from ...schema import TensorType
from ...schema.options import RandomOptions, StablehloRngBitGeneratorOptions
from ...schema.types import RngAlgorithm
from .case import Case, Operand, constant, network, result, single_operator, tensor
from .strategies import by_type, float_arrays, shapes

FLOAT32, INT32, INT64, UINT64 = TensorType.FLOAT32, TensorType.INT32, TensorType.INT64, TensorType.UINT64
MANY = st.integers(1, 3)


@st.composite
def seeds(draw: DrawFn) -> RandomOptions:
    """One of them may be 0; where both are the reference draws seeds of its own."""
    first = draw(st.one_of(st.integers(1, 100), st.sampled_from([-1, 2**63 - 1, -(2**63)]), st.integers(1, 2**62)))
    pair = draw(st.sampled_from([(first, 0), (0, first), (first, draw(st.integers(-(2**40), 2**40)))]))
    if not any(seed % 2**32 for seed in pair):  # of which the reference keeps no more
        pair = (1, 2)
    return RandomOptions(*pair)


@st.composite
def distribution(draw: DrawFn, name: str) -> Case:
    """One or two generators; where the first one gets another shape at run time, the second begins anew."""
    operators: list[Any] = []
    given: list[Operand] = []
    runs: list[list[np.ndarray]] = [[] for _ in range(draw(MANY))]
    outputs = []
    for _ in range(draw(st.integers(1, 2))):
        shape = draw(shapes(0, 3))
        size = np.array(shape, np.int32)
        if draw(st.booleans()):
            source = constant(size)
        else:
            source = tensor(INT32, size.shape)
            given.append(source)
            for run in runs:
                run.append(draw(st.sampled_from([size, size, size + 1])).astype(np.int32))
        outputs.append(result(FLOAT32, shape=shape))
        operators.append((name, 1, draw(seeds()), [source], [outputs[-1]]))
    return network(operators, given, outputs, runs)


@st.composite
def multinomial(draw: DrawFn) -> Case:
    batch, classes, samples = draw(st.integers(1, 3)), draw(st.integers(1, 6)), draw(st.integers(0, 9))
    kind = draw(st.sampled_from([INT32, INT64]))
    logits = draw(float_arrays((batch, classes), special=True))
    source, runs = constant(logits), []
    if draw(st.booleans()):
        source = tensor(FLOAT32, logits.shape)
        runs.append(logits)
    count = np.array(samples, np.int32)
    number = constant(count)
    if draw(st.booleans()):
        number = tensor(INT32, ())
        runs.append(count)
    given = [one for one in (source, number) if one.value is None]
    target = result(kind, shape=(batch, samples))
    operator = ("MULTINOMIAL", 1, draw(seeds()), [source, number], [target])
    return network([operator], given, [target], [runs] * draw(MANY))


@st.composite
def bits(draw: DrawFn, kind: TensorType) -> Case:
    algorithm = draw(st.sampled_from(RngAlgorithm))
    length = 2 if algorithm is RngAlgorithm.THREEFRY else draw(st.integers(2, 3))
    word = st.one_of(st.integers(0, 9), st.integers(2**64 - 3, 2**64 - 1), st.integers(0, 2**64 - 1))
    state = np.array([draw(word) for _ in range(length)], np.uint64)
    outputs = [result(UINT64, shape=(length,)), result(kind, shape=draw(shapes(0, 3)))]
    options = StablehloRngBitGeneratorOptions(algorithm)
    return single_operator("STABLEHLO_RNG_BIT_GENERATOR", options, [tensor(UINT64, (length,))], outputs, [state])


CASES: dict[str, st.SearchStrategy[Case]] = {
    "RANDOM_UNIFORM float32": distribution("RANDOM_UNIFORM"),
    "RANDOM_STANDARD_NORMAL float32": distribution("RANDOM_STANDARD_NORMAL"),
    "MULTINOMIAL float32": multinomial(),
    **by_type("STABLEHLO_RNG_BIT_GENERATOR", bits, INT32, INT64, TensorType.UINT32, UINT64),
}
