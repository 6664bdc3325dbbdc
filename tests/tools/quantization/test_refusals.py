"""What stays float though its operator has an integer form: constants and scales that kernels do not take."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from q31.schema import ActivationFunctionType, GraphBuilder, QuantizationError, TensorType, read
from q31.schema import options as o
from q31.tools.quantization.quantize import Options, quantize_activations, require_float
from q31.tools.quantization.specimens.recurrent_models import lstm
from q31.tools.quantization.specimens.sketch import Sketch, SmallModel

Ranges = Mapping[int, tuple[float, float]]


def hard_swish_beside_a_dense_layer() -> tuple[SmallModel, int, int]:
    s = Sketch()
    x = s.input(2, 8)
    dense = s.operator("FULLY_CONNECTED", [x, s.weights(8, 8), -1], o.FullyConnectedOptions())
    return s.build(s.operator("HARD_SWISH", [dense], o.HardSwishOptions())), x, dense


def names(content: bytes) -> list[str]:
    return [operator.name for operator in read(content).subgraphs[0].operators]


def test_an_operator_whose_kernel_does_not_take_its_scales_stays_float():
    model, x, dense = hard_swish_beside_a_dense_layer()
    ranges = {x: (-1.0, 1.0), dense: (-1000.0, 1000.0), model.graph.subgraphs[0].outputs[0]: (0.0, 1e-3)}
    made = quantize_activations(model.graph, ranges, Options("int8"))
    assert names(made) == ["QUANTIZE", "FULLY_CONNECTED", "DEQUANTIZE", "HARD_SWISH"]
    with pytest.raises(QuantizationError, match=r"operator 1, HARD_SWISH, .*does not take its scales.*1/128"):
        quantize_activations(model.graph, ranges, Options("int8-only"))


def test_a_sum_that_the_reference_would_abort_on_stays_float():
    s = Sketch()
    x, y = s.input(2, 8), s.input(2, 8)
    total = s.operator("ADD", [x, y], o.AddOptions())
    model = s.build(total)
    ranges = {x: (-1.0, 1.0), y: (-1.0, 1.0), total: (-1e-7, 1e-7)}
    with pytest.raises(QuantizationError, match=r"ADD: .*scale is too small"):
        quantize_activations(model.graph, ranges, Options("int8"))


def test_an_operator_with_a_constant_that_is_not_finite_stays_float():
    s = Sketch()
    x = s.input(2, 2)
    total = s.operator("ADD", [x, s.values([np.nan, 1.0])], o.AddOptions())
    with pytest.raises(QuantizationError, match="ADD: its input 1 has values that are not finite"):
        quantize_activations(s.build(total).graph, {x: (0.0, 1.0), total: (0.0, 1.0)}, Options("int8"))


@pytest.mark.parametrize("divisor", [(0.5, 3.0), (-1.0, 3.0), (0.001, 3.0)])
def test_a_division_is_an_integer_one_where_no_divisor_has_the_code_of_0(divisor):
    s = Sketch()
    x, y = s.input(2, 8), s.input(2, 8)
    quotient = s.operator("DIV", [x, y], o.DivOptions())
    graph, ranges = s.build(quotient).graph, {x: (-1.0, 1.0), y: divisor, quotient: (-2.0, 2.0)}
    if divisor[0] == 0.5:
        assert "DIV" in names(quantize_activations(graph, ranges, Options("int8-only")))
    else:
        with pytest.raises(QuantizationError, match=r"DIV, .*may have the code of 0"):
            quantize_activations(graph, ranges, Options("int8-only"))


@pytest.mark.parametrize(("greatest", "scale"), [(0.01, 2.0**-15), (5.0, 2.0**-12), (1e4, 2.0**-9)])
def test_a_cell_state_has_a_scale_that_kernels_take(greatest, scale):
    model = lstm()()
    main = model.graph.subgraphs[0]
    hidden, cell = main.operators[0].inputs[18:20]
    ranges = {main.inputs[0]: (-1.0, 1.0), main.outputs[0]: (-1.0, 1.0), hidden: (-1.0, 1.0), cell: (0.0, greatest)}
    made = read(quantize_activations(model.graph, ranges, Options("int8-only"))).subgraphs[0]
    (state,) = [tensor for tensor in made.tensors if tensor.is_variable and tensor.type is TensorType.INT16]
    assert state.quantization.scale == (scale,)


def test_an_lstm_without_ranges_of_its_states_stays_float():
    model = lstm()()
    main = model.graph.subgraphs[0]
    with pytest.raises(QuantizationError, match="no range is known of its input 19"):
        quantize_activations(
            model.graph, {main.inputs[0]: (-1.0, 1.0), main.outputs[0]: (-1.0, 1.0)}, Options("int8-only")
        )


def test_an_svdf_of_another_activation_than_relu_stays_float():
    s = Sketch()
    x, state = s.input(1, 5), s.variable(1, 12)
    options = o.SVDFOptions(1, ActivationFunctionType.NONE)
    made = s.operator("SVDF", [x, s.weights(4, 5), s.weights(4, 3), -1, state], options)
    ranges = {x: (-1.0, 1.0), state: (-1.0, 1.0), made: (-1.0, 1.0)}
    with pytest.raises(QuantizationError, match="RELU alone"):
        quantize_activations(s.build(made).graph, ranges, Options("int8"))


def test_a_shape_is_read_of_what_is_there():
    s = Sketch()
    x = s.input(2, 8)
    doubled = s.operator("ADD", [x, x], o.AddOptions())
    shape = s.operator("SHAPE", [doubled], o.ShapeOptions(TensorType.INT32), ("int32",))
    made = quantize_activations(s.build(doubled, shape).graph, {x: (0.0, 1.0), doubled: (0.0, 2.0)}, Options("int8"))
    operators = read(made).subgraphs[0].operators
    assert [one.name for one in operators] == ["QUANTIZE", "ADD", "DEQUANTIZE", "SHAPE"]
    assert operators[3].inputs == operators[1].outputs


def test_codes_in_blocks_are_quantized_already():
    from q31.schema import Quantization
    from q31.schema.graph import BlockwiseQuantization

    builder = GraphBuilder()
    scales = builder.tensor("scales", TensorType.FLOAT16, (1, 1), value=[[1.0]])
    blocks = Quantization(blockwise=BlockwiseQuantization(scales, -1, 32))
    table = builder.tensor("table", TensorType.INT4, (1, 32), blocks, value=np.zeros((1, 32), np.int8))
    with pytest.raises(QuantizationError, match="quantized already: tensor 1, table"):
        require_float(builder.build([table], [table]))
