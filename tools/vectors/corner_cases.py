"""Inputs, and operators derived from a model's own, that reach the corners of the arithmetic; each is checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...engine.model import Model
from ...engine.trace import Trace, TracedOperator
from ...kernels.convolution.prepared import Requantization
from ...kernels.elementwise.add_sub import QuantizedSum
from ...kernels.elementwise.mul import QuantizedProduct
from ...kernels.pooling.pool_2d import Pool2D
from ...kernels.profiles import Profile
from ...kernels.reduce.mean import QuantizedMean
from ...schema import Error, InputError
from .case import Case, case_name, collect
from .cut import CODES, Cut, Operand, Run, cut, filled, limits, random_codes, run
from .hits import hits

_ONE_BY_ONE = (
    *("ABS", "DEQUANTIZE", "ELU", "EXP", "GELU", "HARD_SWISH", "LEAKY_RELU", "LOG", "LOGISTIC", "NEG", "QUANTIZE"),
    *("RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "RSQRT", "SQRT", "SQUARE", "TANH"),
)
"""Operators of one operand that take each code for itself."""


@dataclass(frozen=True)
class Wanted:
    """A corner case to be made.

    Parameters
    ----------
    name : ends the case's name.
    aims : hits that it must have.
    make : gives the operator to run, and its free inputs by place.
    source, note : as in :class:`.case.Case`.
    check : looks at the run and returns further hits.
    """

    name: str
    aims: tuple[str, ...]
    make: Callable[[], tuple[Cut, Mapping[int, np.ndarray]]]
    source: str = "derived"
    note: str = ""
    check: Callable[[Run], Mapping[str, int]] | None = None


@dataclass(frozen=True)
class Subject:
    """What corner cases are made of: an operator of a model by itself, as it was traced, and a random generator."""

    operator: TracedOperator
    cut: Cut
    profile: Profile
    generator: np.random.Generator

    @property
    def prepared(self) -> Any:
        """What was prepared for it."""
        return self.operator.prepared

    def random(self, one: Cut) -> dict[int, np.ndarray]:
        """Return random codes for the free inputs."""
        return {place: random_codes(operand(one, place), self.generator) for place in one.free}


def operand(one: Cut, place: int) -> Operand:
    """Return an input that is there."""
    found = one.inputs[place]
    assert found is not None
    return found


class NotHere(InputError):
    """A corner case that an operator does not have; the message says why."""


def corner_cases(model: Model, trace: Trace, index: int, seed: int, left_out: list[dict[str, Any]]) -> Iterator[Case]:
    """Yield the corner cases of an operator, each with what it hits.

    Parameters
    ----------
    trace : of the model, for shapes and constants.
    seed : of what is random in them.
    left_out : gets what cannot be made, with the reason.
    """
    operator = trace.operators[index]

    def leave_out(name: str, reason: object) -> None:
        left_out.append({"operator": index, "operator_name": operator.name, "corner_case": name, "reason": str(reason)})

    try:
        own = cut(model.graph, operator)
    except InputError as error:
        return leave_out("corner cases", error)
    if not own.free:
        return leave_out("corner cases", "its inputs are all constants")
    if any(operand(own, place).type not in CODES for place in own.free):
        return leave_out("corner cases", "its operands are no codes of up to 16 bits")
    subject = Subject(operator, own, model.profile, np.random.default_rng([seed, index]))
    for wanted in _wanted(subject):
        try:
            yield _made(subject, wanted, seed)
        except NotHere as error:
            leave_out(wanted.name, error)
        except Error as error:  # the derived operator is refused
            leave_out(wanted.name, f"cannot be made: {error}")


def _made(subject: Subject, wanted: Wanted, seed: int) -> Case:
    """Make a case and hold it to its aims."""
    one, arrays = wanted.make()
    done = run(one, arrays, subject.profile, seed)
    found = hits(done.operator, one.free)
    if wanted.check is not None:
        found |= wanted.check(done)
    missed = [aim for aim in wanted.aims if not found.get(aim)]
    if missed:
        raise NotHere(f"not reached: {', '.join(missed)}")
    case = collect(
        done.trace,
        done.operator,
        done.model.graph,
        name=case_name(subject.operator, wanted.name),
        source=wanted.source,
        model=done.content,
        aims=wanted.aims,
        hits=found,
        note=wanted.note,
    )
    return replace(case, operator=subject.operator.index)


def _wanted(subject: Subject) -> Iterator[Wanted]:
    from . import corner_elementwise, corner_products

    yield from _extremes(subject)
    prepared, name = subject.prepared, subject.operator.name
    if isinstance(getattr(prepared, "requantization", None), Requantization):
        yield from corner_products.wanted(subject)
    elif isinstance(prepared, (QuantizedSum, QuantizedProduct)):
        yield from corner_elementwise.wanted(subject)
    elif isinstance(prepared, QuantizedMean):
        yield from corner_elementwise.wanted_of_mean(subject)
    elif isinstance(prepared, Pool2D) and name == "AVERAGE_POOL_2D":
        yield from corner_elementwise.wanted_of_average(subject)
    elif name in _ONE_BY_ONE and len(subject.cut.free) == 1:
        yield _all_codes(subject)


def _extremes(subject: Subject) -> Iterator[Wanted]:
    """All operands at an end of their range."""
    own = subject.cut
    for name, end in (("lowest", 0), ("highest", 1)):

        def make(end: int = end) -> tuple[Cut, Mapping[int, np.ndarray]]:
            return own, {place: filled(operand(own, place), limits(operand(own, place))[end]) for place in own.free}

        yield Wanted(name, (f"operands_{name}",), make, "operator", f"every operand at the {name} code of its type")


def _all_codes(subject: Subject) -> Wanted:
    def make() -> tuple[Cut, Mapping[int, np.ndarray]]:
        (place,) = subject.cut.free
        low, high = limits(operand(subject.cut, place))
        if high - low != 255:
            raise NotHere("its codes have more than 8 bits, too many to go through")
        if len(operand(subject.cut, place).quantization.scale) > 1:
            raise NotHere("it is quantized per channel")
        one = subject.cut.with_input(place, shape=(1, 256))
        codes = filled(operand(one, place), 0)
        codes[0] = np.arange(low, high + 1)
        return one, {place: codes}

    return Wanted("all_codes", ("all_codes",), make, note="every code once; the operator is of shape [1, 256]")
