"""TFLite_Detection_PostProcess: from box encodings and scores to detections, by non-maximum suppression.

Inputs are box encodings ``[1, boxes, 4 or more]``, scores ``[1, boxes, classes]`` (one more for a background class,
which comes first) and anchors ``[boxes, 4]``. Outputs are boxes (ymin, xmin, ymax, xmax), classes, scores and the
number of detections.

The profiles ``tflm`` and ``single`` are not held to tflite-micro here: its fast suppression counts detections otherwise
where a box may have several classes.
"""

from __future__ import annotations

import ctypes
import math
from dataclasses import dataclass

import numpy as np

from ...schema import ModelError, TensorType
from ...schema.flexbuffer import flexbuffer_map
from ..checks import require_arity
from ..libm import address
from ..operator import Fault, Field, Input, Instruction, Kernel, Node, Output, Prepared, Scratch, TensorSpec
from ..profiles import Profile
from .options import flag, integer, real
from .partial_sort import best

NAME = "TFLite_Detection_PostProcess"

UINT8 = TensorType.UINT8
_TYPES = (TensorType.FLOAT32, UINT8)
_COORDINATES = 4
_BLOCK = 64
_GREATEST_LOG = 709.782712893384
_INT32_MAX = 2**31 - 1
_SENSELESS = f"CUSTOM {NAME!r}: a box decodes to less than no height or width"


@dataclass(frozen=True)
class Codes:
    """``real = scale * (code - zero_point)`` of a uint8 input."""

    scale: np.float32
    zero_point: int


@dataclass(frozen=True)
class DetectionPostprocess(Prepared):
    """The options, and the parameters of quantized inputs (None where they are float32).

    ``scales`` are the divisors of y, x, h and w; ``background`` is 1 where class 0 of the scores is the background.
    """

    max_detections: int
    max_classes_per_detection: int
    detections_per_class: int
    regular: bool
    score_threshold: np.float32
    overlap_threshold: np.float32
    classes: int
    background: int
    scales: tuple[np.float32, np.float32, np.float32, np.float32]
    box_codes: Codes | None
    anchor_codes: Codes | None
    score_codes: Codes | None
    whole_lanes_in_float32: bool


def prepare(node: Node, profile: Profile) -> DetectionPostprocess:
    """Prepare TFLite_Detection_PostProcess.

    Notes
    -----
    Source: ``Init`` and ``Prepare`` in ``kernels/detection_postprocess.cc``. What that file checks only when it runs,
    and what would make it read or write outside its tensors, is refused here.
    """
    require_arity(node, 3, 4)
    boxes, scores, anchors = (node.input(i) for i in range(3))
    if scores.type not in _TYPES:
        raise node.unsupported("boxes and scores of float32 or uint8")
    node.require(all(one.type is TensorType.FLOAT32 for one in node.outputs), "four float32 outputs")
    if boxes.type is UINT8 and anchors.type not in _TYPES:
        raise node.unsupported("anchors of float32 or uint8")
    node.require(anchors.type is boxes.type or boxes.type is UINT8, "anchors of the boxes' data type")
    node.require((len(boxes.shape), len(scores.shape), len(anchors.shape)) == (3, 3, 2), "inputs of rank 3, 3 and 2")
    node.require(boxes.shape[0] == scores.shape[0] == 1, "a batch of 1")
    count = boxes.shape[1]
    node.require(boxes.shape[2] >= _COORDINATES, "4 numbers or more for each box")
    node.require(scores.shape[1] == count, "scores for each box")
    node.require(math.prod(anchors.shape) >= _COORDINATES * count, "an anchor for each box")

    options = flexbuffer_map(node.custom_options)
    most = integer(node, options, "max_detections")
    each = integer(node, options, "max_classes_per_detection")
    per_class = integer(node, options, "detections_per_class", 100)
    regular = flag(node, options, "use_regular_nms")
    classes = integer(node, options, "num_classes")
    overlap = real(node, options, "nms_iou_threshold")
    node.require(most >= 0 and 2 * most <= _INT32_MAX, f"max_detections that can be doubled, not {most}")
    node.require(each > 0 and most * each <= _INT32_MAX, f"a positive max_classes_per_detection, not {each}")
    node.require(classes > 0, f"a positive num_classes, not {classes}")
    node.require(0 <= scores.shape[2] - classes <= 1, f"scores of {classes} classes, and one more for the background")
    node.require(bool(0 < overlap <= 1), f"nms_iou_threshold in (0, 1], not {overlap}")
    node.require(per_class >= 0 and (not regular or min(per_class, most) > 0), "detections_per_class above 0")

    return DetectionPostprocess(
        ((1, most * each, _COORDINATES), (1, most * each), (1, most * each), (1,)),
        max_detections=most,
        max_classes_per_detection=each,
        detections_per_class=min(per_class, most),
        regular=regular,
        score_threshold=real(node, options, "nms_score_threshold"),
        overlap_threshold=overlap,
        classes=classes,
        background=scores.shape[2] - classes,
        scales=(
            real(node, options, "y_scale"),
            real(node, options, "x_scale"),
            real(node, options, "h_scale"),
            real(node, options, "w_scale"),
        ),
        box_codes=None if boxes.type is not UINT8 else _codes(node, boxes),
        anchor_codes=None if boxes.type is not UINT8 else _codes(node, anchors),
        score_codes=None if scores.type is not UINT8 else _codes(node, scores),
        whole_lanes_in_float32=profile.reproduces_quirks,
    )


