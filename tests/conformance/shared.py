"""Real models, recordings and data kept beside the checkout (``../shared``), for the tests that can use them.

They are no part of the project: where they are absent, those tests skip and say so.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from q31.schema import Subgraph, TensorType, numpy_dtype

SHARED = Path(__file__).resolve().parents[2].parent / "shared"

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="no ../shared beside the checkout: real models are absent"
)


def model_path(name: str) -> Path:
    """Return the path of a model such as ``mlperf_tiny/kws_int8``."""
    return SHARED / "models" / f"{name}.tflite"


def random_input(random: np.random.Generator, tensor_type: TensorType, shape: tuple[int, ...]) -> np.ndarray:
    """Return random values: the whole range of an integer type, floats between -4 and 4."""
    dtype = numpy_dtype(tensor_type)
    if tensor_type is TensorType.FLOAT32:
        return random.uniform(-4, 4, shape).astype(dtype)
    least, greatest = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    return random.integers(least, greatest, shape, dtype, endpoint=True)


def random_inputs(random: np.random.Generator, subgraph: Subgraph) -> list[np.ndarray]:
    """Return random values for each input of a subgraph; every other set is less saturated."""
    inputs = []
    for index in subgraph.inputs:
        tensor = subgraph.tensors[index]
        array = random_input(random, tensor.type, tensor.shape)
        if random.random() < 0.5 and tensor.type in (TensorType.INT8, TensorType.UINT8, TensorType.INT16):
            zero_point = tensor.quantization.zero_point[0] if tensor.quantization.zero_point else 0
            array = zero_point + (array.astype(np.int64) - zero_point) // 4
        inputs.append(array.astype(numpy_dtype(tensor.type)))
    return inputs
