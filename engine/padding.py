"""Convolutions pad by themselves: a PAD before one, of the input's zero point, is spared with the tensor it makes.

A tap outside the image counts for nothing, and so does the zero point. For a maximum that goes for the least code, and
for an average it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..kernels.convolution.prepared import QuantizedConv2D, QuantizedDepthwiseConv2D
from ..kernels.padding import Window
from ..kernels.pooling.pool_2d import Pool2D
from ..kernels.shape.pad import Pad
from ..schema import TensorType
from .preparation import Preparation, PreparedOperator, count_uses

_LEAST_CODES = {TensorType.INT8: -128, TensorType.UINT8: 0}


def absorb_paddings(preparation: Preparation, operators: Sequence[PreparedOperator]) -> tuple[PreparedOperator, ...]:
    """Return the operators of a program without those PADs that the windows which alone read them can stand for."""
    written, read = count_uses(preparation, operators)
    pads: dict[int, PreparedOperator] = {}
    kept: list[PreparedOperator] = []
    for operator in operators:
        inputs, outputs = operator.operator.inputs, operator.operator.outputs
        # Of a tensor that is written again, the window might meet another value than the PAD did.
        once = all(written[i] <= 1 and not preparation.tensors[i].is_variable for i in (*inputs, *outputs) if i >= 0)
        if once and isinstance(operator.prepared, Pad) and not operator.folded and read[outputs[0]] == 1:
            pads[outputs[0]] = operator
        pad = pads.get(inputs[0]) if once and inputs else None
        both = None if pad is None else _absorbed(preparation, pad, operator)
        if both is not None:
            kept = [one for one in kept if one is not pad]
            operator = both
        kept.append(operator)
    return tuple(kept)


def _absorbed(preparation: Preparation, pad: PreparedOperator, reader: PreparedOperator) -> PreparedOperator | None:
    prepared, node = reader.prepared, reader.node
    assert isinstance(pad.prepared, Pad) and pad.node is not None
    if node is None or not isinstance(prepared, QuantizedConv2D | QuantizedDepthwiseConv2D | Pool2D):
        return None
    code = _code_that_counts_for_nothing(reader)
    if code is None or code != _code_of(preparation, pad):
        return None
    window = _padded(prepared.window, pad.prepared)
    if window is None:
        return None
    return replace(
        reader,
        operator=replace(reader.operator, inputs=(pad.operator.inputs[0], *reader.operator.inputs[1:])),
        node=replace(node, inputs=(pad.node.input(0), *node.inputs[1:])),
        prepared=replace(prepared, window=window),
    )


def _code_that_counts_for_nothing(reader: PreparedOperator) -> int | None:
    prepared = reader.prepared
    if isinstance(prepared, QuantizedConv2D | QuantizedDepthwiseConv2D):
        return prepared.input_zero_point if prepared.reading is None else None
    assert reader.node is not None
    return _LEAST_CODES.get(reader.node.input(0).type) if reader.operator.name == "MAX_POOL_2D" else None


def _code_of(preparation: Preparation, pad: PreparedOperator) -> int | None:
    """Return the code that a PAD writes; None where it is not known beforehand."""
    assert isinstance(pad.prepared, Pad)
    if pad.prepared.pad_value is not None:
        return pad.prepared.pad_value
    value = preparation.constants.get(pad.operator.inputs[2])
    return None if value is None else int(np.reshape(value, ())[()])


def _padded(window: Window, pad: Pad) -> Window | None:
    """Return the window over the image that was padded; None where it would stand outside, or other axes are padded."""
    (*first, last), (*first_after, last_after) = pad.before, pad.after
    if len(first) != 3 or any((first[0], last, first_after[0], last_after)):
        return None
    (top, left), (bottom, right) = first[1:], first_after[1:]
    padded = replace(
        window,
        input_height=window.input_height - top - bottom,
        input_width=window.input_width - left - right,
        padding_top=window.padding_top + top,
        padding_bottom=window.padding_bottom + bottom,
        padding_left=window.padding_left + left,
        padding_right=window.padding_right + right,
    )
    overhang = (window.filter_height - 1) * window.dilation_height, (window.filter_width - 1) * window.dilation_width
    if min(padded.input_height, padded.input_width) < 1:
        return None
    if max(padded.padding_top, padded.padding_bottom) > overhang[0]:
        return None
    return padded if max(padded.padding_left, padded.padding_right) <= overhang[1] else None
