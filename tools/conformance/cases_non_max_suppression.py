"""Cases of NON_MAX_SUPPRESSION: overlapping boxes, equal scores, boxes without area."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...schema.options import NonMaxSuppressionV4Options, NonMaxSuppressionV5Options
from .case import Case, result, single_operator, tensor
from .cases_indexing import given
from .cases_shape import FLOAT32, INT32


@st.composite
def suppression(draw: DrawFn, soft: bool) -> Case:
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(1, 20))
    grid = draw(st.sampled_from([3, 8, 1000]))
    boxes = (random.integers(0, grid, (count, 4)) / np.float32(grid)).astype(np.float32)
    scores = (random.integers(0, draw(st.sampled_from([3, 10, 10**6])), count) * np.float32(0.1)).astype(np.float32)
    most = np.array(draw(st.integers(1, 24)), np.int32)
    iou = np.array(draw(st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0])), np.float32)
    least = np.array(draw(st.sampled_from([-1.0, 0.0, 0.1, 0.5])), np.float32)
    size, sizes = draw(given(most))
    (ious, first), (leasts, second) = draw(given(iou)), draw(given(least))
    inputs = [tensor(FLOAT32, boxes.shape), tensor(FLOAT32, scores.shape), size, ious, leasts]
    values = [boxes, scores, *sizes, *first, *second]
    if not soft:
        outputs = [result(INT32), result(INT32)]
        return single_operator("NON_MAX_SUPPRESSION_V4", NonMaxSuppressionV4Options(), inputs, outputs, values)
    sigma, third = draw(given(np.array(draw(st.sampled_from([0.0, 0.1, 0.5, 1.0])), np.float32)))
    outputs = [result(INT32), result(FLOAT32), result(INT32)]
    options = NonMaxSuppressionV5Options()
    return single_operator("NON_MAX_SUPPRESSION_V5", options, [*inputs, sigma], outputs, [*values, *third])


CASES: dict[str, SearchStrategy[Case]] = {
    "NON_MAX_SUPPRESSION_V4 float32": suppression(False),
    "NON_MAX_SUPPRESSION_V5 float32": suppression(True),
}
