"""The engines that ``q31 bench`` sets side by side, behind one face. Only q31 itself is always there."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from ..engine.interpreter import Interpreter
from ..schema.errors import InputError


class Engine(Protocol):
    """A model, opened by an engine with a number of threads and images at a time, and given its inputs."""

    def invoke(self) -> None:
        """Run the model once."""

    def outputs(self) -> list[np.ndarray]:
        """Return the outputs, in the model's order."""


class Unavailable(InputError):
    """An engine is not installed, or does not take the model."""


def random_inputs(details: Sequence[Mapping[str, Any]], batch: int, seed: int) -> list[np.ndarray]:
    """Return random values for inputs described as LiteRT does, the same for the same seed."""
    generator = np.random.default_rng(seed)
    arrays = []
    for one in details:
        dtype, shape = np.dtype(one["dtype"]), tuple(int(size) for size in one["shape"])
        shape = (batch * shape[0], *shape[1:]) if shape else shape
        if dtype.kind == "f":
            arrays.append(generator.uniform(-1, 1, shape).astype(dtype))
        else:
            size = int(np.prod(shape)) * dtype.itemsize
            arrays.append(np.frombuffer(generator.bytes(size), dtype).reshape(shape))
    return arrays


class _Interpreted:
    """q31 or LiteRT: interpreters with the same calls."""

    def __init__(self, interpreter: Any, batch: int, seed: int) -> None:
        self._interpreter = interpreter
        details = interpreter.get_input_details()
        arrays = random_inputs(details, batch, seed)
        if batch > 1:
            for one, array in zip(details, arrays, strict=True):
                interpreter.resize_tensor_input(one["index"], array.shape)
        interpreter.allocate_tensors()
        for one, array in zip(details, arrays, strict=True):
            interpreter.set_tensor(one["index"], array)
        self.invoke = interpreter.invoke
        self.invoke()

    def outputs(self) -> list[np.ndarray]:
        """Return the outputs, in the model's order."""
        return [self._interpreter.get_tensor(one["index"]) for one in self._interpreter.get_output_details()]


class _OpenVino:
    """OpenVINO on the CPU, told to keep one call's latency low."""

    def __init__(self, path: str, threads: int, batch: int, seed: int) -> None:
        import openvino

        compiled = compile_openvino(openvino, path, threads, batch)
        details = [
            {
                "dtype": one.element_type.to_dtype(),
                "shape": [one.shape[0] // batch, *one.shape[1:]] if one.shape else [],
            }
            for one in compiled.inputs
        ]
        self._request = compiled.create_infer_request()
        self._count = len(compiled.outputs)
        self._request.infer(random_inputs(details, batch, seed))

    def invoke(self) -> None:
        """Run the model once."""
        self._request.infer()

    def outputs(self) -> list[np.ndarray]:
        """Return the outputs, in the model's order."""
        return [np.array(self._request.get_output_tensor(index).data) for index in range(self._count)]


def compile_openvino(openvino: Any, path: str, threads: int, batch: int) -> Any:
    """Return OpenVINO's compiled model, for inputs of fixed shapes: a size that the file leaves free is 1."""
    core = openvino.Core()
    model = core.read_model(path)
    shapes = {}
    for one in model.inputs:
        sizes = [1 if size.is_dynamic else size.get_length() for size in one.partial_shape]
        shapes[one] = [batch * sizes[0], *sizes[1:]] if sizes else sizes
    model.reshape(shapes)
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    return core.compile_model(model, "CPU", settings)


def _litert(path: str, threads: int, reference: bool) -> Any:
    from ai_edge_litert.interpreter import Interpreter as LiteRT
    from ai_edge_litert.interpreter import OpResolverType

    resolver = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
    return LiteRT(model_path=path, experimental_op_resolver_type=resolver, num_threads=threads)


PACKAGES = {"litert": "ai_edge_litert", "litert-ref": "ai_edge_litert", "openvino": "openvino"}
"""Engine -> the package it needs: LiteRT as it comes (XNNPACK), its reference kernels, and OpenVINO."""


ABORTING = ("litert", "litert-ref")
"""Engines that abort their process where their own checks fail, on values as much as on a model."""


def _survives(name: str, path: str, threads: int, batch: int, seed: int) -> bool:
    """Whether a process in which the engine runs the model ends by itself."""
    arguments = [name, path, *map(str, (threads, batch, seed))]
    done = subprocess.run([sys.executable, "-m", __name__, *arguments], capture_output=True)
    return done.returncode >= 0


def require_installed(names: Sequence[str]) -> None:
    """Raise Unavailable unless every engine is known and its package is there."""
    for name in names:
        if name not in PACKAGES:
            raise Unavailable(f"no engine is named {name!r}; there are {', '.join(PACKAGES)}")
        if importlib.util.find_spec(PACKAGES[name]) is None:
            package = PACKAGES[name].replace("_", "-")
            raise Unavailable(f"{name} needs the package {package}: pip install 'q31[bench]'")


def open_engine(name: str, path: str, threads: int, batch: int, seed: int) -> Engine:
    """Open a model, give it its inputs and run it once.

    Raises
    ------
    Unavailable
        Where the engine does not take the model, or not in such batches; says why in one line.
    """
    if name == "q31":
        return _Interpreted(Interpreter(model_path=path, num_threads=threads), batch, seed)
    if name in ABORTING and not _survives(name, path, threads, batch, seed):
        raise Unavailable(f"{name}: ends its process at this model")
    return _open_peer(name, path, threads, batch, seed)


def _open_peer(name: str, path: str, threads: int, batch: int, seed: int) -> Engine:
    try:
        if name == "openvino":
            return _OpenVino(path, threads, batch, seed)
        return _Interpreted(_litert(path, threads, name == "litert-ref"), batch, seed)
    except (RuntimeError, ValueError) as error:
        raise Unavailable(f"{name}: {' '.join(str(error).split())[:120]}") from None


if __name__ == "__main__":  # what _survives starts
    _open_peer(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
