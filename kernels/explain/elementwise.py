"""ADD, SUB, MUL, MEAN and QUANTIZE on codes: one output value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..elementwise.add_sub import QuantizedSum
from ..elementwise.mul import QuantizedProduct
from ..operator import Node, Shape, TensorSpec
from ..quantize.quantize import Quantize, Requantize
from ..reduce.mean import Mean, QuantizedMean
from .narration import Narration
from .requantization import explain_as_type, explain_code, explain_high_multiply, explain_multiplier, explain_rescaling

Arrays = Sequence[np.ndarray | None]


def element(array: np.ndarray | None, shape: Shape, at: Shape) -> int:
    """Return the element that broadcasting to a shape brings to a place."""
    assert array is not None
    return int(np.broadcast_to(array, shape)[at])


def operand(n: Narration, name: str, code: int, spec: TensorSpec) -> int:
    """Narrate a code less its zero point."""
    return int(
        n.step(
            f"{name} less its zero point",
            "subtract",
            a=code,
            b=spec.zero_point,
            real=(code - spec.zero_point) * float(spec.scale),
        )
    )


def bounded(n: Narration, exact: float, low: int, high: int) -> float:
    """Return the exact result within what the clamp lets pass."""
    return max((low - n.zero_point) * n.scale, min(exact, (high - n.zero_point) * n.scale))


def _explain_sum(n: Narration, prepared: QuantizedSum, node: Node, arrays: Arrays, at: Shape, sign: int) -> None:
    first, second = node.input(0), node.input(1)
    scales = [float(first.scale), float(second.scale)]
    unit = 2 * max(scales) / 2**prepared.left_shift  # what a step of the common scale stands for
    codes = [element(array, prepared.output_shape, at) for array in arrays[:2]]
    terms = []
    for name, code, spec, multiplier, shift in (
        ("input 1", codes[0], first, prepared.input1_multiplier, prepared.input1_shift),
        ("input 2", codes[1], second, prepared.input2_multiplier, prepared.input2_shift),
    ):
        difference = operand(n, name, code, spec)
        shifted = n.step(
            f"{name} with spare bits",
            "shift_left",
            x=difference,
            by=prepared.left_shift,
            note=f"{prepared.left_shift} bits, so that little is lost on the way to the common scale",
        )
        explain_multiplier(n, f"multiplier of {name}", float(spec.scale) / (2 * max(scales)))
        terms.append(
            explain_rescaling(
                n, f"{name} at twice the larger scale", shifted, multiplier, shift, prepared.rounding, unit
            )
        )
    total = n.step(
        "sum" if sign > 0 else "difference",
        "add" if sign > 0 else "subtract",
        a=terms[0],
        b=terms[1],
        real=(terms[0] + sign * terms[1]) * unit,
    )
    exact = sum(
        s * (code - spec.zero_point) * float(spec.scale)
        for s, code, spec in zip((1, sign), codes, (first, second), strict=True)
    )
    n.exact = bounded(n, exact, prepared.activation_min, prepared.activation_max)
    multiplier, shift = prepared.output_multiplier, prepared.output_shift
    explain_multiplier(n, "multiplier of the output", unit / n.scale)
    if prepared.ignores_left_shift:
        high = explain_high_multiply(n, total, multiplier)
        flat = int(np.ravel_multi_index(at, prepared.output_shape)) if at else 0
        distance = 31 if flat < prepared.elements_in_blocks else -shift & 31
        note = f"a defect: the left shift of {shift} becomes one to the right"
        shifted = n.step("shifted", "shift_right", x=high, by=distance, note=note)
        scaled = n.step("rescaled", "add", a=shifted, b=int(high >= 0))
        explain_code(n, scaled, prepared.output_zero_point, prepared.activation_min, prepared.activation_max)
        return
    if shift > 0:
        total = n.step("shifted left", "shift_left", x=total, by=shift)
        total = n.step("as int32", "clamp", x=total, low=-(2**31), high=2**31 - 1, note="it saturates here")
        shift = 0
    scaled = explain_rescaling(n, "rescaled", total, multiplier, shift, prepared.rounding, n.scale)
    explain_code(n, scaled, prepared.output_zero_point, prepared.activation_min, prepared.activation_max)


def explain_add(n: Narration, prepared: QuantizedSum, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate an output value of ADD."""
    _explain_sum(n, prepared, node, arrays, at, 1)


