"""Cases of the operators of two or more inputs that work element by element, but ADD, SUB and MUL."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from ...schema import Quantization, TensorType
from ...schema.options import DivOptions
from .case import Case, constant, result, single_operator, tensor
from .cases_elementwise import operand_shapes
from .cases_shape import COPIED
from .strategies import (
    activations,
    arrays,
    broadcastable,
    code_range,
    extreme_scales,
    float32,
    float_arrays,
    log_uniform,
    mostly,
    numbers,
    per_tensor,
    requantized,
    scales,
    shapes,
)

FLOAT32, INT8, UINT8, INT16 = TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16
FLOAT16, BFLOAT16 = TensorType.FLOAT16, TensorType.BFLOAT16
INT32, INT64, BOOL, FLOAT64 = TensorType.INT32, TensorType.INT64, TensorType.BOOL, TensorType.FLOAT64
UINT16, UINT32 = TensorType.UINT16, TensorType.UINT32
_NONE = Quantization()


def without(code: int) -> Any:
    """Return a function that replaces one code of an array, a zero divisor, by its neighbour."""
    return lambda array: np.where(array == code, np.array(code + 1 if code < 100 else code - 1, array.dtype), array)


@st.composite
def two(
    draw: Any, name: str, tensor_type: TensorType, version: int, output: TensorType | None = None, options: Any = None,
    quantizations: Any = None, second: Any = None, first: Any = None,
) -> Case:  # fmt: skip
    """Two operands, broadcast, either of which may be a constant; ``second`` replaces the second's values."""
    shape_a, shape_b = draw(operand_shapes())
    quantization_a, quantization_b, quantization_out = (
        draw(quantizations) if quantizations is not None else (_NONE,) * 3
    )
    a = draw(first(shape_a) if first else numbers(tensor_type, shape_a, _zero(quantization_a)))
    if second is None:
        b = draw(numbers(tensor_type, shape_b, _zero(quantization_b)))
    else:
        b = draw(second(shape_b, quantization_b))
    fixed = draw(st.sampled_from([(False, False), (False, False), (True, False), (False, True)]))
    if tensor_type is TensorType.STRING:  # LiteRT takes no scalar strings from Python
        fixed = (fixed[0] or not shape_a, fixed[1] or not shape_b)
    operands = [
        constant(value, quantization, tensor_type) if is_fixed else tensor(tensor_type, value.shape, quantization)
        for value, quantization, is_fixed in ((a, quantization_a, fixed[0]), (b, quantization_b, fixed[1]))
    ]
    given_arrays = [value for value, is_fixed in zip((a, b), fixed, strict=True) if not is_fixed]
    chosen = None if options is None else draw(options)
    outputs = [result(output or tensor_type, quantization_out)]
    return single_operator(name, chosen, operands, outputs, given_arrays, version=version)


def _zero(quantization: Quantization) -> int:
    return quantization.zero_point[0] if quantization.zero_point else 0


@st.composite
def quantization_of_quotients(draw: Any, tensor_type: TensorType, scale: Any) -> Any:
    """Quantization of DIV; the output scale is around that of a quotient of two codes."""
    first, second = draw(per_tensor(tensor_type, scale)), draw(per_tensor(tensor_type, scale))
    usual = log_uniform(2.0**-9, 2.0**7) if tensor_type is not INT16 else log_uniform(2.0**-16, 2.0**14)
    real = mostly(usual, log_uniform(2.0**-20, 2.0**20))
    return first, second, draw(requantized(tensor_type, float32(first.scale[0] / second.scale[0]), real))


@st.composite
def quantization_of_squares(draw: Any, scale: Any) -> Any:
    """Quantization of SQUARED_DIFFERENCE."""
    first, second = draw(per_tensor(INT8, scale)), draw(per_tensor(INT8, scale))
    square = float32(max(first.scale[0], second.scale[0]) ** 2)
    return first, second, draw(requantized(INT8, square, mostly(log_uniform(2.0**-9, 1.0), multipliers_wide)))


multipliers_wide = log_uniform(2.0**-20, 2.0**4)


