"""Random numbers: known answers of the generators, state from run to run, seeds of 0."""

from __future__ import annotations

import numpy as np
import pytest

import q31
from q31.kernels.random.distributions import unit_doubles, unit_floats
from q31.kernels.random.generators import philox, threefry
from q31.schema import TensorType
from q31.schema.options import RandomOptions
from q31.tools.conformance.case import Case, constant, result, single_operator, tensor

FLOAT32, INT32, INT64 = TensorType.FLOAT32, TensorType.INT32, TensorType.INT64
ONES = 2**64 - 1
BACKENDS = ["numpy", "numba"]


def test_philox_gives_the_words_of_its_authors() -> None:
    """The known answers of the Random123 library."""
    zero, ones = np.zeros(1, np.uint64), np.full(1, ONES, np.uint64)
    assert philox(0, zero, zero).tolist() == [[0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]]
    assert philox(ONES, ones, ones).tolist() == [[0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]]


def test_threefry_gives_the_words_of_its_authors() -> None:
    assert threefry(0, np.zeros(1, np.uint64)).tolist() == [[0x6B200159, 0x99BA4EFE]]
    assert threefry(ONES, np.full(1, ONES, np.uint64)).tolist() == [[0x1CB996FC, 0xBB002BE7]]


def test_words_become_numbers_below_one() -> None:
    words = np.array([0, 0xFFFFFFFF, 1 << 22], np.uint32)
    assert unit_floats(words).tolist() == [0, 1 - 2.0**-23, 0.5]
    assert unit_doubles(words, words[::-1].copy()).tolist()[:2] == [2.0**-30, 1 - 2.0**-20 + (2**32 - 1) * 2.0**-52]


def uniform(options: RandomOptions | None, count: int = 6) -> Case:
    shape = constant(np.array([count], np.int32))
    return single_operator("RANDOM_UNIFORM", options, [shape], [result(FLOAT32, shape=(count,))], [])


def opened(case: Case, backend: str) -> q31.Interpreter:
    interpreter = q31.Interpreter(model_content=case.model, backend=backend)
    interpreter.allocate_tensors()
    return interpreter


def drawn(interpreter: q31.Interpreter) -> list[float]:
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).tolist()


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_seed_gives_the_same_numbers_and_others_in_the_next_run(backend: str) -> None:
    case = uniform(RandomOptions(1, 2))
    one, other = opened(case, backend), opened(case, backend)
    first = drawn(one)
    assert first == drawn(other)
    assert len(set(first + drawn(one))) == 12


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("options", [RandomOptions(0, 0), None])
def test_without_seeds_every_interpreter_draws_its_own(backend: str, options: RandomOptions | None) -> None:
    numbers = drawn(opened(uniform(options), backend)) + drawn(opened(uniform(options), backend))
    assert len(set(numbers)) > 6 and all(0 <= number < 1 for number in numbers)


def multinomial(logits: np.ndarray, samples: int, kind: TensorType = INT64) -> Case:
    source, count = tensor(FLOAT32, logits.shape), constant(np.array(samples, np.int32))
    outputs = [result(kind, shape=(len(logits), max(samples, 0)))]
    return single_operator("MULTINOMIAL", RandomOptions(5, 6), [source, count], outputs, [logits])


def test_multinomial_draws_classes_as_often_as_their_logits_say() -> None:
    logits = np.array([[np.log(0.5), np.log(0.25), np.log(0.25), -np.inf]], np.float32)
    interpreter = opened(multinomial(logits, 4000), "numpy")
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], logits)
    counts = np.bincount(np.ravel(drawn(interpreter)), minlength=4)
    assert counts[3] == 0 and np.all(np.abs(counts[:3] - [2000, 1000, 1000]) < 150)


@pytest.mark.parametrize("samples", [-1, 1])
def test_malformed_multinomials_are_refused(samples: int) -> None:
    shape = (1, 0) if samples > 0 else (1, 3)
    with pytest.raises(q31.ModelError, match=r"one class or more|no negative number"):
        drawn(opened(multinomial(np.zeros(shape, np.float32), samples), "numpy"))


def test_other_types_are_refused() -> None:
    with pytest.raises(q31.UnsupportedOperatorError, match="int32 or int64"):
        drawn(opened(multinomial(np.zeros((1, 2), np.float32), 1, FLOAT32), "numpy"))
