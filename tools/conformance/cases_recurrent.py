"""Cases of SVDF and UNIDIRECTIONAL_SEQUENCE_LSTM, several invokes each, with states that are carried over."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from ...schema import ActivationFunctionType, Quantization, Tensor, TensorType
from ...schema.options import LSTMOptions, SVDFOptions, UnidirectionalSequenceLSTMOptions
from ...schema.types import LSTMKernelType
from .case import Case, Operand, constant, network, result, tensor
from .strategies import arrays, biases, float32, float_arrays, log_uniform, per_tensor, scales

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
def lstm(
    draw: DrawFn,
    coupled: bool = False,
    projected: bool = False,
    sequence: bool = True,
    peephole: bool = False,
    normalized: bool = False,
) -> Case:
    """An LSTM; gates get sums of a few units, and the hidden state a scale that fills most of its codes."""
    batches, steps, inputs, cells = (draw(st.integers(1, high)) for high in (3, 4, 18, 40))
    coupled, projected = coupled or draw(st.booleans()), projected or draw(st.booleans())
    outputs = draw(st.integers(1, cells if peephole else 18)) if projected else cells
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
    # With layer normalization, a gate's sum has a scale of its own.
    sums = [float32(draw(log_uniform(2.0**-16, 2.0**-9))) if normalized else 2.0**-12 for _ in range(4)]
    for gate in gates:
        if peephole and gate != 2:
            scale = sums[gate] / cell.scale[0] * draw(log_uniform(2.0**-18, 2.0**-12))
            given[9 + min(gate, 2)] = constant(draw(arrays(INT16, (cells,))), Quantization((float32(scale),), (0,)))
        if normalized:
            factors = draw(arrays(INT16, (cells,)))
            scale = draw(log_uniform(2.0**-18, 2.0**-10))
            given[20 + gate] = constant(factors, Quantization((float32(scale),), (0,)))
    if projected:
        factor = float32(state.scale[0] / hidden.scale[0] * draw(log_uniform(2.0**-9, 2.0**-3)))
        given[16] = constant(draw(arrays(INT8, (outputs, cells))), Quantization((factor,), (0,)))
        given[17] = constant(draw(biases(outputs))) if draw(st.booleans()) else None
    given[18] = tensor(INT8, (batches, outputs), state, is_variable=True)
    given[19] = tensor(INT16, (batches, cells), cell, is_variable=True)
    y = result(INT8, state, (*x.shape[:-1], outputs))
    common = {
        "fused_activation_function": draw(st.sampled_from([ActivationFunctionType.TANH, *ActivationFunctionType])),
        "cell_clip": draw(st.sampled_from([0.0, 0.0, 10.0, 0.5, 100.0])),
        "proj_clip": draw(st.sampled_from([0.0, 0.1])) if projected else 0.0,
    }
    options = UnidirectionalSequenceLSTMOptions(**common, time_major=time_major) if sequence else LSTMOptions(**common)
    name, version = ("UNIDIRECTIONAL_SEQUENCE_LSTM", 1) if sequence else ("LSTM", 4)
    runs = [[draw(arrays(INT8, x.shape, source.zero_point[0]))] for _ in range(draw(st.integers(1, 3)))]
    case = network([(name, version, options, given, [y])], [x], [y], runs)
    inner = [Tensor(f"inner{number}", TensorType.FLOAT32, (0,)) for number in range(4)]
    if normalized:
        scales_of_sums = [Quantization((scale,), (0,)) for scale in sums]
        inner = [Tensor(f"inner{gate}", INT16, (0,), quantization=scales_of_sums[gate]) for gate in range(4)]
    return with_intermediates(case, [*inner, Tensor("hidden", INT8, (0,), quantization=hidden)])


@st.composite
def narrow_lstm(draw: DrawFn) -> Case:
    """An LSTM of 12 intermediates, whose products are rounded to codes of int8."""
    batches, inputs, cells, outputs = (draw(st.integers(1, high)) for high in (3, 18, 24, 18))
    source, state = draw(per_tensor(INT8)), draw(per_tensor(INT8, log_uniform(2.0**-9, 2.0**-6)))
    scales_of_products = [float32(draw(log_uniform(2.0**-6, 2.0**-2))) for _ in range(12)]
    for total in (0, 3, 6, 9):
        scales_of_products[total] = float32(draw(log_uniform(2.0**-14, 2.0**-8)))
    products = [draw(per_tensor(INT8, st.just(scale))) for scale in scales_of_products]
    given: list[Operand | None] = [None] * 24
    x = given[0] = tensor(INT8, (batches, inputs), source)
    for gate in range(draw(st.integers(0, 1)), 4):
        for first, columns, scale, product in ((1, inputs, source.scale[0], 1), (5, outputs, state.scale[0], 2)):
            size = products[3 * gate + product].scale[0] * draw(log_uniform(2.0**-8, 2.0**-3)) / scale
            codes = draw(arrays(INT8, (cells, columns)))
            given[first + gate] = constant(codes, Quantization((float32(size),), (0,)))
        given[12 + gate] = constant(draw(biases(cells)))
        reach = 2.0**-10 if draw(st.integers(0, 9)) else 2.0**12
        factors = Quantization((float32(draw(log_uniform(2.0**-18, reach))),), (0,))
        given[20 + gate] = constant(draw(arrays(INT16, (cells,))), factors)
    factor = float32(state.scale[0] * draw(log_uniform(2.0**-9, 2.0**-1)))
    given[16] = constant(draw(arrays(INT8, (outputs, cells))), Quantization((factor,), (0,)))
    given[17] = constant(draw(biases(outputs)))
    given[18] = tensor(INT8, (batches, outputs), state, is_variable=True)
    given[19] = tensor(INT16, (batches, cells), Quantization((2.0**-15,), (0,)), is_variable=True)
    y = result(INT8, state, (batches, outputs))
    clips = draw(st.sampled_from([0.0, 0.0, 0.5, 10.0])), draw(st.sampled_from([0.0, 0.1]))
    options = LSTMOptions(ActivationFunctionType.TANH, *clips)
    runs = [[draw(arrays(INT8, x.shape, source.zero_point[0]))] for _ in range(draw(st.integers(1, 3)))]
    case = network([("LSTM", 4, options, given, [y])], [x], [y], runs)
    return with_intermediates(case, [Tensor("product", INT8, (0,), quantization=one) for one in products])


@st.composite
def basic_lstm(draw: DrawFn, kind: TensorType) -> Case:
    """A cell of the kernel type BASIC, whose products are outputs too.

    Numbers of float32 are around 1: a bound on sums in another order is one on how large their terms are.
    """
    batch, depth, units = draw(st.integers(1, 4)), draw(st.integers(1, 24)), draw(st.integers(1, 20))
    options = LSTMOptions(ActivationFunctionType.TANH, kernel_type=LSTMKernelType.BASIC)
    shapes = (batch, units), (batch, units), (batch, depth + units), (batch, 4 * units)
    if kind is TensorType.FLOAT32:
        matrix, bias = (
            constant(draw(float_arrays((4 * units, depth + units), 0.5))),
            draw(float_arrays((4 * units,), 1.0)),
        )
        given = [tensor(kind, (batch, depth)), tensor(kind, shapes[0], is_variable=True), matrix, constant(bias)]
        given.append(tensor(kind, shapes[0], is_variable=True))
        ys = [result(kind, shape=shape) for shape in shapes]
        runs = [[draw(float_arrays((batch, depth), 1.0))] for _ in range(draw(st.integers(1, 3)))]
        case = network([("LSTM", 2, options, given, ys)], [given[0]], ys, runs)
        return replace(case, within=1e-5)
    codes = Quantization((2.0**-7,), (128,))
    state, sums = Quantization((2.0**-11,), (0,)), Quantization((2.0**-12,), (0,))
    weights = draw(per_tensor(kind, log_uniform(2.0**-9, 2.0**-4)))
    of_bias = Quantization((float32(weights.scale[0] * 2.0**-7),), (0,))
    given = [
        tensor(kind, (batch, depth), codes),
        tensor(kind, shapes[0], codes, is_variable=True),
        constant(draw(arrays(kind, (4 * units, depth + units))), weights),
        constant(draw(biases(4 * units)), of_bias),
        tensor(INT16, shapes[0], state, is_variable=True),
    ]
    kinds = (kind, codes), (INT16, state), (kind, codes), (INT16, sums)
    ys = [result(one, quantization, shape) for (one, quantization), shape in zip(kinds, shapes, strict=True)]
    runs = [[draw(arrays(kind, (batch, depth), 128))] for _ in range(draw(st.integers(1, 4)))]
    return network([("LSTM", 2, options, given, ys)], [given[0]], ys, runs)


CASES: dict[str, st.SearchStrategy[Case]] = {
    "LSTM float32 basic": basic_lstm(TensorType.FLOAT32),
    "LSTM uint8": basic_lstm(TensorType.UINT8),
    "LSTM int8": lstm(sequence=False),
    "LSTM int8 coupled": lstm(coupled=True, sequence=False),
    "LSTM int8 narrow": narrow_lstm(),
    "LSTM int8 normalized": lstm(sequence=False, normalized=True),
    "LSTM int8 peephole": lstm(sequence=False, peephole=True),
    "LSTM int8 peephole normalized": lstm(sequence=False, peephole=True, normalized=True),
    "LSTM int8 projected": lstm(projected=True, sequence=False),
    "SVDF int8": svdf(),
    "UNIDIRECTIONAL_SEQUENCE_LSTM int8": lstm(),
    "UNIDIRECTIONAL_SEQUENCE_LSTM int8 coupled": lstm(coupled=True),
    "UNIDIRECTIONAL_SEQUENCE_LSTM int8 normalized": lstm(normalized=True),
    "UNIDIRECTIONAL_SEQUENCE_LSTM int8 peephole": lstm(peephole=True),
    "UNIDIRECTIONAL_SEQUENCE_LSTM int8 peephole normalized": lstm(peephole=True, normalized=True),
    "UNIDIRECTIONAL_SEQUENCE_LSTM int8 projected": lstm(projected=True),
}
