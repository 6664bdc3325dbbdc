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
from conformance.judge import differences
from conformance.oracle import Answer, Oracle
from conformance.shared import model_path, needs_shared, random_inputs
from q31.schema import Graph, read, write

pytestmark = needs_shared

INPUTS = int(os.environ.get("Q31_MODEL_INPUTS", "2"))

QUANTIZED = (
    "coral/mobilenet_v1_0.25_128_quant",
    "coral/mobilenet_v1_0.75_192_quant",
    "coral/mobilenet_v2_1.0_224_quant",
    "coral/tf2_mobilenet_v2_1.0_224_ptq",
    "mlperf_tiny/ad01_int8",
    "mlperf_tiny/kws_int8",
    "mlperf_tiny/resnet8_int8",
    "mlperf_tiny/vww_int8",
    "tflm/hello_world_int8",
    "tflm/micro_speech_quantized",
)
FLOAT = (
    "mlperf_tiny/ad01_fp32",
    "mlperf_tiny/kws_fp32",
    "mlperf_tiny/resnet8_fp32",
    "mlperf_tiny/vww_fp32",
    "tflm/hello_world_float",
)
# 16-bit activations and weights quantized alone belong to other issues; these run as soon as their kernels exist.
AHEAD = (
    "mlperf_tiny/ad01_dynamic",
    "mlperf_tiny/streaming_wakeword",
    *(
        f"tflm/seanet/{name}{number}"
        for name, count in (
            ("add", 3),
            ("conv", 6),
            ("leaky_relu", 4),
            ("pad", 3),
            ("quantize", 2),
            ("strided_slice", 6),
            ("sub", 2),
            ("transpose_conv", 2),
        )
        for number in range(count)
    ),
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


def hold_every_tensor(content: bytes, reference: bytes, backend: str, count: int, oracle: Oracle) -> None:
    """Hold q31 on ``content`` against LiteRT on ``reference``, on ``count`` random inputs, tensor by tensor."""
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
            name = graph.subgraphs[0].tensors[index].name
            assert not problem, f"input {number} of Q31_MODEL_SEED={seed}, tensor {index} {name!r}: {problem}"


@pytest.mark.parametrize("name", [*QUANTIZED, *FLOAT])
def test_compiled_equals_builtin_ref_on_every_tensor(name: str, oracle: Oracle) -> None:
    content = model_path(name).read_bytes()
    hold_every_tensor(content, content, "numba", INPUTS, oracle)


@pytest.mark.parametrize("name", [*QUANTIZED, *FLOAT])
def test_evaluate_equals_builtin_ref_on_every_tensor(name: str, oracle: Oracle) -> None:
    content = model_path(name).read_bytes()
    hold_every_tensor(content, content, "numpy", max(1, INPUTS // 5), oracle)


@pytest.mark.parametrize("name", AHEAD)
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_models_of_other_issues_equal_builtin_ref_once_they_run(name: str, backend: str, oracle: Oracle) -> None:
    content = model_path(name).read_bytes()
    try:
        hold_every_tensor(content, content, backend, INPUTS, oracle)
    except q31.UnsupportedOperatorError as error:
        pytest.skip(f"not supported yet: {error}")


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
