"""Cases of the RNNs, and of SVDF in float32: several invokes each, with states that are carried over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from ...schema import ActivationFunctionType, Quantization, TensorType
from ...schema.options import BidirectionalSequenceRNNOptions, RNNOptions, SequenceRNNOptions, SVDFOptions
from .case import Case, Operand, constant, network, result, tensor
from .strategies import arrays, float32, float_arrays, log_uniform

FLOAT32, INT8, UINT8 = TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8
WIDTHS = st.one_of(st.integers(1, 9), st.sampled_from([15, 16, 17, 33]))
"""Around the widths of the reference's vectors."""


def has_special(kind: TensorType, activation: ActivationFunctionType) -> bool:
    """Whether inputs may have NaN: not where their sign is read, which depends on how the reference was compiled."""
    return kind is FLOAT32 and activation is not ActivationFunctionType.SIGN_BIT


def activations() -> st.SearchStrategy[ActivationFunctionType]:
    kinds = ActivationFunctionType
    return st.sampled_from([kinds.TANH, kinds.TANH, kinds.NONE, *kinds])


@st.composite
def weights(draw: DrawFn, shape: tuple[int, int], kind: TensorType) -> Operand:
    """A matrix whose products with numbers around 1 are around 1: float32, or codes."""
    if kind is FLOAT32:
        return constant(draw(float_arrays(shape, 1.0)) / np.float32(np.sqrt(shape[1])))
    scale = float32(draw(log_uniform(2.0**-10, 2.0**-5)))
    return constant(draw(arrays(kind, shape)), Quantization((scale,), (0,)))


@st.composite
def cell(draw: DrawFn, sizes: tuple[int, int, int], kind: TensorType) -> list[Operand]:
    """Weights, recurrent weights, bias and state of (batch, depth, units)."""
    batch, depth, units = sizes
    return [
        draw(weights((units, depth), kind)),
        draw(weights((units, units), kind)),
        constant(draw(float_arrays((units,), 0.5))),
        tensor(FLOAT32, (batch, units), is_variable=True),
    ]


@st.composite
def given_runs(
    draw: DrawFn, shapes: Sequence[tuple[int, ...]], special: bool, within: float | None = None
) -> list[list[np.ndarray]]:
    """Inputs of a few invokes; whole steps are zeros now and then, which hybrid layers leave out."""
    runs = []
    for _ in range(draw(st.integers(1, 3))):
        run = [draw(float_arrays(shape, within, special=special)) for shape in shapes]
        for array in run:
            if draw(st.integers(0, 3)) == 3:
                array[draw(st.integers(0, len(array) - 1))] = 0
        runs.append(run)
    return runs


@st.composite
def rnn(draw: DrawFn, kind: TensorType, sequence: bool) -> Case:
    batch, units, depth = draw(st.integers(1, 3)), draw(WIDTHS), draw(WIDTHS)
    asymmetric, time_major = kind is not FLOAT32 and draw(st.booleans()), draw(st.booleans())
    activation = draw(activations())
    if sequence:
        leading = (draw(st.integers(1, 3)), batch) if time_major else (batch, draw(st.integers(1, 3)))
        options = SequenceRNNOptions(time_major, activation, asymmetric)
    else:
        leading = (batch,)
        options = RNNOptions(activation, asymmetric)
    x = tensor(FLOAT32, (*leading, depth))
    inputs = [x, *draw(cell((batch, depth, units), kind))]
    y = result(FLOAT32, shape=(*leading, units))
    name = "UNIDIRECTIONAL_SEQUENCE_RNN" if sequence else "RNN"
    runs = draw(given_runs([x.shape], has_special(kind, activation)))
    case = network([(name, 3, options, inputs, [y])], [x], [y], runs)
    return replace(case, resets=draw(st.integers(0, 3)) == 3)


