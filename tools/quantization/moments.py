"""What the layers of a model multiply on representative data: means and second moments of their inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...engine.session import Session
from ...schema import Graph, Quantization, Tensor, TensorType
from .dataset import Example
from .layers import Layer, cut
from .parameters import Parameters, codes_of

LARGEST_COLUMNS = 8192
"""Of layers with longer rows no second moments are recorded: they would take more than half a gigabyte."""


@dataclass
class Moments:
    """Sums over the rows of a layer's input.

    Parameters
    ----------
    rows : how many there were.
    total : (groups, columns), their sum.
    products : (groups, columns, columns), the sum of their outer products; None where it was not asked for.
    """

    rows: int
    total: np.ndarray
    products: np.ndarray | None

    def plus(self, other: Moments) -> Moments:
        """Add the sums over other rows to these, which are used up."""
        self.rows += other.rows
        self.total += other.total
        if self.products is not None and other.products is not None:
            self.products += other.products
        return self

    @property
    def mean(self) -> np.ndarray:
        """(groups, columns): the mean row."""
        return self.total / max(1, self.rows)

    def hessian(self, centered: bool) -> np.ndarray:
        """Return (groups, columns, columns): the mean outer product, of the rows less their mean if ``centered``."""
        assert self.products is not None
        mean = self.mean
        found = self.products / max(1, self.rows)
        return found - mean[:, :, None] * mean[:, None, :] if centered else found


def run(graph: Graph, tensors: Sequence[int], examples: Iterable[Example]) -> Iterator[list[np.ndarray]]:
    """Yield what tensors of the first subgraph hold, example by example; codes as the numbers they stand for.

    Examples are of floats; an input of codes gets the nearest.
    """
    distinct = list(dict.fromkeys(tensors))
    part = cut(graph, distinct)
    session = Session(part, "litert", None, observer=lambda subgraph, program: None)
    own = part.subgraphs[0].tensors
    for example in examples:
        given = [_as_input(x, own[t]) for t, x in zip(part.subgraphs[0].inputs, example.arrays, strict=True)]
        arrays = dict(zip(distinct, session.run_anew(0, given), strict=True))
        yield [_numbers(arrays[tensor], own[tensor].quantization) for tensor in tensors]


def _as_input(array: np.ndarray, tensor: Tensor) -> np.ndarray:
    if array.dtype != np.float32 or tensor.type is TensorType.FLOAT32:
        return array
    return codes_of(array, Parameters(tensor.type, tensor.quantization))


def _numbers(array: np.ndarray, quantization: Quantization) -> np.ndarray:
    if array.dtype.kind == "f":
        return array
    scale, zero_point = quantization.scale[0], quantization.zero_point[0]
    return (array.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


def moments_of(
    graph: Graph, inputs: Mapping[int, int], layers: Iterable[Layer], examples: Iterable[Example], products: bool
) -> dict[int, Moments]:
    """Return the moments of inputs of layers, by the layer's operator.

    Parameters
    ----------
    graph : that runs: the float one, or a quantized one.
    inputs : operator of a layer -> the tensor of that graph which is its input.
    layers : whose rows are wanted.
    examples : to run on.
    products : whether second moments are wanted, too.
    """
    wanted = list(layers)
    found: dict[int, Moments] = {}
    for arrays in run(graph, [inputs[layer.operator] for layer in wanted], examples):
        for layer, array in zip(wanted, arrays, strict=True):
            rows = layer.patches(array)
            second = None
            if products and rows.shape[2] <= LARGEST_COLUMNS:
                second = np.array([one.T @ one for one in rows], np.float64)
            new = Moments(rows.shape[1], rows.sum(axis=1, dtype=np.float64), second)
            old = found.get(layer.operator)
            found[layer.operator] = new if old is None else old.plus(new)
    return found
