"""Nodes of the operators that repeat, reverse, index and scatter, mostly senseless: ``prepare`` refuses them with an
error of q31, and what it lets through ``evaluate`` computes, or refuses for its values.
"""

from __future__ import annotations

import dataclasses
import math
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import PROFILES
from q31.kernels.registry import REGISTRY, find
from q31.schema import Error, Quantization, TensorType, numpy_dtype
from q31.schema import options as tables
from q31.schema.types import MirrorPadMode

OPTIONS: dict[str, Any] = {
    "GATHER": tables.GatherOptions,
    "SPACE_TO_DEPTH": tables.SpaceToDepthOptions,
    "DEPTH_TO_SPACE": tables.DepthToSpaceOptions,
    "MIRROR_PAD": tables.MirrorPadOptions,
    "SPLIT_V": tables.SplitVOptions,
    "ONE_HOT": tables.OneHotOptions,
    "UNIQUE": tables.UniqueOptions,
    "REVERSE_SEQUENCE": tables.ReverseSequenceOptions,
    "BUCKETIZE": tables.BucketizeOptions,
    "CUMSUM": tables.CumsumOptions,
}
INPUTS = {
    "BITCAST": 1,
    **dict.fromkeys(("SPACE_TO_DEPTH", "DEPTH_TO_SPACE", "RANK", "WHERE", "UNIQUE", "MATRIX_DIAG", "BUCKETIZE"), 1),
    **dict.fromkeys(("GATHER", "GATHER_ND", "TILE", "BROADCAST_TO", "FILL", "REVERSE_V2", "REVERSE_SEQUENCE"), 2),
    **dict.fromkeys(("MIRROR_PAD", "TOPK_V2", "MATRIX_SET_DIAG", "CUMSUM", "BROADCAST_ARGS", "EMBEDDING_LOOKUP"), 2),
    **dict.fromkeys(("SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND", "SPLIT_V", "RANGE", "SCATTER_ND"), 3),
    **dict.fromkeys(("DYNAMIC_UPDATE_SLICE", *(f"UNSORTED_SEGMENT_{s}" for s in ("SUM", "PROD", "MAX", "MIN"))), 3),
    **dict.fromkeys(("ONE_HOT", "SPARSE_TO_DENSE"), 4),
    "NON_MAX_SUPPRESSION_V4": 5,
    "NON_MAX_SUPPRESSION_V5": 6,
}
TWO_OUTPUTS = ("TOPK_V2", "UNIQUE", "NON_MAX_SUPPRESSION_V4")
OF_NO_ARRAY = ("STRING", "RESOURCE", "VARIANT", "FLOAT8_E4M3FN", "FLOAT8_E5M2")
TYPES = [t for t in TensorType if t.name not in OF_NO_ARRAY]


def seldom(random: Random) -> bool:
    return random.random() < 0.08


def draw_integer(random: Random) -> int:
    return random.choice((2**31 - 1, -(2**31), 40, -4)) if seldom(random) else random.choice([0, 0, 1, 1, 2, 3, -1])


def draw_shape(random: Random, longest: int = 4) -> tuple[int, ...]:
    return tuple(random.choice([0, 1, 1, 2, 2, 3, 4]) for _ in range(random.randint(0, longest)))


def draw_array(random: Random, tensor_type: TensorType, shape: tuple[int, ...]) -> np.ndarray:
    dtype = numpy_dtype(tensor_type)
    count = math.prod(shape)
    if dtype.kind == "O":
        return np.full(shape, random.choice([b"", b"a b c"]), object)
    if dtype.kind in "iu":
        return np.array([draw_integer(random) for _ in range(count)], np.int64).astype(dtype).reshape(shape)
    special = [math.nan, math.inf, 0.0, -1.0, 3e38]
    values = [random.choice(special) if seldom(random) else random.gauss(0, 3) for _ in range(count)]
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array(values, np.float32).astype(dtype).reshape(shape)


