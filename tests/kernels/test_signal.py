"""The audio front end of TensorFlow Lite Micro: numbers worked out by hand, and answers recorded from tflite-micro.

``recorded/signal.npz`` holds what the interpreter of the wheel tflite-micro 0.dev20261023182759 (x86-64) answered for
random inputs: ``cases`` says in JSON what was run, ``in<case>_<i>`` and ``out<case>_<i>`` are the arrays.
``tests/record_signal.py`` holds it to the wheel.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flatbuffers import flexbuffers
from hypothesis import given
from hypothesis import strategies as st

from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import PROFILES
from q31.kernels.registry import CUSTOM, find
from q31.schema import Error, ModelError, TensorType, UnsupportedOperatorError
from signal_models import CASES

TYPES = {
    "int16": TensorType.INT16,
    "int32": TensorType.INT32,
    "uint32": TensorType.UINT32,
    "uint64": TensorType.UINT64,
    "float32": TensorType.FLOAT32,
}
ELSEWHERE = {case.operator for case in CASES}
NAMES = sorted(name for name in CUSTOM if name.startswith("Signal") and name not in ELSEWHERE)


def node(name: str, options: dict[str, Any], inputs: list[np.ndarray], outputs: list[str]) -> Node:
    specs = tuple(TensorSpec("", TYPES[x.dtype.name], x.shape, value=x) for x in inputs)
    results = tuple(TensorSpec("", TYPES[one], ()) for one in outputs)
    return Node("CUSTOM", 1, None, specs, results, name, bytes(flexbuffers.Dumps(options)))


def run(
    name: str, options: dict[str, Any], inputs: list[np.ndarray], outputs: list[str], profile: str = "tflm"
) -> list[np.ndarray]:
    one = node(name, options, inputs, outputs)
    prepared = find(one).prepare(one, PROFILES[profile])
    results = find(one).evaluate(prepared, *inputs)
    results = results if isinstance(results, tuple) else (results,)
    assert [result.dtype.name for result in results] == outputs
    assert tuple(result.shape for result in results) == prepared.output_shapes
    return list(results)


def answer(name: str, options: dict[str, Any], inputs: list[np.ndarray], output: str) -> list[Any]:
    return run(name, options, inputs, [output])[0].tolist()


def int16(*values: int) -> np.ndarray:
    return np.array(values, np.int16)


def uint32(*values: int) -> np.ndarray:
    return np.array(values, np.uint32)


@pytest.mark.parametrize("profile", PROFILES)
def test_recorded_answers_are_reproduced(profile: str) -> None:
    with np.load(Path(__file__).with_name("recorded") / "signal.npz") as recorded:
        cases = json.loads(str(recorded["cases"]))
        assert {case["operator"] for case in cases} == set(NAMES)
        for number, case in enumerate(cases):
            inputs = [recorded[f"in{number}_{i}"] for i in range(case["inputs"])]
            results = run(case["operator"], case["options"], inputs, case["outputs"], profile)
            for i, result in enumerate(results):
                expected = recorded[f"out{number}_{i}"]
                assert result.tobytes() == expected.tobytes(), f"case {number}, {case['operator']}, output {i}"


def test_a_window_shifts_its_products_down_and_saturates() -> None:
    x, weights = int16(3, -3, 32767, -32768), int16(4, 4)
    assert answer("SignalWindow", {"shift": 3}, [x, weights], "int16") == [1, -2, 16383, -16384]
    assert answer("SignalWindow", {"shift": 0}, [x, weights], "int16") == [12, -12, 32767, -32768]


def test_auto_scale_fills_fifteen_bits() -> None:
    def scaled(*values: int) -> list[Any]:
        return [one.tolist() for one in run("SignalFftAutoScale", {}, [int16(*values)], ["int16", "int32"])]

    assert scaled(3, -100) == [[3 << 8, -100 << 8], 8]
    assert scaled(0, 0) == [[0, 0], 0]
    assert scaled(1, -32768) == [[1, -32768], 0]
    # The magnitude of -32768 does not fit in int16, and all before it is forgotten.
    assert scaled(32767, -32768, 5) == [[-4096, 0, 5 << 12], 12]


def test_energy_is_the_squared_magnitude() -> None:
    x = int16(3, 4, -32768, -32768, 1, 1)
    assert answer("SignalEnergy", {"start_index": 0, "end_index": 2}, [x], "uint32") == [25, 2**31, 0]


def test_a_filter_bank_shares_each_bin_between_two_channels() -> None:
    weights, unweights = int16(10, 20, 30), int16(1, 2, -1)
    # Bins 1 and 2 lie before channel 0, bin 3 in it; channel 1 gets the rest of bin 3 only.
    starts = [int16(1, 3, 0), int16(0, 2, 0), int16(2, 1, 0)]
    x = uint32(7, 100, 1000, 5)
    expected = [100 * 1 + 1000 * 2 + 5 * 30, 2**64 - 5]
    assert answer("SignalFilterBank", {"num_channels": 2}, [x, weights, unweights, *starts], "uint64") == expected


def test_roots_are_rounded_where_their_bits_allow() -> None:
    x = np.array([0, 2, 3, 6, 7, 2**32 - 1, 2**32, 2**64 - 1], np.uint64)
    roots = [0, 1, 2, 2, 3, 65535, 65536, 2**32 - 1]
    for bits in (0, 1):
        shift = np.array(bits, np.int32)
        expected = [root >> bits for root in roots]
        assert answer("SignalFilterBankSquareRoot", {}, [x, shift], "uint32") == expected
    with pytest.raises(ModelError, match="a shift in"):
        answer("SignalFilterBankSquareRoot", {}, [x, np.array(32, np.int32)], "uint32")


def test_logarithms() -> None:
    x = uint32(0, 1, 2, 1000, 10**8)
    options = {"input_correction_bits": 0, "output_scale": 1600}
    exact = [0, 0, *(1600 * np.log(x[2:].astype(np.float64)))]
    assert np.abs(np.array(answer("SignalFilterBankLog", options, [x], "int16")) - exact).max() < 1
    assert answer("SignalFilterBankLog", {**options, "output_scale": 2**20}, [x], "int16")[-1] == 32767


def test_the_gain_falls_with_the_noise() -> None:
    table = np.zeros(125, np.int16)
    table[:3] = 1 << 12, 1 << 11, 0
    x = uint32(1, 4, 4, 100)
    # Below 2, x**2 / 4; from 2 on, x - 1; both with 6 bits of fraction.
    expected = [64 // 4, 3 * 64, 1 * 64, 0]
    assert answer("SignalPCAN", {"snr_shift": 0}, [x, uint32(0, 0, 1, 2), table], "uint32") == expected


@pytest.mark.parametrize("length", [4, 8, 32, 512])
@pytest.mark.parametrize("dtype", ["int16", "int32", "float32"])
def test_the_transform_is_the_discrete_fourier_transform(dtype: str, length: int) -> None:
    random = np.random.default_rng(length)
    reach = 1.0 if dtype == "float32" else np.iinfo(dtype).max / 2
    x = (random.uniform(-reach, reach, (2, length - 1))).astype(dtype)
    (y,) = run("SignalRfft", {"T": int(TYPES[dtype]), "fft_length": length}, [x], [dtype])
    exact = np.fft.rfft(x.astype(np.float64), length)
    if dtype != "float32":
        exact /= length
    bound = {"int16": 8, "int32": 32, "float32": 1e-6 * length}[dtype]
    assert np.abs(y[..., 0::2] - exact.real).max() < bound
    assert np.abs(y[..., 1::2] - exact.imag).max() < bound


def test_other_lengths_are_unsupported() -> None:
    for length in (2, 12):
        with pytest.raises(UnsupportedOperatorError, match="power of two"):
            run("SignalRfft", {"T": int(TensorType.INT16), "fft_length": length}, [int16(1, 2)], ["int16"])


def test_channels_outside_the_bins_are_refused() -> None:
    starts = [int16(0, 3), int16(0, 0), int16(1, 2)]
    with pytest.raises(ModelError, match="within the bins"):
        answer(
            "SignalFilterBank", {"num_channels": 1}, [uint32(1, 2, 3, 4), int16(1, 2), int16(1, 2), *starts], "uint64"
        )


_sizes = st.lists(st.sampled_from([0, 1, 2, 4, 6, 125]), max_size=2)
_numbers = st.sampled_from([0, 1, 2, 4, 7, 8, -1, 31, 32, 64, 2**31 - 1, 0.5, "1"])
_OPTIONS = (
    *("shift", "start_index", "end_index", "num_channels", "input_correction_bits", "output_scale"),
    *("snr_shift", "fft_length", "T"),
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_refused_by_name_or_computed(name: str) -> None:
    @given(st.data())
    def check(data: st.DataObject) -> None:
        kernel = CUSTOM[name]
        options = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(_OPTIONS, _numbers)))
        usual = {"SignalFilterBank": 6, "SignalPCAN": 3, "SignalWindow": 2, "SignalFilterBankSquareRoot": 2}.get(
            name, 1
        )
        count = data.draw(st.sampled_from([usual] * 7 + [1]))
        first = kernel.types[0].name.lower()
        kinds = [first, *[data.draw(st.sampled_from(["int16", "int16", "int32", "uint32"])) for _ in range(count - 1)]]
        inputs = [
            np.full(data.draw(_sizes), data.draw(st.sampled_from([0, 1, 3, 100])), np.dtype(kind)) for kind in kinds
        ]
        outputs = data.draw(st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=2))
        one = node(name, options, inputs, outputs)
        try:
            prepared = find(one).prepare(one, PROFILES["litert"])
        except Error:
            return
        if max(map(len, prepared.output_shapes)) and max(np.prod(shape) for shape in prepared.output_shapes) > 10**5:
            return
        with suppress(ModelError):
            run(name, options, inputs, outputs)

    check()
