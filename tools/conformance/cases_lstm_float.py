"""Cases of LSTMs in float32 and hybrid, several invokes each, with states that are carried over.

The products of float32 weights are held within a bound: the reference sums them in an order of the processor's. Their
inputs are around 1, as a bound on sums in another order is one on how large their terms are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from ...schema import ActivationFunctionType, Quantization, TensorType
from ...schema.options import BidirectionalSequenceLSTMOptions, LSTMOptions, UnidirectionalSequenceLSTMOptions
from .case import Case, Operand, constant, network, result, tensor
from .cases_rnn import WIDTHS, given_runs, weights
from .strategies import float32, float_arrays, log_uniform

FLOAT32, INT8, UINT8 = TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8
WITHIN = 1e-5

# Without one, the reference multiplies by what lies in its memory.
ACTIVATIONS = [
    *[ActivationFunctionType.TANH] * 12,
    *(one for one in ActivationFunctionType if one is not ActivationFunctionType.NONE),
]


@st.composite
def vector(draw: DrawFn, size: int, kind: TensorType = FLOAT32) -> Operand:
    """Biases, peepholes or factors of a normalization."""
    if kind is FLOAT32:
        return constant(draw(float_arrays((size,), 0.5)))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    codes = random.integers(-127, 128, size).astype(np.int8)
    scale = float32(draw(log_uniform(2.0**-10, 2.0**-6)))
    return constant(codes.view(np.uint8) if kind is UINT8 else codes, Quantization((scale,), (0,)), kind)


@st.composite
def layer(
    draw: DrawFn,
    given: list[Operand | None],
    sizes: tuple[int, int, int, int],
    kind: TensorType,
    normalized: bool = True,
) -> None:
    """Fill in a layer of (batch, depth, cells, outputs); more cells than outputs, or fewer, are projected."""
    batch, depth, cells, outputs = sizes
    gates = range(draw(st.integers(0, 1)), 4)
    for gate in gates:
        given[1 + gate] = draw(weights((cells, depth), kind))
        given[5 + gate] = draw(weights((cells, outputs), kind))
        given[12 + gate] = draw(vector(cells))
    if draw(st.booleans()):
        for number in range(gates[0], 3):
            given[9 + number] = draw(vector(cells, kind))
    if outputs != cells:
        given[16] = draw(weights((outputs, cells), kind))
        if draw(st.booleans()):
            given[17] = draw(vector(outputs))
    if normalized and draw(st.booleans()):
        for gate in gates:
            given[20 + gate] = draw(vector(cells))
    given[18] = tensor(FLOAT32, (batch, outputs), is_variable=True)
    given[19] = tensor(FLOAT32, (batch, cells), is_variable=True)


def clips() -> st.SearchStrategy[float]:
    return st.sampled_from([0.0, 0.0, 0.5, 10.0])


@st.composite
def lstm(draw: DrawFn, kind: TensorType, sequence: bool) -> Case:
    batch, depth, cells = draw(st.integers(1, 3)), draw(WIDTHS), draw(WIDTHS)
    outputs = draw(WIDTHS) if draw(st.booleans()) else cells
    time_major, asymmetric = draw(st.booleans()), kind is not FLOAT32 and draw(st.booleans())
    activation = draw(st.sampled_from(ACTIVATIONS))
    if sequence:
        steps = draw(st.integers(1, 3))
        leading = (steps, batch) if time_major else (batch, steps)
        options = UnidirectionalSequenceLSTMOptions(activation, draw(clips()), draw(clips()), time_major, asymmetric)
    else:
        leading = (batch,)
        options = LSTMOptions(activation, draw(clips()), draw(clips()), asymmetric_quantize_inputs=asymmetric)
    given: list[Operand | None] = [None] * 24
    x = given[0] = tensor(FLOAT32, (*leading, depth))
    draw(layer(given, (batch, depth, cells, outputs), kind))
    for index in range(5, 9):
        # Recurrent weights that are a vector are a matrix's diagonal.
        if sequence and outputs == cells and given[index] is not None and not draw(st.integers(0, 7)):
            given[index] = draw(vector(cells))
    y = result(FLOAT32, shape=(*leading, outputs))
    name, version = ("UNIDIRECTIONAL_SEQUENCE_LSTM", 3) if sequence else ("LSTM", 4)
    runs = draw(given_runs([(*leading, depth)], False, 1.0 if kind is FLOAT32 else None))
    case = network([(name, version, options, given, [y])], [x], [y], runs)
    return replace(case, within=WITHIN) if kind is FLOAT32 else case


@st.composite
def bidirectional(draw: DrawFn, kind: TensorType) -> Case:
    batch, steps, depth = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(WIDTHS)
    time_major = draw(st.booleans())
    # Merged outputs of a batch whose time is not first have their states outside their tensors.
    merged = draw(st.booleans()) and (time_major or batch == 1)
    asymmetric = kind is not FLOAT32 and draw(st.booleans())
    leading = (steps, batch) if time_major else (batch, steps)
    given: list[Operand | None] = [None] * 48
    x = given[0] = tensor(FLOAT32, (*leading, depth))
    sources, widths = [x], []
    auxiliary = draw(st.sampled_from(["none", "none", "backward", "weighted"]))
    if auxiliary != "none":
        sources.append(tensor(FLOAT32, (*leading, depth)))
        given[39] = sources[1]
    cells = draw(WIDTHS)
    outputs = draw(WIDTHS) if draw(st.booleans()) else cells
    for first, state, extra in ((0, 35, 40), (17, 37, 44)):
        part: list[Operand | None] = [None] * 24
        draw(layer(part, (batch, depth, cells, outputs), kind, normalized=False))
        given[first + 1 : first + 18] = part[1:18]
        given[state : state + 2] = part[18:20]
        if auxiliary == "weighted":
            for gate in range(4):
                if part[1 + gate] is not None:
                    given[extra + gate] = draw(weights((cells, depth), kind))
        widths.append(outputs)
    options = BidirectionalSequenceLSTMOptions(
        draw(st.sampled_from(ACTIVATIONS)), draw(clips()), draw(clips()), merged, time_major, asymmetric
    )
    ys = [result(FLOAT32, shape=(*leading, width)) for width in ([sum(widths)] if merged else widths)]
    runs = draw(given_runs([source.shape for source in sources], False, 1.0 if kind is FLOAT32 else None))
    case = network([("BIDIRECTIONAL_SEQUENCE_LSTM", 3, options, given, ys)], sources, ys, runs)
    return replace(case, within=WITHIN) if kind is FLOAT32 else case


CASES: dict[str, st.SearchStrategy[Case]] = {
    "BIDIRECTIONAL_SEQUENCE_LSTM float32": bidirectional(FLOAT32),
    "BIDIRECTIONAL_SEQUENCE_LSTM hybrid": bidirectional(INT8),
    "BIDIRECTIONAL_SEQUENCE_LSTM hybrid uint8": bidirectional(UINT8),
    "LSTM float32": lstm(FLOAT32, False),
    "LSTM hybrid": lstm(INT8, False),
    "LSTM hybrid uint8": lstm(UINT8, False),
    "UNIDIRECTIONAL_SEQUENCE_LSTM float32": lstm(FLOAT32, True),
    "UNIDIRECTIONAL_SEQUENCE_LSTM hybrid": lstm(INT8, True),
    "UNIDIRECTIONAL_SEQUENCE_LSTM hybrid uint8": lstm(UINT8, True),
}
