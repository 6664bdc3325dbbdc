"""What a comparison says: operator by operator, how far two runs are apart, and whose doing that is."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...engine.excerpt import Excerpt
from ...schema import Graph, InputError
from ..node_data import GOOD_IS_LOW, node_data
from .differences import Difference


@dataclass(frozen=True)
class TensorComparison:
    """A tensor of an operator on both sides.

    Parameters
    ----------
    index, name : which tensor.
    total : the other side's value against q31's.
    local : the other side's value against what q31's operator makes of the other side's inputs: what this operator
        alone does differently. None where that cannot be had, and for constants.
    inherited : what q31's operator makes of the other side's inputs against what it makes of q31's own: the rest, which
        came in through the inputs. ``local`` and ``inherited`` add up to ``total``, element by element.
    """

    index: int
    name: str
    total: Difference
    local: Difference | None = None
    inherited: Difference | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        parts = {"total": self.total, "local": self.local, "inherited": self.inherited}
        found = {name: None if one is None else one.to_dict() for name, one in parts.items()}
        return {"index": self.index, "name": self.name, **found}


@dataclass(frozen=True)
class OperatorComparison:
    """An operator on both sides.

    Parameters
    ----------
    index, name : which operator.
    outputs : its outputs, as far as the other side tells them.
    constants : its constants that differ, where the other side has constants of its own.
    covers : operators before it whose outputs the other side does not tell: ``local`` is theirs, too.
    note : why ``local`` is not known, where it is not.
    """

    index: int
    name: str
    outputs: tuple[TensorComparison, ...]
    constants: tuple[TensorComparison, ...] = ()
    covers: tuple[int, ...] = ()
    note: str = ""

    @property
    def first(self) -> TensorComparison | None:
        """The first tensor that differs, a constant before an output; None where all are equal."""
        return next((one for one in (*self.constants, *self.outputs) if one.total), None)

    @property
    def differs(self) -> bool:
        """Whether a constant or an output differs."""
        return self.first is not None

    @property
    def known(self) -> bool:
        """Whether the other side tells an output."""
        return bool(self.outputs)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {
            "index": self.index,
            "name": self.name,
            "outputs": [one.to_dict() for one in self.outputs],
            "constants": [one.to_dict() for one in self.constants],
            "covers": list(self.covers),
            "note": self.note,
        }


@dataclass(frozen=True)
class Cut:
    """The operator at which two runs part, as a model of its own: its inputs, and what both sides make of them."""

    excerpt: Excerpt
    inputs: Mapping[str, np.ndarray]
    own: Mapping[str, np.ndarray]
    other: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Origin:
    """How the comparison was asked for, as the command line says it: model, input, seed, further options."""

    model: str
    source: str = ""
    seed: int | None = None
    options: tuple[str, ...] = ()


class Comparison:
    """What :func:`q31.compare` returns; printed, it is a report.

    Attributes
    ----------
    equal : whether every tensor that the other side tells is equal, bit by bit.
    operators : the operators in order.
    against : what the other side is.
    stamp : profile, q31's version, the model's SHA-256 and the seed of random input; ``other_stamp`` of the other side.
    notes : what is to be known about the other side's numbers.
    """

    def __init__(
        self,
        operators: Sequence[OperatorComparison],
        against: str,
        stamp: Mapping[str, Any],
        other_stamp: Mapping[str, Any],
        notes: Sequence[str],
        origin: Origin,
        profiles: Sequence[str],
        cut: Cut | None,
    ) -> None:
        self.operators = tuple(operators)
        self.against = against
        self.stamp = dict(stamp)
        self.other_stamp = dict(other_stamp)
        self.notes = tuple(notes)
        self.cut = cut
        self._origin = origin
        self._profiles = tuple(profiles)

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return self.first is None

    @property
    def first(self) -> OperatorComparison | None:
        """The first operator with a tensor that differs."""
        return next((one for one in self.operators if one.differs), None)

    @property
    def differing(self) -> tuple[OperatorComparison, ...]:
        """The operators with a tensor that differs."""
        return tuple(one for one in self.operators if one.differs)

    def explainable(self, operator: OperatorComparison) -> tuple[int, ...]:
        """Return the index of the first value of an operator that differs; empty where ``explain`` has no steps."""
        first = next((one.total for one in operator.outputs[:1] if one.total.unit == "LSB"), None)
        return (first.first or ()) if first is not None else ()

    def explain_command(self, operator: OperatorComparison) -> str:
        """Return the command that explains the first value of an operator that differs; empty where there is none."""
        at = ",".join(map(str, self.explainable(operator)))
        if not at or not self._origin.source:
            return ""
        words = ["q31", "explain", self._origin.model, "--op", str(operator.index), "--at", at]
        words += ["--input", self._origin.source]
        if self._origin.seed is not None:
            words += ["--seed", str(self._origin.seed)]
        return shlex.join([*words, *self._origin.options, "--profile", ",".join(self._profiles)])

    def save_minimal(self, path: str | os.PathLike[str]) -> list[str]:
        """Write the operator at which the runs part as a model of its own; returns the files written.

        Beside ``out.tflite``: ``out.npz``, its inputs; ``out.q31.npz`` and ``out.against.npz``, both sides' outputs.

        Raises
        ------
        InputError
            Where nothing differs, or the operator gives nothing by itself.
        OSError
            Where they cannot be written.
        """
        from ...schema import write
        from ..files import write_arrays, write_atomically

        if self.cut is None:
            raise InputError("nothing differs: there is no operator to cut out" if self.equal else _NOT_ALONE)
        base = os.fspath(path)
        stem = base.removesuffix(".tflite")
        content = write(self.cut.excerpt.graph)
        parts = {f"{stem}.npz": self.cut.inputs, f"{stem}.q31.npz": self.cut.own, f"{stem}.against.npz": self.cut.other}
        for name, arrays in parts.items():
            write_arrays(name, {key: _storable(array) for key, array in arrays.items()})
        with write_atomically(base) as file:
            file.write(content)
        return [base, *parts]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON holds it."""
        first = self.first
        return {
            "equal": self.equal,
            "against": self.against,
            "stamp": self.stamp,
            "other_stamp": self.other_stamp,
            "notes": list(self.notes),
            "first": None
            if first is None or first.first is None
            else {
                "operator": first.index,
                "name": first.name,
                "tensor": first.first.index,
                "tensor_name": first.first.name,
                "explain": self.explain_command(first),
            },
            "operators": [{**one.to_dict(), "explain": self.explain_command(one)} for one in self.operators],
        }

    def node_data(self, graph: Graph) -> dict[str, Any]:
        """Return for Model Explorer the greatest difference of each operator that the other side tells.

        Its own, where that is known; otherwise the whole.
        """
        values = {}
        for operator in self.operators:
            found = [one.total if one.local is None else one.local for one in operator.outputs]
            if found:
                values[operator.index] = max(float(one.maximum or bool(one)) for one in found)
        return node_data(graph, values, GOOD_IS_LOW)

    def summary(self) -> list[str]:
        """Return what is said of the whole, line by line."""
        lines = [f"q31, profile {self.stamp['profile']}, beside {self.against}"]
        lines += [f"note: {note}" for note in self.notes]
        first = self.first
        told = [one for one in self.operators if one.known]
        if first is None or first.first is None:
            some = (
                "" if len(told) == len(self.operators) else f"; of {len(self.operators) - len(told)} it tells nothing"
            )
            plural = "" if len(told) == 1 else "s"
            return [*lines, f"equal: every value that {len(told)} operator{plural} gave{some}"]
        kind = "constant" if first.first in first.constants else "output"
        tensor = f"{kind} {first.first.index} ({shortened(first.first.name)!r})"
        lines.append(f"first tensor that differs: {tensor} of operator {first.index}, {first.name}")
        lines.append(f"  {first.first.total}")
        if kind == "constant":
            output = next((one for one in first.outputs if one.total), None)
            lines.append("  its outputs are equal on this input" if output is None else f"  its output: {output.total}")
        if first.covers:
            lines.append(f"  the other side does not tell {_operators(first.covers)}: the difference may be theirs")
        if first.note:
            lines.append(f"  {first.note}")
        own = sum(any(one.local for one in each.outputs) for each in told)
        count = f"of {len(told)} operators compared, {len(self.differing)} differ{'s' * (len(self.differing) == 1)}"
        lines.append(
            f"{count}; {own} {'adds' if own == 1 else 'add'} differences of {'its' if own == 1 else 'their'} own"
        )
        return lines

    def __str__(self) -> str:
        lines = self.summary()
        for operator in self.differing:
            for one in operator.outputs:
                if one.total:
                    lines.append(f"operator {operator.index}, {operator.name}: {one.total}")
        return "\n".join(lines)

    __repr__ = __str__


_NOT_ALONE = "the operator that differs first works on what other operators keep: it is no model by itself"


def shortened(name: str, most: int = 60) -> str:
    """Return a name, cut where it is long: converters join the names of all that they fused."""
    return name if len(name) <= most else f"{name[: most - 3]}..."


def _operators(indices: Sequence[int]) -> str:
    shown = ", ".join(map(str, indices[:4])) + (", ..." if len(indices) > 4 else "")
    return f"operator{'s' if len(indices) > 1 else ''} {shown}"


def _storable(array: np.ndarray) -> np.ndarray:
    return array.astype(np.bytes_) if array.dtype == object else array
