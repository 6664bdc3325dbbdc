"""NON_MAX_SUPPRESSION_V4 and _V5: the best boxes that do not overlap too much with better ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import ModelError, TensorType
from .. import libm
from ..checks import require_arity
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile
from ..shape.arguments import scalar


@dataclass(frozen=True)
class NonMaxSuppression(Prepared):
    """Whether scores may decay (_V5).

    ``reconsiders_selected``: a box that was selected is a candidate again, suppressed only by itself.
    """

    soft: bool
    reconsiders_selected: bool


def prepare(node: Node, profile: Profile) -> NonMaxSuppression:
    """Prepare NON_MAX_SUPPRESSION_V4 or _V5.

    Outputs have the greatest size and are filled with zeros.

    Notes
    -----
    Source: ``Prepare`` and ``Eval`` in ``kernels/non_max_suppression.cc``. Later source gives outputs the size that is
    found, where the greatest is not a constant; the oracle does not.
    """
    soft = node.name.endswith("V5")
    require_arity(node, 6 if soft else 5, 3 if soft else 2)
    boxes, scores = node.input(0), node.input(1)
    node.require(len(boxes.shape) == 2 and boxes.shape[1] == 4, "boxes of 4 corners")
    node.require(scores.shape == boxes.shape[:1], "a score for each box")
    of_float = [1, 3, 4, 5] if soft else [1, 3, 4]
    node.require(all(node.input(i).type is TensorType.FLOAT32 for i in of_float), "float32 scores and thresholds")
    node.require(all(node.input(i).shape == () for i in range(2, len(node.inputs))), "scalars from input 2 on")
    types = (TensorType.INT32, TensorType.FLOAT32, TensorType.INT32) if soft else (TensorType.INT32, TensorType.INT32)
    node.require(tuple(spec.type for spec in node.outputs) == types, "outputs of int32, and float32 for scores")
    most = scalar(node, 2, (TensorType.INT32,))
    node.require(most >= 0, f"an output size of at least 0, not {most}")
    shapes = ((most,), (most,), ()) if soft else ((most,), ())
    return NonMaxSuppression(shapes, soft, profile.reproduces_quirks)


def _overlap(first: np.ndarray, second: np.ndarray) -> np.float32:
    """Return the area that two boxes share over the area they cover, in float32; 0 where one has no area.

    Notes
    -----
    Source: ``ComputeIntersectionOverUnion`` in ``kernels/internal/reference/non_max_suppression.h``.
    """
    least = [np.minimum(box[:2], box[2:]) for box in (first, second)]
    most = [np.maximum(box[:2], box[2:]) for box in (first, second)]
    areas = [(b[0] - a[0]) * (b[1] - a[1]) for a, b in zip(least, most, strict=True)]
    if areas[0] <= 0 or areas[1] <= 0:
        return np.float32(0)
    sides = np.maximum(np.minimum(*most) - np.maximum(*least), np.float32(0))
    shared = sides[0] * sides[1]
    return np.float32(shared / (areas[0] + areas[1] - shared))


class _Queue:
    """Boxes by score, greatest first; equal ones in the order of libstdc++'s ``priority_queue``."""

    def __init__(self, scores: np.ndarray) -> None:
        self.scores = scores.copy()
        self.heap: list[int] = []

    def push(self, box: int) -> None:
        """Add a box."""
        self.heap.append(box)
        self._rise(len(self.heap) - 1, box)

    def pop(self) -> int:
        """Remove and return the box of the greatest score."""
        best, last = self.heap[0], self.heap.pop()
        size = len(self.heap)
        if size:
            hole = 0
            while 2 * hole + 1 < size:
                child = min(2 * hole + 2, size - 1)
                if self.scores[self.heap[child]] < self.scores[self.heap[2 * hole + 1]]:
                    child = 2 * hole + 1
                self.heap[hole] = self.heap[child]
                hole = child
            self._rise(hole, last)
        return best

    def _rise(self, hole: int, box: int) -> None:
        while hole > 0 and self.scores[self.heap[(hole - 1) // 2]] < self.scores[box]:
            self.heap[hole] = self.heap[(hole - 1) // 2]
            hole = (hole - 1) // 2
        self.heap[hole] = box


def _select(
    prepared: NonMaxSuppression,
    boxes: np.ndarray,
    scores: np.ndarray,
    most: int,
    iou_threshold: np.float32,
    score_threshold: np.float32,
    sigma: np.float32,
) -> tuple[list[int], list[np.float32]]:
    """Return the selected boxes and their scores.

    A box is compared with those selected since it was last looked at, the latest first. Where its score decayed it
    goes back into the queue.

    Notes
    -----
    Source: ``NonMaxSuppression`` in ``kernels/internal/reference/non_max_suppression.h``.
    """
    queue = _Queue(scores)
    for candidate in np.flatnonzero(scores > score_threshold):
        queue.push(int(candidate))
    most = min(most, len(queue.heap))
    decay = np.float32(-0.5) / sigma if sigma > 0 else np.float32(0)
    compared = [0] * len(scores)
    selected: list[int] = []
    selected_scores: list[np.float32] = []
    while len(selected) < most and queue.heap:
        box = queue.pop()
        score = original = queue.scores[box]
        suppressed = False
        for other in reversed(selected[compared[box] :]):
            overlap = _overlap(boxes[box], boxes[other])
            if overlap >= iou_threshold:
                suppressed = True
                break
            if sigma > 0:
                score = score * np.float32(libm.expf(decay * overlap * overlap))
            if score <= score_threshold:
                break
        compared[box] = len(selected)
        if suppressed:
            continue
        if score == original:
            selected.append(box)
            selected_scores.append(score)
            if not prepared.reconsiders_selected:
                continue
        if score > score_threshold:
            queue.scores[box] = score
            queue.push(box)
    return selected, selected_scores


def evaluate(prepared: NonMaxSuppression, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Select boxes (n, 4) by their scores (n): their indices, for _V5 their scores, and how many they are.

    Raises
    ------
    ModelError
        Where sigma is negative.
    """
    boxes, scores = arrays[:2]
    most = int(arrays[2])
    iou_threshold, score_threshold = (np.float32(array) for array in arrays[3:5])
    sigma = np.float32(arrays[5]) if prepared.soft else np.float32(0)
    if sigma < 0:
        raise ModelError(f"NON_MAX_SUPPRESSION_V5: expected a sigma of at least 0; got {sigma}")
    with np.errstate(all="ignore"):
        selected, found = _select(prepared, boxes, scores, most, iou_threshold, score_threshold, sigma)
    indices, values = np.zeros(most, np.int32), np.zeros(most, np.float32)
    indices[: len(selected)] = selected
    values[: len(selected)] = found
    count = np.array(len(selected), np.int32)
    return (indices, values, count) if prepared.soft else (indices, count)


KERNELS = (
    Kernel("NON_MAX_SUPPRESSION_V4", (1, 1), (TensorType.FLOAT32,), prepare, evaluate, values=(2,)),
    Kernel("NON_MAX_SUPPRESSION_V5", (1, 1), (TensorType.FLOAT32,), prepare, evaluate, values=(2,)),
)
