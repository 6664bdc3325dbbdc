"""Calling a model by one of its signatures."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..schema import InputError, Signature
from .memory import copy_of
from .runtime import Runtime, as_array


class SignatureRunner:
    """Runs one signature of a model; made by ``Interpreter.get_signature_runner``."""

    def __init__(self, runtime: Runtime, signature: Signature) -> None:
        self._runtime = runtime
        self._signature = signature
        self._inputs = dict(signature.inputs)

    def __call__(self, **kwargs: Any) -> dict[str, np.ndarray]:
        """Run the signature on named arrays, resizing its inputs to their shapes.

        Raises
        ------
        InputError
            Where an input is missing, unknown or of the wrong data type.
        """
        names = ", ".join(self._inputs)
        if len(kwargs) != len(self._inputs):
            raise InputError(f"signature {self._signature.key!r} has inputs {names}; got {', '.join(kwargs) or 'none'}")
        subgraph = self._signature.subgraph_index
        arrays = {name: as_array(f"input {name!r}", value) for name, value in kwargs.items()}
        for name, array in arrays.items():
            if name not in self._inputs:
                raise InputError(f"signature {self._signature.key!r} has no input {name!r}; it has {names}")
            self._runtime.resize(self._inputs[name], array.shape, subgraph)
        self._runtime.allocate(subgraph)
        for name, array in arrays.items():
            self._runtime.set(self._inputs[name], array, subgraph)
        self._runtime.invoke(subgraph)
        return {name: copy_of(self._runtime.memory(index, subgraph)) for name, index in self._signature.outputs}

    def get_input_details(self) -> dict[str, dict[str, Any]]:
        """Describe each input of the signature by its name."""
        return self._details(self._signature.inputs)

    def get_output_details(self) -> dict[str, dict[str, Any]]:
        """Describe each output of the signature by its name."""
        return self._details(self._signature.outputs)

    def _details(self, ports: tuple[tuple[str, int], ...]) -> dict[str, dict[str, Any]]:
        return {name: self._runtime.details(index, self._signature.subgraph_index) for name, index in ports}
