"""Whole models around custom operators: a small single-shot detector, and a streaming chain of SVDF."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from flatbuffers import flexbuffers
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...schema import ActivationFunctionType, Padding, Quantization, TensorType
from ...schema.options import ConcatenationOptions, Conv2DOptions, ReshapeOptions, SVDFOptions
from .case import Case, CustomOptions, Operand, constant, network, result, tensor
from .cases_custom import first_detections

FLOAT32, UINT8, INT32 = TensorType.FLOAT32, TensorType.UINT8, TensorType.INT32
Operators = list[tuple[str, int, Any, list[Operand], list[Operand]]]

_SIZE, _DEPTH = 8, 3
_FEATURES, _BOXES_PER_CELL = 6, 2
_RELU6, _LINEAR = ActivationFunctionType.RELU6, ActivationFunctionType.NONE
# Real values of pixels, features, box encodings and logits.
_CODES = {
    "pixels": Quantization((1 / 128,), (128,)),
    "features": Quantization((6 / 255,), (0,)),
    "boxes": Quantization((0.05,), (120,)),
    "logits": Quantization((0.06,), (130,)),
    "scores": Quantization((1 / 256,), (0,)),
}


class Detector:
    """Operators so far, of one data type."""

    def __init__(self, tensor_type: TensorType, random: np.random.Generator) -> None:
        self.type = tensor_type
        self.random = random
        self.operators: Operators = []

    def result(self, codes: str, shape: tuple[int, ...]) -> Operand:
        return result(self.type, _CODES[codes] if self.type is UINT8 else None, shape)

    def convolution(self, x: Operand, channels: int, kernel: int, codes: str) -> Operand:
        """Add a convolution; those of 3 halve the image and end in RELU6."""
        shape = (channels, kernel, kernel, x.shape[3])
        stride, activation = (2, _RELU6) if kernel == 3 else (1, _LINEAR)
        if self.type is UINT8:
            scale = float(np.float32(0.01))
            weights = constant(self.random.integers(0, 256, shape).astype(np.uint8), Quantization((scale,), (125,)))
            bias_scale = float(np.float32(x.quantization.scale[0]) * np.float32(scale))
            bias = constant(
                self.random.integers(-3000, 3000, channels).astype(np.int32), Quantization((bias_scale,), (0,))
            )
        else:
            weights = constant(self.random.normal(0, 0.5, shape).astype(np.float32))
            bias = constant(self.random.normal(0, 0.5, channels).astype(np.float32))
        size = -(-x.shape[1] // stride)
        output = self.result(codes, (1, size, size, channels))
        options = Conv2DOptions(Padding.SAME, stride, stride, activation)
        self.operators.append(("CONV_2D", 1, options, [x, weights, bias], [output]))
        return output

    def head(self, maps: list[Operand], numbers: int, codes: str) -> Operand:
        """Add a head of so many numbers a box, on each feature map, joined to (1, boxes, numbers)."""
        parts = []
        for one in maps:
            head = self.convolution(one, _BOXES_PER_CELL * numbers, 1, codes)
            shape = (1, one.shape[1] * one.shape[2] * _BOXES_PER_CELL, numbers)
            part = self.result(codes, shape)
            target = constant(np.array(shape, np.int32))
            self.operators.append(("RESHAPE", 1, ReshapeOptions(shape), [head, target], [part]))
            parts.append(part)
        whole = self.result(codes, (1, sum(part.shape[1] for part in parts), numbers))
        self.operators.append(("CONCATENATION", 1, ConcatenationOptions(axis=1), parts, [whole]))
        return whole

    def anchors(self, count: int) -> Operand:
        """Return anchors spread over the image, (boxes, 4)."""
        if self.type is UINT8:
            return constant(self.random.integers(20, 256, (count, 4)).astype(np.uint8), Quantization((1 / 256,), (0,)))
        return constant(self.random.uniform(0.1, 1, (count, 4)).astype(np.float32))


@st.composite
def detectors(draw: DrawFn, tensor_type: TensorType) -> Case:
    detector = Detector(tensor_type, np.random.default_rng(draw(st.integers(0, 2**32))))
    random, classes = detector.random, draw(st.integers(1, 4))
    pixels = tensor(tensor_type, (1, _SIZE, _SIZE, _DEPTH), _CODES["pixels"] if tensor_type is UINT8 else None)
    large = detector.convolution(pixels, _FEATURES, 3, "features")
    maps = [large, detector.convolution(large, _FEATURES, 3, "features")]
    boxes, logits = detector.head(maps, 4, "boxes"), detector.head(maps, classes + 1, "logits")
    scores = detector.result("scores", logits.shape)
    detector.operators.append(("LOGISTIC", 1, None, [logits], [scores]))
    options = {
        "max_detections": draw(st.integers(1, 10)),
        "max_classes_per_detection": draw(st.integers(1, classes)),
        "detections_per_class": draw(st.integers(1, 10)),
        "use_regular_nms": draw(st.booleans()),
        "nms_score_threshold": draw(st.sampled_from([1e-8, 0.3, 0.6])),
        "nms_iou_threshold": draw(st.sampled_from([0.3, 0.6])),
        "num_classes": classes,
        **{"y_scale": 10.0, "x_scale": 10.0, "h_scale": 5.0, "w_scale": 5.0},
    }
    outputs = [result(FLOAT32) for _ in range(4)]
    custom = CustomOptions("TFLite_Detection_PostProcess", bytes(flexbuffers.Dumps(options)))
    inputs = [boxes, scores, detector.anchors(boxes.shape[1])]
    detector.operators.append(("CUSTOM", 1, custom, inputs, outputs))

    def image() -> np.ndarray:
        if tensor_type is UINT8:
            return random.integers(0, 256, pixels.shape).astype(np.uint8)
        return random.uniform(-1, 1, pixels.shape).astype(np.float32)

    case = network(detector.operators, [pixels], outputs, [[image()] for _ in range(2)], note=f"{options}")
    return replace(case, defined=first_detections(options))


@st.composite
def streams(draw: DrawFn) -> Case:
    """A chain of SVDF layers, each with a state, over several invokes."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    batch, width = draw(st.integers(1, 2)), draw(st.integers(1, 9))
    given = x = tensor(FLOAT32, (batch, width))
    operators: list[Any] = []
    for _ in range(draw(st.integers(1, 3))):
        rank, units, memory = draw(st.integers(1, 2)), draw(st.integers(1, 6)), draw(st.integers(1, 5))
        filters = rank * units
        inputs: list[Operand | None] = [
            x,
            constant(random.normal(0, 0.5, (filters, x.shape[1])).astype(np.float32)),
            constant(random.normal(0, 0.5, (filters, memory)).astype(np.float32)),
            constant(random.normal(0, 0.5, units).astype(np.float32)) if draw(st.booleans()) else None,
            tensor(FLOAT32, (batch, filters * memory), is_variable=True),
        ]
        x = result(FLOAT32, shape=(batch, units))
        activation = draw(st.sampled_from([ActivationFunctionType.NONE, ActivationFunctionType.RELU]))
        operators.append(("SVDF", 1, SVDFOptions(rank, activation), inputs, [x]))
    runs = [[random.normal(0, 1, given.shape).astype(np.float32)] for _ in range(draw(st.integers(2, 6)))]
    return network(operators, [given], [x], runs)


CASES: dict[str, SearchStrategy[Case]] = {
    "SSD uint8": detectors(UINT8),
    "SSD float32": detectors(FLOAT32),
    "network streaming SVDF": streams(),
}