@st.composite
def three_quantizations(draw: Any, tensor_type: TensorType, scale: Any, near: float = 2.0**10) -> Any:
    """Two inputs whose scales are within a factor of each other, and the first's again for the output."""
    first = draw(per_tensor(tensor_type, scale))
    ratio = draw(st.one_of(st.just(1.0), log_uniform(1 / 4, 4.0), log_uniform(1 / near, near)))
    second = draw(per_tensor(tensor_type, float32(first.scale[0] * ratio)))
    return first, second, first


@st.composite
def comparison(draw: Any, name: str, tensor_type: TensorType, scale: Any) -> Case:
    """Codes of two scales, often the same; never exactly 1, which ends the oracle's process."""
    first, second, _ = draw(three_quantizations(tensor_type, scale))
    assume(max(first.scale + second.scale) < 2.0**30)
    spared = [Quantization(scale=(0.75,), zero_point=q.zero_point) if q.scale == (1.0,) else q for q in (first, second)]
    return draw(two(name, tensor_type, 2, BOOL, None, st.just((*spared, _NONE))))


@st.composite
def select(draw: Any, name: str, tensor_type: TensorType) -> Case:
    """A condition and two tensors."""
    shape = draw(st.one_of(shapes(0, 4), st.just((2, 0, 3))))
    if name == "SELECT":
        kinds = [shape, (), shape[:1]] if shape else [()]
        all_shapes = [draw(st.sampled_from(kinds)), shape, shape]
    else:
        all_shapes = [draw(st.one_of(st.just(shape), broadcastable(shape))) for _ in range(3)]
    condition = draw(arrays(BOOL, all_shapes[0]))
    a, b = draw(numbers(tensor_type, all_shapes[1])), draw(numbers(tensor_type, all_shapes[2]))
    outputs = [result(tensor_type, shape=draw(st.sampled_from([(), (1,), (1, 1), (3,)])))]
    operands = [tensor(BOOL, all_shapes[0]), tensor(tensor_type, a.shape), tensor(tensor_type, b.shape)]
    return single_operator(name, None, operands, outputs, [condition, a, b], version=1)


@st.composite
def add_n(draw: Any, tensor_type: TensorType) -> Case:
    """Two to six tensors."""
    shape = draw(shapes(0, 4))
    values = [draw(numbers(tensor_type, shape)) for _ in range(draw(st.integers(2, 6)))]
    operands = [tensor(tensor_type, shape) for _ in values]
    return single_operator("ADD_N", None, operands, [result(tensor_type)], values)


@st.composite
def of_one_shape(draw: Any, name: str, tensor_type: TensorType, second: Any = None) -> Case:
    """Two tensors of one shape; ``second`` replaces the second's values."""
    shape = draw(shapes(0, 4))
    y, x = draw(numbers(tensor_type, shape)), draw((second or numbers)(tensor_type, shape))
    return single_operator(name, None, [tensor(tensor_type, shape)] * 2, [result(tensor_type)], [y, x])


@st.composite
def prelu(draw: Any, tensor_type: TensorType, scale: Any = None, alpha_type: TensorType | None = None) -> Case:
    """PRELU with an alpha per channel, per element or for all."""
    shape = draw(shapes(1, 4))
    alpha_shape = draw(
        st.one_of(st.just(shape[-1:]), st.just((1,) * (len(shape) - 1) + shape[-1:]), broadcastable(shape))
    )
    source = target = alpha = _NONE
    alpha_type = alpha_type or tensor_type
    if tensor_type is not FLOAT32:
        source, alpha = draw(per_tensor(tensor_type, scale)), draw(per_tensor(alpha_type, log_uniform(2.0**-9, 1.0)))
        target = draw(requantized(tensor_type, source.scale[0], log_uniform(2.0**-6, 2.0**6)))
    x = draw(numbers(tensor_type, shape, _zero(source)))
    slopes = draw(numbers(alpha_type, alpha_shape, _zero(alpha)))
    fixed = draw(st.booleans())
    operand = constant(slopes, alpha) if fixed else tensor(alpha_type, alpha_shape, alpha)
    given_arrays = [x] if fixed else [x, slopes]
    outputs = [result(tensor_type, target)]
    return single_operator("PRELU", None, [tensor(tensor_type, shape, source), operand], outputs, given_arrays)


