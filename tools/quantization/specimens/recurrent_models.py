"""Small float models of one recurrent operator each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ....schema import ActivationFunctionType as Act
from ....schema import options as o
from .sketch import Sketch, SmallModel

_INPUTS, _CELLS, _STEPS = 5, 6, 4


def lstm(
    name: str = "UNIDIRECTIONAL_SEQUENCE_LSTM",
    *,
    coupled: bool = False,
    peephole: bool = False,
    projected: int = 0,
    projection_bias: bool = False,
    normalized: bool = False,
    batches: int = 1,
    cell_clip: float = 10.0,
    after: Callable[[Sketch, int], int] = lambda sketch, tensor: tensor,
) -> Callable[[], SmallModel]:
    """Return what builds a model of an LSTM.

    Parameters
    ----------
    coupled : the input gate is what the forget gate leaves.
    projected : how many outputs its cells are projected to; 0 where they are not.
    after : adds what stands behind it.
    """

    def build() -> SmallModel:
        s = Sketch()
        sequence = name != "LSTM"
        shape = (batches, _STEPS, _INPUTS) if sequence else (batches, _INPUTS)
        x, outputs = s.input(*shape), projected or _CELLS

        def gates(
            *shape: int, there: bool = True, span: tuple[float, float] = (-0.75, 1.0), count: int = 4
        ) -> list[int]:
            first = [-1 if coupled or not there else s.weights(*shape, span=span)]
            return first + [s.weights(*shape, span=span) if there else -1 for _ in range(count - 1)]

        operands = [x, *gates(_CELLS, _INPUTS), *gates(_CELLS, outputs)]
        operands += gates(_CELLS, there=peephole, count=3)
        operands += gates(_CELLS)
        operands.append(s.weights(outputs, _CELLS) if projected else -1)
        operands.append(s.weights(outputs) if projection_bias else -1)
        operands += [s.variable(batches, outputs), s.variable(batches, _CELLS)]
        operands += gates(_CELLS, there=normalized, span=(0.5, 1.5))
        options: Any = o.LSTMOptions(Act.TANH, cell_clip, 0.0)
        if sequence:
            options = o.UnidirectionalSequenceLSTMOptions(Act.TANH, cell_clip, 0.0)
        return s.build(after(s, s.operator(name, operands, options)))

    return build


def _joined(s: Sketch, tensor: int) -> int:
    other = s.input(1, _STEPS, 2, span=(-4.0, 6.0))
    return int(s.operator("CONCATENATION", [tensor, other], o.ConcatenationOptions(2)))


def _reshaped(s: Sketch, tensor: int) -> int:
    flat = s.operator("RESHAPE", [tensor, s.integers([1, _STEPS * _CELLS])], o.ReshapeOptions((1, _STEPS * _CELLS)))
    return int(s.operator("FULLY_CONNECTED", [flat, s.weights(3, _STEPS * _CELLS), -1], o.FullyConnectedOptions()))


def svdf(rank: int = 2, bias: bool = True) -> Callable[[], SmallModel]:
    """Return what builds a model of an SVDF of four units."""

    def build() -> SmallModel:
        s = Sketch()
        filters, memory = 4 * rank, 7
        operands = [s.input(2, _INPUTS), s.weights(filters, _INPUTS), s.weights(filters, memory)]
        operands += [s.weights(4) if bias else -1, s.variable(2, filters * memory)]
        return s.build(s.operator("SVDF", operands, o.SVDFOptions(rank, Act.RELU)))

    return build


MODELS: Mapping[str, Callable[[], SmallModel]] = {
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm(),
    "UNIDIRECTIONAL_SEQUENCE_LSTM batches": lstm(batches=3, cell_clip=0.0),
    "UNIDIRECTIONAL_SEQUENCE_LSTM coupled": lstm(coupled=True),
    "UNIDIRECTIONAL_SEQUENCE_LSTM peephole": lstm(peephole=True),
    "UNIDIRECTIONAL_SEQUENCE_LSTM projection": lstm(projected=4),
    "UNIDIRECTIONAL_SEQUENCE_LSTM projection bias": lstm(projected=4, projection_bias=True),
    "UNIDIRECTIONAL_SEQUENCE_LSTM normalized": lstm(normalized=True),
    "UNIDIRECTIONAL_SEQUENCE_LSTM into concatenation": lstm(after=_joined),
    "UNIDIRECTIONAL_SEQUENCE_LSTM into dense layer": lstm(after=_reshaped),
    "LSTM": lstm("LSTM"),
    "LSTM peephole": lstm("LSTM", peephole=True, coupled=True),
    "SVDF": svdf(),
    "SVDF no bias": svdf(1, bias=False),
}
"""Name -> what builds a model."""