@st.composite
def bidirectional(draw: DrawFn, kind: TensorType) -> Case:
    """Auxiliary inputs no narrower than the input: the reference reads beyond narrower ones.

    Hybrid and symmetric, it dies of merged outputs of a batch where time is first; such cases are rare.
    """
    batch, time, depth = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(WIDTHS)
    units = (draw(WIDTHS), draw(st.integers(1, 9)))
    options = BidirectionalSequenceRNNOptions(
        draw(st.booleans()), draw(activations()), draw(st.booleans()), kind is not FLOAT32 and draw(st.booleans())
    )
    dies = kind is not FLOAT32 and options.time_major and options.merge_outputs
    if dies and not options.asymmetric_quantize_inputs and draw(st.integers(0, 9)):
        batch = 1
    leading = (time, batch) if options.time_major else (batch, time)
    x = tensor(FLOAT32, (*leading, depth))
    given: list[Operand] = [x]
    inputs: list[Operand | None] = [x]
    for count in units:
        inputs += draw(cell((batch, depth, count), kind))
    auxiliary = draw(st.sampled_from(["none", "none", "instead", "crossed", "crossed"]))
    inputs += [None] * 3
    if auxiliary != "none":
        width = depth + (draw(st.sampled_from([0, 0, 1, 4])) if auxiliary == "crossed" else 0)
        inputs[9] = tensor(FLOAT32, (*leading, width))
        given.append(inputs[9])
        if auxiliary == "crossed":
            inputs[10:] = [draw(weights((count, width), kind)) for count in units]
    outputs = [result(FLOAT32, shape=(*leading, count)) for count in units]
    if options.merge_outputs:
        outputs = [result(FLOAT32, shape=(*leading, sum(units)))]
    runs = draw(given_runs([one.shape for one in given], False))
    case = network([("BIDIRECTIONAL_SEQUENCE_RNN", 3, options, inputs, outputs)], given, outputs, runs)
    return replace(case, resets=draw(st.integers(0, 3)) == 3)


@st.composite
def svdf(draw: DrawFn, kind: TensorType) -> Case:
    batch, depth, units = draw(st.integers(1, 3)), draw(WIDTHS), draw(st.integers(1, 5))
    rank, memory = draw(st.integers(1, 6)), draw(st.sampled_from([1, 2, 3, 8, 17]))
    filters = rank * units
    x = tensor(FLOAT32, (batch, depth))
    inputs = [
        x,
        draw(weights((filters, depth), kind)),
        draw(weights((filters, memory), kind)),
        constant(draw(float_arrays((units,), 0.5))) if draw(st.booleans()) else None,
        tensor(FLOAT32, (batch, filters * memory), is_variable=True),
    ]
    y = result(FLOAT32, shape=(batch, units))
    activation = draw(activations())
    options = SVDFOptions(rank, activation, kind is not FLOAT32 and draw(st.booleans()))
    runs = draw(given_runs([x.shape], has_special(kind, activation)))
    case = network([("SVDF", 4, options, inputs, [y])], [x], [y], runs)
    return replace(case, resets=draw(st.integers(0, 3)) == 3)


CASES: dict[str, st.SearchStrategy[Case]] = {
    "RNN float32": rnn(FLOAT32, sequence=False),
    "RNN hybrid": rnn(INT8, sequence=False),
    "RNN hybrid uint8": rnn(UINT8, sequence=False),
    "UNIDIRECTIONAL_SEQUENCE_RNN float32": rnn(FLOAT32, sequence=True),
    "UNIDIRECTIONAL_SEQUENCE_RNN hybrid": rnn(INT8, sequence=True),
    "UNIDIRECTIONAL_SEQUENCE_RNN hybrid uint8": rnn(UINT8, sequence=True),
    "BIDIRECTIONAL_SEQUENCE_RNN float32": bidirectional(FLOAT32),
    "BIDIRECTIONAL_SEQUENCE_RNN hybrid": bidirectional(INT8),
    "BIDIRECTIONAL_SEQUENCE_RNN hybrid uint8": bidirectional(UINT8),
    "SVDF float32": svdf(FLOAT32),
    "SVDF hybrid": svdf(INT8),
    "SVDF hybrid uint8": svdf(UINT8),
}
