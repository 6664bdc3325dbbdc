"""Cases of SOFTMAX, LOGISTIC, TANH, the RELUs, HARD_SWISH and LEAKY_RELU."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...schema import Quantization, TensorType
from ...schema.options import HardSwishOptions, LeakyReluOptions, SoftmaxOptions
from .case import Case, result, single_operator, tensor
from .strategies import (
    arrays,
    code_range,
    extreme_scales,
    float32,
    log_uniform,
    numbers,
    per_tensor,
    scales,
    shapes,
)

FLOAT32, INT8, UINT8, INT16 = TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16


def _codes(tensor_type: TensorType, shape: tuple[int, ...], draw: Any) -> np.ndarray:
    """All 256 codes of an 8-bit type, so that a table is held whole; else drawn."""
    if tensor_type in (INT8, UINT8) and draw(st.booleans()):
        low, high = code_range(tensor_type)
        return np.arange(low, high + 1).astype(tensor_type.name.lower()).reshape(1, 4, 4, 16)
    return draw(arrays(tensor_type, shape))


@st.composite
def unary(draw: Any, name: str, tensor_type: TensorType, options: Any, source: Any, target: Any, version: int) -> Case:
    """One operator of one input; ``options``, ``source`` and ``target`` are strategies."""
    quantization = draw(source)
    x = _codes(tensor_type, draw(shapes(0 if name != "SOFTMAX" else 1, 4)), draw)
    output = draw(target(quantization)) if callable(target) else draw(target)
    inputs = [tensor(tensor_type, x.shape, quantization)]
    return single_operator(name, draw(options), inputs, [result(tensor_type, output)], [x], version=version)


@st.composite
def floats(draw: Any, name: str, options: Any, tensor_type: TensorType = FLOAT32, version: int = 1) -> Case:
    """Floats, with zeros of both signs, infinities and NaN among the values."""
    x = draw(numbers(tensor_type, draw(shapes(0 if name != "SOFTMAX" else 1, 4))))
    inputs = [tensor(tensor_type, x.shape)]
    return single_operator(name, draw(options), inputs, [result(tensor_type)], [x], version=version)


def rescaled(tensor_type: TensorType, low: float = 2.0**-9, high: float = 2.0**9) -> Any:
    """Output quantization whose scale is within a factor of the input's."""

    @st.composite
    def strategy(draw: Any, source: Quantization) -> Quantization:
        return draw(per_tensor(tensor_type, float32(source.scale[0] * draw(log_uniform(low, high)))))

    return strategy


def fixed(scale: float, *zero_points: int) -> st.SearchStrategy[Quantization]:
    """Quantization with a given scale."""
    return st.sampled_from([Quantization(scale=(scale,), zero_point=(zero_point,)) for zero_point in zero_points])


@st.composite
def softmax(draw: Any, source_type: TensorType, target_type: TensorType, wide: bool = False) -> Case:
    """SOFTMAX of codes; ``wide`` has many classes of nearly equal value."""
    shape = draw(shapes(1, 4, high=12))
    if wide:
        shape = (draw(st.integers(1, 2)), draw(st.integers(100, 1500)))
    scale = draw(st.one_of(scales(2.0**-10, 2.0), log_uniform(2.0**-24, 2.0**12)))
    source = draw(per_tensor(source_type, scale))
    target = {INT8: (1 / 256, -128), UINT8: (1 / 256, 0), INT16: (1 / 32768, 0)}[target_type]
    if source_type is not INT16 and target_type is INT16:
        target = (1 / 32768, 0) if draw(st.booleans()) else (1 / 65536, -32768)
    low, high = code_range(source_type)
    x = draw(arrays(source_type, shape, draw(st.integers(low, high))))
    options = SoftmaxOptions(beta=draw(st.sampled_from([1.0, 1.0, 1.0, 0.5, 2.0, 0.1])))
    return single_operator(
        "SOFTMAX",
        options,
        [tensor(source_type, shape, source)],
        [result(target_type, Quantization(scale=(target[0],), zero_point=(target[1],)))],
        [x],
        version=2,
    )


