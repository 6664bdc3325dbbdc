"""Problems: a model of one operator, inputs, and what is right: outputs, or that it must be refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...engine.interpreter import Interpreter
from ...kernels.profiles import Profile
from ...schema import InputError, ModelError, UnsupportedOperatorError, write
from .case import Case
from .cells import Cell, named_cell

UNKNOWN_VERSION = 127
"""A version that no operator has: a model with it must be refused."""


@dataclass(frozen=True)
class Problem:
    """What an implementation is asked.

    Parameters
    ----------
    name : of the strategy that made it, such as ``"CONV_2D int8 per-channel"``.
    cell : operator and column of the table.
    model : bytes of a .tflite file.
    inputs : in the order of the model's inputs.
    expected : what ``defined`` picks of the outputs by the profile; None where the model must be refused.
    outputs : how many outputs the model has.
    within : how far numbers may be from the expected ones; 0 is bit for bit.
    defined : picks what is compared of the outputs.
    reason : why it must be refused.
    """

    name: str
    cell: Cell
    model: bytes
    inputs: tuple[np.ndarray, ...]
    expected: tuple[np.ndarray, ...] | None
    outputs: int
    within: float = 0.0
    defined: Callable[[list[np.ndarray]], list[np.ndarray]] = list
    reason: str = ""


def run_q31(
    model: bytes, inputs: Sequence[np.ndarray], profile: str | Profile, backend: str | None = None
) -> list[np.ndarray]:
    """Return the outputs of a model's first invoke in q31; inputs of another shape resize it.

    Raises
    ------
    ModelError, UnsupportedOperatorError
        Where the profile does not take the model.
    """
    interpreter = Interpreter(model_content=model, backend=backend, profile=profile)
    details = interpreter.get_input_details()
    for detail, array in zip(details, inputs, strict=True):
        if tuple(detail["shape"]) != array.shape:
            interpreter.resize_tensor_input(detail["index"], array.shape)
    interpreter.allocate_tensors()
    for detail, array in zip(details, inputs, strict=True):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    return [interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()]


def expected_outputs(case: Case, profile: str | Profile) -> tuple[np.ndarray, ...]:
    """Return the outputs of a case's first invoke by ``evaluate``.

    Raises
    ------
    ModelError, UnsupportedOperatorError
        Where the profile does not take the model.
    """
    return tuple(case.defined(run_q31(case.model, case.inputs, profile, "numpy")))


def problem_of(name: str, case: Case, profile: str | Profile) -> Problem | None:
    """Return the problem that a case is; None where the profile has no answer and no reason to refuse."""
    cell = named_cell(name)
    if cell is None:
        return None
    outputs = len(case.graph.subgraphs[0].outputs)
    try:
        expected = expected_outputs(case, profile)
    except UnsupportedOperatorError:
        return None
    except ModelError as error:
        return Problem(name, cell, case.model, case.inputs, None, outputs, reason=str(error))
    return Problem(name, cell, case.model, case.inputs, expected, outputs, case.within, case.defined)


def of_unknown_version(name: str, case: Case) -> Problem | None:
    """Return the case with its operators in a version that does not exist, to be refused."""
    cell = named_cell(name)
    if cell is None or any(operator.name == "CUSTOM" for operator in case.graph.subgraphs[0].operators):
        return None
    first, *others = case.graph.subgraphs
    operators = tuple(replace(operator, version=UNKNOWN_VERSION) for operator in first.operators)
    graph = replace(case.graph, subgraphs=(replace(first, operators=operators), *others))
    reason = f"operators of version {UNKNOWN_VERSION}"
    return Problem(name, cell, bytes(write(graph)), case.inputs, None, len(first.outputs), reason=reason)


def select(names: Sequence[str], operators: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Return the strategies of these operators and types; all where none are given.

    Raises
    ------
    InputError
        Where there is no such operator or type among the problems.
    """
    cells = {name: cell for name in names if (cell := named_cell(name)) is not None}
    for what, given, there in (
        ("operator", operators, {cell[0] for cell in cells.values()}),
        ("type", columns, {cell[1] for cell in cells.values()}),
    ):
        if unknown := [one for one in given if one not in there]:
            raise InputError(f"no problem is of the {what} {unknown[0]!r}; there are {', '.join(sorted(there))}")
    return [
        name
        for name, (operator, column) in cells.items()
        if (not operators or operator in operators) and (not columns or column in columns)
    ]


def generate(name: str, examples: int, seed: int, profile: str | Profile) -> Iterator[Problem]:
    """Yield the problems of a strategy; the same ones for the same seed and versions.

    Raises
    ------
    InputError
        Where Hypothesis, which draws them, is not installed.
    """
    cases = _draw(name, examples, seed)
    for number, case in enumerate(cases):
        if number == 0 and (refused := of_unknown_version(name, case)) is not None:
            yield refused
        if (problem := problem_of(name, case, profile)) is not None:
            yield problem


def strategies() -> list[str]:
    """Return the names of all strategies.

    Raises
    ------
    InputError
        Where Hypothesis is not installed.
    """
    try:
        from .collection import collect
    except ImportError as error:
        raise InputError(f"problems are drawn with Hypothesis: pip install 'q31[conformance]' ({error})") from None
    return list(collect())


def _draw(name: str, examples: int, seed: int) -> list[Case]:
    import hypothesis

    from .collection import collect

    found: list[Case] = []

    def remember(case: Case) -> None:
        found.append(case)

    settings = hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hypothesis.seed(seed)(settings(hypothesis.given(collect()[name])(remember)))()
    return found
