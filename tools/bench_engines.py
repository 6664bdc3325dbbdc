"""The engines that ``q31 bench`` sets side by side, behind one face. Only q31 itself is always there."""

from __future__ import annotations

import importlib.util
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

        core = openvino.Core()
        model = core.read_model(path)
        if batch > 1:
            model.reshape({one: [batch * one.shape[0], *one.shape[1:]] for one in model.inputs})
        settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
        compiled = core.compile_model(model, "CPU", settings)
        details = [
            {"dtype": one.element_type.to_dtype(), "shape": [one.shape[0] // batch, *one.shape[1:]]}
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


def _litert(path: str, threads: int, reference: bool) -> Any:
    from ai_edge_litert.interpreter import Interpreter as LiteRT
    from ai_edge_litert.interpreter import OpResolverType

    resolver = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
    return LiteRT(model_path=path, experimental_op_resolver_type=resolver, num_threads=threads)


PACKAGES = {"litert": "ai_edge_litert", "litert-ref": "ai_edge_litert", "openvino": "openvino"}
"""Engine -> the package it needs: LiteRT as it comes (XNNPACK), its reference kernels, and OpenVINO."""


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
    try:
        if name == "openvino":
            return _OpenVino(path, threads, batch, seed)
        return _Interpreted(_litert(path, threads, name == "litert-ref"), batch, seed)
    except (RuntimeError, ValueError) as error:
        raise Unavailable(f"{name}: {' '.join(str(error).split())[:120]}") from None
