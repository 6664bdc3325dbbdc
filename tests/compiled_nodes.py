"""Nodes run on the compiled machine, in guarded memory, against ``evaluate``; and what their tests draw from."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from q31.engine.binding import Binder, aligned_empty
from q31.engine.machine import Stretch, kernel_address
from q31.kernels.operator import Kernel, Node, Scratch
from q31.kernels.profiles import PROFILES, Profile
from q31.schema import ActivationFunctionType, Padding

INNER = "Q31_TEST_INNER_RUN"
EXAMPLES = 25 if INNER in os.environ else 100
GUARD = 64
SENTINEL = 0xA5


class Guarded:
    """Memory between two guards."""

    def __init__(self, size: int) -> None:
        self.all = aligned_empty(size + 2 * GUARD)
        self.all[...] = SENTINEL
        self.memory = self.all[GUARD : GUARD + size]

    def intact(self) -> bool:
        size = self.memory.nbytes
        return bool((self.all[:GUARD] == SENTINEL).all() and (self.all[GUARD + size :] == SENTINEL).all())


def run_compiled(
    kernel: Kernel,
    node: Node,
    prepared: Any,
    x: np.ndarray,
    index: int = 0,
    others: Sequence[np.ndarray] = (),
    parts: int = 1,
) -> tuple[np.ndarray, ...] | None:
    """Run what ``lower`` returns on one machine row, or in parts where it can be divided; None where it is not lowered.

    ``x`` is the input at ``index``, and the last that is no constant but for ``others``, which follow it.
    """
    assert kernel.lower is not None
    instruction = kernel.lower(prepared, node)
    if instruction is None:
        return None
    forms = [(shape, spec.dtype) for shape, spec in zip(prepared.output_shapes, node.outputs, strict=True)]
    outputs = [Guarded(int(np.prod(shape)) * dtype.itemsize) for shape, dtype in forms]
    scratches = {name: Guarded(f.size) for name, f in instruction.fields.items() if isinstance(f, Scratch)}
    instruction = replace(
        instruction,
        fields={n: scratches[n].memory.ctypes.data if n in scratches else f for n, f in instruction.fields.items()},
    )
    results = [output.memory.view(dtype) for output, (_, dtype) in zip(outputs, forms, strict=True)]
    arrays = [x, *others, *results]
    inputs = [0] * (index + 1) + list(range(1, len(others) + 1))
    binder = Binder(arrays.__getitem__, aligned_empty(0))
    outside = list(range(len(others) + 1, len(arrays)))
    for part in range(parts) if "parts" in instruction.fields else [None]:
        if part is not None:
            instruction = replace(instruction, fields={**instruction.fields, "part": part, "parts": parts})
        Stretch([(kernel_address(instruction.kernel), binder.bind(instruction, inputs, outside))])()
    assert all(output.intact() for output in outputs), "written beyond the output"
    for name, scratch in scratches.items():
        assert scratch.intact(), f"written beyond scratch {name}"
    return tuple(result.reshape(shape).copy() for result, (shape, _) in zip(results, forms, strict=True))


def check(
    kernel: Kernel,
    node: Node,
    x: np.ndarray,
    profile: Profile,
    must_lower: bool = True,
    index: int = 0,
    others: Sequence[np.ndarray] = (),
) -> None:
    """Run a node both ways; its inputs are constants but for ``x``, that at ``index``, and ``others`` behind it."""
    prepared = kernel.prepare(node, profile)
    compiled = run_compiled(kernel, node, prepared, x, index, others)
    if compiled is None:
        assert not must_lower
        return
    for one, other in zip(compiled, run_compiled(kernel, node, prepared, x, index, others, 3) or (), strict=True):
        np.testing.assert_array_equal(one, other)
    arrays = [None if spec is None else spec.value for spec in node.inputs]
    arrays[index : index + 1 + len(others)] = [x, *others]
    expected = kernel.evaluate(prepared, *arrays)
    for one, other in zip(compiled, expected if isinstance(expected, tuple) else (expected,), strict=True):
        np.testing.assert_array_equal(one, other)  # NaN equals NaN
        np.testing.assert_array_equal(np.signbit(one) | np.isnan(one), np.signbit(other) | np.isnan(other))


ACTIVATIONS = st.sampled_from(
    [
        ActivationFunctionType.NONE,
        ActivationFunctionType.RELU,
        ActivationFunctionType.RELU6,
        ActivationFunctionType.RELU_N1_TO_1,
    ]
)
PADDINGS = st.sampled_from([Padding.SAME, Padding.VALID])
CHANNELS = st.one_of(st.integers(1, 6), st.sampled_from([15, 16, 17, 32, 33, 40]))


@st.composite
def windows(draw: Any) -> tuple[tuple[int, int], tuple[int, int], dict[str, Any]]:
    """Draw a filter size, an image that it fits and the options of a window, dilated rarely."""
    filter_size = draw(st.sampled_from([(1, 1), (3, 3), (1, 3), (2, 2), (3, 2), (5, 3), (4, 3), (7, 5)]))
    dilation = draw(st.sampled_from([(1, 1), (1, 1), (1, 1), (2, 2), (1, 3), (3, 1)]))
    padding = draw(PADDINGS)
    least = [(f - 1) * d + 1 if padding is Padding.VALID else 1 for f, d in zip(filter_size, dilation, strict=True)]
    image = tuple(draw(st.integers(n, n + 9)) for n in least)
    options = {
        "padding": padding,
        "stride_h": draw(st.integers(1, 3)),
        "stride_w": draw(st.integers(1, 3)),
        "dilation_h_factor": dilation[0],
        "dilation_w_factor": dilation[1],
        "fused_activation_function": draw(ACTIVATIONS),
    }
    return (image[0], image[1]), filter_size, options


PROFILE = st.sampled_from(list(PROFILES.values()))


def run_cases_in_a_process(file: str, cases: str = "conv_2d or fully_connected", **environment: str) -> None:
    """Run the random cases of a file of tests again under other environment variables."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file, "-k", cases]
    env = {**os.environ, INNER: "1", **environment}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
