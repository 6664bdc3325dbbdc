"""What the page needs to compute an operator's values itself: codes, scales, zero points, windows, clamps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...engine.trace import TracedOperator
from ...kernels.activations.softmax import QuantizedSoftmax
from ...kernels.convolution.prepared import QuantizedConv2D, QuantizedDepthwiseConv2D, QuantizedFullyConnected
from ...kernels.elementwise.add_sub import QuantizedSum
from ...kernels.operator import TensorSpec
from ...kernels.padding import Window
from ...kernels.pooling.pool_2d import Pool2D
from ...kernels.profiles import Profile
from .pieces import Box, Limits, Piece, choose_box, cut, four, receptive, shown_channels

_LARGEST = 2_000_000  # elements that one value may need
_BYTES = (np.dtype(np.int8), np.dtype(np.uint8))


class NotSteppableError(Exception):
    """Raised with the reason why an operator's values are not gone through in the page."""


@dataclass(frozen=True)
class Steppable:
    """An operator whose values the page computes.

    ``pieces`` by role: input, input2, weights, bias, output. ``parameters`` as JSON holds them.
    """

    kind: str
    pieces: Mapping[str, Piece]
    parameters: Mapping[str, Any] = field(default_factory=dict)


def steppable(operator: TracedOperator, profile: Profile, limits: Limits) -> Steppable:
    """Return what the page needs of an operator.

    Raises
    ------
    NotSteppableError
        Where the page does not compute this form of it.
    """
    function = _FORMS.get(_form(operator))
    arrays = [*operator.inputs[:1], *operator.outputs[:1]]
    if function is None or operator.node is None:
        raise NotSteppableError("")
    if any(array is None or array.dtype not in _BYTES or not array.size for array in arrays):
        raise NotSteppableError("the page goes through values of int8 and uint8 only; q31 explain knows more")
    found = function(operator, profile, limits)
    if max(math.prod(piece.array.shape) for piece in found.pieces.values()) > _LARGEST:
        raise NotSteppableError("a value of it is computed from more numbers than the page carries")
    return found


def candidates(operators: Sequence[TracedOperator]) -> int:
    """Return how many operators are of the forms that the page computes."""
    return sum(_form(one) in _FORMS for one in operators)


def _form(operator: TracedOperator) -> str:
    return f"{operator.name} {type(operator.prepared).__name__}"


def _tensor(prefix: str, spec: TensorSpec) -> dict[str, Any]:
    return {f"{prefix}_scale": float(spec.scale), f"{prefix}_zero_point": int(spec.zero_point)}


def _common(operator: TracedOperator, **others: Any) -> dict[str, Any]:
    assert operator.node is not None and operator.outputs[0] is not None
    output = operator.outputs[0]
    limits = np.iinfo(output.dtype)
    return {
        **_tensor("input", operator.node.input(0)),
        **_tensor("output", operator.node.output()),
        "dtype": str(output.dtype),
        "output_shape": list(output.shape),
        "lowest": int(limits.min),
        "highest": int(limits.max),
        **others,
    }


def _window(window: Window) -> dict[str, int]:
    return {name: int(value) for name, value in vars(window).items()}


def _arrays(operator: TracedOperator) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]:
    x, weights = operator.inputs[:2]
    bias = operator.inputs[2] if len(operator.inputs) > 2 else None
    output = operator.outputs[0]
    assert x is not None and weights is not None and output is not None
    return x, weights, bias, output


def _products(operator: TracedOperator, box: Box, pieces: dict[str, Piece], **others: Any) -> Steppable:
    """Return what convolutions and FULLY_CONNECTED have in common; ``box`` is that of the output."""
    prepared: Any = operator.prepared
    assert operator.node is not None
    requantization = prepared.requantization
    if prepared.reading is not None or requantization.narrow is not None or requantization.accumulator != np.int32:
        raise NotSteppableError("this form of it is gone through by q31 explain only")
    bias = _arrays(operator)[2]
    filters, output = operator.node.input(1), operator.node.output()
    channels = len(requantization.multiplier)
    scales = np.broadcast_to(np.array(filters.quantization.scale, np.float32), channels).astype(np.float64)
    source, whole = float(operator.node.input(0).scale), float(output.scale)
    products = {
        "float64": source * scales,
        "float32": (np.float32(source) * scales.astype(np.float32)).astype(np.float64),
    }
    real = np.broadcast_to(requantization.real_multiplier, channels)
    precision = next((name for name, product in products.items() if np.array_equal(product / whole, real)), None)
    if precision is None:
        raise NotSteppableError("its real multiplier is not formed of the scales; q31 explain tells of it")
    start, stop = box[3]
    if bias is not None:
        pieces["bias"] = cut(bias.reshape(-1), ((0, 1), (0, 1), (0, 1), (start, stop)))
    return Steppable(
        operator.name,
        pieces,
        _common(
            operator,
            filter_scales=scales[start:stop].tolist(),
            filter_zero_point=int(prepared.filter_zero_point),
            rounding=requantization.rounding.value,
            precision=precision,
            activation_min=int(requantization.activation_min),
            activation_max=int(requantization.activation_max),
            **others,
        ),
    )


