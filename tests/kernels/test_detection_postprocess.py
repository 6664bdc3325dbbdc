"""TFLite_Detection_PostProcess: numbers worked out by hand, and nodes that make no sense."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from flatbuffers import flexbuffers
from hypothesis import given
from hypothesis import strategies as st

import q31
from q31.kernels.custom.detection_postprocess import NAME, evaluate
from q31.kernels.custom.partial_sort import best
from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import LITERT, TFLM, Profile
from q31.kernels.registry import find
from q31.schema import Error, GraphBuilder, ModelError, Quantization, TensorType, UnsupportedOperatorError, write

FLOAT32, UINT8 = TensorType.FLOAT32, TensorType.UINT8
OPTIONS = {
    "max_detections": 3,
    "max_classes_per_detection": 1,
    "num_classes": 2,
    "nms_score_threshold": 0.1,
    "nms_iou_threshold": 0.5,
    "y_scale": 10.0,
    "x_scale": 10.0,
    "h_scale": 5.0,
    "w_scale": 5.0,
}
# Two unit squares of which one is moved by a tenth, and one far away; each is encoded as zeros about its anchor.
ANCHORS = np.array([[0.5, 0.5, 1, 1], [0.5, 0.6, 1, 1], [0.5, 10.5, 1, 1]], np.float32)
BOXES = np.zeros((1, 3, 4), np.float32)
SCORES = np.array([[[0.9, 0.2], [0.8, 0.7], [0.3, 0.6]]], np.float32)


def node(
    options: dict[str, Any] | bytes | None = None,
    types: tuple[TensorType, TensorType, TensorType] = (FLOAT32, FLOAT32, FLOAT32),
    shapes: tuple[tuple[int, ...], ...] = ((1, 3, 4), (1, 3, 2), (3, 4)),
    outputs: int = 4,
    quantization: Quantization = Quantization(),  # noqa: B008
) -> Node:
    if not isinstance(options, bytes):
        options = bytes(flexbuffers.Dumps({**OPTIONS, **(options or {})}))
    inputs = tuple(TensorSpec("", one, shape, quantization) for one, shape in zip(types, shapes, strict=True))
    return Node("CUSTOM", 1, None, inputs, (TensorSpec("", FLOAT32, ()),) * outputs, NAME, options)


def run(options: dict[str, Any] | None = None, scores: np.ndarray = SCORES) -> list[list[Any]]:
    one = node(options, shapes=((1, 3, 4), scores.shape, (3, 4)))
    prepared = find(one).prepare(one, LITERT)
    results = evaluate(prepared, BOXES, scores, ANCHORS)
    assert tuple(result.shape for result in results) == prepared.output_shapes
    return [result.tolist() for result in results]


def test_the_fast_way_takes_each_boxs_best_class() -> None:
    boxes, classes, scores, number = run()
    # The second box overlaps the first by 0.9 / 1.1; the third is alone.
    assert np.array_equal(scores, np.array([[0.9, 0.6, 0]], np.float32)) and number == [2]
    assert classes == [[0, 1, 0]]
    assert boxes == [[[0, 0, 1, 1], [0, 10, 1, 11], [0, 0, 0, 0]]]


def test_the_regular_way_takes_each_class_for_itself() -> None:
    _, classes, scores, number = run({"use_regular_nms": True})
    # Class 0: boxes 0 and 2; class 1: boxes 1 and 2; the best three of these four.
    assert np.array_equal(scores, np.array([[0.9, 0.7, 0.6]], np.float32)) and number == [3]
    assert classes == [[0, 1, 1]]


def test_the_background_class_does_not_count() -> None:
    scores = np.concatenate([np.ones((1, 3, 1), np.float32), SCORES], axis=2)
    assert run({"use_regular_nms": True}, scores) == run({"use_regular_nms": True})
    assert run(scores=scores) == run()


def test_a_box_counts_once_with_its_best_classes() -> None:
    _, classes, scores, number = run({"max_classes_per_detection": 2})
    assert np.array_equal(scores, np.array([[0.9, 0.2, 0.6, 0.3, 0, 0]], np.float32)) and number == [2]
    assert classes == [[0, 1, 1, 0, 0, 0]]


def test_sizes_are_exponential() -> None:
    one = node({"max_detections": 1})
    boxes = np.array([[[0, 0, 5 * math.log(2), 0], [10, 0, 0, 0], [0, 0, 0, 0]]], np.float32)
    result = evaluate(find(one).prepare(one, LITERT), boxes, SCORES, ANCHORS)
    assert result[0].tolist() == [[[-0.5, 0, 1.5, 1]]]


def test_a_box_without_extent_is_refused_when_it_arises() -> None:
    one = node()
    with pytest.raises(ModelError, match="less than no height"):
        evaluate(find(one).prepare(one, LITERT), BOXES, SCORES, -ANCHORS)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_model_whose_box_has_no_extent_raises_and_runs_again(backend: str) -> None:
    builder = GraphBuilder()
    shapes = {"boxes": BOXES.shape, "scores": SCORES.shape, "anchors": ANCHORS.shape}
    inputs = [builder.tensor(name, FLOAT32, shape) for name, shape in shapes.items()]
    outputs = [builder.tensor(f"out{index}", FLOAT32, ()) for index in range(4)]
    options = bytes(flexbuffers.Dumps(OPTIONS))
    builder.operator("CUSTOM", inputs, outputs, custom_code=NAME, custom_options=options)
    model = q31.load(write(builder.build(inputs, outputs)), backend=backend)
    with pytest.raises(ModelError, match="less than no height"):
        model(BOXES, SCORES, -ANCHORS)
    assert model(BOXES, SCORES, ANCHORS)["out3"].tolist() == [2]


def test_scores_are_dequantized_in_the_profiles_way() -> None:
    codes = Quantization((0.1,), (3,))
    one = node(types=(FLOAT32, UINT8, FLOAT32), shapes=((1, 5, 4), (1, 5, 2), (5, 4)), quantization=codes)
    x = np.full((1, 5, 2), 255, np.uint8)
    far = np.array([[0, 10 * i, 1, 1] for i in range(5)], np.float32)
    scale = np.float32(0.1)

    def scores(profile: Profile) -> np.ndarray:
        prepared = find(one).prepare(one, profile)
        return evaluate(prepared, np.zeros((1, 5, 4), np.float32), x, far)[2]

    assert set(scores(LITERT)[0].tolist()) == {
        float(np.float32(255) * scale + np.float32(-3) * scale),
        float(np.float32(252 * np.float64(scale))),
    }
    assert set(scores(TFLM)[0].tolist()) == {float(np.float32(252) * scale)}


@pytest.mark.parametrize(
    ("given_node", "message"),
    [
        (node(outputs=3), "4 outputs"),
        (node({"num_classes": 0}), "num_classes"),
        (node({"num_classes": 4}), "scores of 4 classes"),
        (node({"max_detections": -1}), "max_detections"),
        (node({"max_detections": 2**31}), "within int32"),
        (node({"max_detections": "3"}), "a number for max_detections"),
        (node({"max_classes_per_detection": 0}), "max_classes_per_detection"),
        (node({"nms_iou_threshold": 0.0}), "nms_iou_threshold"),
        (node({"use_regular_nms": True, "detections_per_class": 0}), "detections_per_class"),
        (node(shapes=((2, 3, 4), (2, 3, 2), (3, 4))), "batch of 1"),
        (node(shapes=((1, 3, 3), (1, 3, 2), (3, 4))), "4 numbers"),
        (node(shapes=((1, 3, 4), (1, 2, 2), (3, 4))), "scores for each box"),
        (node(shapes=((1, 3, 4), (1, 3, 2), (2, 4))), "an anchor for each box"),
        (node(types=(FLOAT32, FLOAT32, UINT8)), "anchors of the boxes"),
        (node(b"\0\0\0"), "FlexBuffer"),
        (node(b""), "max_classes_per_detection"),
    ],
)
def test_what_does_not_fit_is_refused(given_node: Node, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        find(given_node).prepare(given_node, LITERT)


@pytest.mark.parametrize("types", [(TensorType.INT8,) * 3, (FLOAT32, TensorType.INT8, FLOAT32)])
def test_int8_is_unsupported(types: Any) -> None:
    one = node(types=types)
    with pytest.raises(UnsupportedOperatorError, match="uint8"):
        find(one).prepare(one, LITERT)


def wild_options() -> Iterator[tuple[str, st.SearchStrategy[Any]]]:
    numbers = st.sampled_from([0, 1, 2, 5, -1, 2**31 - 1, 0.5, True, "1", 1e30])
    return ((name, numbers) for name in (*OPTIONS, "use_regular_nms", "detections_per_class"))


@given(
    st.fixed_dictionaries({}, optional=dict(wild_options())),
    st.tuples(*[st.sampled_from([FLOAT32, UINT8, UINT8, TensorType.INT8])] * 3),
    st.tuples(*[st.lists(st.sampled_from([0, 1, 1, 2, 3, 4]), min_size=2, max_size=3).map(tuple)] * 3),
    st.booleans(),
    st.sampled_from([Quantization(), Quantization((0.5,), (3,)), Quantization((1e30,), (300,))]),
)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_refused_by_name_or_computed(
    options: Any, types: Any, shapes: Any, sensible: bool, quantization: Quantization
) -> None:
    if sensible:
        boxes = shapes[0][0]
        shapes = ((1, boxes, 4), (1, boxes, 2), (boxes, 4))
    one = node(options, types, shapes, quantization=quantization)
    try:
        prepared = find(one).prepare(one, LITERT)
    except Error:
        return
    if math.prod(prepared.output_shape) > 10000:
        return
    with suppress(ModelError):
        results = evaluate(prepared, *(np.ones(spec.shape, spec.dtype) for spec in one.inputs if spec is not None))
        assert tuple(result.shape for result in results) == prepared.output_shapes


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.data())
def test_a_partial_sort_finds_the_greatest(values: list[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(values)))
    found = best(values, count)
    assert len(set(found)) == count
    assert [values[index] for index in found] == sorted(values, reverse=True)[:count]


def test_the_bytes_of_float_anchors_are_codes_where_the_boxes_are_codes() -> None:
    one = node(types=(UINT8, FLOAT32, FLOAT32), quantization=Quantization((0.5,), (0,)))
    prepared = find(one).prepare(one, LITERT)
    anchors = np.zeros((3, 4), np.float32)
    # The bytes 4, 6, 2 and 8 of the first number are y, x, h and w of the first anchor: 2, 3, 1 and 4.
    anchors.view(np.uint8)[0, :4] = 4, 6, 2, 8
    boxes, *_ = evaluate(prepared, BOXES.astype(np.uint8), SCORES, anchors)
    assert boxes[0, 0].tolist() == [1.5, 1, 2.5, 5]


def test_anchors_of_codes_are_refused_where_the_boxes_are_numbers() -> None:
    one = node(types=(FLOAT32, FLOAT32, UINT8))
    with pytest.raises(ModelError, match="boxes' data type"):
        find(one).prepare(one, LITERT)
