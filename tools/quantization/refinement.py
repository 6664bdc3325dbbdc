"""What ``quantize`` can do better than TensorFlow's converter, for more time: equalization, scales, rounding, biases.

In order: channels of the float model are equalized, ranges recorded, scales of weights chosen, weights rounded, and
biases corrected on what the model written so far computes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...schema import Graph, InputError
from ..progress import watched
from .bias_correction import scales_beside, values_of
from .dataset import Dataset, Example
from .equalization import channel_bounds, equalize
from .layers import Layer, layers_of, with_own_constants
from .moments import Moments, moments_of
from .parameters import Parameters
from .planning import Plan
from .rounding import ROUNDINGS, nearest, rounded
from .weight_scales import WEIGHT_SCALES

LARGEST_MOMENTS = 1 << 28
"""Second moments of as many layers are recorded in one run over the data as fit into so many bytes."""


@dataclass(frozen=True)
class Refinement:
    """What to do; by default nothing.

    Parameters
    ----------
    equalize : see :func:`.equalize`.
    weight_scale : one of :data:`.WEIGHT_SCALES`.
    rounding : one of :data:`.ROUNDINGS`.
    correct_bias : see :func:`.correct_biases`.

    Raises
    ------
    InputError
        Where there is no such scale or rounding.
    """

    equalize: bool = False
    weight_scale: str = "max"
    rounding: str = "nearest"
    correct_bias: bool = False

    def __post_init__(self) -> None:
        for name, possible in (("weight_scale", WEIGHT_SCALES), ("rounding", ROUNDINGS)):
            given = getattr(self, name)
            if given not in possible:
                raise InputError(f"{name} {given!r}: expected one of {', '.join(possible)}")

    def __str__(self) -> str:
        chosen = [f"rounding {self.rounding!r}"] if self.rounding != "nearest" else []
        return ", ".join((["equalize"] if self.equalize else []) + chosen + ["correct_bias"] * self.correct_bias)

    @property
    def needs_data(self) -> bool:
        """Whether representative data is needed beside the ranges."""
        return self.equalize or self.correct_bias or self.rounding != "nearest"

    def prepared(self, graph: Graph, examples: Sequence[Example], progress: bool) -> Graph:
        """Return the float graph to calibrate and quantize."""
        graph = with_own_constants(graph)
        if not self.equalize:
            return graph
        return equalize(graph, channel_bounds(graph, watched(examples, "ranges of channels", progress)))

    def codes(
        self, graph: Graph, plan: Plan, examples: Sequence[Example], progress: bool
    ) -> dict[tuple[int, int], np.ndarray]:
        """Return the codes of weights where they are not simply rounded: (operator, operand 1) -> codes.

        With biases corrected, only the error about the mean counts, so that rows less their mean decide.
        """
        if self.rounding == "nearest" and self.weight_scale == "max":
            return {}
        layers = [one for one in layers_of(graph) if one.operator in plan.operators]
        found = {}
        for part in _parts(layers) if self.rounding != "nearest" else [layers]:
            moments: Mapping[int, Moments] = {}
            if self.rounding != "nearest":
                inputs = {layer.operator: layer.input for layer in part}
                watching = watched(examples, "inputs of layers", progress)
                moments = moments_of(graph, inputs, part, watching, products=True)
            for layer in watched(part, "rounding weights", progress):
                parameters = plan.constants[layer.operator, 1]
                found[layer.operator, 1] = self._codes(graph, layer, parameters, moments.get(layer.operator))
        return found

    def _codes(self, graph: Graph, layer: Layer, parameters: Parameters, moments: Moments | None) -> np.ndarray:
        values = values_of(graph, layer.weights)
        scaled = values / scales_beside(values.ndim, parameters.quantization)
        if moments is None or moments.products is None:
            return nearest(scaled, parameters.limits).astype(np.int8)
        hessians = moments.hessian(centered=self.correct_bias)
        matrices = layer.matrices(scaled, len(hessians))
        codes = [rounded(*one, parameters.limits, self.rounding) for one in zip(matrices, hessians, strict=True)]
        return layer.weights_of(np.array(codes)).astype(np.int8)


def _parts(layers: Sequence[Layer]) -> Iterator[list[Layer]]:
    """Cut layers into stretches whose second moments fit into memory together."""
    part: list[Layer] = []
    size = 0
    for layer in layers:
        taps = layer.shape[1] * layer.shape[2] if layer.name != "FULLY_CONNECTED" else 1
        columns = taps if layer.name == "DEPTHWISE_CONV_2D" else taps * layer.shape[-1]
        own = 8 * columns * columns * (layer.channels if layer.name == "DEPTHWISE_CONV_2D" else 1)
        if part and size + own > LARGEST_MOMENTS:
            yield part
            part, size = [], 0
        part.append(layer)
        size += own
    if part:
        yield part


class Kept(Dataset):
    """A dataset whose examples are kept, to be gone through several times."""

    def __init__(self, dataset: Dataset) -> None:
        self._examples = list(dataset)
        self.total = len(self._examples)

    def __iter__(self) -> Iterator[Example]:
        return iter(self._examples)
