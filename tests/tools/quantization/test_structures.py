"""Graphs whose structure a quantizer can get wrong, in every mode: they run in the reference with q31's bits."""

from __future__ import annotations

import os
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import q31
from conformance.judge import Tally, judge
from float_graphs import GRAPHS, float_graph, with_a_second_subgraph
from q31.schema import Graph, QuantizationError, read, write
from q31.tools.conformance.case import Case
from q31.tools.conformance.oracle import Oracle

EXAMPLES = int(os.environ.get("Q31_CONFORMANCE_EXAMPLES", "0")) or 2
MODES = ("int8", "int8-only", "int16x8", "dynamic", "float16")


def examples(graph: Graph, generator: np.random.Generator, count: int = 4) -> list[list[np.ndarray]]:
    """Return examples from a bell curve for the inputs of a graph."""
    subgraph = graph.subgraphs[0]
    shapes = [subgraph.tensors[one].shape for one in subgraph.inputs]
    return [[generator.normal(0, 2, shape).astype(np.float32) for shape in shapes] for _ in range(count)]


def quantized(graph: Graph, mode: str, data: list[list[np.ndarray]], **options: object) -> Graph | None:
    """Return the quantized graph; None where the mode can do nothing for it, and says so."""
    try:
        content = q31.quantize(
            write(graph),
            mode,
            None if mode in ("dynamic", "float16") else data,
            minimum_elements=1,
            **options,  # type: ignore[arg-type]
        )
    except QuantizationError as error:
        assert "nothing to quantize" in str(error) or "cannot be an integer one" in str(error)
        return None
    return read(content)


def inputs_for(graph: Graph, floats: list[np.ndarray], generator: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return arrays for the inputs of a quantized graph: the floats, or any codes."""
    tensors = [graph.subgraphs[0].tensors[one] for one in graph.subgraphs[0].inputs]
    types = [np.dtype(one.type.name.lower()) for one in tensors]
    return tuple(
        x if type == np.float32 else generator.integers(-128, 128, x.shape).astype(type)
        for x, type in zip(floats, types, strict=True)
    )


@pytest.mark.parametrize(("mode", "name"), list(product(MODES, GRAPHS)))
@settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 2**32 - 1), bits=st.sampled_from([8, 4]), per_channel=st.booleans(), second=st.booleans())
def test_a_structure_keeps_the_bits_of_the_reference(
    mode: str, name: str, oracle: Oracle, seed: int, bits: int, per_channel: bool, second: bool
) -> None:
    generator = np.random.default_rng(seed)
    graph = float_graph(name, generator)
    if second:
        graph = with_a_second_subgraph(graph)
    data = examples(graph, generator)
    bits = 8 if mode == "float16" else bits
    made = quantized(graph, mode, data, weight_bits=bits, dense_per_channel=per_channel)
    if made is None:
        return
    tally = Tally()
    judge(f"{mode}, {name}", Case(made, inputs_for(made, data[0], generator)), oracle, tally)
    assert tally.answered, tally.reasons


@pytest.mark.parametrize("name", list(GRAPHS))
@pytest.mark.parametrize(("mode", "least"), [("int8", 15), ("int16x8", 15), ("dynamic", 15), ("float16", 40)])
def test_a_quantized_structure_is_close_to_the_float_one(mode: str, name: str, least: float) -> None:
    if mode == "float16" and "large bias" in name:
        pytest.skip("float16 clips it")
    generator = np.random.default_rng(3)
    graph = float_graph(name, generator)
    data = examples(graph, generator)
    made = quantized(graph, mode, data)
    if made is None:
        return
    wanted, got = (q31.load(write(one)) for one in (graph, made))
    for arrays in data:
        for a, b in zip(as_list(wanted(*arrays)), as_list(got(*arrays)), strict=True):
            noise = np.square(a - b).sum()
            assert noise == 0 or 10 * np.log10(np.square(a).sum() / noise) > least


def as_list(outputs: object) -> list[np.ndarray]:
    """Return a model's outputs as a list."""
    if isinstance(outputs, dict):
        return list(outputs.values())
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]  # type: ignore[list-item]
