"""Nodes of the operators that move and convert elements, mostly senseless: ``prepare`` refuses them with an error of
q31, and what it lets through ``evaluate`` computes, and ``lower`` addresses within the tensors.
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

from q31.kernels.operator import Input, Node, Output, TensorSpec
from q31.kernels.profiles import LITERT
from q31.kernels.registry import REGISTRY, find
from q31.schema import Error, Quantization, TensorType, numpy_dtype
from q31.schema import options as tables

OPTIONS = {
    "PAD": tables.PadOptions,
    "PADV2": tables.PadV2Options,
    "RESHAPE": tables.ReshapeOptions,
    "SQUEEZE": tables.SqueezeOptions,
    "EXPAND_DIMS": tables.ExpandDimsOptions,
    "TRANSPOSE": tables.TransposeOptions,
    "CONCATENATION": tables.ConcatenationOptions,
    "SPLIT": tables.SplitOptions,
    "PACK": tables.PackOptions,
    "UNPACK": tables.UnpackOptions,
    "STRIDED_SLICE": tables.StridedSliceOptions,
    "SLICE": tables.SliceOptions,
    "SHAPE": tables.ShapeOptions,
    "RESIZE_BILINEAR": tables.ResizeBilinearOptions,
    "RESIZE_NEAREST_NEIGHBOR": tables.ResizeNearestNeighborOptions,
    "ARG_MAX": tables.ArgMaxOptions,
    "ARG_MIN": tables.ArgMinOptions,
    "QUANTIZE": tables.QuantizeOptions,
    "DEQUANTIZE": tables.DequantizeOptions,
    "CAST": tables.CastOptions,
}
INPUTS = {"PADV2": 3, "SLICE": 3, "STRIDED_SLICE": 4} | dict.fromkeys(
    ("SQUEEZE", "SHAPE", "UNPACK", "QUANTIZE", "DEQUANTIZE", "CAST"), 1
)
JOINS = ("PACK", "CONCATENATION")
OF_NO_ARRAY = ("STRING", "RESOURCE", "VARIANT", "FLOAT8_E4M3FN", "FLOAT8_E5M2")
TYPES = [t for t in TensorType if t.name not in OF_NO_ARRAY]
EXTREMES = (2**31 - 1, -(2**31), 31, -4)
SCALES = (0.0, -1.0, 1e-38, 1e38, math.nan, math.inf, 0.1)


def seldom(random: Random) -> bool:
    return random.random() < 0.08


def draw_integer(random: Random) -> int:
    return random.choice(EXTREMES) if seldom(random) else random.choice([0, 0, 1, 1, 1, 2, 3, -1])


def draw_shape(random: Random, longest: int = 5) -> tuple[int, ...]:
    return tuple(random.choice([0, 1, 1, 2, 2, 3, 4]) for _ in range(random.randint(0, longest)))


def draw_quantization(random: Random) -> Quantization:
    count = random.choice([0, 1, 1, 1, 2, 3])
    scales = tuple(random.choice(SCALES) if seldom(random) else 0.5 for _ in range(count))
    zero_points = tuple(random.choice([3, 255, -(2**40)]) if seldom(random) else 0 for _ in range(count))
    return Quantization(scales, zero_points[: random.choice([0, 1, 3])], random.choice([0, 0, 1, -1, 9]))


def draw_array(random: Random, tensor_type: TensorType, shape: tuple[int, ...]) -> np.ndarray:
    dtype = numpy_dtype(tensor_type)
    count = math.prod(shape)
    if dtype.kind == "O":
        return np.full(shape, random.choice([b"", b"a b c"]), object)
    if dtype.kind in "iu":
        return np.array([draw_integer(random) for _ in range(count)], np.int64).astype(dtype).reshape(shape)
    return np.array([random.gauss(0, 100) for _ in range(count)], np.float32).astype(dtype).reshape(shape)


def draw_options(random: Random, name: str) -> Any:
    if seldom(random):
        return random.choice([None, tables.AddOptions()])
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(OPTIONS[name]):
        if field.name in ("new_shape", "squeeze_dims"):
            fields[field.name] = tuple(draw_integer(random) for _ in range(random.randint(0, 4)))
        elif field.name.endswith("type"):
            fields[field.name] = random.choice([TensorType.INT32, TensorType.INT64, TensorType.FLOAT32])
        elif field.name.endswith("mask"):
            fields[field.name] = random.choice([0, 0, 0, random.randint(-1, 15)])
        elif isinstance(field.default, bool):
            fields[field.name] = random.random() < 0.4
        elif field.name != "fused_activation_function":
            fields[field.name] = draw_integer(random)
    return OPTIONS[name](**fields)


def draw_index(random: Random, name: str, rank: int, known: bool) -> TensorSpec:
    """Draw paddings, an axis, a shape: mostly of the size that fits."""
    fitting = {"PAD": (rank, 2), "PADV2": (rank, 2), "RESIZE_BILINEAR": (2,), "RESIZE_NEAREST_NEIGHBOR": (2,)}
    shape = random.choice([fitting.get(name, (rank,)), random.choice([(), (1,), draw_shape(random, 2)])])
    tensor_type = random.choice(TYPES) if seldom(random) else TensorType.INT32
    value = draw_array(random, tensor_type, shape) if known else None
    return TensorSpec("i", tensor_type, shape, Quantization(), value)


def draw_node(random: Random, name: str) -> Node:
    kernel = REGISTRY[name]
    tensor_type = random.choice(kernel.types)
    rank_4 = name.startswith("RESIZE") and not seldom(random)
    shape = tuple(random.randint(0, 3) for _ in range(4)) if rank_4 else draw_shape(random)
    quantization = draw_quantization(random)

    def data(of: TensorType) -> TensorSpec:
        return TensorSpec(
            "d",
            random.choice(TYPES) if seldom(random) else of,
            draw_shape(random) if seldom(random) else shape,
            draw_quantization(random) if seldom(random) else quantization,
        )

    options = draw_options(random, name)
    usual = random.randint(1, 4) if name in JOINS else INPUTS.get(name, 2)
    inputs: list[TensorSpec | None] = [
        data(tensor_type)
        if name in JOINS or i == kernel.selector
        else draw_index(random, name, len(shape), not seldom(random))
        for i in range(random.randint(0, 4) if seldom(random) else usual)
    ]
    if inputs and seldom(random):
        inputs[-1] = None
    count = {"SPLIT": getattr(options, "num_splits", 1), "UNPACK": getattr(options, "num", 1)}.get(name, 1)
    count = random.randint(0, 3) if seldom(random) else max(0, min(count, 6))
    result = {
        "QUANTIZE": random.choice(TYPES),
        "CAST": random.choice(TYPES),
        "DEQUANTIZE": TensorType.FLOAT32,
        "SHAPE": getattr(options, "out_type", TensorType.INT32),
    }.get(name, getattr(options, "output_type", tensor_type))
    return Node(name, 1, options, tuple(inputs), tuple(data(result) for _ in range(count)))


def compute(random: Random, node: Node, prepared: Any) -> None:
    kernel = REGISTRY[node.name]
    arrays = [
        None if spec is None else (draw_array(random, spec.type, spec.shape) if spec.value is None else spec.value)
        for spec in node.inputs
    ]
    before = [None if array is None else array.copy() for array in arrays]
    evaluated = kernel.evaluate(prepared, *arrays)
    results = evaluated if isinstance(evaluated, tuple) else (evaluated,)
    for result, shape, spec in zip(results, prepared.output_shapes, node.outputs, strict=True):
        assert isinstance(result, np.ndarray)
        assert (result.shape, result.dtype) == (shape, spec.dtype)
        assert not any(array is not None and np.shares_memory(array, result) for array in arrays)
    for array, copy in zip(arrays, before, strict=True):
        assert array is None or array.tobytes() == copy.tobytes()
    lowered = kernel.lower(prepared, node) if kernel.lower else None
    for instruction in lowered if isinstance(lowered, tuple) else filter(None, [lowered]):
        for value in instruction.fields.values():
            if isinstance(value, Input):
                assert 0 < value.size <= arrays[value.index].nbytes
            elif isinstance(value, Output):
                assert 0 < value.size <= results[value.index].nbytes


@pytest.mark.parametrize("name", list(OPTIONS))
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_refused_by_name_or_computed(name: str) -> None:
    @given(st.integers(0, 2**63))
    def check(seed: int) -> None:
        random = Random(seed)
        for _ in range(10):
            node = draw_node(random, name)
            try:
                find(node)
                prepared = REGISTRY[name].prepare(node, LITERT)
            except Error:
                continue
            sizes = [math.prod(max(1, size) for size in shape) for shape in prepared.output_shapes]
            if len(sizes) == len(node.outputs) and sum(sizes) < 100_000:
                compute(random, node, prepared)

    check()
