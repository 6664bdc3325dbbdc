"""Cases of the operators of one input that work element by element: ABS, NEG, the roots, EXP, LOG, GELU and others."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...schema import TensorType, numpy_dtype
from ...schema.options import GeluOptions
from .case import Case, result, single_operator, tensor
from .strategies import (
    code_range,
    extreme_scales,
    float32,
    float_arrays,
    log_uniform,
    mostly,
    numbers,
    per_tensor,
    scales,
    shapes,
)

FLOAT32, INT8, UINT8, INT16 = TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16
FLOAT16, BFLOAT16 = TensorType.FLOAT16, TensorType.BFLOAT16
INT32, INT64, BOOL, FLOAT64 = TensorType.INT32, TensorType.INT64, TensorType.BOOL, TensorType.FLOAT64


@st.composite
def plain(draw: Any, name: str, tensor_type: TensorType, version: int, options: Any = None, shape: Any = None) -> Case:
    """Numbers that are not quantized; floats with zeros of both signs, infinities and NaN."""
    shape = draw(st.one_of(shapes(0, 5), st.just((2, 0, 3))) if shape is None else shape)
    x = draw(numbers(tensor_type, shape))
    chosen = None if options is None else draw(options)
    return single_operator(name, chosen, [tensor(tensor_type, shape)], [result(tensor_type)], [x], version=version)


@st.composite
def halves(draw: Any, name: str) -> Case:
    """float32 at and next to the middle between two integers, also large ones."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = (random.integers(-8, 8, 40) * 2.0 ** random.integers(0, 22, 40) + 0.5).astype(np.float32)
    neighbours = np.nextafter(x, random.choice(np.array([np.inf, -np.inf], np.float32), 40))
    x = np.where(random.random(40) < 0.5, x, neighbours)
    return single_operator(name, None, [tensor(FLOAT32, x.shape)], [result(FLOAT32)], [x])


@st.composite
def whole(draw: Any, name: str, tensor_type: TensorType, version: int, options: Any = None) -> Case:
    """Every 16th float of 16 bits, from a drawn one on: all of them in sixteen examples."""
    x = np.arange(draw(st.integers(0, 15)), 1 << 16, 16).astype(np.uint16).view(numpy_dtype(tensor_type))
    chosen = None if options is None else draw(options)
    return single_operator(name, chosen, [tensor(tensor_type, x.shape)], [result(tensor_type)], [x], version=version)


