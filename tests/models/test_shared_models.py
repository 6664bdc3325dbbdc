"""Real models against BUILTIN_REF: the bits of every tensor, not only of the outputs, in both back ends.

``Q31_MODEL_INPUTS=20 pytest tests/models`` runs that many random inputs of each model instead of two.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

import q31
from conformance.shared import model_path, needs_shared, random_inputs
from q31.schema import Graph, read, write
from q31.tools.conformance.differences import differences
from q31.tools.conformance.oracle import Answer, Oracle

pytestmark = needs_shared

INPUTS = int(os.environ.get("Q31_MODEL_INPUTS", "2"))

ONLY_TFLM = ("tflm/keyword_scrambled_8bit",)
"""Spoils the memory of LiteRT's process; test_tflm_golden.py holds it to TensorFlow Lite Micro's recordings."""

REPAIRED = ("tflm/person_detect",)
"""LiteRT refuses the file and takes a copy with a field mended."""

WITHIN: dict[str, float] = {"tflm/mnist_lstm_float": 1e-5}
"""How far a tensor may be from LiteRT's: a float LSTM's products are summed there in an order of the processor's."""

_FOLDER = model_path("").parent
MODELS = sorted(
    {path.relative_to(_FOLDER).with_suffix("").as_posix() for path in _FOLDER.rglob("*.tflite")}
    - {*ONLY_TFLM, *REPAIRED}
)


def run_all_tensors(
    content: bytes, inputs: Sequence[Sequence[np.ndarray]], backend: str
) -> list[dict[int, np.ndarray]]:
    """Run a model on each list of inputs; return every tensor's value after each."""
    interpreter = q31.Interpreter(model_content=content, experimental_preserve_all_tensors=True, backend=backend)
    interpreter.allocate_tensors()
    runs = []
    for arrays in inputs:
        for detail, array in zip(interpreter.get_input_details(), arrays, strict=True):
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        details = interpreter.get_tensor_details()
        runs.append({detail["index"]: interpreter.get_tensor(detail["index"]) for detail in details})
    return runs


def draw_inputs(graph: Graph, count: int) -> tuple[int, list[list[np.ndarray]]]:
    """Draw inputs from a new seed, which a failure's message names."""
    seed = int(os.environ.get("Q31_MODEL_SEED", np.random.default_rng().integers(2**32)))
    random = np.random.default_rng(seed)
    subgraph = graph.subgraphs[0]
    inputs = [random_inputs(random, subgraph) for _ in range(count)]
    for operator in subgraph.operators:
        # The output shape of these is an input of the model; only the one in the file makes sense.
        if operator.name == "TRANSPOSE_CONV" and operator.inputs[0] in subgraph.inputs:
            for arrays in inputs:
                shape = subgraph.tensors[operator.outputs[0]].shape
                arrays[subgraph.inputs.index(operator.inputs[0])] = np.array(shape, np.int32)
    return seed, inputs


def hold_every_tensor(
    content: bytes, reference: bytes, backend: str, count: int, oracle: Oracle, within: float = 0.0
) -> None:
    """Hold q31 on ``content`` against LiteRT on ``reference``, tensor by tensor.

    One interpreter each runs ``count`` random inputs, so that models with state are held over as many invokes.
    """
    graph = read(content)
    seed, inputs = draw_inputs(graph, count)
    got = run_all_tensors(content, inputs, backend)
    answer = oracle.run_many(reference, inputs, all_tensors=True)
    assert isinstance(answer, Answer), f"LiteRT {answer}"
    produced = {index for operator in graph.subgraphs[0].operators for index in operator.outputs}
    for number, tensors in enumerate(answer.runs):
        assert produced <= set(tensors), "LiteRT kept every tensor"
        for index in sorted(tensors):
            if index >= len(graph.subgraphs[0].tensors):
                continue
            problem = differences(tensors[index], got[number][index])
            if within and problem and tensors[index].dtype == np.float32:
                np.testing.assert_allclose(got[number][index], tensors[index], rtol=0, atol=within)
                continue
            name = graph.subgraphs[0].tensors[index].name
            assert not problem, f"input {number} of Q31_MODEL_SEED={seed}, tensor {index} {name!r}: {problem}"


@pytest.mark.parametrize("name", MODELS)
def test_compiled_equals_builtin_ref_on_every_tensor(name: str, oracle: Oracle) -> None:
    content = model_path(name).read_bytes()
    hold_every_tensor(content, content, "numba", INPUTS, oracle, WITHIN.get(name, 0.0))


@pytest.mark.parametrize("name", MODELS)
def test_evaluate_equals_builtin_ref_on_every_tensor(name: str, oracle: Oracle) -> None:
    content = model_path(name).read_bytes()
    hold_every_tensor(content, content, "numpy", max(2, INPUTS // 5), oracle, WITHIN.get(name, 0.0))


def with_quantized_dimension_0(graph: Graph) -> Graph:
    """Return person_detect as LiteRT takes it: its biases, of rank 1, say that they are quantized along dimension 3."""
    (subgraph,) = graph.subgraphs
    tensors = tuple(
        replace(tensor, quantization=replace(tensor.quantization, quantized_dimension=0))
        if tensor.quantization.quantized_dimension >= len(tensor.shape)
        else tensor
        for tensor in subgraph.tensors
    )
    return replace(graph, subgraphs=(replace(subgraph, tensors=tensors),))


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_person_detect_runs_as_its_repaired_copy_does_in_litert(backend: str, oracle: Oracle) -> None:
    content = model_path("tflm/person_detect").read_bytes()
    repaired = bytes(write(with_quantized_dimension_0(read(content))))
    hold_every_tensor(content, repaired, backend, INPUTS if backend == "numba" else 1, oracle)


def test_litert_itself_refuses_person_detect(oracle: Oracle) -> None:
    content = model_path("tflm/person_detect").read_bytes()
    answer = oracle.run(content, [np.zeros((1, 96, 96, 1), np.int8)])
    assert "quantized_dimension" in str(answer)
