"""Holding a model to a target's rules."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...schema import Graph, InputError
from . import integer_only
from .rule import Rule, Site, Source, Target

if TYPE_CHECKING:
    from ...engine.model import Model

TARGETS = ("integer-only", "edgetpu", "tflm", "cmsis-nn", "ethos-u")


@dataclass(frozen=True)
class Reason:
    """Why an operator is not taken: what is required, what was found, and the list that requires it."""

    required: str
    found: str
    source: Source

    def __str__(self) -> str:
        return f"{self.required}: {self.found}" if self.found else self.required


@dataclass(frozen=True)
class CheckedOperator:
    """An operator, with every reason why the target does not take it; ``note`` is what may happen all the same."""

    subgraph: int
    index: int
    name: str
    version: int
    tensor: str
    reasons: tuple[Reason, ...]
    note: str
    integer: bool

    @property
    def taken(self) -> bool:
        """Whether the target takes the operator."""
        return not self.reasons


@dataclass(frozen=True)
class Check:
    """What :func:`q31.check` returns."""

    target: Target
    operators: tuple[CheckedOperator, ...]
    sha256: str

    @property
    def taken(self) -> bool:
        """Whether the target takes every operator."""
        return all(one.taken for one in self.operators)

    @property
    def integer_only(self) -> bool:
        """Whether all tensors of the operators are integers, the model's inputs and outputs among them."""
        return all(one.integer for one in self.operators)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON holds it."""
        return {
            "target": self.target.name,
            "title": self.target.title,
            "list": vars(self.target.listed),
            "model_sha256": self.sha256,
            "taken": self.taken,
            "integer_only": self.integer_only,
            "fallback": self.target.fallback,
            "operators": [
                {
                    "subgraph": one.subgraph,
                    "operator": one.index,
                    "name": one.name,
                    "version": one.version,
                    "tensor": one.tensor,
                    "taken": one.taken,
                    "reasons": [
                        {"required": why.required, "found": why.found, "source": vars(why.source)}
                        for why in one.reasons
                    ],
                    "note": one.note,
                }
                for one in self.operators
            ],
        }

    def __str__(self) -> str:
        refused = [one for one in self.operators if not one.taken]
        lines = [f"{self.target.title}: {len(self.operators) - len(refused)} of {len(self.operators)} operators taken"]
        lines += [f"{one.index} {one.name}: {'; '.join(map(str, one.reasons))}" for one in refused]
        return "\n".join(lines)


def find_target(name: str) -> Target:
    """Return a target by name.

    Raises
    ------
    InputError
        Where none has that name; says which there are.
    """
    from importlib import import_module

    if name not in TARGETS:
        raise InputError(f"no target is named {name!r}; there are {', '.join(TARGETS)}")
    target: Target = import_module(f".{name.replace('-', '_')}", __package__).TARGET
    return target


def check(model: Model | str | os.PathLike[str] | bytes, target: str) -> Check:
    """Say which operators of a model a target does not take, and why, by the public list of what it supports.

    Parameters
    ----------
    model : a loaded model, a path, or bytes.
    target : ``"integer-only"``, ``"edgetpu"``, ``"tflm"``, ``"cmsis-nn"`` or ``"ethos-u"``.

    Raises
    ------
    InputError
        Where there is no such target.
    ModelError
        Where the model cannot be read.
    """
    from ...engine.session import open_model, sha256

    found = find_target(target)
    if isinstance(model, (str, os.PathLike, bytes, bytearray, memoryview)):
        graph, content = open_model(model)
        return Check(found, tuple(_operators(graph, found)), sha256(content))
    return Check(found, tuple(_operators(model.graph, found)), model.sha256)


def _operators(graph: Graph, target: Target) -> Iterator[CheckedOperator]:
    for number, subgraph in enumerate(graph.subgraphs):
        first: CheckedOperator | None = None
        for index in range(len(subgraph.operators)):
            site = Site(graph, number, index)
            reasons = tuple(_reasons(site, target))
            if not reasons and first is not None and target.rest_falls_back is not None:
                after = f"nothing that is not taken before it, as operator {first.index} {first.name} is"
                reasons = (Reason(after, "", target.rest_falls_back),)
            checked = CheckedOperator(
                number,
                index,
                site.name,
                site.operator.version,
                site.outputs[0].name if site.outputs else "",
                reasons,
                target.notes.get(site.name, ""),
                not any(rule.broken(site) for rule in integer_only.TARGET.every),
            )
            if reasons and first is None and not target.stands_apart(site):
                first = checked
            yield checked


def _reasons(site: Site, target: Target) -> Iterator[Reason]:
    own = target.operators.get(site.name) if site.name in target.operators else None
    if own is None:
        yield Reason(f"an operator of the list, which {site.name} is not", "", target.listed)
        own = ()
    rules: tuple[Rule, ...] = (*target.every, *own)
    for rule in rules:
        found = rule.broken(site)
        if found is not None:
            yield Reason(rule.text, found, rule.source)
