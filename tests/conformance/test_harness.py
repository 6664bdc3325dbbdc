"""The harness itself: a test that cannot fail proves nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import q31
from conformance import judge as judging
from conformance.judge import Tally, judge
from q31.schema import Quantization, TensorType
from q31.schema.options import AddOptions
from q31.tools.conformance.case import Case, result, single_operator, tensor
from q31.tools.conformance.differences import differences
from q31.tools.conformance.oracle import Abort, Answer, Oracle, Refusal

INT8 = TensorType.INT8


def add(output_scale: float = 0.1, operator: str = "ADD", version: int = 2) -> Case:
    x, y = np.array([[-128, 0, 127, 5]], np.int8), np.array([[3, -3, 100, -100]], np.int8)
    first, second = Quantization((0.05,), (1,)), Quantization((0.025,), (-2,))
    return single_operator(
        operator,
        AddOptions(),
        inputs=[tensor(INT8, x.shape, first), tensor(INT8, y.shape, second)],
        outputs=[result(INT8, Quantization((output_scale,), (0,)))],
        arrays=[x, y],
        version=version,
    )


def test_the_oracle_answers(oracle: Oracle) -> None:
    case = add()
    answer = oracle.run(case.model, case.inputs)
    assert isinstance(answer, Answer)
    assert answer.outputs[0].tolist() == [[-63, -1, 89, -23]]


def test_the_oracle_gives_every_tensor_of_every_invoke(oracle: Oracle) -> None:
    case = add()
    answer = oracle.run_many(case.model, [case.inputs, [a // 2 for a in case.inputs]], all_tensors=True)
    assert isinstance(answer, Answer) and len(answer.runs) == 2
    assert set(answer.runs[0]) == {0, 1, 2}
    assert answer.runs[1][0].tolist() == (case.inputs[0] // 2).tolist()


def test_the_oracle_resizes_to_its_inputs(oracle: Oracle) -> None:
    case = add()
    answer = oracle.run(case.model, [np.repeat(array, 3, axis=0) for array in case.inputs])
    assert isinstance(answer, Answer) and answer.outputs[0].shape == (3, 4)


def test_a_refusal_is_reported_with_its_class_and_message(oracle: Oracle) -> None:
    answer = oracle.run(add(version=99).model, add().inputs)
    assert isinstance(answer, Refusal) and answer.error == "ValueError" and "ADD" in answer.message


def test_an_abort_is_reported_and_the_next_question_answered(oracle: Oracle) -> None:
    """An ADD whose output scale is so small that its multiplier reaches 1 ends LiteRT's process."""
    case = add(output_scale=1e-9)
    assert isinstance(oracle.run(case.model, case.inputs), Abort)
    assert isinstance(oracle.run(add().model, add().inputs), Answer)


def test_a_late_answer_is_an_abort() -> None:
    with Oracle(timeout=0.0) as impatient:
        answer = impatient.run(add().model, add().inputs)
    assert isinstance(answer, Abort) and "no answer" in str(answer)


def test_differences_see_dtype_shape_bits_and_the_sign_of_zero() -> None:
    one = np.array([0.0, np.nan, 1.0], np.float32)
    assert differences(one, one.copy()) == ""
    assert "1 of 3" in differences(one, np.array([-0.0, np.nan, 1.0], np.float32))
    assert "1 of 3" in differences(one, np.array([0.0, 0.0, 1.0], np.float32))
    assert "float64" in differences(one, one.astype(np.float64))
    assert "[3, 1]" in differences(one, one[:, None])


def test_a_wrong_bit_fails_and_the_case_is_saved_and_shrunk(
    oracle: Oracle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A back end that is wrong for one code only is found, and the case shrinks to a single element."""
    monkeypatch.setattr(judging, "FAILURES", tmp_path / "tests" / "conformance" / "failures")
    judging.FAILURES.parent.mkdir(parents=True)

    def wrong(case: Case, backend: str) -> list[np.ndarray]:
        answer = oracle.run(case.model, case.inputs)
        assert isinstance(answer, Answer)
        return [np.where(output > 50, output - 1, output) for output in answer.outputs]

    monkeypatch.setattr(judging, "run", wrong)

    @given(count=st.integers(1, 30), code=st.integers(-128, 127))
    def holds(count: int, code: int) -> None:
        case = add()
        x = np.full((1, count), code, np.int8)
        quantization = Quantization((0.05,), (0,))
        case = single_operator(
            "ADD",
            AddOptions(),
            [tensor(INT8, x.shape, quantization)] * 2,
            [result(INT8, quantization)],
            [x, x],
            version=2,
        )
        judge("ADD planted", case, oracle, Tally())

    with pytest.raises(AssertionError, match="against the oracle"):
        holds()
    saved = judging.FAILURES / "ADD_planted.npz"
    with np.load(saved) as arrays:
        assert arrays["in0_0"].tolist() == [[26]]
    assert saved.with_suffix(".tflite").exists()
    assert "replay.py" in saved.with_suffix(".txt").read_text()


def test_an_error_where_the_oracle_answers_fails(
    oracle: Oracle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(judging, "save", lambda name, case, message: tmp_path)
    monkeypatch.setattr(judging, "run", lambda case, backend: q31.Error("no"))
    with pytest.raises(AssertionError, match="the oracle answers"):
        judge("ADD", add(), oracle, Tally())


def test_back_ends_are_held_together_where_the_oracle_has_no_answer(
    oracle: Oracle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(judging, "save", lambda name, case, message: tmp_path)
    monkeypatch.setattr(judging, "run", lambda case, backend: [np.array([backend == "numpy"])])
    with pytest.raises(AssertionError, match="compiled against evaluate"):
        judge("ADD", add(output_scale=1e-9), oracle, Tally())


def test_a_strategy_that_the_oracle_mostly_refuses_fails() -> None:
    tally = Tally(answered=40, silent=60, reasons=["raised ValueError: no"])
    tally.require_mostly_answered("ADD")
    tally.answered, tally.silent = 39, 61
    with pytest.raises(AssertionError, match=r"39 of 100[\s\S]*raised ValueError"):
        tally.require_mostly_answered("ADD")
    with pytest.raises(AssertionError):
        Tally().require_mostly_answered("ADD")


def test_a_case_describes_itself_in_a_few_lines() -> None:
    text = repr(add())
    assert "ADD version 2" in text and "zero point (1,)" in text and "[[-128, 0, 127, 5]]" in text
