"""TFLite_Detection_PostProcess: boxes decoded, then chosen by non-maximum suppression.

What each step computes, and in which precision, is told by ``evaluate`` in ``kernels/custom/detection_postprocess.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import (
    call_double,
    float32_view,
    float64_view,
    float_field,
    fragment,
    helper,
    int32_view,
    int64_view,
    read_block,
    uint8_view,
)
from .layouts import fields

DETECTION = fields("detection_postprocess")

ZERO = np.float32(0)
LANES = 8


@fragment
def dequantize(p: Any) -> None:
    """Write the scores as real numbers, where they are codes: whole lanes with the zero point multiplied out."""
    size = p.count * p.columns
    codes, real = uint8_view(p.scores, size), float32_view(p.real_scores, size)
    scale, zero_point = np.float32(float_field(p.score_scale)), np.float32(p.score_zero_point)
    offset = -zero_point * scale
    whole = size // LANES * LANES if p.whole_lanes else 0
    for i in range(whole):
        real[i] = np.float32(codes[i]) * scale + offset
    for i in range(whole, size):
        if p.whole_lanes:
            steps = np.float64(np.int64(codes[i]) - p.score_zero_point)
            real[i] = np.float32(steps * np.float64(scale))
        else:
            real[i] = (np.float32(codes[i]) - zero_point) * scale


@helper
def coordinate(address: Any, size: Any, index: Any, coded: Any, scale: Any, zero_point: Any) -> Any:
    """Return a number of a box or an anchor as float64."""
    if coded:
        code = uint8_view(address, size)[index]
        return np.float64((np.float32(code) - np.float32(zero_point)) * np.float32(float_field(scale)))
    return np.float64(float32_view(address, size)[index])


@fragment
def decode(p: Any) -> Any:
    """Write the corners of each box; return whether each has a lower edge below its upper one, and a right one."""
    corners = float32_view(p.corners, 4 * p.count)
    scales = float64_view(p.scales, 4)
    sound = True
    for box in range(p.count):
        for axis in range(2):
            center_at, size_at = axis, axis + 2
            near = coordinate(
                p.boxes, p.count * p.width, box * p.width + center_at, p.boxes_coded, p.box_scale, p.box_zero_point
            )
            extent = coordinate(
                p.boxes, p.count * p.width, box * p.width + size_at, p.boxes_coded, p.box_scale, p.box_zero_point
            )
            anchor = coordinate(
                p.anchors, 4 * p.count, 4 * box + center_at, p.boxes_coded, p.anchor_scale, p.anchor_zero_point
            )
            span = coordinate(
                p.anchors, 4 * p.count, 4 * box + size_at, p.boxes_coded, p.anchor_scale, p.anchor_zero_point
            )
            center = np.float32(near / scales[center_at] * span + anchor)
            half = np.float32(0.5 * call_double(p.exponential, extent / scales[size_at]) * span)
            corners[4 * box + axis] = center - half
            corners[4 * box + axis + 2] = center + half
            sound = sound and not corners[4 * box + axis] > corners[4 * box + axis + 2]
    return sound


@helper
def overlap(corners: Any, one: Any, other: Any) -> Any:
    """Return intersection over union of two boxes; 0 where one has no area."""
    area = (corners[4 * one + 2] - corners[4 * one]) * (corners[4 * one + 3] - corners[4 * one + 1])
    areas = (corners[4 * other + 2] - corners[4 * other]) * (corners[4 * other + 3] - corners[4 * other + 1])
    if area <= ZERO or areas <= ZERO:
        return ZERO
    shared = np.float32(1)
    for axis in range(2):
        low, low_of_other = corners[4 * one + axis], corners[4 * other + axis]
        high, high_of_other = corners[4 * one + axis + 2], corners[4 * other + axis + 2]
        low = low_of_other if low < low_of_other else low
        high = high_of_other if high_of_other < high else high
        side = high - low
        if side < ZERO:
            side = ZERO
        shared = side if axis == 0 else shared * side
    return shared / (area + areas - shared)


@helper
def sort_by_score(order: Any, spare: Any, count: Any, scores: Any) -> Any:
    """Sort box indices by descending score, equal ones as they were; return whether the result is in ``spare``."""
    in_spare = False
    width = 1
    while width < count:
        source, target = (spare, order) if in_spare else (order, spare)
        start = 0
        while start < count:
            middle, end = min(start + width, count), min(start + 2 * width, count)
            left, right = start, middle
            for at in range(start, end):
                take_right = right < end and (left >= middle or scores[source[right]] > scores[source[left]])
                if take_right:
                    target[at] = source[right]
                    right += 1
                else:
                    target[at] = source[left]
                    left += 1
            start = end
        width *= 2
        in_spare = not in_spare
    return in_spare


@helper
def suppress(p: Any, scores: Any, most: Any, selected: Any) -> Any:
    """Choose boxes, best first, that overlap none chosen before by too much; return how many."""
    corners = float32_view(p.corners, 4 * p.count)
    order, spare = int32_view(p.order, p.count), int32_view(p.spare, p.count)
    threshold, most_overlap = np.float32(float_field(p.score_threshold)), np.float32(float_field(p.overlap_threshold))
    above: Any = 0
    for box in range(p.count):
        if scores[box] >= threshold:
            order[above] = box
            above += 1
    ordered = spare if sort_by_score(order, spare, above, scores) else order
    chosen: Any = 0
    for i in range(above):
        if chosen >= most:
            break
        apart = True
        for k in range(chosen):
            if overlap(corners, selected[k], ordered[i]) > most_overlap:
                apart = False
                break
        if apart:
            selected[chosen] = ordered[i]
            chosen += 1
    return chosen


@helper
def settle(heap: Any, at: Any, top: Any, size: Any, index: Any, values: Any, first: Any) -> None:
    """Put ``index`` in place of the heap's element ``top``: down to a leaf first, then up to where it belongs."""
    hole = top
    while 2 * hole + 2 < size:
        child = 2 * hole + 2
        if values[first + heap[at + child]] > values[first + heap[at + child - 1]]:
            child -= 1
        heap[at + hole] = heap[at + child]
        hole = child
    if 2 * hole + 2 == size:
        heap[at + hole] = heap[at + size - 1]
        hole = size - 1
    while hole > top and values[first + heap[at + (hole - 1) // 2]] > values[first + index]:
        heap[at + hole] = heap[at + (hole - 1) // 2]
        hole = (hole - 1) // 2
    heap[at + hole] = index


@helper
def best_labels(labels: Any, at: Any, count: Any, values: Any, first: Any, classes: Any) -> None:
    """Write the ``count`` best classes of a box, in the order of libstdc++'s ``partial_sort``."""
    for i in range(count):
        labels[at + i] = i
    for step in range(count // 2):
        parent = count // 2 - 1 - step
        settle(labels, at, parent, count, labels[at + parent], values, first)
    for index in range(count, classes):
        if values[first + index] > values[first + labels[at]]:
            settle(labels, at, 0, count, index, values, first)
    for step in range(count - 1):
        size = count - 1 - step
        last = labels[at + size]
        labels[at + size] = labels[at]
        settle(labels, at, 0, size, last, values, first)


@helper
def greatest_label(values: Any, first: Any, classes: Any) -> Any:
    """Return the first class of the greatest score; a NaN counts as greater than all."""
    label: Any = 0
    best = values[first]
    for index in range(1, classes):
        candidate = values[first + index]
        if not candidate <= best:
            if best != best:
                break
            label, best = index, candidate
    return label


@helper
def write(p: Any, slot: Any, box: Any, label: Any, score: Any) -> None:
    """Write a detection."""
    corners, boxes = float32_view(p.corners, 4 * p.count), float32_view(p.output_boxes, 4 * p.slots)
    for i in range(4):
        boxes[4 * slot + i] = corners[4 * box + i]
    float32_view(p.output_classes, p.slots)[slot] = np.float32(label)
    float32_view(p.output_scores, p.slots)[slot] = score


@fragment
def detect_fast(p: Any, real: Any) -> Any:
    """Suppress boxes by their best class only; return how many are left."""
    labels, greatest = int32_view(p.labels, p.count * p.label_count), float32_view(p.class_scores, p.count)
    selected = int32_view(p.selected, p.selected_size)
    for box in range(p.count):
        first = box * p.columns + p.background
        if p.label_count == 1:
            labels[box] = greatest_label(real, first, p.classes)
        else:
            best_labels(labels, box * p.label_count, p.label_count, real, first, p.classes)
        greatest[box] = real[first + labels[box * p.label_count]]
    number = suppress(p, greatest, p.most, selected)
    for place in range(number):
        box = selected[place]
        for k in range(p.label_count):
            label = labels[box * p.label_count + k]
            write(p, place * p.step + k, box, label, real[box * p.columns + p.background + label])
    return number


@fragment
def detect_regular(p: Any, real: Any) -> Any:
    """Suppress boxes class by class, and keep the best of all; of equal scores, the lower class comes first."""
    selected, scores = int32_view(p.selected, p.selected_size), float32_view(p.class_scores, p.count)
    kept, merged = int64_view(p.kept, 2 * p.kept_size), int64_view(p.merged, 2 * p.kept_size)
    number: Any = 0
    for label in range(p.classes):
        for box in range(p.count):
            scores[box] = real[box * p.columns + p.background + label]
        chosen = suppress(p, scores, p.per_class, selected)
        left, right = 0, 0
        total = min(number + chosen, p.kept_size)
        for at in range(total):
            take_right = left >= number
            if not take_right and right < chosen:
                old = real[kept[2 * left] * p.columns + p.background + kept[2 * left + 1]]
                take_right = scores[selected[right]] > old
            if take_right:
                merged[2 * at], merged[2 * at + 1] = np.int64(selected[right]), np.int64(label)
                right += 1
            else:
                merged[2 * at], merged[2 * at + 1] = kept[2 * left], kept[2 * left + 1]
                left += 1
        for i in range(2 * total):
            kept[i] = merged[i]
        number = total
    for place in range(number):
        box, label = kept[2 * place], kept[2 * place + 1]
        write(p, place, box, label, real[box * p.columns + p.background + label])
    return number


def detection_postprocess(block: Any) -> None:
    """Write boxes, classes, scores and their number; 0 beyond them, and everywhere where a box makes no sense."""
    p = read_block(block, DETECTION)
    boxes = float32_view(p.output_boxes, 4 * p.slots)
    classes, scores = float32_view(p.output_classes, p.slots), float32_view(p.output_scores, p.slots)
    for i in range(4 * p.slots):
        boxes[i] = ZERO
    for i in range(p.slots):
        classes[i] = ZERO
        scores[i] = ZERO
    number = float32_view(p.output_number, 1)
    number[0] = ZERO
    if not decode(p):
        int64_view(p.fault, 1)[0] = 1
        return
    if p.scores_coded:
        dequantize(p)
    real = float32_view(p.real_scores if p.scores_coded else p.scores, p.count * p.columns)
    number[0] = np.float32(detect_regular(p, real) if p.regular else detect_fast(p, real))
