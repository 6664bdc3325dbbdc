"""Lowering of SVDF in float32 and hybrid, with constant weights, and what other recurrent layers share with it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...schema import ActivationFunctionType
from ..convolution.hybrid import SIMD_BLOCK, has_mistaken_weights, row_sums_wrap
from ..convolution.packing import LANES, pack_filter, round_up
from ..operator import Field, Input, Instruction, Node, Output, Scratch, State
from .svdf_float import FloatSVDF
from .tensor_utils import Hybrid

_BOUNDS: Mapping[ActivationFunctionType, tuple[float, float]] = {
    ActivationFunctionType.RELU: (0, np.inf),
    ActivationFunctionType.RELU_N1_TO_1: (-1, 1),
    ActivationFunctionType.RELU6: (0, 6),
}
_CLAMP = 1
_KINDS = {ActivationFunctionType.NONE: 0, ActivationFunctionType.TANH: 2, ActivationFunctionType.SIGN_BIT: 3}


@dataclass(frozen=True)
class Way:
    """How a layer goes through its input, and where its output lies.

    Parameters
    ----------
    sequence : the input has an axis of time, which is the first where it is ``time_major``.
    backward : the last step is the first that is taken.
    source : the operator's input that is read.
    output : the operator's output that is written.
    width, start : elements of a row of the output, and how many of them are before the layer's; 0: it has the layer's.
    """

    sequence: bool
    time_major: bool
    backward: bool = False
    source: int = 0
    output: int = 0
    width: int = 0
    start: int = 0

    def sizes(self, node: Node) -> tuple[int, int, int]:
        """Return the number of steps, of sequences, and of elements that a step reads of each."""
        shape = node.input(self.source).shape
        steps, batches = shape[:2] if self.sequence else (1, shape[0])
        return (steps, batches, shape[-1]) if self.time_major or not self.sequence else (batches, steps, shape[-1])

    def fields(self, node: Node, units: int) -> dict[str, Field]:
        """Return the fields that :mod:`q31.kernels.jit.layouts` calls WAY."""
        (steps, batches, inputs), width = self.sizes(node), self.width or units
        return {
            "input": Input(self.source, 4 * steps * batches * inputs),
            "output": Output(self.output, 4 * steps * batches * width),
            "time_major": int(self.time_major or not self.sequence),
            "backward": int(self.backward),
            "output_width": width,
            "output_start": self.start,
            **{"batches": batches, "steps": steps, "inputs": inputs},
        }


def both_ways(time_major: bool, merged: bool, units: tuple[int, int], backward_source: int) -> tuple[Way, Way]:
    """Return the ways of a forward and a backward layer, whose outputs may be merged."""
    if not merged:
        return Way(True, time_major), Way(True, time_major, True, backward_source, 1)
    forward = Way(True, time_major, width=sum(units))
    return forward, Way(True, time_major, True, backward_source, 0, sum(units), units[0])


def activation_fields(activation: ActivationFunctionType) -> dict[str, Field]:
    """Return the fields of ``activate`` in ``kernels/jit/vector_activation.py``."""
    low, high = _BOUNDS.get(activation, (0, 0))
    kind = _KINDS.get(activation, _CLAMP)
    return {"activation": kind, "activation_min": float(low), "activation_max": float(high)}


def codes_are_plain(hybrid: Hybrid | None, matrix: np.ndarray) -> bool:
    """Whether no defect of the reference's products of codes is met."""
    if hybrid is None or not hybrid.quirks:
        return True
    return not has_mistaken_weights(matrix) and not (hybrid.asymmetric and row_sums_wrap(matrix))


def pack_matrices(hybrid: Hybrid | None, matrices: Sequence[np.ndarray]) -> np.ndarray:
    """Pack matrices (units, depth), each in blocks of its own: of float32, or codes in pairs of int16."""
    together = np.concatenate(matrices)[:, None, None, :]
    if hybrid is None:
        return pack_filter(together, len(matrices), together.shape[3], 1)
    return pack_filter(together.astype(np.int16), len(matrices), round_up(together.shape[3], 2), 2)


def lower_float_svdf(prepared: FloatSVDF, node: Node) -> Instruction | None:
    """Lower to ``svdf_float32`` or ``svdf_hybrid``.

    Weights that meet a defect of the reference's SIMD code stay with ``evaluate``.
    """
    source, features, time, bias = node.input(0), node.input(1).value, node.input(2).value, node.optional_input(3)
    if features is None or time is None or (bias is not None and bias.value is None):
        return None
    if math.prod(source.shape) == 0:
        return None
    (batches, inputs), (filters, memory) = source.shape, time.shape
    units, blocks = filters // prepared.rank, -(-filters // LANES)
    fields: dict[str, Field] = {
        "input": Input(0, 4 * batches * inputs),
        "input_size": batches * inputs,
        "output": Output(0, 4 * batches * units),
        "state": State(4, 4 * batches * filters * memory),
        "batches": batches,
        "inputs": inputs,
        "filters": filters,
        "memory": memory,
        "units": units,
        "rank": prepared.rank,
        "blocks": blocks,
        "bias": np.zeros(units, np.float32) if bias is None or bias.value is None else bias.value,
        "biased": int(bias is not None),
        **activation_fields(prepared.activation),
        "sums": Scratch(4 * blocks * LANES),
    }
    if prepared.hybrid is None:
        packed = pack_matrices(None, [features])
        return Instruction("svdf_float32", {**fields, "feature_weights": packed, "time_weights": time})
    codes, hybrid = features.view(np.int8), prepared.hybrid
    if not codes_are_plain(hybrid, codes):
        return None
    depth = round_up(inputs, 2)
    own: dict[str, Field] = {
        "feature_weights": pack_matrices(hybrid, [codes]),
        "time_weights": time.view(np.int8).astype(np.float32) * prepared.time_scale,
        "filter_scale": float(prepared.feature_scale),
        "asymmetric": int(hybrid.asymmetric),
        "quirks": int(hybrid.quirks),
        "whole": inputs // SIMD_BLOCK * SIMD_BLOCK if hybrid.quirks else 0,
        "codes": Scratch(2 * batches * inputs),
        "scales": Scratch(4 * batches),
        "ends": Scratch(8),
        "vector": Scratch(2 * depth),
        "depth": depth,
        "products": Scratch(4 * blocks * LANES),
        "zeros": np.zeros(blocks * LANES, np.int32),
    }
    return Instruction("svdf_hybrid", {**fields, **own})