def _conv_2d(operator: TracedOperator, profile: Profile, limits: Limits) -> Steppable:
    x, weights, _, output = _arrays(operator)
    prepared = operator.prepared
    assert isinstance(prepared, QuantizedConv2D)

    def needs(box: Box) -> Box:
        return (box[0], *receptive(prepared.window, box[1], box[2]), (0, x.shape[3]))

    channels = shown_channels(len(weights), math.prod(weights.shape[1:]), limits)
    box = choose_box(four(output.shape), channels, needs, limits)
    pieces = {
        "input": cut(x, needs(box)),
        "weights": cut(weights, (box[3], *((0, size) for size in weights.shape[1:]))),  # type: ignore[arg-type]
        "output": cut(output, box),
    }
    return _products(operator, box, pieces, window=_window(prepared.window), groups=prepared.groups)


def _depthwise_conv_2d(operator: TracedOperator, profile: Profile, limits: Limits) -> Steppable:
    x, weights, _, output = _arrays(operator)
    prepared = operator.prepared
    assert isinstance(prepared, QuantizedDepthwiseConv2D)
    times = prepared.depth_multiplier

    def needs(box: Box) -> Box:
        start, stop = box[3]
        depth = (start // times, -(-stop // times))
        return (box[0], *receptive(prepared.window, box[1], box[2]), depth)

    channels = shown_channels(output.shape[3], math.prod(weights.shape[1:3]), limits)
    box = choose_box(four(output.shape), channels, needs, limits)
    pieces = {
        "input": cut(x, needs(box)),
        "weights": cut(weights, ((0, 1), (0, weights.shape[1]), (0, weights.shape[2]), box[3])),
        "output": cut(output, box),
    }
    return _products(operator, box, pieces, window=_window(prepared.window), depth_multiplier=times)


def _fully_connected(operator: TracedOperator, profile: Profile, limits: Limits) -> Steppable:
    x, weights, _, output = _arrays(operator)
    prepared = operator.prepared
    assert isinstance(prepared, QuantizedFullyConnected)
    if prepared.wraps:
        raise NotSteppableError("its weights are sparse; q31 explain tells of it")
    batch, depth, units = prepared.batch, prepared.depth, prepared.units
    codes, results = x.reshape(batch, depth), output.reshape(batch, units)

    def needs(box: Box) -> Box:
        return box[0], (0, 1), (0, 1), (0, depth)

    box = choose_box((batch, 1, 1, units), shown_channels(units, depth, limits), needs, limits)
    pieces = {
        "input": cut(codes, needs(box)),
        "weights": cut(weights.reshape(units, depth), (box[3], (0, 1), (0, 1), (0, depth))),
        "output": cut(results, box),
    }
    return _products(operator, box, pieces)


def _add(operator: TracedOperator, profile: Profile, limits: Limits) -> Steppable:
    prepared, output = operator.prepared, operator.outputs[0]
    first, second = operator.inputs[:2]
    assert isinstance(prepared, QuantizedSum) and output is not None and first is not None and second is not None
    assert operator.node is not None
    shape = four(output.shape)
    box = choose_box(shape, (0, shape[3]), lambda box: box, limits)
    pieces = {
        "input": cut(np.broadcast_to(first, output.shape), box),
        "input2": cut(np.broadcast_to(second, output.shape), box),
        "output": cut(output, box),
    }
    parameters = _common(
        operator,
        **_tensor("input2", operator.node.input(1)),
        left_shift=prepared.left_shift,
        rounding=prepared.rounding.value,
        activation_min=int(prepared.activation_min),
        activation_max=int(prepared.activation_max),
    )
    return Steppable("ADD", pieces, parameters)


def _average_pool(operator: TracedOperator, profile: Profile, limits: Limits) -> Steppable:
    prepared, x, output = operator.prepared, operator.inputs[0], operator.outputs[0]
    assert isinstance(prepared, Pool2D) and x is not None and output is not None

    def needs(box: Box) -> Box:
        return (box[0], *receptive(prepared.window, box[1], box[2]), box[3])

    box = choose_box(four(output.shape), (0, output.shape[3]), needs, limits)
    parameters = _common(
        operator,
        window=_window(prepared.window),
        rounds_half_up=prepared.rounds_half_up,
        activation_min=int(prepared.activation_min),
        activation_max=int(prepared.activation_max),
    )
    return Steppable("AVERAGE_POOL_2D", {"input": cut(x, needs(box)), "output": cut(output, box)}, parameters)


def _softmax(operator: TracedOperator, profile: Profile, limits: Limits) -> Steppable:
    prepared, x, output = operator.prepared, operator.inputs[0], operator.outputs[0]
    assert isinstance(prepared, QuantizedSoftmax) and x is not None and output is not None
    assert operator.node is not None
    depth = x.shape[-1]
    rows, results = x.reshape(-1, depth), output.reshape(-1, depth)
    kept = max(1, min(len(rows), limits.activations // depth))
    box: Box = ((0, kept), (0, 1), (0, 1), (0, depth))
    parameters = _common(
        operator,
        beta=float(np.float32(getattr(operator.node.options, "beta", 1.0))),
        rounding=profile.rounding_of("SOFTMAX").value,
    )
    return Steppable("SOFTMAX", {"input": cut(rows, box), "output": cut(results, box)}, parameters)


_FORMS: Mapping[str, Callable[[TracedOperator, Profile, Limits], Steppable]] = {
    "CONV_2D QuantizedConv2D": _conv_2d,
    "DEPTHWISE_CONV_2D QuantizedDepthwiseConv2D": _depthwise_conv_2d,
    "FULLY_CONNECTED QuantizedFullyConnected": _fully_connected,
    "ADD QuantizedSum": _add,
    "AVERAGE_POOL_2D Pool2D": _average_pool,
    "SOFTMAX QuantizedSoftmax": _softmax,
}
"""Operator and class of what ``prepare`` returned -> what the page needs of it."""
