"""How far accumulators go, on data and at worst, and hence how many bits they need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.explain.accumulators import Products, Range, Span, products_of, span_of, with_bias
from ..schema import InputError
from ..schema.constants import constant_array
from .trace import Trace, TracedOperator

if TYPE_CHECKING:
    from .model import Model
    from .views import Port

_SAME_CODES = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "SLICE", "STRIDED_SLICE", "MAX_POOL_2D")
"""Operators whose output has no code that their input has not."""


@dataclass(frozen=True)
class AccumulatorRanges:
    """The accumulators of one operator, channel by channel.

    Parameters
    ----------
    index, name, tensor : the operator, and the name of its output.
    accumulator : the reference's, ``"int32"`` or ``"int64"``.
    input_range, weights_range : what codes the worst case takes; None: the weights themselves.
    observed, observed_without_bias : the sums on the data.
    observed_running : the sums after each addition, without the bias, from 0 on, where that was asked for.
    worst, worst_without_bias : what they can come to with any input codes.
    worst_running : what no sum on the way passes, whatever the order of the products.
    """

    index: int
    name: str
    tensor: str
    accumulator: str
    input_range: Range
    weights_range: Range | None
    observed: Span
    observed_without_bias: Span
    observed_running: Span | None
    worst: Span
    worst_without_bias: Span
    worst_running: Span

    @property
    def observed_bits(self) -> np.ndarray:
        """Bits of each channel's accumulator that the data needs; of running sums only where these were asked for."""
        span = self.observed.joined(self.observed_without_bias).with_zero()
        return (span if self.observed_running is None else span.joined(self.observed_running)).bits

    @property
    def worst_bits(self) -> np.ndarray:
        """Bits of each channel's accumulator that suffice for any input and any order of the products."""
        return self.worst.joined(self.worst_running).bits

    def to_dict(self, channels: bool = True) -> dict[str, Any]:
        """Return the ranges as JSON holds them: of all channels together, and each channel's where asked for."""
        spans = {
            "observed": self.observed,
            "observed_without_bias": self.observed_without_bias,
            "observed_running": self.observed_running,
            "worst": self.worst,
            "worst_without_bias": self.worst_without_bias,
            "worst_running": self.worst_running,
        }
        found: dict[str, Any] = {
            "operator": self.index,
            "name": self.name,
            "tensor": self.tensor,
            "accumulator": self.accumulator,
            "channels": len(self.worst.low),
            "input_range": list(self.input_range),
            "weights_range": None if self.weights_range is None else list(self.weights_range),
            **{name: None if span is None else _whole(span) for name, span in spans.items()},
            "observed_bits": int(self.observed_bits.max()),
            "worst_bits": int(self.worst_bits.max()),
        }
        if channels:
            found["per_channel"] = {
                **{
                    name: [[int(low), int(high)] for low, high in zip(span.low, span.high, strict=True)]
                    for name, span in spans.items()
                    if span is not None
                },
                "observed_bits": self.observed_bits.tolist(),
                "worst_bits": self.worst_bits.tolist(),
            }
        return found


def _whole(span: Span) -> list[int]:
    return [int(span.low.min()), int(span.high.max())]


@dataclass(frozen=True)
class Ranges:
    """What :meth:`q31.Model.ranges` returns: the operators with accumulators of products, in order.

    ``examples`` is how many were run; ``stamp`` says whose arithmetic it was.
    """

    operators: tuple[AccumulatorRanges, ...]
    examples: int
    stamp: Mapping[str, Any]

    @property
    def observed_bits(self) -> int:
        """Bits that are enough for every accumulator on the data; 0 where there are no accumulators."""
        return max((int(one.observed_bits.max()) for one in self.operators), default=0)

    @property
    def worst_bits(self) -> int:
        """Bits that are enough for every accumulator on any data; 0 where there are no accumulators."""
        return max((int(one.worst_bits.max()) for one in self.operators), default=0)

    def to_dict(self, channels: bool = True) -> dict[str, Any]:
        """Return everything as JSON holds it."""
        return {
            "stamp": dict(self.stamp),
            "examples": self.examples,
            "observed_bits": self.observed_bits,
            "worst_bits": self.worst_bits,
            "operators": [one.to_dict(channels) for one in self.operators],
        }

    def __str__(self) -> str:
        lines = [f"{self.examples} examples; observed {self.observed_bits} bits, at worst {self.worst_bits}"]
        for one in self.operators:
            observed, worst = _whole(one.observed), _whole(one.worst)
            lines.append(
                f"{one.index} {one.name}: observed {observed}, {one.observed_bits.max()} bits; "
                f"at worst {worst}, {one.worst_bits.max()} bits"
            )
        return "\n".join(lines)


def examples_of(data: Any, ports: Sequence[Port]) -> list[dict[str, np.ndarray]]:
    """Cut data into examples: an array for the model's one input, or arrays by input name.

    Each array is of the input's shape, or of several such: along its first dimension where that is 1 in the model,
    otherwise along one before it.

    Raises
    ------
    InputError
        Where an array does not fit, is missing, or there are not as many of each.
    """
    given = dict(data) if isinstance(data, Mapping) else {ports[0].name: data} if len(ports) == 1 else None
    names = [port.name for port in ports]
    if given is None or given.keys() != set(names):
        raise InputError(f"expected data by input name: {', '.join(names)}; got {', '.join(given or ()) or 'an array'}")
    columns = {port.name: _cut(np.asarray(given[port.name]), port) for port in ports}
    counts = {len(column) for column in columns.values()}
    if len(counts) != 1 or not counts.isdisjoint({0}):
        shown = ", ".join(f"{len(column)} of {name!r}" for name, column in columns.items())
        raise InputError(f"expected one example or more, as many of each input; got {shown}")
    return [dict(zip(names, parts, strict=True)) for parts in zip(*columns.values(), strict=True)]


