"""The audio front end's operators that keep something from run to run, and the front end as a whole.

``recorded/signal_streams.npz`` and ``recorded/micro_speech.npz`` hold what tflite-micro answered
(``tests/record_signal.py``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import q31
from q31.tools.micro_speech import preprocessor, windows
from signal_models import CASES, INVOKES, SignalCase, model

RECORDED = Path(__file__).with_name("recorded")


def invoke(interpreter: q31.Interpreter, x: np.ndarray) -> list[np.ndarray]:
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def interpreter_of(case: SignalCase, backend: str = "numpy") -> q31.Interpreter:
    graph = model(case.operator, case.options, [case.given], case.outputs)
    interpreter = q31.Interpreter(model_content=graph, backend=backend)
    interpreter.allocate_tensors()
    return interpreter


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{i} {case.operator}" for i, case in enumerate(CASES)])
def test_recorded_answers_to_several_runs_are_reproduced(number: int, backend: str) -> None:
    interpreter = interpreter_of(CASES[number], backend)
    with np.load(RECORDED / "signal_streams.npz") as recorded:
        for turn in range(INVOKES):
            results = invoke(interpreter, recorded[f"in{number}_{turn}"])
            expected = [recorded[f"out{number}_{turn}_{index}"] for index in range(len(results))]
            if expected[-1].dtype == np.bool_ and not expected[-1]:
                # Frames that are not valid are what was in memory.
                results, expected = results[1:], expected[1:]
            for result, one in zip(results, expected, strict=True):
                assert result.dtype == one.dtype and result.shape == one.shape
                assert result.tobytes() == one.tobytes(), f"run {turn}"


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_the_front_end_gives_the_recorded_features(backend: str) -> None:
    with np.load(RECORDED / "micro_speech.npz") as recorded:
        front_end = q31.load(preprocessor(), profile="tflm", backend=backend)
        features = np.stack([np.asarray(front_end(window[None])) for window in windows(recorded["samples"])])
        assert features.tobytes() == recorded["features"].tobytes()
        assert len(np.unique(features)) > 50


def test_a_reset_begins_again() -> None:
    interpreter = interpreter_of(next(case for case in CASES if case.operator == "SignalDelay"))
    first = invoke(interpreter, np.arange(1, 9, dtype=np.int16))
    assert invoke(interpreter, np.arange(1, 9, dtype=np.int16))[0].tolist() == [6, 7, 8, 1, 2, 3, 4, 5]
    interpreter.reset_all_variables()
    assert invoke(interpreter, np.arange(1, 9, dtype=np.int16))[0].tolist() == first[0].tolist()


@pytest.mark.parametrize(
    ("operator", "change", "message"),
    [
        ("SignalDelay", {"delay_length": -1}, "delay_length in"),
        ("SignalFramer", {"frame_step": 3}, "a whole number of steps"),
        ("SignalFramer", {"frame_size": 1, "prefill": True}, "within the frame"),
        ("SignalOverlapAdd", {"frame_step": 7}, "a step within a frame of 6"),
        ("SignalOverlapAdd", {"T": 0}, "T to be"),
        ("SignalStacker", {"stacker_step": 9}, "a step within 3 frames"),
        ("SignalStacker", {"num_channels": 4}, "of 4 channels"),
        ("SignalIrfft", {"fft_length": 8}, "5 bins"),
        ("SignalFilterBankSpectralSubtraction", {"smoothing": -1}, "smoothing of 0 or more"),
        ("SignalFilterBankSpectralSubtraction", {"smoothing_bits": 32}, "smoothing_bits in"),
        ("SignalFilterBankSpectralSubtraction", {"num_channels": "x"}, "a number for num_channels"),
    ],
)
def test_malformed_options_are_refused(operator: str, change: dict[str, Any], message: str) -> None:
    case = next(case for case in CASES if case.operator == operator)
    graph = model(case.operator, {**case.options, **change}, [case.given], case.outputs)
    with pytest.raises(q31.ModelError, match=message):
        q31.load(graph)


@given(st.data())
def test_refused_on_purpose_or_computed_alike_by_both_back_ends(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(CASES))
    numbers = st.sampled_from([0, 1, 2, 3, 4, 8, 16, -1, 31, 32, 63, 64, 2**31 - 1, -(2**31), 0.5, "1", None])
    options = case.options | data.draw(st.dictionaries(st.sampled_from(sorted(case.options)), numbers, max_size=2))
    shape = data.draw(st.sampled_from([case.given[1], (), (0,), (1,), (6,), (2, 0), (2, 6), (1, 2, 10)]))
    graph = model(case.operator, options, [(case.given[0], shape)], case.outputs)
    x = np.full(shape, 100, case.given[0])
    answers = []
    for backend in ("numpy", "numba"):
        interpreter = q31.Interpreter(model_content=graph, backend=backend)
        try:
            interpreter.allocate_tensors()
            answers.append([[one.tobytes() for one in invoke(interpreter, x)] for _ in range(3)])
        except q31.Error as error:
            answers.append([[type(error).__name__.encode(), str(error).encode()]])
    assert answers[0] == answers[1]
