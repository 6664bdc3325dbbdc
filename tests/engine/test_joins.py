"""Who makes a part of a CONCATENATION along the channels writes it among the others, with the same bits."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from compiled_nodes import INNER, run_cases_in_a_process
from q31.engine.program import Program
from q31.kernels.convolution import winograd_lowering
from q31.kernels.jit.isa import TIERS
from q31.kernels.profiles import LITERT
from q31.schema import Graph, Padding, Quantization, TensorType
from q31.schema.builder import GraphBuilder
from q31.schema.options import AddOptions, ConcatenationOptions, Conv2DOptions, Pool2DOptions

FINE, OTHER = Quantization((0.05,), (3,)), Quantization((0.07,), (9,))
FORMS = {"one": (1, 1), "square": (3, 3), "row": (1, 7), "column": (7, 1), "wide": (5, 5)}


def network(
    parts: tuple[str, ...] = ("one", "square", "pool"),
    kind: TensorType = TensorType.INT8,
    image: tuple[int, ...] = (2, 9, 8),
    other: Quantization = FINE,
    axis: int = -1,
    twice: bool = False,
    read_again: bool = False,
    given: bool = False,
    stride: int = 1,
) -> Graph:
    """Convolutions and maxima of ``parts`` of one image joined, then the maximum; ``other``: of the first part."""
    builder, random = GraphBuilder(), np.random.default_rng(0)
    depth, zero_point = 32, 0 if kind is TensorType.INT8 else 128
    x = builder.tensor("x", kind, (*image, depth), FINE)
    window: Any = {"padding": Padding.SAME, "stride_h": stride, "stride_w": stride}
    made = []
    for number, form in enumerate(parts):
        target = builder.tensor(f"part{number}", kind, (), other if number == 0 else FINE)
        if form == "pool":
            builder.operator("MAX_POOL_2D", [x], [target], Pool2DOptions(filter_height=3, filter_width=3, **window))
        elif form == "sum":
            builder.operator("ADD", [x, x], [target], AddOptions())
        else:
            channels = 17 + 3 * number if axis == -1 else depth
            shape = (channels, *FORMS[form], depth)
            scale = 0.05 / np.prod(FORMS[form]) ** 0.5 / 64
            values = (random.integers(-127, 128, shape) + zero_point).tolist()
            weights = builder.tensor(
                f"w{number}", kind, shape, Quantization((float(scale),), (zero_point,)), value=values
            )
            builder.operator("CONV_2D", [x, weights], [target], Conv2DOptions(**window))
        made.append(target)
    joined = [*made, made[0]] if twice else made
    whole, y = (builder.tensor(name, kind, (), FINE) for name in ("whole", "y"))
    builder.operator("CONCATENATION", joined, [whole], ConcatenationOptions(axis=axis))
    builder.operator(
        "MAX_POOL_2D", [whole], [y], Pool2DOptions(filter_height=2, filter_width=2, stride_h=1, stride_w=1)
    )
    outputs = [y, whole] if given else [y]
    if read_again:
        outputs.append(builder.tensor("again", kind, (), FINE))
        builder.operator(
            "MAX_POOL_2D", [made[1]], [outputs[-1]], Pool2DOptions(filter_height=2, filter_width=2, **window)
        )
    return builder.build([x], outputs)


def check(graph: Graph, moved: list[bool], **inputs: Any) -> Program:
    """Hold a program to the operators one by one; ``moved``: which parts of the CONCATENATION have no memory."""
    one, two = (Program(graph, profile=LITERT, compiled=compiled, **inputs) for compiled in (True, False))
    x = one.array(one.preparation.inputs[0])
    assert x is not None
    random, limits = np.random.default_rng(1), np.iinfo(x.dtype)
    for _ in range(2):
        array = random.integers(limits.min, limits.max + 1, x.shape, x.dtype)
        for a, b in zip(one.call([array]), two.call([array]), strict=True):
            np.testing.assert_array_equal(a, b)
            assert len(np.unique(a)) > 50
    (join,) = [o for o in graph.subgraphs[0].operators if o.name == "CONCATENATION"]
    assert [one.array(index) is None for index in join.inputs] == moved
    assert any(o.operator.name == "CONCATENATION" for o in one._operators) == (not all(moved))
    assert one.compiled == set(range(len(graph.subgraphs[0].operators)))
    return one


@pytest.mark.parametrize("kind", [TensorType.INT8, TensorType.UINT8])
@pytest.mark.parametrize("form", FORMS)
def test_parts_written_among_others(form, kind):
    check(network((form, "one", form), kind), [True] * 3)
    check(network((form, "pool", "sum"), kind), [True, True, False])


@pytest.mark.parametrize("stride", [1, 2])
def test_parts_of_strides_and_threads(stride):
    check(network(("square", "one", "pool"), image=(1, 40, 40), stride=stride), [True] * 3)
    check(network(("square", "one", "pool"), image=(1, 40, 40), stride=stride), [True] * 3, threads=2)


def test_what_is_rescaled_or_read_elsewhere_is_copied():
    check(network(("one", "one"), TensorType.UINT8, other=OTHER), [False, True])
    check(network(read_again=True), [True, False, True])
    check(network(twice=True), [False, True, True, False])


def test_the_whole_may_be_an_output_and_what_is_to_be_read_has_memory():
    check(network(given=True), [True] * 3)
    check(network(), [False] * 3, preserve_all=True)


def test_other_axes_are_copied():
    check(network(("one", "one"), axis=1), [False] * 2)


def test_parts_of_small_images_by_winograd(monkeypatch):
    monkeypatch.setattr(winograd_lowering, "LEAST_TILES", 1)
    for image in [(1, 1, 1), (1, 2, 1), (3, 4, 5)]:
        program = Program(network(("square", "row", "one"), image=image), profile=LITERT, compiled=True)
        other = Program(network(("square", "row", "one"), image=image), profile=LITERT, compiled=False)
        x = np.random.default_rng(2).integers(-128, 128, (*image, 32), np.int8)
        if min(image[1:]) > 1:
            np.testing.assert_array_equal(program.call([x])[0], other.call([x])[0])


@pytest.mark.skipif(INNER in os.environ, reason="this is the inner run")
@pytest.mark.parametrize("tier", TIERS)
def test_every_tier_writes_them_so(tier):
    run_cases_in_a_process(__file__, "parts_written", Q31_ISA=tier)


@pytest.mark.skipif(INNER in os.environ, reason="this is the inner run")
@pytest.mark.parametrize("tier", ["avx2", "amx"])
def test_uncompiled_kernels_stay_within_their_memory(tier):
    run_cases_in_a_process(__file__, "small_images", Q31_JIT="0", Q31_ISA=tier)