@st.composite
def log_softmax(draw: Any, tensor_type: TensorType) -> Case:
    """LOG_SOFTMAX over rows of up to 40 elements, sometimes of many nearly equal ones."""
    shape = draw(st.one_of(shapes(1, 4, high=12), st.tuples(st.integers(1, 2), st.integers(100, 900))))
    if tensor_type is FLOAT32:
        x = draw(float_arrays(shape, special=True))
        return single_operator("LOG_SOFTMAX", None, [tensor(FLOAT32, shape)], [result(FLOAT32)], [x])
    scale = draw(st.one_of(scales(2.0**-10, 2.0), log_uniform(2.0**-24, 2.0**12)))
    source = draw(per_tensor(tensor_type, scale))
    low, high = code_range(tensor_type)
    target = Quantization(scale=(1 / 16,), zero_point=(high,))
    x = draw(arrays(tensor_type, shape, draw(st.integers(low, high))))
    operands = [tensor(tensor_type, shape, source)]
    return single_operator("LOG_SOFTMAX", None, operands, [result(tensor_type, target)], [x], version=2)


@st.composite
def exponents(draw: Any, shape: tuple[int, ...], _: Any) -> np.ndarray:
    """Exponents of POW: whole, nearly whole, or anything."""
    kind = draw(st.sampled_from(["whole", "near", "any"]))
    if kind == "any":
        return draw(float_arrays(shape, special=True))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    offset = draw(st.sampled_from([0.0, 4e-6, -4e-6, 2e-5])) if kind == "near" else 0.0
    return (random.integers(-3, 12, shape) + offset).astype(np.float32)


@st.composite
def divisors(draw: Any, tensor_type: TensorType, shape: tuple[int, ...], quantization: Quantization) -> np.ndarray:
    """Any values but zero."""
    return without(_zero(quantization))(draw(numbers(tensor_type, shape, _zero(quantization))))


CASES: dict[str, st.SearchStrategy[Case]] = {}
for _name in ("MAXIMUM", "MINIMUM"):
    for _type in (FLOAT32, FLOAT16, BFLOAT16, INT8, UINT8, INT16, INT32, INT64):
        CASES[f"{_name} {_type.name.lower()}"] = two(_name, _type, 4)
    CASES[f"{_name} int8 quantized"] = two(_name, INT8, 2, quantizations=three_quantizations(INT8, scales(), 1.5))
for _name in ("LOGICAL_AND", "LOGICAL_OR"):
    CASES[f"{_name} bool"] = two(_name, BOOL, 1)
for _type in (INT8, UINT8, INT16, UINT16, INT32, UINT32):
    _label = _type.name.lower()
    CASES[f"BITWISE_XOR {_label}"] = two("BITWISE_XOR", _type, 1)
    CASES[f"RIGHT_SHIFT {_label}"] = two("RIGHT_SHIFT", _type, 1)
    CASES[f"RIGHT_SHIFT {_label} within bits"] = two(
        "RIGHT_SHIFT", _type, 1, second=lambda shape, _, t=_type: arrays(t, shape, low=0, high=12)
    )
for _name, _types in (
    ("FLOOR_DIV", (FLOAT32, INT8, INT16, INT32)),
    ("FLOOR_MOD", (FLOAT32, INT8, INT16, INT32, INT64)),
):
    for _type in _types:
        CASES[f"{_name} {_type.name.lower()}"] = two(
            _name, _type, 2, second=lambda shape, q, t=_type: divisors(t, shape, q)
        )
CASES["FLOOR_MOD float32 by zero"] = two("FLOOR_MOD", FLOAT32, 2)
for _type in (FLOAT32, FLOAT16, BFLOAT16, FLOAT64):
    CASES[f"ATAN2 {_type.name.lower()}"] = of_one_shape("ATAN2", _type)
for _type in (BOOL, INT8, UINT8, INT16, UINT16, INT32, UINT32, INT64, TensorType.UINT64):
    CASES[f"STABLEHLO_AND {_type.name.lower()}"] = of_one_shape("STABLEHLO_AND", _type)
for _type in (INT8, INT16, INT32):
    CASES[f"STABLEHLO_SHIFT_LEFT {_type.name.lower()}"] = of_one_shape(
        "STABLEHLO_SHIFT_LEFT", _type, lambda t, shape: arrays(t, shape, low=0, high=31)
    )
