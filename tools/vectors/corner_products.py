"""Corner cases of CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV and FULLY_CONNECTED."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...engine.explanation import explain
from ...kernels.convolution.prepared import QuantizedConv2D, QuantizedDepthwiseConv2D, Requantization
from ...kernels.explain.narration import Table
from ...kernels.profiles import Rounding
from ...schema import ActivationFunctionType, Quantization, TensorType
from .corner_cases import NotHere, Subject, Wanted, operand
from .cut import Cut, Operand, Run, filled, limits, random_codes, run
from .hits import LARGEST_LEFT_SHIFT, LARGEST_LEFT_SHIFT_INT64

SCALE = 2.0**-4
"""Of inputs and outputs of derived operators: a power of two, so that scales multiply exactly."""

Made = tuple[Cut, Mapping[int, np.ndarray]]


def wanted(subject: Subject) -> Iterator[Wanted]:
    """Yield what is wanted of a product."""
    product = Product(subject)
    for end in ("high", "low"):
        yield product.bound(end)
        yield product.saturation(end)
    for sign in ("positive", "negative"):
        yield product.tie(sign)
        if product.own.rounding is Rounding.DOUBLE and not product.wide:
            yield product.high_multiply_tie(sign)
    yield product.zero_points("lowest", "highest")
    yield product.zero_points("highest", "lowest")
    yield product.right_shift()
    yield product.left_shift()
    yield product.largest_left_shift()


@dataclass(frozen=True)
class Product:
    """A product and the operators that are derived from it."""

    subject: Subject

    @property
    def own(self) -> Requantization:
        """Its requantization."""
        found: Requantization = self.subject.prepared.requantization
        return found

    @property
    def wide(self) -> bool:
        """Whether accumulators are int64."""
        return self.own.accumulator.itemsize == 8

    @property
    def places(self) -> tuple[int, int, int]:
        """Places of input, weights and bias."""
        return (2, 1, 3) if self.subject.operator.name == "TRANSPOSE_CONV" else (0, 1, 2)

    def derived(self, real_multiplier: float, zero_points: tuple[int, int] | None = None, small: bool = True) -> Cut:
        """Return an operator of this real multiplier, without activation: small, and its weights its own."""
        place, weights_place, _ = self.places
        one = self.subject.cut
        weights = operand(one, weights_place)
        if weights.value is None:
            raise NotHere("its weights are no constant")
        if getattr(self.subject.prepared, "reading", None) is not None:
            raise NotHere("its tensors are read in other types than their own")
        source, target = operand(one, place), one.outputs[0]
        before, after = zero_points or (source.quantization.zero_point[0], _middle(target))
        quantization = weights.quantization
        scales = (real_multiplier,) * len(quantization.scale)
        one = one.with_input(weights_place, quantization=replace(quantization, scale=scales, min=(), max=()))
        one = one.with_input(place, quantization=Quantization((SCALE,), (before,)))
        one = one.with_output(quantization=Quantization((SCALE,), (after,)))
        one = one.with_options(fused_activation_function=ActivationFunctionType.NONE)
        if small and isinstance(self.subject.prepared, (QuantizedConv2D, QuantizedDepthwiseConv2D)):
            window, shape = self.subject.prepared.window, source.shape
            height = min(shape[1], (window.filter_height - 1) * window.dilation_height + 1 + 2 * window.stride_height)
            width = min(shape[2], (window.filter_width - 1) * window.dilation_width + 1 + 2 * window.stride_width)
            one = one.with_input(place, shape=(1, height, width, shape[3]))
        return self.with_bias(one, np.zeros(len(self.own.multiplier), np.int64))

    def with_bias(self, one: Cut, bias: np.ndarray) -> Cut:
        """Return the operator with this bias, which it gets where it had none."""
        place, weights_place, bias_place = self.places
        scales = operand(one, weights_place).quantization.scale
        kind = TensorType.INT64 if self.wide else TensorType.INT32
        values = bias.astype(np.int64 if self.wide else np.int32)
        quantization = Quantization(
            tuple(operand(one, place).quantization.scale[0] * scale for scale in scales), (0,) * len(scales)
        )
        new = Operand("bias", kind, bias.shape, quantization, values)
        inputs = (*one.inputs, None)[: bias_place + 1] if len(one.inputs) <= bias_place else one.inputs
        return replace(one, inputs=(*inputs[:bias_place], new, *inputs[bias_place + 1 :]))

    def without_weights(self, one: Cut) -> Cut:
        """Return the operator with weights that are their zero point, so that only the bias is left."""
        weights = operand(one, self.places[1])
        zero_point = weights.quantization.zero_point[0] if weights.type is TensorType.UINT8 else 0
        return one.with_input(self.places[1], value=filled(weights, zero_point))

    def random(self, one: Cut) -> dict[int, np.ndarray]:
        """Return random codes for the input."""
        return {self.places[0]: random_codes(operand(one, self.places[0]), self.subject.generator)}

    def accumulators(self, one: Cut, arrays: Mapping[int, np.ndarray]) -> np.ndarray:
        """Return the accumulators, without bias, by output channel in the last axis."""
        done = run(one, arrays, self.subject.profile)
        found = done.operator.intermediates()["accumulator_without_bias"]
        return found.reshape(-1, found.shape[-1]).astype(np.int64)

    # Cases of the operator's own weights

    def worst(self, end: str) -> tuple[dict[int, np.ndarray], tuple[int, ...], int]:
        """Return the input that makes an accumulator as great (or low) as can be, its place, and that accumulator."""
        subject, (place, _, bias_place) = self.subject, self.places
        one = subject.cut
        output = subject.operator.outputs[0]
        assert output is not None
        middle = tuple(size // 2 for size in output.shape[:-1])
        source = operand(one, place)
        low, high = limits(source)
        zero_point = subject.prepared.input_zero_point
        arrays = {place: filled(source, max(low, min(zero_point, high)))}
        trace = run(one, arrays, subject.profile).trace
        bias = subject.operator.inputs[bias_place] if len(subject.operator.inputs) > bias_place else None
        best: tuple[float, int, int, list[tuple[Any, int]]] | None = None
        channels = output.shape[-1]
        for channel in subject.generator.permutation(channels)[:16].tolist():
            taps = _taps(trace, (*middle, channel), subject.profile)
            choices = [max if (weight > 0) == (end == "high") else min for _, weight in taps]
            total = sum(
                weight * (choice(low, high) - zero_point) for (_, weight), choice in zip(taps, choices, strict=True)
            )
            total += 0 if bias is None else int(bias.reshape(-1)[channel])
            rank = total * float(self.own.real_multiplier[channel]) * (1 if end == "high" else -1)
            if best is None or rank > best[0]:
                best = (rank, channel, total, taps)
        assert best is not None
        _, channel, total, taps = best
        codes = arrays[place]
        if subject.operator.name == "FULLY_CONNECTED":  # places are (batch, depth), whatever the input's shape
            codes = codes.reshape(subject.prepared.batch, subject.prepared.depth)
        for where, weight in taps:
            codes[where] = high if (weight > 0) == (end == "high") else low
        return arrays, (*middle, channel), total

    def bound(self, end: str) -> Wanted:
        """Wanted: an accumulator that no input can exceed."""
        expected: list[tuple[tuple[int, ...], int]] = []

        def make() -> Made:
            if operand(self.subject.cut, self.places[1]).value is None:
                raise NotHere("its weights are no constant")
            arrays, at, total = self.worst(end)
            expected[:] = [(at, total)]
            return self.subject.cut, arrays

        def check(done: Run) -> Mapping[str, int]:
            ((at, total),) = expected
            accumulator = done.operator.intermediates()["accumulator"]
            output = done.operator.outputs[0]
            assert output is not None
            return {f"accumulator_bound_{end}": int(accumulator.reshape(output.shape)[at] == total)}

        note = "own weights; the input takes the end of its range that each weight of one output asks for"
        return Wanted(f"accumulator_{end}", (f"accumulator_bound_{end}",), make, "operator", note, check)

    def saturation(self, end: str) -> Wanted:
        """Wanted: outputs clamped at one end."""

        def make() -> Made:
            low, high = limits(self.subject.cut.outputs[0])
            real = 2.0**-6
            one = self.derived(real)
            bias = (high - low) * 2**7 + np.arange(len(self.own.multiplier))
            arrays = self.random(one)
            bias = bias + int(np.abs(self.accumulators(one, arrays)).max())
            self.require_room(bias)
            return self.with_bias(one, bias if end == "high" else -bias), arrays

        note = "own weights, a bias beyond the output's range"
        return Wanted(f"saturation_{end}", (f"saturation_{end}",), make, note=note)

    # Cases of derived quantization

    def tie(self, sign: str) -> Wanted:
        """Wanted: results that end in one half."""

        def make() -> Made:
            one = self.derived(0.25)
            arrays = self.random(one)
            spread = int(np.abs(self.accumulators(one, arrays)).max())
            bits = max(2, spread.bit_length() - 6)
            one = self.derived(2.0**-bits)
            return self._with_targets(one, arrays, 2 ** (bits - 1) * (1 if sign == "positive" else -1))

        note = (
            "real multiplier a power of two, own weights, bias such that each channel's first output ends in one half"
        )
        aims: tuple[str, ...] = (f"tie_{sign}",)
        if self.own.rounding is Rounding.DOUBLE and not self.wide:
            aims = (f"tie_{sign}", f"right_shift_tie_{sign}")
        return Wanted(f"tie_{sign}", aims, make, note=note)

    def high_multiply_tie(self, sign: str) -> Wanted:
        """Wanted: results that end in one half at the high multiply, which rounds halves up."""

        def make() -> Made:
            one = self.derived(0.5)
            arrays = self.random(one)
            return self._with_targets(one, arrays, 1 if sign == "positive" else -1)

        note = "real multiplier 1/2, so that there is no right shift: the high multiply rounds"
        return Wanted(f"high_multiply_tie_{sign}", (f"high_multiply_tie_{sign}",), make, note=note)

    def _with_targets(self, one: Cut, arrays: Mapping[int, np.ndarray], half: int) -> Made:
        first = self.accumulators(one, arrays)[0]
        targets = (2 * (np.arange(len(first)) % 8) + 1) * half
        self.require_room(targets - first)
        return self.with_bias(one, targets - first), arrays

    def zero_points(self, first: str, second: str) -> Wanted:
        """Wanted: the input's zero point at one end of its range, the output's at the other."""
        aims = [f"input_zero_point_{first}", f"output_zero_point_{second}"]
        if operand(self.subject.cut, self.places[1]).type is TensorType.UINT8:
            aims.append(f"filter_zero_point_{first}")

        def make() -> Made:
            one = self.subject.cut
            source, target = operand(one, self.places[0]), one.outputs[0]
            if source.type is TensorType.INT16:
                raise NotHere("int16 has no zero points but 0")
            ends = {"lowest": 0, "highest": 1}
            points = limits(source)[ends[first]], limits(target)[ends[second]]
            one = self.derived(2.0**-10, points)
            weights = operand(one, self.places[1])
            if weights.type is TensorType.UINT8:
                quantization = replace(weights.quantization, zero_point=(limits(weights)[ends[first]],))
                one = one.with_input(self.places[1], quantization=quantization)
            return one, self.random(one)

        note = "own weights, random input"
        return Wanted(f"zero_points_{first}_{second}", tuple(aims), make, note=note)

    def right_shift(self) -> Wanted:
        """Wanted: a shift of -31, and accumulators that are large enough for it to matter."""

        def make() -> Made:
            one = self.derived(0.75 * 2.0**-31)
            arrays = self.random(one)
            room = int(np.abs(self.accumulators(one, arrays)).max())
            signs = np.where(np.arange(len(self.own.multiplier)) % 2, -1, 1)
            bias = signs * (2**37 if self.wide else max(0, 2**31 - 1 - room))
            return self.with_bias(one, bias), arrays

        note = "real multiplier 0.75 * 2**-31, biases near the ends of int32"
        return Wanted("largest_right_shift", ("largest_right_shift",), make, note=note)

    def largest_left_shift(self) -> Wanted:
        """Wanted: the largest shift to the left that overflows nothing."""

        def make() -> Made:
            shift = LARGEST_LEFT_SHIFT_INT64 if self.wide else LARGEST_LEFT_SHIFT
            one = self.without_weights(self.derived(0.75 * 2.0**shift))
            return self.with_bias(one, np.arange(len(self.own.multiplier)) % 3 - 1), self.random(one)

        note = "weights at their zero point and biases of -1, 0 and 1"
        return Wanted("largest_left_shift", ("largest_left_shift",), make, note=note)

    def left_shift(self) -> Wanted:
        """Wanted: a multiplier above 1 with results inside the range."""

        def make() -> Made:
            one = self.without_weights(self.derived(1.25))
            channels = len(self.own.multiplier)
            low, high = limits(one.outputs[0])
            reach = min(-low, high) // 3 if low else (high - low) // 6
            return self.with_bias(one, self.subject.generator.integers(-reach, reach + 1, channels)), self.random(one)

        note = "real multiplier 1.25, weights at their zero point and small biases"
        return Wanted("left_shift", ("left_shift",), make, note=note)

    def require_room(self, bias: np.ndarray) -> None:
        """Raise NotHere where a bias does not fit."""
        if not self.wide and np.abs(bias).max(initial=0) >= 2**31:
            raise NotHere("the bias would not fit int32")


def _middle(target: Operand) -> int:
    low, high = limits(target)
    return 0 if target.type is TensorType.INT16 else math.ceil((low + high) / 2)


def _taps(trace: Any, at: tuple[int, ...], profile: Any) -> list[tuple[Any, int]]:
    """Return the places in the input that an output sees, each with its weight less the zero point."""
    narration = explain(trace, 0, at, [profile]).narrations[profile.name]
    table = next(part for part in narration.parts if isinstance(part, Table))
    place, weight = table.columns.index("input at"), table.columns.index("weight - zero point")
    return [(tuple(json.loads(str(row[place]))), int(row[weight])) for row in table.rows if row[place] != "padding"]
