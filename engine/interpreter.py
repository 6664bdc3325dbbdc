"""The interpreter that LiteRT's users know: the same calls, the same answers, the same classes of error."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from ..kernels.profiles import Profile
from ..schema import InputError, ModelError, Signature, StateError, UnsupportedOperatorError
from .memory import copy_of
from .runtime import Runtime
from .session import Session, find_profile, open_model, sha256, with_accumulator
from .signature_runner import SignatureRunner


class _Owner:
    """Owns a view of a tensor's memory, so that arrays made from it, and their slices, can be tracked."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.__array_interface__ = array.__array_interface__


class Interpreter:
    """Runs a .tflite model as ``ai_edge_litert.interpreter.Interpreter`` with the reference resolver does.

    Parameters
    ----------
    model_path : path of a .tflite file.
    model_content : the bytes of a model, in place of a path.
    num_threads : how many threads work on an ``invoke``, at most as there are processors; None is one.
    experimental_preserve_all_tensors : keep each intermediate tensor readable after ``invoke``.
    profile : whose bits to give: ``"litert"``, ``"tflm"`` or ``"single"``.
    backend : ``"numba"`` (compiled, the default) or ``"numpy"`` (readable, slow, the same bits).
    accumulator_bits, overflow : emulate narrower accumulators, as :func:`q31.load` says.

    Raises
    ------
    ModelError
        Where the file cannot be opened or is malformed.
    UnsupportedOperatorError
        Where an operator has no kernel.
    InputError
        Where neither or both of path and content are given, or an option is wrong.
    TypeError
        Where the path is no path, or the content no bytes.
    """

    def __init__(
        self,
        model_path: str | bytes | os.PathLike[str] | None = None,
        model_content: bytes | bytearray | memoryview | None = None,
        num_threads: int | None = None,
        experimental_preserve_all_tensors: bool = False,
        profile: str | Profile = "litert",
        backend: str | None = None,
        accumulator_bits: int | None = None,
        overflow: str | None = None,
    ) -> None:
        if bool(model_path) == bool(model_content):
            raise InputError("give either model_path or model_content" + (", not both" if model_path else ""))
        if isinstance(model_content, str):
            raise TypeError("model_content: expected bytes, got str; a path is given as model_path")
        graph, self._content = open_model(model_content or os.fsdecode(model_path or ""))
        if not graph.subgraphs:
            raise ModelError("the model has no subgraph")
        chosen = with_accumulator(find_profile(profile), accumulator_bits, overflow)
        self._session = Session(graph, chosen, backend, experimental_preserve_all_tensors, num_threads)
        self._runtime = Runtime(self._session)
        self._views: list[weakref.ref[np.ndarray]] = []

    @property
    def profile(self) -> Profile:
        """The arithmetic in use."""
        return self._session.profile

    @property
    def model_sha256(self) -> str:
        """SHA-256 of the model's bytes, in hexadecimal."""
        return sha256(self._content)

    def num_subgraphs(self) -> int:
        """Return how many subgraphs the model has."""
        return len(self._runtime.graph.subgraphs)

    # Tensors

    def get_input_details(self) -> list[dict[str, Any]]:
        """Describe the model's inputs; each dictionary has the keys that LiteRT's has."""
        return [self._runtime.details(index) for index in self._runtime.subgraph(0).inputs]

    def get_output_details(self) -> list[dict[str, Any]]:
        """Describe the model's outputs."""
        return [self._runtime.details(index) for index in self._runtime.subgraph(0).outputs]

    def get_tensor_details(self, subgraph_index: int = 0) -> list[dict[str, Any]]:
        """Describe every tensor of a subgraph, but those of a data type that NumPy lacks, as LiteRT does."""
        details = []
        for index in range(len(self._runtime.subgraph(subgraph_index).tensors)):
            with suppress(UnsupportedOperatorError):
                details.append(self._runtime.details(index, subgraph_index))
        return details

    def get_tensor(self, tensor_index: int, subgraph_index: int = 0) -> np.ndarray:
        """Return a copy of a tensor's value.

        Intermediate tensors share memory and hold their value after ``invoke`` only with
        ``experimental_preserve_all_tensors``.
        """
        return copy_of(self._runtime.memory(tensor_index, subgraph_index))

    def set_tensor(self, tensor_index: int, value: Any) -> None:
        """Copy a value into an input tensor.

        Raises
        ------
        InputError
            Where the shape or data type is not the tensor's.
        """
        self._runtime.set(tensor_index, value)

    def tensor(self, tensor_index: int) -> Callable[[], np.ndarray]:
        """Return a function that gives a NumPy view of the tensor's own memory, without a copy.

        Hold the function, not the view: while a view is alive, ``invoke`` and ``allocate_tensors`` raise
        RuntimeError, as LiteRT's do.
        """

        def view() -> np.ndarray:
            memory = self._runtime.memory(tensor_index)
            array = np.asarray(_Owner(memory))
            self._views.append(weakref.ref(array))
            # NumPy knows bfloat16 only as two bytes; a view of it keeps the array above alive.
            return array if array.dtype == memory.dtype else array.view(memory.dtype)

        return view

    def _ensure_safe(self) -> None:
        if not self._views:
            return
        self._views = [reference for reference in self._views if reference() is not None]
        if self._views:
            raise StateError(
                "there is at least 1 reference to internal data in the interpreter (an array from tensor()()); "
                "hold only the function that tensor() returns"
            )

    # Running

    def allocate_tensors(self) -> None:
        """Prepare the model for its current input shapes and allocate memory."""
        self._ensure_safe()
        self._runtime.allocate()

    def resize_tensor_input(self, input_index: int, tensor_size: Any, strict: bool = False) -> None:
        """Give an input another shape; ``allocate_tensors`` must be called afterwards.

        Parameters
        ----------
        input_index : a tensor index, from ``get_input_details``.
        tensor_size : the new shape.
        strict : allow only dimensions to change that are -1 in the shape signature.

        Raises
        ------
        InputError
            Where the tensor is not an input, or ``strict`` forbids the shape.
        """
        self._ensure_safe()
        self._runtime.resize(input_index, tensor_size, strict=strict)

    def invoke(self) -> None:
        """Run the model on what its input tensors hold.

        Raises
        ------
        StateError
            Before ``allocate_tensors``, or while a view from ``tensor()()`` is alive.
        """
        self._ensure_safe()
        self._runtime.invoke()

    def reset_all_variables(self) -> None:
        """Set the model's variable tensors back to their first value."""
        self._runtime.reset_variables()

    # Signatures

    def _signature(self, key: str) -> Signature | None:
        return next((s for s in self._runtime.graph.signatures if s.key == key), None)

    def get_signature_list(self) -> dict[str, dict[str, list[str]]]:
        """Return each signature's key with the names of its inputs and outputs."""
        return {
            signature.key: {
                "inputs": sorted(name for name, _ in signature.inputs),
                "outputs": sorted(name for name, _ in signature.outputs),
            }
            for signature in self._runtime.graph.signatures
        }

    def get_signature_runner(self, signature_key: str | None = None) -> SignatureRunner:
        """Return a callable that runs a signature: keyword arguments in, a dictionary of arrays out.

        Parameters
        ----------
        signature_key : may be left out where the model has exactly one signature.
        """
        signatures = self._runtime.graph.signatures
        if signature_key is None:
            if len(signatures) != 1:
                keys = ", ".join(repr(s.key) for s in signatures) or "none"
                raise InputError(f"signature_key must be given: the model has {len(signatures)} signatures ({keys})")
            return SignatureRunner(self._runtime, signatures[0])
        signature = self._signature(signature_key)
        if signature is None:
            keys = ", ".join(repr(s.key) for s in signatures) or "none"
            raise InputError(f"no signature is named {signature_key!r}; the model has {keys}")
        return SignatureRunner(self._runtime, signature)