CASES["POW float32"] = two("POW", FLOAT32, 1, second=exponents)
CASES["POW int32"] = two(
    "POW", INT32, 1, first=lambda shape: arrays(INT32, shape, 0, -20, 20),
    second=lambda shape, _: arrays(INT32, shape, 0, 0, 12),
)  # fmt: skip
CASES["POW int32 any base"] = two("POW", INT32, 1, second=lambda shape, _: arrays(INT32, shape, 0, 0, 5))
for _name in ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"):
    for _type in (FLOAT32, FLOAT16, INT32, INT64):
        CASES[f"{_name} {_type.name.lower()}"] = two(_name, _type, 1, BOOL)
    for _type in (INT8, UINT8):
        _label = _type.name.lower()
        CASES[f"{_name} {_label}"] = comparison(_name, _type, scales(2.0**-12, 0.99))
        CASES[f"{_name} {_label} scales above one"] = comparison(_name, _type, log_uniform(2.0**-2, 2.0**8))
        CASES[f"{_name} {_label} huge scales"] = comparison(_name, _type, log_uniform(2.0**8, 2.0**30))
        CASES[f"{_name} {_label} tiny scales"] = comparison(_name, _type, log_uniform(2.0**-40, 2.0**-10))
for _name in ("GREATER", "LESS"):
    CASES[f"{_name} bfloat16"] = two(_name, BFLOAT16, 1, BOOL)
for _name in ("EQUAL", "NOT_EQUAL"):
    CASES[f"{_name} bool"] = two(_name, BOOL, 1, BOOL)
    CASES[f"{_name} string"] = two(_name, TensorType.STRING, 3, BOOL)
    CASES[f"{_name} int16"] = comparison(_name, INT16, scales(2.0**-15, 0.99))
for _name in ("EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"):
    CASES[f"{_name} int16 unquantized"] = two(_name, INT16, 2, BOOL)
CASES["LESS int16 quantized"] = comparison("LESS", INT16, scales(2.0**-15, 0.99))
for _name in ("SELECT", "SELECT_V2"):
    for _type in (FLOAT32, INT8, INT16, INT64, *COPIED):
        CASES[f"{_name} {_type.name.lower()}"] = select(_name, _type)
for _type in (FLOAT32, INT32):
    _label = _type.name.lower()
    CASES[f"ADD_N {_label}"] = add_n(_type)
    CASES[f"SQUARED_DIFFERENCE {_label}"] = two("SQUARED_DIFFERENCE", _type, 1)
CASES["SQUARED_DIFFERENCE int8"] = two("SQUARED_DIFFERENCE", INT8, 2, quantizations=quantization_of_squares(scales()))
CASES["SQUARED_DIFFERENCE int8 extreme scales"] = two(
    "SQUARED_DIFFERENCE", INT8, 2, quantizations=quantization_of_squares(log_uniform(2.0**-30, 2.0**20))
)
_divide = st.builds(DivOptions, fused_activation_function=activations())
CASES["DIV float32"] = two("DIV", FLOAT32, 1, options=_divide)
CASES["DIV int32"] = two("DIV", INT32, 1, options=_divide, second=lambda shape, q: divisors(INT32, shape, q))
for _type in (INT8, UINT8, INT16):
    for _suffix, _scale in (("", scales()), (" extreme scales", log_uniform(2.0**-30, 2.0**20))):
        CASES[f"DIV {_type.name.lower()}{_suffix}"] = two(
            "DIV", _type, 2, options=_divide, quantizations=quantization_of_quotients(_type, _scale),
            second=lambda shape, q, t=_type: divisors(t, shape, q),
        )  # fmt: skip
for _type in (FLOAT32, INT8, UINT8):
    _label = _type.name.lower()
    CASES[f"PRELU {_label}"] = prelu(_type)
    CASES[f"LOG_SOFTMAX {_label}"] = log_softmax(_type)
for _type in (INT8, UINT8):
    CASES[f"PRELU {_type.name.lower()} extreme scales"] = prelu(_type, extreme_scales())
CASES["PRELU int16"] = prelu(INT16, alpha_type=INT8)
CASES["PRELU int16 and alpha int16"] = prelu(INT16)
CASES["PRELU int16 extreme scales"] = prelu(INT16, extreme_scales(), INT8)