def _codes(node: Node, spec: TensorSpec) -> Codes:
    node.require(0 <= spec.zero_point <= 255, f"a zero point of {spec.name!r} in [0, 255], not {spec.zero_point}")
    return Codes(spec.scale, spec.zero_point)


def evaluate(
    prepared: DetectionPostprocess, boxes: np.ndarray, scores: np.ndarray, anchors: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return boxes, classes, scores and their number.

    Entries beyond what was detected are 0. The reference leaves some of them as they were in memory.

    Raises
    ------
    ModelError
        A box's lower edge decodes to less than its upper one, or its right to less than its left.

    Notes
    -----
    Source: ``Eval`` in ``kernels/detection_postprocess.cc``.
    """
    with np.errstate(all="ignore"):
        corners = _decode(prepared, boxes[0, :, :_COORDINATES], anchors)
        if np.any((corners[:, 0] > corners[:, 2]) | (corners[:, 1] > corners[:, 3])):
            raise ModelError(_SENSELESS)
        of_classes = _real_scores(prepared, scores[0])[:, prepared.background :]
        detect = _regular if prepared.regular else _fast
        found, number = detect(prepared, corners, of_classes)
    size = prepared.max_detections * prepared.max_classes_per_detection
    all_boxes, classes, best_scores = (
        np.zeros((size, 4), np.float32),
        np.zeros(size, np.float32),
        np.zeros(size, np.float32),
    )
    for slot, box, label in found:
        all_boxes[slot], classes[slot], best_scores[slot] = corners[box], label, of_classes[box, label]
    return all_boxes[None], classes[None], best_scores[None], np.array([number], np.float32)


def _decode(prepared: DetectionPostprocess, boxes: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Return the corners (ymin, xmin, ymax, xmax) of the boxes; centers and sizes are float64, rounded to float32."""
    near = _dequantize(boxes, prepared.box_codes).astype(np.float64)
    if prepared.anchor_codes is not None:
        anchors = np.ascontiguousarray(anchors).view(np.uint8)  # the reference does not look at the anchors' type
    anchors = anchors.reshape(-1)[: boxes.shape[0] * _COORDINATES].reshape(-1, _COORDINATES)
    anchor = _dequantize(anchors, prepared.anchor_codes).astype(np.float64)
    scales = np.array(prepared.scales, np.float64)
    centers = (near[:, :2] / scales[:2] * anchor[:, 2:] + anchor[:, :2]).astype(np.float32)
    halves = (0.5 * _exp(near[:, 2:] / scales[2:]) * anchor[:, 2:]).astype(np.float32)
    return np.concatenate([centers - halves, centers + halves], axis=1)


def _exp(x: np.ndarray) -> np.ndarray:
    """Return ``exp(x)`` of float64, as the C library computes it."""
    overflows = x > _GREATEST_LOG  # where Python's own raises an error
    values = [math.exp(value) for value in np.where(overflows, 0, x).reshape(-1).tolist()]
    return np.where(overflows, math.inf, np.array(values, np.float64).reshape(x.shape))


def _dequantize(x: np.ndarray, codes: Codes | None) -> np.ndarray:
    if codes is None:
        return x
    return (x.astype(np.float32) - np.float32(codes.zero_point)) * codes.scale


def _real_scores(prepared: DetectionPostprocess, scores: np.ndarray) -> np.ndarray:
    codes = prepared.score_codes
    if codes is None or not prepared.whole_lanes_in_float32:
        return _dequantize(scores, codes)
    return _dequantize_by_lanes(scores.reshape(-1), codes).reshape(scores.shape)


def _dequantize_by_lanes(x: np.ndarray, codes: Codes) -> np.ndarray:
    """Dequantize as vector code does: eight at a time in float32, the zero point multiplied out; the rest rounded once.

    Notes
    -----
    Source: ``Dequantize`` of uint8 in ``kernels/internal/optimized/optimized_ops.h``.
    """
    whole = len(x) // 8 * 8
    offset = np.float32(-codes.zero_point) * codes.scale
    lanes = x[:whole].astype(np.float32) * codes.scale + offset
    rest = ((x[whole:].astype(np.float64) - codes.zero_point) * np.float64(codes.scale)).astype(np.float32)
    return np.concatenate([lanes, rest])


def _fast(
    prepared: DetectionPostprocess, corners: np.ndarray, scores: np.ndarray
) -> tuple[list[tuple[int, int, int]], int]:
    """Suppress boxes by their best class only; each that is left counts once, with its best few classes."""
    count = min(prepared.max_classes_per_detection, prepared.classes)
    if count == 1:
        labels = [[int(one)] for one in scores.argmax(axis=1)]
    else:
        labels = [best(row, count) for row in scores.tolist()]
    greatest = scores[np.arange(len(scores)), [label[0] for label in labels]]
    selected = _suppress(prepared, corners, greatest, prepared.max_detections)
    step = prepared.max_classes_per_detection
    found = [
        (place * step + k, box, label) for place, box in enumerate(selected) for k, label in enumerate(labels[box])
    ]
    return found, len(selected)


def _regular(
    prepared: DetectionPostprocess, corners: np.ndarray, scores: np.ndarray
) -> tuple[list[tuple[int, int, int]], int]:
    """Suppress boxes class by class, and keep the best of all; of equal scores, the lower class comes first."""
    kept: list[tuple[int, int]] = []
    for label in range(prepared.classes):
        selected = _suppress(prepared, corners, scores[:, label], prepared.detections_per_class)
        kept = sorted(kept + [(box, label) for box in selected], key=lambda one: -scores[one])
        kept = kept[: prepared.max_detections]
    return [(place, box, label) for place, (box, label) in enumerate(kept)], len(kept)


def _suppress(prepared: DetectionPostprocess, corners: np.ndarray, scores: np.ndarray, most: int) -> list[int]:
    """Return the boxes left by non-maximum suppression, best first; of equal scores, the lower index comes first.

    Candidates are looked at a block at a time: most often, the first blocks have as many as are wanted.
    """
    (above,) = np.nonzero(scores >= prepared.score_threshold)
    ordered = above[np.argsort(-scores[above], kind="stable")]
    selected: list[int] = []
    for start in range(0, len(ordered), _BLOCK):
        candidates = ordered[start : start + _BLOCK]
        for box in selected:
            candidates = candidates[_apart(prepared, corners, box, candidates)]
        while len(candidates) and len(selected) < most:
            first, candidates = candidates[0], candidates[1:]
            selected.append(int(first))
            candidates = candidates[_apart(prepared, corners, first, candidates)]
        if len(selected) >= most:
            break
    return selected


def _apart(prepared: DetectionPostprocess, corners: np.ndarray, box: int, others: np.ndarray) -> np.ndarray:
    return ~(_overlap(corners[box], corners[others]) > prepared.overlap_threshold)


def _overlap(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return intersection over union of a box with others, in float32; 0 where a box has no area."""
    area = (one[2] - one[0]) * (one[3] - one[1])
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    # Comparisons as std::max and std::min make them, which decide what becomes of a NaN.
    low = np.where(one[:2] < others[:, :2], others[:, :2], one[:2])
    high = np.where(others[:, 2:] < one[2:], others[:, 2:], one[2:])
    sides = np.where(high - low < 0, np.float32(0), high - low)
    shared = sides[:, 0] * sides[:, 1]
    return np.where((area <= 0) | (areas <= 0), np.float32(0), shared / (area + areas - shared))


def lower(prepared: DetectionPostprocess, node: Node) -> Instruction | None:
    """Lower to one instruction; None where the C library's ``exp`` cannot be had."""
    exponential = address("exp", ctypes.c_double)
    if exponential is None:
        return None
    boxes, scores = node.input(0), node.input(1)
    (_, count, width), columns = boxes.shape, scores.shape[2]
    slots = prepared.max_detections * prepared.max_classes_per_detection
    label_count = min(prepared.max_classes_per_detection, prepared.classes)
    selected_size = min(prepared.detections_per_class if prepared.regular else prepared.max_detections, count)
    kept_size = min(prepared.max_detections, count * prepared.classes) if prepared.regular else 0
    box_codes, anchor_codes, score_codes = (
        codes or Codes(np.float32(1), 0) for codes in (prepared.box_codes, prepared.anchor_codes, prepared.score_codes)
    )
    fields: dict[str, Field] = {
        "boxes": Input(0, math.prod(boxes.shape) * boxes.dtype.itemsize),
        "scores": Input(1, math.prod(scores.shape) * scores.dtype.itemsize),
        "anchors": Input(2, _COORDINATES * count * node.input(2).dtype.itemsize),
        "output_boxes": Output(0, 4 * _COORDINATES * slots),
        "output_classes": Output(1, 4 * slots),
        "output_scores": Output(2, 4 * slots),
        "output_number": Output(3, 4),
        "fault": Fault(_SENSELESS),
        "count": count,
        "width": width,
        "columns": columns,
        "background": prepared.background,
        "classes": prepared.classes,
        "slots": slots,
        "most": prepared.max_detections,
        "step": prepared.max_classes_per_detection,
        "per_class": prepared.detections_per_class,
        "regular": int(prepared.regular),
        "score_threshold": float(prepared.score_threshold),
        "overlap_threshold": float(prepared.overlap_threshold),
        "scales": np.array(prepared.scales, np.float64),
        "boxes_coded": int(prepared.box_codes is not None),
        "box_scale": float(box_codes.scale),
        "box_zero_point": box_codes.zero_point,
        "anchor_scale": float(anchor_codes.scale),
        "anchor_zero_point": anchor_codes.zero_point,
        "scores_coded": int(prepared.score_codes is not None),
        "whole_lanes": int(prepared.whole_lanes_in_float32),
        "score_scale": float(score_codes.scale),
        "score_zero_point": score_codes.zero_point,
        "exponential": exponential,
        "corners": Scratch(4 * _COORDINATES * count),
        "real_scores": Scratch(4 * count * columns if prepared.score_codes is not None else 0),
        "order": Scratch(4 * count),
        "spare": Scratch(4 * count),
        "selected": Scratch(4 * selected_size),
        "selected_size": selected_size,
        "labels": Scratch(0 if prepared.regular else 4 * count * label_count),
        "label_count": label_count,
        "class_scores": Scratch(4 * count),
        "kept": Scratch(16 * kept_size),
        "merged": Scratch(16 * kept_size),
        "kept_size": kept_size,
    }
    return Instruction("detection_postprocess", fields)


KERNELS = (Kernel(NAME, (1, 1), _TYPES, prepare, evaluate, lower),)
