"""Cases of SVDF and UNIDIRECTIONAL_SEQUENCE_LSTM, several invokes each, with states that are carried over."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from conformance.case import Case, Operand, constant, network, result, tensor
from conformance.strategies import arrays, biases, float32, log_uniform, per_tensor, scales
from q31.schema import ActivationFunctionType, Quantization, Tensor, TensorType
from q31.schema.options import LSTMOptions, SVDFOptions, UnidirectionalSequenceLSTMOptions

INT8, INT16 = TensorType.INT8, TensorType.INT16


@st.composite
def svdf(draw: DrawFn) -> Case:
    batches, features = draw(st.integers(1, 3)), draw(st.integers(1, 20))
    rank, units, memory = draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(st.sampled_from([1, 2, 3, 8, 17]))
    filters = rank * units
    source = draw(per_tensor(INT8))
    weights = draw(per_tensor(INT8, zero_point=0))
    feature_scale = float32(source.scale[0] * weights.scale[0])
    state = draw(per_tensor(INT16, float32(feature_scale / draw(log_uniform(2.0**-9, 2.0**3)))))
    time = draw(per_tensor(INT16, scales(2.0**-15, 2.0**-6)))
    output_scale = float32(state.scale[0] * time.scale[0] / draw(log_uniform(2.0**-24, 2.0**-10)))
    target = draw(per_tensor(INT8, output_scale))
    x = tensor(INT8, (batches, features), source)
    inputs = [
        x,
        constant(draw(arrays(INT8, (filters, features))), weights),
        constant(draw(arrays(INT16, (filters, memory))), time),
        constant(draw(biases(units)), Quantization((1.0,), (0,))) if draw(st.booleans()) else None,
        tensor(INT16, (batches, filters * memory), state, is_variable=True),
    ]
    y = result(INT8, target, (batches, units))
    runs = [[draw(arrays(INT8, (batches, features), source.zero_point[0]))] for _ in range(draw(st.integers(1, 4)))]
    options = SVDFOptions(rank=rank, fused_activation_function=ActivationFunctionType.RELU)
    return network([("SVDF", 3, options, inputs, [y])], [x], [y], runs)


def with_intermediates(case: Case, intermediates: list[Tensor]) -> Case:
    """Give the one operator of a case its intermediates."""
    (subgraph,) = case.graph.subgraphs
    (operator,) = subgraph.operators
    count = len(subgraph.tensors)
    operator = replace(operator, intermediates=tuple(range(count, count + len(intermediates))))
    subgraph = replace(subgraph, tensors=(*subgraph.tensors, *intermediates), operators=(operator,))
    return replace(case, graph=replace(case.graph, subgraphs=(subgraph,)))


@st.composite
def lstm(draw: DrawFn, coupled: bool = False, projected: bool = False, sequence: bool = True) -> Case:
    """An LSTM; gates get sums of a few units, and the hidden state a scale that fills most of its codes."""
    batches, steps, inputs, cells = (draw(st.integers(1, high)) for high in (3, 4, 18, 20))
    outputs = draw(st.integers(1, 18)) if projected else cells
    source = draw(per_tensor(INT8))
    state = draw(per_tensor(INT8, log_uniform(2.0**-9, 2.0**-6)))
    hidden = draw(per_tensor(INT8, log_uniform(2.0**-9, 2.0**-6))) if projected else state
    cell = Quantization((2.0 ** draw(st.integers(-15, -9)),), (0,))

    def weights(rows: int, columns: int, scale: float) -> Operand:
        reach = draw(log_uniform(2.0**-14, 2.0**-6)) if draw(st.integers(0, 9)) else draw(log_uniform(2.0**-20, 1.0))
        return constant(draw(arrays(INT8, (rows, columns))), Quantization((float32(reach / scale),), (0,)))

    gates = range(1 if coupled else 0, 4)
    given: list[Operand | None] = [None] * 24
    x = given[0] = tensor(INT8, (batches, steps, inputs), source)
    time_major = draw(st.booleans())
    if time_major:
        x = given[0] = tensor(INT8, (steps, batches, inputs), source)
    if not sequence:
        x = given[0] = tensor(INT8, (batches, inputs), source)
    for gate in gates:
        given[1 + gate] = weights(cells, inputs, source.scale[0])
        given[5 + gate] = weights(cells, outputs, state.scale[0])
        given[12 + gate] = constant(draw(biases(cells)))
    if projected:
        factor = float32(state.scale[0] / hidden.scale[0] * draw(log_uniform(2.0**-9, 2.0**-3)))
        given[16] = constant(draw(arrays(INT8, (outputs, cells))), Quantization((factor,), (0,)))
        given[17] = constant(draw(biases(outputs))) if draw(st.booleans()) else None
    given[18] = tensor(INT8, (batches, outputs), state, is_variable=True)
    given[19] = tensor(INT16, (batches, cells), cell, is_variable=True)
    y = result(INT8, state, (*x.shape[:-1], outputs))
    common = {
        "fused_activation_function": ActivationFunctionType.TANH,
        "cell_clip": draw(st.sampled_from([0.0, 0.0, 10.0, 0.5, 100.0])),
        "proj_clip": draw(st.sampled_from([0.0, 0.1])) if projected else 0.0,
    }
    options = UnidirectionalSequenceLSTMOptions(**common, time_major=time_major) if sequence else LSTMOptions(**common)
    name, version = ("UNIDIRECTIONAL_SEQUENCE_LSTM", 1) if sequence else ("LSTM", 4)
    runs = [[draw(arrays(INT8, x.shape, source.zero_point[0]))] for _ in range(draw(st.integers(1, 3)))]
    case = network([(name, version, options, given, [y])], [x], [y], runs)
    inner = [Tensor(f"inner{number}", TensorType.FLOAT32, (0,)) for number in range(4)]
    return with_intermediates(case, [*inner, Tensor("hidden", INT8, (0,), quantization=hidden)])


CASES: dict[str, st.SearchStrategy[Case]] = {
    "LSTM int8": lstm(sequence=False),
    "LSTM int8 coupled": lstm(coupled=True, sequence=False),
    "LSTM int8 projected": lstm(projected=True, sequence=False),
    "SVDF int8": svdf(),
    "UNIDIRECTIONAL_SEQUENCE_LSTM int8": lstm(),
    "UNIDIRECTIONAL_SEQUENCE_LSTM int8 coupled": lstm(coupled=True),
    "UNIDIRECTIONAL_SEQUENCE_LSTM int8 projected": lstm(projected=True),
}
