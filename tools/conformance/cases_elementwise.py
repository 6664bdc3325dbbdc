"""Cases of ADD, SUB and MUL."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...schema import ActivationFunctionType, Quantization, TensorType
from ...schema.options import AddOptions, MulOptions, SubOptions
from .case import Case, constant, result, single_operator, tensor
from .strategies import (
    activations,
    arrays,
    broadcastable,
    extreme_scales,
    float32,
    log_uniform,
    mostly,
    numbers,
    per_tensor,
    requantized,
    scales,
    shapes,
)

FLOAT32, INT8, UINT8, INT16 = TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16
_OPTIONS = {"ADD": AddOptions, "SUB": SubOptions, "MUL": MulOptions}


@st.composite
def operand_shapes(draw: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two shapes: mostly equal, else broadcast one way, the other, or both; up to rank 8; sometimes long rows."""
    kind = draw(st.sampled_from(["same", "same", "second", "first", "both", "row", "empty"]))
    if kind == "row":
        channels = draw(st.sampled_from([1, 15, 16, 17, 33, 64, 100]))
        shape = (draw(st.integers(1, 3)), draw(st.integers(1, 4)), channels)
        second = draw(st.sampled_from([(channels,), (1, 1, channels), (1,), (), (shape[1], 1), shape]))
        return (shape, second) if draw(st.booleans()) else (second, shape)
    if kind == "empty" and draw(st.booleans()):
        return (2, 0, 3), draw(st.sampled_from([(2, 0, 3), (1,), (3,)]))
    if kind == "same":
        shape = draw(shapes(0, 4))
        return shape, shape
    shape = draw(st.one_of(shapes(1, 6, high=4), shapes(6, 8, high=2)))
    first = draw(broadcastable(shape)) if kind in ("first", "both") else shape
    second = draw(broadcastable(shape)) if kind in ("second", "both") else shape
    return first, second


@st.composite
def operands(draw: Any, name: str, options: Any, types: Any, quantizations: Any, values: Any, version: int) -> Case:
    """Build the case; either operand may be a constant."""
    shapes_ = draw(operand_shapes())
    given = [draw(values(shape, quantization)) for shape, quantization in zip(shapes_, quantizations, strict=False)]
    constants = draw(st.sampled_from([(False, False), (False, False), (True, False), (False, True)]))
    inputs = [
        constant(value, quantization) if fixed else tensor(types, value.shape, quantization)
        for value, quantization, fixed in zip(given, quantizations, constants, strict=False)
    ]
    return single_operator(
        name,
        options,
        inputs,
        [result(types, quantizations[2])],
        [value for value, fixed in zip(given, constants, strict=True) if not fixed],
        version=version,
    )


@st.composite
def quantized(draw: Any, name: str, tensor_type: TensorType, scale: Any = None, fused: bool = True) -> Case:
    """Codes with scales of their own; the output multiplier is drawn, so that outputs are not all saturated."""
    first, second = draw(per_tensor(tensor_type, scale)), draw(per_tensor(tensor_type, scale))
    if name == "MUL":
        accumulator = float32(first.scale[0] * second.scale[0])
        usual = log_uniform(2.0**-9, 2.0**-1) if tensor_type is not INT16 else log_uniform(2.0**-18, 2.0**-8)
        output = draw(requantized(tensor_type, accumulator, mostly(usual, log_uniform(2.0**-24, 2.0**4))))
    else:
        twice_max = 2 * max(first.scale[0], second.scale[0])
        multiplier = mostly(log_uniform(2.0**-2, 2.0**3), log_uniform(2.0**-6, 2.0**9))
        output = draw(requantized(tensor_type, twice_max, multiplier))
    options = {"fused_activation_function": draw(activations())} if fused else {}
    if tensor_type is INT16 and name != "MUL":
        options["pot_scale_int16"] = draw(st.booleans())
    return draw(
        operands(
            name,
            _OPTIONS[name](**options),
            tensor_type,
            (first, second, output),
            lambda shape, q: arrays(tensor_type, shape, q.zero_point[0]),
            5,
        )
    )