def _leaky() -> st.SearchStrategy[LeakyReluOptions]:
    alphas = st.one_of(
        st.sampled_from([0.0, 0.1, 0.2, 1.0, 1.5, -0.5, -1.0]),
        st.floats(-2, 2, width=32).map(lambda alpha: alpha + 0.0),
    )
    return st.builds(LeakyReluOptions, alpha=alphas)


CASES: dict[str, st.SearchStrategy[Case]] = {}
_none = st.none()
_any_scale = st.one_of(scales(), extreme_scales())
_finest = {INT8: (-128,), UINT8: (0,)}

for _type in (INT8, UINT8):
    _label = _type.name.lower()
    _source = per_tensor(_type, _any_scale)
    _logistic = fixed(1 / 256, *_finest[_type], 0, 17)
    CASES[f"LOGISTIC {_label}"] = unary("LOGISTIC", _type, _none, _source, _logistic, 2)
    CASES[f"TANH {_label}"] = unary("TANH", _type, _none, _source, per_tensor(_type, scales(2.0**-9, 2.0)), 2)
    CASES[f"TANH {_label} extreme scales"] = unary(
        "TANH", _type, _none, _source, per_tensor(_type, log_uniform(2.0**-60, 2.0**60)), 2
    )
    CASES[f"HARD_SWISH {_label}"] = unary(
        "HARD_SWISH",
        _type,
        st.just(HardSwishOptions()),
        per_tensor(_type, st.one_of(scales(), log_uniform(2.0**-30, 2.0**12))),
        rescaled(_type, 2.0**-7, 2.0**9),
        1,
    )
    CASES[f"LEAKY_RELU {_label}"] = unary("LEAKY_RELU", _type, _leaky(), _source, rescaled(_type), 2)
    for _name, _version in (("RELU", 2), ("RELU6", 2), ("RELU_N1_TO_1", 1), ("RELU_0_TO_1", 1)):
        CASES[f"{_name} {_label}"] = unary(_name, _type, _none, _source, rescaled(_type), _version)
    CASES[f"SOFTMAX {_label}"] = softmax(_type, _type)
    CASES[f"SOFTMAX {_label} to int16"] = softmax(_type, INT16)
CASES["SOFTMAX int8 to int16 many classes"] = softmax(INT8, INT16, wide=True)
CASES["SOFTMAX int16"] = softmax(INT16, INT16)

_q15 = fixed(1 / 32768, 0)
_int16 = per_tensor(INT16, st.one_of(scales(2.0**-16, 1.0), extreme_scales(), st.sampled_from([2.0**-12, 2.0**-11])))
CASES["LOGISTIC int16"] = unary("LOGISTIC", INT16, _none, _int16, _q15, 3)
CASES["TANH int16"] = unary("TANH", INT16, _none, _int16, _q15, 3)
for _name in ("RELU", "RELU6"):
    CASES[f"{_name} int16"] = unary(_name, INT16, _none, _int16, rescaled(INT16), 3)
CASES["LEAKY_RELU int16"] = unary("LEAKY_RELU", INT16, _leaky(), _int16, rescaled(INT16), 2)

_betas = st.builds(SoftmaxOptions, beta=st.sampled_from([1.0, 1.0, 0.5, 3.0, 0.1]))
for _name, _options in (
    ("LOGISTIC", _none),
    ("TANH", _none),
    ("RELU", _none),
    ("RELU6", _none),
    ("RELU_N1_TO_1", _none),
    ("RELU_0_TO_1", _none),
    ("HARD_SWISH", st.just(HardSwishOptions())),
    ("LEAKY_RELU", _leaky()),
    ("SOFTMAX", _betas),
):
    CASES[f"{_name} float32"] = floats(_name, _options)
CASES["SOFTMAX float16"] = floats("SOFTMAX", _betas, TensorType.FLOAT16, 3)
