"""How two quantized models of one float model differ, tensor by tensor: codes, scales, zero points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ....schema import Graph, Quantization, Tensor, TensorType, constant_array
from ...compare.differences import Difference, difference
from .pairing import TensorPair, pair

CLASSES = ("weights", "bias", "constant", "activation")
"""What a tensor is: weights are quantized 8- or 4-bit constants, a bias 32- or 64-bit ones."""
_WEIGHTS = (TensorType.INT8, TensorType.UINT8, TensorType.INT4, TensorType.INT2, TensorType.INT16, TensorType.FLOAT16)
_BIASES = (TensorType.INT32, TensorType.INT64)


@dataclass(frozen=True)
class TensorDifference:
    """A pair of tensors and how its second differs from its first.

    Parameters
    ----------
    kind : one of :data:`CLASSES`.
    form : what of type, shape or axis of quantization differs; empty where nothing does.
    codes : a constant's values.
    scale_ulp : the greatest distance of two scales in float32 steps; None where their number differs.
    scale_count : how many scales there are, and ``scale_differ`` how many differ.
    zero_point : the greatest difference of zero points; None where their number differs.
    """

    pair: TensorPair
    name: str
    kind: str
    form: str
    codes: Difference | None
    scale_ulp: int | None
    scale_count: int
    scale_differ: int
    zero_point: int | None

    def equal(self, ulp: int) -> bool:
        """Whether nothing differs, scales by at most ``ulp`` steps."""
        scales = self.scale_ulp is not None and self.scale_ulp <= ulp
        return not self.form and not self.codes and scales and self.zero_point == 0

    def describe(self, ulp: int) -> list[str]:
        """Return a text for each thing that differs."""
        texts = [self.form] if self.form else []
        if self.codes:
            histogram = ", ".join(f"{step} ({count:,})" for step, count in self.codes.histogram[:6])
            texts.append(f"codes: {self.codes}" + (f"; by {histogram}" if histogram else ""))
        if self.scale_ulp is None:
            texts.append("scales: another number of them")
        elif self.scale_ulp > ulp:
            texts.append(f"scales: {self.scale_differ} of {self.scale_count} differ, at most {self.scale_ulp:,} ulp")
        if self.zero_point is None:
            texts.append("zero points: another number of them")
        elif self.zero_point:
            texts.append(f"zero point: differs by {self.zero_point}")
        return texts

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {
            "name": self.name,
            "class": self.kind,
            "operator": self.pair.operator,
            "role": self.pair.role,
            "subgraph": self.pair.subgraph,
            "tensors": [self.pair.first, self.pair.second],
            "form": self.form,
            "codes": None if self.codes is None else self.codes.to_dict(),
            "scales": {"count": self.scale_count, "differ": self.scale_differ, "ulp": self.scale_ulp},
            "zero_point": self.zero_point,
        }


@dataclass(frozen=True)
class ModelDifference:
    """All pairs of two models, and the operators that only one of them has."""

    tensors: tuple[TensorDifference, ...]
    operators: int
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]

    def equal(self, ulp: int) -> bool:
        """Whether the two models hold the same numbers in the same operators."""
        return not self.only_first and not self.only_second and all(one.equal(ulp) for one in self.tensors)

    def counts(self, ulp: int) -> dict[str, tuple[int, int]]:
        """Return class -> (equal, all)."""
        kinds = {kind: [one.equal(ulp) for one in self.tensors if one.kind == kind] for kind in CLASSES}
        return {kind: (sum(equal), len(equal)) for kind, equal in kinds.items() if equal}


def compare_models(first: Graph, second: Graph) -> ModelDifference:
    """Compare two models made from one float model."""
    pairing = pair(first, second)
    return ModelDifference(
        tuple(_compare(first, second, one) for one in pairing.tensors),
        pairing.operators,
        tuple(_operator(first, *place) for place in pairing.only_first),
        tuple(_operator(second, *place) for place in pairing.only_second),
    )


def _operator(graph: Graph, subgraph: int, index: int) -> str:
    operator = graph.subgraphs[subgraph].operators[index]
    outputs = ", ".join(graph.subgraphs[subgraph].tensors[one].name for one in operator.outputs)
    return f"subgraph {subgraph}: {index} {operator.name} -> {outputs}"


def _compare(first: Graph, second: Graph, one: TensorPair) -> TensorDifference:
    a = first.subgraphs[one.subgraph].tensors[one.first]
    b = second.subgraphs[one.subgraph].tensors[one.second]
    x = constant_array(first, one.subgraph, one.first)
    y = constant_array(second, one.subgraph, one.second)
    ulp, differ = _scale_distance(a.quantization, b.quantization)
    return TensorDifference(
        one,
        a.name,
        _kind(a, x is not None),
        _form(a, b, x is not None, y is not None),
        difference(x, y) if x is not None and y is not None else None,
        ulp,
        len(a.quantization.scale),
        differ,
        _zero_point_distance(a.quantization, b.quantization),
    )


def _kind(tensor: Tensor, constant: bool) -> str:
    if not constant:
        return "activation"
    if tensor.type in _WEIGHTS and (tensor.quantization.scale or tensor.type is TensorType.FLOAT16):
        return "weights"
    return "bias" if tensor.type in _BIASES and tensor.quantization.scale else "constant"


def _form(a: Tensor, b: Tensor, a_constant: bool, b_constant: bool) -> str:
    texts = []
    if a.type is not b.type:
        texts.append(f"{b.type.name} instead of {a.type.name}")
    if a.shape != b.shape:
        texts.append(f"shape {list(b.shape)} instead of {list(a.shape)}")
    if a_constant != b_constant:
        texts.append("a constant in one model only")
    axes = [one.quantization.quantized_dimension for one in (a, b)]
    if len(a.quantization.scale) == len(b.quantization.scale) > 1 and axes[0] != axes[1]:
        texts.append(f"quantized along axis {axes[1]} instead of {axes[0]}")
    return "; ".join(texts)


def _scale_distance(a: Quantization, b: Quantization) -> tuple[int | None, int]:
    if len(a.scale) != len(b.scale):
        return None, max(len(a.scale), len(b.scale))
    codes = [np.asarray(one.scale, np.float32).view(np.int32).astype(np.int64) for one in (a, b)]
    distance = np.abs(codes[0] - codes[1])
    return int(distance.max(initial=0)), int(np.count_nonzero(distance))


def _zero_point_distance(a: Quantization, b: Quantization) -> int | None:
    x, y = (np.asarray(one.zero_point, np.int64) for one in (a, b))
    if x.size != y.size:
        # Zero points that are all 0 may be left out of the file.
        return 0 if not x.any() and not y.any() and 0 in (x.size, y.size) else None
    return int(np.abs(x - y).max(initial=0))
