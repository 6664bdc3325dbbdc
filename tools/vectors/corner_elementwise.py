"""Corner cases of ADD, SUB, MUL, MEAN and AVERAGE_POOL_2D."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np

from ...schema import ActivationFunctionType, Quantization, TensorType
from .corner_cases import NotHere, Subject, Wanted, operand
from .cut import Cut, filled, limits, random_codes, run
from .hits import hits

Made = tuple[Cut, Mapping[int, np.ndarray]]
Scales = tuple[float, float, float]
Ends = tuple[int, int, int]
"""Of the two operands and the output: scales; 0 or 1 for the lower or the upper end of the range."""
_TRIES = 64


def wanted(subject: Subject) -> Iterator[Wanted]:
    """Yield what is wanted of ADD, SUB or MUL: every pair of codes, under several quantizations."""
    wide = operand(subject.cut, 0).type is TensorType.INT16
    pairs = () if wide else ("all_pairs",)

    def of(scales: Scales | None = None, ends: Ends | None = None) -> Callable[[], Made]:
        return lambda: _pairs(subject, scales, ends)

    if not wide:
        yield Wanted("all_pairs", pairs, of(), note="own quantization, every pair of codes: shape [256, 256]")
    product = subject.operator.name == "MUL"
    halves = (1.0, 1.0, 2.0**9 if wide else 8.0) if product else (1.0, 1.0, 2.0)
    note = "scales that are powers of two, halves at the last rounding"
    yield Wanted("ties", (*pairs, "tie_positive", "tie_negative"), of(halves), note=note)
    narrow = (1.0, 1.0, 1.5)
    yield Wanted("saturation", (*pairs, "saturation_low", "saturation_high"), of(narrow), note="a narrow output scale")
    for first, second in (("lowest", "highest"), ("highest", "lowest")):
        aims = (*pairs, f"input_zero_point_{first}", f"output_zero_point_{second}")
        ends = (int(first == "highest"), int(first == "highest"), int(second == "highest"))
        yield Wanted(f"zero_points_{first}_{second}", aims, of(None, ends), note="own scales")
    far = (1.0, 1.0, 1.5 * 2.0**31) if product else (1.25 * 2.0**-31, 1.0, 1.0)
    yield Wanted("largest_right_shift", (*pairs, "largest_right_shift"), of(far), note="scales far apart")
    if product:
        yield Wanted("left_shift", (*pairs, "left_shift"), of((1.0, 1.0, 0.75)), note="a real multiplier above 1")


def _pairs(subject: Subject, scales: Scales | None, ends: Ends | None) -> Made:
    """Return the operator on all pairs of codes of 8 bits, or on many pairs of int16, with scales and zero points."""
    one = subject.cut
    wide = operand(one, 0).type is TensorType.INT16
    if wide and ends is not None:
        raise NotHere("int16 has no zero points but 0")
    own = [operand(one, 0), operand(one, 1), one.outputs[0]]
    found = []
    for i, each in enumerate(own):
        points = limits(each)
        zero_point = each.quantization.zero_point[0] if each.quantization.zero_point else 0
        zero_point = zero_point if scales is None else 0 if points[0] < 0 else 128
        zero_point = zero_point if ends is None else points[ends[i]]
        scale = each.quantization.scale[0] if scales is None else scales[i]
        found.append(Quantization((scale,), (zero_point,)))
    shape = (1, 4096) if wide else (256, 256)
    for place in (0, 1):
        one = one.with_input(place, shape=shape, quantization=found[place], value=None)
    one = one.with_output(quantization=found[2])
    if scales is not None:
        one = one.with_options(fused_activation_function=ActivationFunctionType.NONE, pot_scale_int16=False)
    low, high = limits(own[0])
    if not wide:
        first, second = np.meshgrid(np.arange(low, high + 1), np.arange(low, high + 1), indexing="ij")
    else:
        edges = np.array([low, low + 1, -256, -2, -1, 0, 1, 2, 3, 255, high - 1, high])
        first = subject.generator.integers(-300, 301, shape)
        second = subject.generator.integers(-300, 301, shape)
        first[0, : len(edges) ** 2], second[0, : len(edges) ** 2] = (
            np.repeat(edges, len(edges)),
            np.tile(edges, len(edges)),
        )
    arrays = {0: filled(operand(one, 0), 0), 1: filled(operand(one, 1), 0)}
    arrays[0][...], arrays[1][...] = first, second
    return one, arrays


def wanted_of_mean(subject: Subject) -> Iterator[Wanted]:
    """Yield what is wanted of MEAN."""
    (place,) = subject.cut.free
    source = operand(subject.cut, place)
    count = subject.prepared.count
    middle = 0 if limits(source)[0] < 0 else 128

    def derived(real: float, points: tuple[int, int]) -> Cut:
        one = subject.cut.with_input(place, quantization=Quantization((real,), (points[0],)))
        return one.with_output(quantization=Quantization((1.0,), (points[1],)))

    def near(sign: int) -> Made:
        one = derived(count / 4, (middle, middle))
        codes = random_codes(operand(one, place), subject.generator)
        for _ in range(_TRIES):
            codes[...] = middle + sign * (subject.generator.random(codes.shape) < min(0.5, 20 / max(1, count)))
            done = run(one, {place: codes}, subject.profile)
            if hits(done.operator, [place]).get("tie_positive" if sign > 0 else "tie_negative"):
                break
        return one, {place: codes}

    def shifted(end: int) -> Made:
        one = derived(3.0, (middle, middle))
        return one, {place: filled(operand(one, place), limits(source)[end])}

    def ends(first: int) -> Made:
        if source.type is TensorType.INT16:
            raise NotHere("int16 has no zero points but 0")
        one = derived(1.0, (limits(source)[first], limits(source)[1 - first]))
        return one, subject.random(one)

    for name, sign in (("positive", 1), ("negative", -1)):
        note = "scales such that the real multiplier, which divides by the count, is 1/4; codes near the zero point"
        yield Wanted(f"tie_{name}", (f"tie_{name}",), partial(near, sign), note=note)
    for name, end in (("low", 0), ("high", 1)):
        note = "an input scale three times the output's"
        yield Wanted(f"saturation_{name}", (f"saturation_{name}",), partial(shifted, end), note=note)
    for first, second in (("lowest", "highest"), ("highest", "lowest")):
        aims = (f"input_zero_point_{first}", f"output_zero_point_{second}")
        make = partial(ends, int(first == "highest"))
        yield Wanted(f"zero_points_{first}_{second}", aims, make, note="random input")


def wanted_of_average(subject: Subject) -> Iterator[Wanted]:
    """Yield what is wanted of AVERAGE_POOL_2D: sums that are an odd number of half counts."""
    (place,) = subject.cut.free
    source = operand(subject.cut, place)
    low, _ = limits(source)

    def search(sign: str) -> Made:
        if sign == "negative" and low == 0:
            raise NotHere("uint8 has no sums below 0")
        base = (3 if low < 0 else 100) if sign == "positive" else -4
        codes = filled(source, base)
        for _ in range(_TRIES):
            codes[...] = base + subject.generator.integers(0, 2, source.shape)
            done = run(subject.cut, {place: codes}, subject.profile)
            if hits(done.operator, [place]).get(f"tie_{sign}"):
                return subject.cut, {place: codes}
        raise NotHere("no window was found that has an even number of codes inside the image")

    for sign in ("positive", "negative"):
        note = "codes of which about half are one greater"
        yield Wanted(f"tie_{sign}", (f"tie_{sign}",), partial(search, sign), "operator", note)