def spread(tensor_type: TensorType, draw: Any, least: int) -> np.ndarray:
    """All codes of an 8-bit type, or codes over the whole range of int16, from ``least`` on."""
    low, high = code_range(tensor_type)
    if tensor_type is not INT16:
        return np.arange(max(low, least), high + 1).astype(tensor_type.name.lower())
    kind = draw(st.sampled_from(["ramp", "random", "near"]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    if kind == "ramp":
        start = draw(st.integers(0, 127))
        return np.arange(max(low, least) + start, high, 128).astype(np.int16)
    reach = high if kind == "random" else min(high, least + 300)
    return random.integers(max(low, least), reach, 100, np.int16, endpoint=True)


@st.composite
def codes(
    draw: Any, name: str, tensor_type: TensorType, version: int, source: Any, ratio: Any, signed: bool = True,
    options: Any = None, image: Any = None,
) -> Case:  # fmt: skip
    """Quantized codes. ``ratio`` relates the output scale to ``image`` of the input's, which is the input's itself
    where it is not given; without ``signed`` no code is below the zero point.
    """
    quantization = draw(per_tensor(tensor_type, source))
    base = quantization.scale[0] if image is None else image(quantization.scale[0])
    output = draw(per_tensor(tensor_type, float32(base * draw(ratio))))
    x = spread(tensor_type, draw, quantization.zero_point[0] if not signed else code_range(tensor_type)[0])
    chosen = None if options is None else draw(options)
    inputs = [tensor(tensor_type, x.shape, quantization)]
    return single_operator(name, chosen, inputs, [result(tensor_type, output)], [x], version=version)


@st.composite
def unlooked(draw: Any, name: str, tensor_type: TensorType) -> Case:
    """Quantized codes whose quantization the operator ignores."""
    source, target = draw(per_tensor(tensor_type)), draw(per_tensor(tensor_type))
    x = spread(tensor_type, draw, code_range(tensor_type)[0])
    return single_operator(name, None, [tensor(tensor_type, x.shape, source)], [result(tensor_type, target)], [x])


@st.composite
def complex_part(draw: Any, name: str, source: TensorType, target: TensorType) -> Case:
    """Complex numbers with special values among the parts."""
    shape = draw(shapes(0, 4))
    real, imaginary = draw(float_arrays(shape, special=True)), draw(float_arrays(shape, special=True))
    x = np.empty(shape, source.name.lower())
    x.real, x.imag = real, imaginary
    return single_operator(name, None, [tensor(source, shape)], [result(target)], [x])


_approximate = st.builds(GeluOptions, approximate=st.booleans())
_any_scale = st.one_of(scales(), scales(), extreme_scales())
_ratio = mostly(log_uniform(2.0**-4, 2.0**4), log_uniform(2.0**-16, 2.0**16))

CASES: dict[str, st.SearchStrategy[Case]] = {
    "ABS float32": plain("ABS", FLOAT32, 1),
    "ABS int32": plain("ABS", INT32, 3),
    "ABS int16 unquantized": plain("ABS", INT16, 3),
    "LOGICAL_NOT bool": plain("LOGICAL_NOT", BOOL, 1),
}
for _name in ("SQRT", "RSQRT", "SQUARE", "EXP", "LOG", "SIN", "COS", "FLOOR"):
    CASES[f"{_name} float32"] = plain(_name, FLOAT32, 1)
for _type in (FLOAT32, INT32, INT64, INT8, INT16):
    CASES[f"NEG {_type.name.lower()}"] = plain("NEG", _type, 1)
for _type in (INT8, INT16):
    _label = _type.name.lower()
    CASES[f"NEG {_label} quantized"] = unlooked("NEG", _type)
    CASES[f"ABS {_label}"] = codes("ABS", _type, 3, _any_scale, st.one_of(_ratio, st.just(1.0)))
for _type in (FLOAT16, BFLOAT16):
    for _name in ("NEG", "FLOOR"):
        CASES[f"{_name} {_type.name.lower()}"] = plain(_name, _type, 1)
        CASES[f"{_name} {_type.name.lower()} all"] = whole(_name, _type, 1)
    for _name in ("LOGISTIC", "TANH"):
        CASES[f"{_name} {_type.name.lower()}"] = plain(_name, _type, 3)
        CASES[f"{_name} {_type.name.lower()} all"] = whole(_name, _type, 3)
CASES["CEIL float32"] = plain("CEIL", FLOAT32, 1)
CASES["ELU float32"] = plain("ELU", FLOAT32, 1)
CASES["ELU int8"] = codes("ELU", INT8, 1, _any_scale, _ratio)
CASES["ROUND float32"] = plain("ROUND", FLOAT32, 1)
CASES["ROUND float32 halves"] = halves("ROUND")
for _type in (FLOAT16, BFLOAT16):
    CASES[f"ROUND {_type.name.lower()}"] = plain("ROUND", _type, 1)
    CASES[f"ROUND {_type.name.lower()} all"] = whole("ROUND", _type, 1)
for _name in ("SIN", "COS"):
    CASES[f"{_name} float16"] = plain(_name, FLOAT16, 1)
    CASES[f"{_name} float16 all"] = whole(_name, FLOAT16, 1)
for _type in (FLOAT32, INT32, INT64):
    CASES[f"ZEROS_LIKE {_type.name.lower()}"] = plain("ZEROS_LIKE", _type, 1)
for _type, _version in ((FLOAT32, 1), (FLOAT64, 1), (INT32, 2)):
    CASES[f"SIGN {_type.name.lower()}"] = plain("SIGN", _type, _version)

_widths = {INT8: 2.0**-7, UINT8: 2.0**-7, INT16: 2.0**-15}
for _type in (INT8, INT16):
    _label, _width = _type.name.lower(), _widths[_type]
    _usual = mostly(log_uniform(_width / 4, 16 * _width), extreme_scales())
    _root = lambda scale, width=_width: (scale / width) ** 0.5 * width  # noqa: E731
    CASES[f"SQRT {_label}"] = codes("SQRT", _type, 2, _any_scale, _ratio, signed=False, image=_root)
    CASES[f"RSQRT {_label}"] = codes(
        "RSQRT", _type, 3, _any_scale, _ratio, signed=False, image=lambda s, w=_width: s**-0.5 * 16 * w
    )
    CASES[f"EXP {_label}"] = codes("EXP", _type, 2, _usual, log_uniform(_width, 8 * _width), image=lambda _: 1.0)
    CASES[f"LOG {_label}"] = codes("LOG", _type, 2, _any_scale, log_uniform(_width, 16 * _width), image=lambda _: 1.0)
for _type in (INT8, UINT8, INT16):
    CASES[f"GELU {_type.name.lower()}"] = codes("GELU", _type, 2, _any_scale, _ratio, options=_approximate)
CASES["GELU float32"] = plain("GELU", FLOAT32, 1, _approximate)
CASES["GELU float32 many"] = plain("GELU", FLOAT32, 1, _approximate, st.tuples(st.integers(1, 2000)))
CASES["GELU float16"] = plain("GELU", FLOAT16, 2, _approximate)
CASES["GELU float16 all"] = whole("GELU", FLOAT16, 2, _approximate)
for _name in ("REAL", "IMAG", "COMPLEX_ABS"):
    for _type, _real in ((TensorType.COMPLEX64, FLOAT32), (TensorType.COMPLEX128, FLOAT64)):
        CASES[f"{_name} {_type.name.lower()}"] = complex_part(_name, _type, _real)