def draw_options(random: Random, name: str) -> Any:
    if name not in OPTIONS or seldom(random):
        return random.choice([None, tables.AddOptions()])
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(OPTIONS[name]):
        if field.name == "boundaries":
            fields[field.name] = tuple(random.choice([0.0, 1.0, 2.0, math.nan]) for _ in range(random.randint(0, 3)))
        elif field.name == "mode":
            fields[field.name] = random.choice(list(MirrorPadMode))
        elif field.name.endswith("type"):
            fields[field.name] = random.choice([TensorType.INT32, TensorType.INT64, TensorType.FLOAT32])
        elif isinstance(field.default, bool):
            fields[field.name] = random.random() < 0.5
        else:
            fields[field.name] = draw_integer(random)
    return OPTIONS[name](**fields)


def draw_node(random: Random, name: str) -> Node:
    kernel = REGISTRY[name]
    tensor_type = random.choice(kernel.types)
    shape = draw_shape(random)
    quantization = Quantization((0.5,), (0,)) if random.random() < 0.3 else Quantization()

    def spec(usual: TensorType, index: int) -> TensorSpec:
        of = random.choice(TYPES) if seldom(random) else usual
        size = random.choice([shape, shape, (len(shape),), (len(shape), 2), (), (1,), draw_shape(random)])
        known = index in kernel.values and not seldom(random)
        odd = Quantization((math.nan, 1.0), (2**40,)) if seldom(random) else quantization
        return TensorSpec("t", of, size, odd, draw_array(random, of, size) if known else None)

    count = random.randint(0, 5) if seldom(random) else INPUTS[name]
    index_type = random.choice([TensorType.INT32, TensorType.INT32, TensorType.INT64])
    of_data = name in ("RANGE", "MATRIX_SET_DIAG", "DYNAMIC_UPDATE_SLICE", "SPARSE_TO_DENSE", "ONE_HOT")
    inputs: list[TensorSpec | None] = [
        spec(tensor_type if i == kernel.selector or (of_data and random.random() < 0.5) else index_type, i)
        for i in range(count)
    ]
    if inputs and seldom(random):
        inputs[-1] = None
    usual_outputs = 2 if name in TWO_OUTPUTS else 1
    if name == "SPLIT_V":
        usual_outputs = random.randint(1, 3)
    out_count = random.randint(0, 3) if seldom(random) else usual_outputs
    other = random.choice([TensorType.INT32, TensorType.INT64, TensorType.FLOAT32])
    outputs = [spec(tensor_type if random.random() < 0.8 else other, -1) for _ in range(out_count)]
    if name in TWO_OUTPUTS and len(outputs) > 1:
        outputs[1] = spec(index_type, -1)
    return Node(name, kernel.versions[0], draw_options(random, name), tuple(inputs), tuple(outputs))


def compute(random: Random, node: Node, prepared: Any) -> None:
    arrays = [
        None if spec is None else (draw_array(random, spec.type, spec.shape) if spec.value is None else spec.value)
        for spec in node.inputs
    ]
    try:
        evaluated = REGISTRY[node.name].evaluate(prepared, *arrays)
    except Error:
        return
    results = evaluated if isinstance(evaluated, tuple) else (evaluated,)
    for result, shape, spec in zip(results, prepared.output_shapes, node.outputs, strict=True):
        assert isinstance(result, np.ndarray)
        assert result.dtype == spec.dtype
        assert shape is None or result.shape == shape
        assert not any(array is not None and np.shares_memory(array, result) for array in arrays)


@pytest.mark.parametrize("profile", ["litert", "single"])
@pytest.mark.parametrize("name", list(INPUTS))
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_refused_by_name_or_computed(name: str, profile: str) -> None:
    @given(st.integers(0, 2**63))
    def check(seed: int) -> None:
        random = Random(seed)
        for _ in range(10):
            node = draw_node(random, name)
            try:
                find(node)
                prepared = REGISTRY[name].prepare(node, PROFILES[profile])
            except Error:
                continue
            sizes = [math.prod(max(1, size) for size in shape or ()) for shape in prepared.output_shapes]
            if sum(sizes) < 100_000:
                compute(random, node, prepared)

    check()
