"""PAD and PADV2: put constant borders around a tensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..activation_range import type_range
from ..checks import require_same_type
from ..operator import Instruction, Kernel, Node, Prepared
from ..profiles import Profile
from . import copies
from .arguments import integers

_QUANTIZABLE = (TensorType.INT8, TensorType.INT16, TensorType.UINT8)
_PADDING_TYPES = (TensorType.INT32, TensorType.INT64, TensorType.INT8, TensorType.INT16)


@dataclass(frozen=True)
class Pad(Prepared):
    """How many elements of border come before and after each axis.

    ``pad_value`` is the border's code: 0, or a quantized output's zero point; None where PADV2 brings it as input 2.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    pad_value: int | None


def prepare(node: Node, profile: Profile) -> Pad:
    """Prepare PAD or PADV2, which are one kernel: input 2, where present, is the border's value.

    Notes
    -----
    Source: ``Prepare``, ``GetPadParams`` and ``EvalInt`` in ``kernels/pad.cc``. A quantized constant must have the
    output's scale and zero point; it is not rescaled.
    """
    node.require(len(node.inputs) in (2, 3) and len(node.outputs) == 1, "2 or 3 inputs and 1 output")
    source, paddings, target = node.input(0), node.input(1), node.output()
    rank = len(source.shape)
    require_same_type(node, source, target)
    node.require(paddings.shape == (rank, 2), f"paddings of shape ({rank}, 2)")
    amounts = integers(node, 1, _PADDING_TYPES)
    node.require(all(amount >= 0 for amount in amounts), "paddings of at least 0")
    before, after = amounts[0::2], amounts[1::2]
    shape = tuple(b + size + a for b, size, a in zip(before, source.shape, after, strict=True))
    return Pad((shape,), before, after, _pad_value(node))


def _pad_value(node: Node) -> int | None:
    source, constant, target = node.input(0), node.optional_input(2), node.output()
    as_codes = source.type in _QUANTIZABLE and (source.quantized or source.type is TensorType.UINT8)
    if constant is None:
        if not as_codes:
            return 0
        low, high = type_range(target.type)
        node.require(low <= target.zero_point <= high, f"an output zero point in [{low}, {high}]")
        return target.zero_point
    require_same_type(node, source, constant)
    node.require(int(np.prod(constant.shape, dtype=object)) == 1, "one element in input 2")
    if as_codes:
        same = (constant.scale, constant.zero_point) == (target.scale, target.zero_point)
        node.require(same, "a constant with the output's scale and zero point")
    return None


def evaluate(prepared: Pad, x: np.ndarray, paddings: np.ndarray, value: np.ndarray | None = None) -> np.ndarray:
    """Pad ``x`` of any shape and type; ``value`` has one element of the same type."""
    border = prepared.pad_value if value is None else value.reshape(())
    output = np.full(prepared.output_shape, border, x.dtype)
    output[tuple(slice(b, b + size) for b, size in zip(prepared.before, x.shape, strict=True))] = x
    return output


def lower(prepared: Pad, node: Node) -> Instruction | None:
    """Lower to ``pad``, which copies runs of bytes and fills the gaps between them."""
    return copies.pad(node, prepared.before, prepared.output_shape, prepared.pad_value)


_TYPES = (
    TensorType.FLOAT32,
    TensorType.FLOAT16,
    TensorType.UINT8,
    TensorType.INT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.INT64,
    TensorType.BOOL,
    TensorType.BFLOAT16,
)

KERNELS = (
    Kernel("PAD", (1, 6), _TYPES, prepare, evaluate, lower, values=(1,)),
    Kernel("PADV2", (1, 6), _TYPES, prepare, evaluate, lower, values=(1,)),
)
