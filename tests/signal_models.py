"""Models of the audio front end's operators, for what is recorded from tflite-micro and for the tests that hold it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flatbuffers import flexbuffers

from q31.schema import GraphBuilder, TensorType, write

TYPES = {
    "bool": TensorType.BOOL,
    "int16": TensorType.INT16,
    "int32": TensorType.INT32,
    "uint32": TensorType.UINT32,
    "uint64": TensorType.UINT64,
    "float32": TensorType.FLOAT32,
}


@dataclass(frozen=True)
class SignalCase:
    """An operator, its options, its input and its outputs, each a dtype and a shape."""

    operator: str
    options: Mapping[str, Any]
    given: tuple[str, tuple[int, ...]]
    outputs: tuple[tuple[str, tuple[int, ...]], ...]


def model(operator: str, options: Mapping[str, Any], inputs: Sequence[Any], outputs: Sequence[Any]) -> bytes:
    """Return the model of one operator. ``inputs`` are (dtype, shape) or an array, a constant; ``outputs`` as here."""
    builder = GraphBuilder()
    given = []
    for index, one in enumerate(inputs):
        if isinstance(one, np.ndarray):
            given.append(builder.tensor(f"in{index}", TYPES[one.dtype.name], one.shape, value=one))
        else:
            given.append(builder.tensor(f"in{index}", TYPES[one[0]], one[1]))
    results = [builder.tensor(f"out{index}", TYPES[dtype], shape) for index, (dtype, shape) in enumerate(outputs)]
    data = bytes(flexbuffers.Dumps(dict(options)))
    builder.operator("CUSTOM", given, results, custom_code=operator, custom_options=data)
    free = [index for index, one in zip(given, inputs, strict=True) if not isinstance(one, np.ndarray)]
    return bytes(write(builder.build(free, results)))


def _delay(shape: tuple[int, ...], length: int) -> SignalCase:
    return SignalCase("SignalDelay", {"delay_length": length}, ("int16", shape), (("int16", shape),))


def _framer(shape: tuple[int, ...], size: int, step: int, prefill: bool) -> SignalCase:
    options = {"frame_size": size, "frame_step": step, "prefill": prefill}
    frames = (*shape[:-1], shape[-1] // step, size)
    return SignalCase("SignalFramer", options, ("int16", shape), (("int16", frames), ("bool", ())))


def _overlap_add(dtype: str, shape: tuple[int, ...], step: int) -> SignalCase:
    options = {"T": int(TYPES[dtype]), "frame_step": step}
    return SignalCase("SignalOverlapAdd", options, (dtype, shape), ((dtype, (*shape[:-2], shape[-2] * step)),))


def _stacker(channels: int, left: int, right: int, step: int) -> SignalCase:
    options = {
        "num_channels": channels,
        "stacker_left_context": left,
        "stacker_right_context": right,
        "stacker_step": step,
    }
    stacked = (channels * (left + right + 1),)
    return SignalCase("SignalStacker", options, ("int16", (channels,)), (("int16", stacked), ("bool", ())))


def _irfft(dtype: str, outer: tuple[int, ...], length: int) -> SignalCase:
    options = {"T": int(TYPES[dtype]), "fft_length": length}
    return SignalCase("SignalIrfft", options, (dtype, (*outer, length + 2)), ((dtype, (*outer, length)),))


def _subtraction(channels: int, bits: int, smoothing: int, alternate: int, **others: Any) -> SignalCase:
    one = 1 << bits
    options = {
        "alternate_one_minus_smoothing": one - alternate,
        "alternate_smoothing": alternate,
        "clamping": False,
        "min_signal_remaining": one // 20,
        "num_channels": channels,
        "one_minus_smoothing": one - smoothing,
        "smoothing": smoothing,
        "smoothing_bits": 10,
        "spectral_subtraction_bits": bits,
        **others,
    }
    shape = (channels,)
    name = "SignalFilterBankSpectralSubtraction"
    return SignalCase(name, options, ("uint32", shape), (("uint32", shape), ("uint32", shape)))


_DELAYS = (((8,), 3), ((5,), 0), ((2, 3, 4), 9), ((1, 1), 1))
_FRAMERS = (((4,), 10, 2, False), ((2, 6), 5, 3, True), ((8,), 3, 4, False), ((160,), 400, 80, True))
_OVERLAPS = (((3, 6), 2), ((2, 1, 5), 5), ((4, 7), 3))
_STACKERS = ((3, 1, 1, 2), (4, 0, 0, 1), (2, 3, 0, 4), (5, 0, 2, 1), (1, 2, 3, 6))
_INVERSES = (((), 4), ((2,), 8), ((), 64), ((3,), 32))

CASES = (
    *(_delay(*one) for one in _DELAYS),
    *(_framer(*one) for one in _FRAMERS),
    *(_overlap_add(dtype, *one) for dtype in ("int16", "float32") for one in _OVERLAPS),
    *(_stacker(*one) for one in _STACKERS),
    *(_irfft(dtype, *one) for dtype in ("int16", "int32", "float32") for one in _INVERSES),
    _subtraction(7, 14, 410, 983),
    _subtraction(4, 14, 410, 410, clamping=True),
    _subtraction(3, 10, 700, 5, smoothing_bits=0, min_signal_remaining=0),
    _subtraction(5, 16, 60000, 1, smoothing_bits=12, min_signal_remaining=40000, clamping=True),
)

INVOKES = 5


def draw(case: SignalCase, random: np.random.Generator) -> np.ndarray:
    """Return an input: all magnitudes, the extremes among them."""
    dtype, shape = case.given
    size = math.prod(shape)
    if dtype == "float32":
        return (random.standard_normal(size) * 10.0 ** random.integers(-3, 4, size)).astype(np.float32).reshape(shape)
    info = np.iinfo(dtype)
    values = random.integers(info.min, info.max, size, dtype, endpoint=True) >> random.integers(0, 20, size).astype(
        dtype
    )
    values = np.where(random.random(size) < 0.1, info.max, values)
    return np.where(random.random(size) < 0.1, info.min, values).astype(dtype).reshape(shape)