def _cut(array: np.ndarray, port: Port) -> np.ndarray:
    shape = port.shape
    if array.dtype != port.dtype:
        raise InputError(f"input {port.name!r}: expected {port.dtype}, got {array.dtype}")
    if array.shape == shape:
        return array[None]
    if array.shape[1:] == shape:
        return array
    if shape[:1] == (1,) and array.shape[1:] == shape[1:]:
        return array[:, None]
    raise InputError(f"input {port.name!r}: expected examples of shape {list(shape)}, got {list(array.shape)}")


def measure(model: Model, examples: Iterable[Mapping[str, np.ndarray]], running: bool = False) -> Ranges:
    """Run examples one after the other, and return how far the accumulators went, and could go.

    ``running``: follow every sum product by product, which is slow.
    """
    context = _Context(model)
    found: dict[int, AccumulatorRanges] = {}
    count = 0
    for count, example in enumerate(examples, 1):
        traced = model.trace(example)
        if count == 1:
            context.learn(traced)
        for operator in traced.operators:
            products = products_of(operator.name, operator.prepared, operator.inputs)
            if products is None:
                continue
            sums = products.sums()
            now = span_of(sums)
            before = found.get(operator.index) or context.first(operator, products, now)
            step, earlier = products.running(sums.shape) if running else None, before.observed_running
            found[operator.index] = replace(
                before,
                observed=before.observed.joined(with_bias(now, products.bias)),
                observed_without_bias=before.observed_without_bias.joined(now),
                observed_running=step if step is None or earlier is None else step.joined(earlier),
            )
    return Ranges(tuple(found[index] for index in sorted(found)), count, model.stamp)


class _Context:
    """What is known of a model's tensors beforehand: which are constants, and what codes the others can have."""

    def __init__(self, model: Model) -> None:
        graph, operators = model.graph, model.operators
        tensors = graph.subgraphs[0].tensors
        stored = (i for i, one in enumerate(tensors) if not one.is_variable and constant_array(graph, 0, i) is not None)
        self._constants = {*stored, *(index for one in operators if one.folded for index in one.outputs)}
        self._inputs = {one.index: one.inputs for one in operators}
        self._writers = Counter(index for one in operators for index in one.outputs)
        self._codes: dict[int, Range] = {}

    def learn(self, trace: Trace) -> None:
        """Find what codes the tensors can have, as far as it follows from the operators that make them."""
        for index in self._constants & trace.tensors.keys():
            array = trace.tensors[index]
            if array.dtype.kind in "iu" and array.size:
                self._codes[index] = int(array.min()), int(array.max())
        for operator in trace.operators:
            output = operator.outputs[0] if len(operator.outputs) == 1 else None
            if output is None or output.dtype.kind not in "iu":
                continue
            low, high = _type_range(output.dtype)
            for least, most in _limits(operator, [self._codes.get(one) for one in self._inputs[operator.index]]):
                low, high = max(low, least), min(high, most)
            target = operator.output_indices[0]
            if target not in self._codes and self._writers[target] == 1 and low <= high:
                self._codes[target] = low, high

    def first(self, operator: TracedOperator, products: Products, now: Span) -> AccumulatorRanges:
        """Return an operator's worst case, with what was observed first."""
        x, weights = products.operands
        input_range = self._range_of(operator, x, products.x)
        constant = self._inputs[operator.index][weights] in self._constants
        weights_range = None if constant else self._range_of(operator, weights, products.weights)
        final, running = products.worst(input_range, weights_range)
        assert operator.node is not None
        return AccumulatorRanges(
            index=operator.index,
            name=operator.name,
            tensor=operator.node.output().name,
            accumulator=str(products.accumulator),
            input_range=input_range,
            weights_range=weights_range,
            observed=with_bias(now, products.bias),
            observed_without_bias=now,
            observed_running=None,
            worst=with_bias(final, products.bias),
            worst_without_bias=final,
            worst_running=running,
        )

    def _range_of(self, operator: TracedOperator, index: int, codes: np.ndarray) -> Range:
        """Return what codes an operand can have; any of its type where it is read in another than its own."""
        own, tensor = operator.inputs[index], self._inputs[operator.index][index]
        whole = _type_range(codes.dtype)
        return self._codes.get(tensor, whole) if own is not None and own.dtype == codes.dtype else whole


def _type_range(dtype: np.dtype) -> Range:
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)


def _limits(operator: TracedOperator, inputs: Sequence[Range | None]) -> list[Range]:
    """Return what an output's codes are held in: a clamp, the entries of a table, the codes of the input."""
    prepared: Any = operator.prepared
    limits: list[Range] = []
    for holder in (prepared, getattr(prepared, "requantization", None)):
        clamp = getattr(holder, "activation_min", None), getattr(holder, "activation_max", None)
        if all(isinstance(end, (int, np.integer)) for end in clamp):
            limits.append((int(clamp[0]), int(clamp[1])))  # type: ignore[arg-type]
    table = getattr(prepared, "table", None)
    if type(prepared).__name__ == "Lookup" and isinstance(table, np.ndarray) and table.dtype.kind in "iu":
        limits.append((int(table.min()), int(table.max())))
    if operator.name in _SAME_CODES and inputs and inputs[0] is not None:
        limits.append(inputs[0])
    return limits