@st.composite
def sub_above_one(draw: Any, tensor_type: TensorType) -> Case:
    """SUB with an output multiplier above 1, whose left shift the reference forgets."""
    first, second = draw(per_tensor(tensor_type)), draw(per_tensor(tensor_type))
    twice_max = 2 * max(first.scale[0], second.scale[0])
    output = draw(requantized(tensor_type, twice_max / 2**20, log_uniform(1.05, 2.0**8)))
    quantizations = (first, second, output)
    values = lambda shape, q: arrays(tensor_type, shape, q.zero_point[0])  # noqa: E731
    return draw(operands("SUB", SubOptions(), tensor_type, quantizations, values, 2))


@st.composite
def powers_of_two(draw: Any, name: str) -> Case:
    """int16 with scales that are powers of two, all but one equal."""
    base, shift = draw(st.integers(-16, 0)), draw(st.integers(0, 18))
    exponents = draw(st.sampled_from([(base, base - shift), (base - shift, base)]))
    near = draw(st.sampled_from([1.0, 1.0, 1.0005]))
    one = [Quantization(scale=(float32(2.0**e * near),), zero_point=(0,)) for e in (*exponents, base)]
    shape = draw(shapes(0, 4))
    other = draw(broadcastable(shape)) if name == "SUB" else shape  # ADD's form does not broadcast
    x, y = draw(arrays(INT16, shape)), draw(arrays(INT16, other))
    options = _OPTIONS[name](fused_activation_function=draw(activations()), pot_scale_int16=True)
    inputs = [tensor(INT16, shape, one[0]), tensor(INT16, other, one[1])]
    return single_operator(name, options, inputs, [result(INT16, one[2])], [x, y], version=3)


@st.composite
def plain(draw: Any, name: str, tensor_type: TensorType) -> Case:
    """Numbers that are not quantized."""
    fused = {} if tensor_type is TensorType.COMPLEX64 else {"fused_activation_function": draw(activations())}
    options = _OPTIONS[name](**fused)

    def values(shape: tuple[int, ...], _: Any) -> st.SearchStrategy[np.ndarray]:
        return numbers(tensor_type, shape)

    none = Quantization()
    version = {FLOAT32: 1, TensorType.COMPLEX64: 7}.get(tensor_type, 5)
    return draw(operands(name, options, tensor_type, (none, none, none), values, version))


@st.composite
def fractions(draw: Any) -> Case:
    """MUL of int16 codes to codes of 8 bits."""
    shape, kind = draw(shapes(0, 4)), draw(st.sampled_from([TensorType.INT8, TensorType.UINT8]))
    operands = [tensor(INT16, shape, draw(per_tensor(INT16, zero_point=0))) for _ in range(2)]
    activation, target = draw(activations()), draw(per_tensor(kind))
    if activation is ActivationFunctionType.NONE and draw(st.booleans()):
        target = Quantization()
    given = [draw(arrays(INT16, shape)) for _ in range(2)]
    return single_operator("MUL", MulOptions(activation), operands, [result(kind, target)], given, version=6)


CASES: dict[str, st.SearchStrategy[Case]] = {}
for _name in _OPTIONS:
    for _type in (INT8, UINT8, INT16):
        _label = _type.name.lower()
        CASES[f"{_name} {_label}"] = quantized(_name, _type, scales())
        CASES[f"{_name} {_label} extreme scales"] = quantized(_name, _type, extreme_scales(), fused=False)
    for _type in (FLOAT32, TensorType.INT32, TensorType.INT64):
        CASES[f"{_name} {_type.name.lower()}"] = plain(_name, _type)
for _name in ("ADD", "MUL"):
    CASES[f"{_name} int16 unquantized"] = plain(_name, INT16)
for _name in ("ADD", "MUL"):
    CASES[f"{_name} float16"] = plain(_name, TensorType.FLOAT16)
CASES["MUL complex64"] = plain("MUL", TensorType.COMPLEX64)
CASES["MUL uint32"] = plain("MUL", TensorType.UINT32)
for _name in ("ADD", "SUB"):
    CASES[f"{_name} int16 powers of two"] = powers_of_two(_name)
for _type in (INT8, UINT8):
    CASES[f"SUB {_type.name.lower()} multiplier above one"] = sub_above_one(_type)
CASES["MUL int16 to 8 bits"] = fractions()
