"""Cases of SVDF, several invokes each, with a state that is carried over."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from conformance.case import Case, constant, network, result, tensor
from conformance.strategies import arrays, biases, float32, log_uniform, per_tensor, scales
from q31.schema import ActivationFunctionType, Quantization, TensorType
from q31.schema.options import SVDFOptions

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


CASES: dict[str, st.SearchStrategy[Case]] = {"SVDF int8": svdf()}
