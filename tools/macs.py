"""How many multiplications of a model's weights, or of two tensors, an operator makes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from ..engine.preparation import Preparation
from ..schema import Operator

_Shapes = Sequence[tuple[int, ...]]


def _per_output(shapes: _Shapes, outputs: _Shapes) -> int:
    """CONV_2D: a filter's taps for each output."""
    return math.prod(outputs[0]) * math.prod(shapes[1][1:])


def _depthwise(shapes: _Shapes, outputs: _Shapes) -> int:
    return math.prod(outputs[0]) * math.prod(shapes[1][1:3])


def _fully_connected(shapes: _Shapes, outputs: _Shapes) -> int:
    return math.prod(outputs[0]) * shapes[1][-1]


def _transposed(shapes: _Shapes, outputs: _Shapes) -> int:
    """TRANSPOSE_CONV: all filters for each input."""
    return math.prod(shapes[2]) * math.prod(shapes[1][:3])


def _matrices(shapes: _Shapes, outputs: _Shapes) -> int:
    """BATCH_MATMUL: the elements of the first factor by the columns of the result."""
    return math.prod(outputs[0]) * math.prod(shapes[0]) // max(math.prod(outputs[0][:-1]), 1)


_COUNTS: Mapping[str, Callable[[_Shapes, _Shapes], int]] = {
    "CONV_2D": _per_output,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "TRANSPOSE_CONV": _transposed,
    "BATCH_MATMUL": _matrices,
}


def macs(operator: Operator, preparation: Preparation) -> int:
    """Return the multiply-accumulates of an operator; 0 for those that are not counted, or of unknown shapes."""
    count = _COUNTS.get(operator.name)
    if count is None:
        return 0
    shapes = [() if index < 0 else preparation.shapes[index] for index in operator.inputs]
    outputs = [preparation.shapes[index] for index in operator.outputs]
    if any(shape is None for shape in (*shapes, *outputs)):
        return 0
    return count([shape or () for shape in shapes], [shape or () for shape in outputs])
