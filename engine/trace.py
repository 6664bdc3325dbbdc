"""A run of which everything is kept: every tensor, every prepared parameter, every accumulator."""

from __future__ import annotations

import dataclasses
import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import IO, Any

import numpy as np

from ..kernels.explain.intermediates import intermediates
from ..kernels.operator import Kernel, Node, Prepared
from ..kernels.profiles import Profile
from ..schema import InputError
from .memory import copy_of
from .preparation import Preparation, PreparedOperator, build_node, prepare_node
from .program import Program
from .session import Session
from .structure import STRUCTURAL


@dataclass(frozen=True)
class TracedOperator:
    """An operator as it ran: its place, name, tensors, and what was prepared for it.

    ``inputs`` are the arrays that it read, constants included, None where an optional one is left out. ``node`` and
    ``prepared`` are None for operators that run subgraphs.
    """

    index: int
    name: str
    inputs: tuple[np.ndarray | None, ...]
    outputs: tuple[np.ndarray | None, ...]
    output_indices: tuple[int, ...]
    node: Node | None
    prepared: Prepared | None
    kernel: Kernel

    def intermediates(self) -> dict[str, np.ndarray]:
        """Return accumulators and the like by name; empty where the operator has none."""
        if self.prepared is None:
            return {}
        with np.errstate(all="ignore"):
            return intermediates(self.name, self.prepared, self.inputs)

    def parameters(self) -> dict[str, Any]:
        """Return every prepared parameter by its dotted name: numbers, arrays, text."""
        return dict(_parameters("", self.prepared)) if self.prepared is not None else {}


class Trace:
    """What :meth:`q31.Model.trace` returns.

    Attributes
    ----------
    tensors : tensor index -> array, for every tensor of the primary subgraph that has a value, constants included.
    names : tensor index -> name.
    operators : the operators in order.
    outputs : the model's outputs, as a call gives them.
    stamp : profile, oracle, q31's version, the model's SHA-256, and the seed of random input, if any.
    """

    def __init__(
        self,
        tensors: Mapping[int, np.ndarray],
        names: Mapping[int, str],
        operators: Sequence[TracedOperator],
        outputs: Sequence[np.ndarray],
        stamp: Mapping[str, Any],
    ) -> None:
        self.tensors = dict(tensors)
        self.names = dict(names)
        self.operators = tuple(operators)
        self.outputs = tuple(outputs)
        self.stamp = dict(stamp)

    def __getitem__(self, tensor: int | str) -> np.ndarray:
        """Return a tensor by index or name."""
        if isinstance(tensor, str):
            found = [index for index, name in self.names.items() if name == tensor and index in self.tensors]
            if not found:
                raise InputError(f"no tensor with a value is named {tensor!r}")
            tensor = found[0]
        if tensor not in self.tensors:
            raise InputError(f"tensor {tensor} has no value in the trace")
        return self.tensors[tensor]

    def arrays(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield what :meth:`save` writes, key by key.

        ``stamp``: JSON text. ``tensor/I``: tensor I. ``operator/N/accumulator``, ``.../accumulator_without_bias``,
        ``.../input_sum`` and the like: what :meth:`TracedOperator.intermediates` has of operator N.
        ``operator/N/prepared/...``: its prepared parameters by dotted name. ``operator/N/name``.
        """
        names = {str(index): self.names[index] for index in self.tensors}
        yield "stamp", np.array(json.dumps({**self.stamp, "tensors": names}))
        for index, array in self.tensors.items():
            yield f"tensor/{index}", array if array.dtype != object else array.astype(np.bytes_)
        for operator in self.operators:
            yield f"operator/{operator.index}/name", np.array(operator.name)
            for name, array in operator.intermediates().items():
                yield f"operator/{operator.index}/{name}", array
            for name, value in operator.parameters().items():
                yield f"operator/{operator.index}/prepared/{name}", np.asarray(value)

    def write(self, file: IO[bytes]) -> None:
        """Write the trace to an open file, as compressed .npz."""
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for key, array in self.arrays():
                with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the trace as a compressed .npz, which ``numpy.load`` reads; all of it or nothing.

        Raises
        ------
        OSError
            Where it cannot be written.
        """
        if os.path.exists(path) and not os.path.isfile(path):  # a device, or a folder, which raises
            with open(path, "wb") as device:
                self.write(device)
            return
        partial = f"{os.fspath(path)}.{os.getpid()}.part"
        try:
            with open(partial, "wb") as file:
                self.write(file)
            os.replace(partial, path)
        finally:
            if os.path.exists(partial):
                os.unlink(partial)


def _parameters(prefix: str, prepared: Any) -> Iterator[tuple[str, Any]]:
    for item in dataclasses.fields(prepared):
        value, name = getattr(prepared, item.name), prefix + item.name
        if dataclasses.is_dataclass(value):
            yield from _parameters(f"{name}.", value)
        elif isinstance(value, Enum):
            yield name, value.name
        elif isinstance(value, np.dtype):
            yield name, str(value)
        elif isinstance(value, (int, float, str, np.ndarray, np.generic)):
            yield name, value
        elif value is not None:
            yield name, str(value)


def trace_run(session: Session, program: Program, stamp: Mapping[str, Any]) -> Trace:
    """Run a program that keeps all tensors on what its inputs hold, and return the trace of it.

    Raises
    ------
    ModelError
        As :meth:`.Program.run`.
    """
    preparation = program.preparation
    states = {
        index: np.array(array)
        for index, tensor in enumerate(preparation.tensors)
        if tensor.is_variable and (array := program.array(index)) is not None
    }
    program.run()
    after = {
        index: copy_of(array)
        for index in range(len(preparation.tensors))
        if (array := program.array(index)) is not None
    }
    before = {**after, **states}
    operators = [_traced(preparation, operator, before, after, session.profile) for operator in preparation.operators]
    names = {index: tensor.name for index, tensor in enumerate(preparation.tensors)}
    return Trace(after, names, operators, [after[index] for index in preparation.outputs], stamp)


def _traced(
    preparation: Preparation,
    operator: PreparedOperator,
    before: Mapping[int, np.ndarray],
    after: Mapping[int, np.ndarray],
    profile: Profile,
) -> TracedOperator:
    own = operator.operator
    inputs = tuple(before.get(index) if index >= 0 else None for index in own.inputs)
    outputs = tuple(after.get(index) for index in own.outputs)
    node, prepared = operator.node, operator.prepared
    if own.name not in STRUCTURAL and all(index < 0 or index in before for index in own.inputs):
        shapes = [before[index].shape if index in before else None for index in range(len(preparation.tensors))]
        node = build_node(own, preparation.tensors, shapes, before, operator.bodies)
        if prepared is None:
            prepared = prepare_node(f"operator {operator.index}", operator.kernel, node, profile)
    name = own.custom_code or own.name
    return TracedOperator(operator.index, name, inputs, outputs, own.outputs, node, prepared, operator.kernel)