def explain_sub(n: Narration, prepared: QuantizedSum, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate an output value of SUB."""
    _explain_sum(n, prepared, node, arrays, at, -1)


def explain_mul(n: Narration, prepared: QuantizedProduct, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate an output value of MUL."""
    first, second = node.input(0), node.input(1)
    left = operand(n, "input 1", element(arrays[0], prepared.output_shape, at), first)
    right = operand(n, "input 2", element(arrays[1], prepared.output_shape, at), second)
    step = float(first.scale) * float(second.scale)
    product = n.step("product", "multiply", a=left, b=right, real=left * right * step)
    n.exact = bounded(n, left * right * step, prepared.activation_min, prepared.activation_max)
    _explain_real_multiplier(n, float(first.scale), float(second.scale), prepared.output_multiplier)
    scaled = explain_rescaling(
        n, "rescaled", product, prepared.output_multiplier, prepared.output_shift, prepared.rounding, n.scale
    )
    explain_code(n, scaled, prepared.output_zero_point, prepared.activation_min, prepared.activation_max)


def _explain_real_multiplier(n: Narration, first: float, second: float, multiplier: int) -> None:
    """Narrate the product of two scales over the output's, in the precision that gives the multiplier."""
    in_float64 = first * second / n.scale
    real, precision = in_float64, "float64"
    if round(np.frexp(in_float64)[0] * 2**31) not in (multiplier, 2 * multiplier):
        real, precision = float(np.float32(first) * np.float32(second) / np.float32(n.scale)), "float32"
    explain_multiplier(n, f"multiplier, formed in {precision}", real)


def explain_mean(n: Narration, prepared: QuantizedMean, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate an output value of MEAN."""
    x, source = arrays[0], node.input(0)
    assert x is not None
    place = reduced_place(x.shape, prepared.axes, prepared.output_shape, at)
    codes = [int(code) for code in x[place].reshape(-1)]
    n.table(f"{len(codes)} codes", ("input",), [(code,) for code in codes])
    total = n.step("sum of codes", "sum", terms=codes)
    total = n.step("as int32", "wrap_int32", x=total) if not -(2**31) <= total < 2**31 else total
    zero = n.step("so many zero points", "multiply", a=prepared.input_zero_point, b=prepared.count)
    shifted = n.step("sum less the zero points", "subtract", a=total, b=zero, real=(total - zero) * float(source.scale))
    shifted = n.step("as int32", "wrap_int32", x=shifted) if not -(2**31) <= shifted < 2**31 else shifted
    n.exact = bounded(n, (total - zero) * float(source.scale) / len(codes), prepared.output_min, prepared.output_max)
    scaled = explain_rescaling(
        n,
        f"rescaled; the multiplier holds the division by {prepared.count}",
        shifted,
        prepared.multiplier,
        prepared.shift,
        prepared.rounding,
        n.scale,
    )
    explain_code(n, scaled, prepared.output_zero_point, prepared.output_min, prepared.output_max)


def explain_plain_mean(n: Narration, prepared: Mean, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate MEAN of integers that are not quantized."""
    n.scale = 0.0
    x = arrays[0]
    assert x is not None
    codes = [int(code) for code in x[reduced_place(x.shape, prepared.axes, prepared.output_shape, at)].reshape(-1)]
    if not codes:
        n.step("result", "copy", x=0, note="of nothing")
        return
    total = n.step("sum", "sum", terms=codes)
    total = n.step("as int64", "wrap_int64", x=total) if not -(2**63) <= total < 2**63 else total
    mean = n.step("mean", "divide_truncating", a=total, b=len(codes), note="C's division, towards zero")
    explain_as_type(n, f"as {x.dtype}", mean, x.dtype)


def reduced_place(shape: Shape, axes: Shape, output_shape: Shape, at: Shape) -> tuple[int | slice, ...]:
    """Return the index of the elements that a reduction over axes makes an output of."""
    kept = iter(at if len(output_shape) < len(shape) else [i for axis, i in enumerate(at) if axis not in axes])
    return tuple(slice(None) if axis in axes else next(kept) for axis in range(len(shape)))


def explain_quantize(n: Narration, prepared: Quantize | Requantize, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate an output value of QUANTIZE."""
    x, source = arrays[0], node.input(0)
    assert x is not None
    if isinstance(prepared, Requantize):
        code = int(x[at])
        difference = operand(n, "input", code, source)
        if not -(2**31) <= difference < 2**31:
            difference = n.step("as int32", "wrap_int32", x=difference)
        n.exact = bounded(n, (code - source.zero_point) * float(source.scale), prepared.code_min, prepared.code_max)
        explain_multiplier(n, "multiplier", float(source.scale) / float(node.output().scale))
        scaled = explain_rescaling(
            n, "rescaled", difference, prepared.multiplier, prepared.shift, prepared.rounding, n.scale
        )
        explain_code(n, scaled, prepared.output_zero_point, prepared.code_min, prepared.code_max)
        return
    axis = prepared.output.axis
    channel = 0 if axis is None else at[axis]
    scale, zero_point = float(prepared.output.scale[channel]), int(prepared.output.zero_point[channel])
    n.scale, n.zero_point, n.exact = scale, zero_point, float(x[at])
    quotient = n.step("quotient", "divide_float32", a=float(x[at]), b=scale, note="in float32", real=float(x[at]))
    rounded = n.step("rounded", "round_half_away", x=quotient, real=quotient * scale)
    explain_code(n, rounded, zero_point, prepared.code_min, prepared.code_max)
