"""The modes dynamic and float16: the converter's weights, tensor by tensor, and what stays float."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import q31
from float_graphs import Sketch, float_graph, with_a_second_subgraph
from q31.schema import (
    Graph,
    GraphBuilder,
    Operator,
    QuantizationError,
    TensorType,
    constant_array,
    read,
    read_file,
    write,
)
from q31.schema.options import GatherOptions, SVDFOptions
from q31.tools.cli import main
from q31.tools.digits.bundle import model_path, read_digits

FLOAT32, FLOAT16, INT8, INT4 = TensorType.FLOAT32, TensorType.FLOAT16, TensorType.INT8, TensorType.INT4


def described(graph: Graph) -> list[tuple[object, ...]]:
    """Return the operators of a graph with their operands by value, in an order of their own."""

    def operand(index: int) -> object:
        if index < 0:
            return None
        tensor, value = graph.subgraphs[0].tensors[index], constant_array(graph, 0, index)
        kind = tensor.type, tensor.shape, tensor.quantization.scale, tensor.quantization.zero_point
        return (*kind, None if value is None else value.tobytes())

    operators = graph.subgraphs[0].operators
    found = [
        (one.name, one.version, repr(one.options), [operand(i) for i in one.inputs], [operand(i) for i in one.outputs])
        for one in operators
    ]
    return sorted(found, key=repr)


def weights_of(graph: Graph, name: str, operand: int = 1, subgraph: int = 0) -> list[tuple[TensorType, int]]:
    """Return the type and the number of scales of a weight of every operator of a name."""
    tensors = [
        graph.subgraphs[subgraph].tensors[one.inputs[operand]]
        for one in graph.subgraphs[subgraph].operators
        if one.name == name
    ]
    return [(one.type, len(one.quantization.scale)) for one in tensors]


def dynamic(graph: Graph, **options: object) -> Graph:
    return read(q31.quantize(write(graph), "dynamic", **{"minimum_elements": 1, **options}))  # type: ignore[arg-type]


@pytest.mark.parametrize(("mode", "form"), [("dynamic", "dynamic_range"), ("float16", "float16")])
def test_the_bundled_model_that_the_converter_made_is_made_again(mode: str, form: str) -> None:
    ours = read(q31.quantize(os.fspath(model_path("float32")), mode, halve_biases=True))
    assert described(ours) == described(read_file(model_path(form)))


def test_float16_leaves_biases_and_other_rows_alone_unless_they_are_weights() -> None:
    sketch = Sketch(np.random.default_rng(0))
    x = sketch.activation(1, 6)
    hidden = sketch.dense(x, sketch.constant(4, 6), sketch.constant(4), (1, 4))
    scaled = sketch.apply("MUL", [hidden, sketch.constant(1, 4)], (1, 4))
    answer = sketch.dense(scaled, sketch.constant(1, 4), sketch.constant(1), (1, 1))  # one row, of weights
    graph = sketch.builder.build([x], [answer])
    for halve_biases, halved in ((False, {(4, 6), (1, 4)}), (True, {(4, 6), (4,), (1, 4), (1,)})):
        made = read(q31.quantize(write(graph), "float16", halve_biases=halve_biases))
        tensors = made.subgraphs[0].tensors
        sources = [tensors[one.inputs[0]] for one in made.subgraphs[0].operators if one.name == "DEQUANTIZE"]
        assert {one.shape for one in sources} == halved and {one.type for one in sources} == {FLOAT16}
        assert len(sources) == (5 if halve_biases else 2)
        assert tensors[operator_named(made, "MUL").inputs[1]].buffer or halve_biases


def test_the_command_line_halves_biases_where_it_is_told_to(tmp_path: Path) -> None:
    float_model, out = os.fspath(model_path("float32")), tmp_path / "half.tflite"
    for flags in ([], ["--halve-biases"]):
        assert main(["quantize", float_model, "--mode", "float16", "-o", os.fspath(out), *flags]) == 0
        assert out.read_bytes() == q31.quantize(float_model, "float16", halve_biases=bool(flags))


def test_float16_without_halved_biases_has_less_noise_on_the_bundled_digits() -> None:
    path, images = os.fspath(model_path("float32")), read_digits().images.astype(np.float32) / np.float32(255)
    wanted = q31.load(path)(images)
    noise = [
        np.square(q31.load(q31.quantize(path, "float16", halve_biases=halve_biases))(images) - wanted).sum()
        for halve_biases in (False, True)
    ]
    assert 0 < noise[0] < noise[1]


def test_constants_below_the_minimum_stay_float() -> None:
    path = os.fspath(model_path("float32"))
    assert weights_of(read(q31.quantize(path, "dynamic")), "CONV_2D") == [(FLOAT32, 0)]
    assert weights_of(read(q31.quantize(path, "dynamic", minimum_elements=108)), "CONV_2D") == [(INT8, 12)]
    assert weights_of(read(q31.quantize(path, "dynamic", minimum_elements=109)), "CONV_2D") == [(FLOAT32, 0)]


def test_an_operator_kept_float_keeps_its_constants() -> None:
    path = os.fspath(model_path("float32"))
    kept = read(q31.quantize(path, "dynamic", minimum_elements=1, keep_float=[1]))
    assert weights_of(kept, "CONV_2D") == [(FLOAT32, 0)]
    assert weights_of(kept, "FULLY_CONNECTED") == [(INT8, 10)]
    halved = read(q31.quantize(path, "float16", keep_float=[1], halve_biases=True))
    names = [one.name for one in halved.subgraphs[0].operators]
    assert names.count("DEQUANTIZE") == 2


@pytest.mark.parametrize(("bits", "type"), [(8, INT8), (4, INT4)])
@pytest.mark.parametrize(("per_channel", "scales"), [(True, 6), (False, 1)])
def test_shared_weights_are_stored_once(bits: int, type: TensorType, per_channel: bool, scales: int) -> None:
    made = dynamic(
        float_graph("shared weights", np.random.default_rng(0)), weight_bits=bits, dense_per_channel=per_channel
    )
    assert weights_of(made, "FULLY_CONNECTED") == [(type, scales)] * 2
    first, second = made.subgraphs[0].operators
    assert first.inputs[1] == second.inputs[1]


def test_weights_that_a_float_operator_uses_too_are_there_twice() -> None:
    made = dynamic(float_graph("weights that are added too", np.random.default_rng(0)))
    assert weights_of(made, "FULLY_CONNECTED") == [(INT8, 6)]
    assert weights_of(made, "ADD") == [(FLOAT32, 0)]


def test_every_subgraph_is_quantized() -> None:
    graph = with_a_second_subgraph(float_graph("shared weights", np.random.default_rng(0)))
    assert weights_of(dynamic(graph), "FULLY_CONNECTED", subgraph=1) == [(INT8, 4)]
    halved = read(q31.quantize(write(graph), "float16"))
    assert [one.operators[0].name for one in halved.subgraphs] == ["DEQUANTIZE", "DEQUANTIZE"]


def test_a_table_of_gather_is_dequantized_after_the_lookup() -> None:
    sketch = Sketch(np.random.default_rng(0))
    indices = sketch.builder.tensor("i", TensorType.INT32, (3,))
    rows = sketch.apply("GATHER", [sketch.constant(50, 30), indices], (3, 30), GatherOptions(axis=0))
    graph = sketch.builder.build([indices], [rows])
    made = read(q31.quantize(write(graph), "dynamic"))
    assert [one.name for one in made.subgraphs[0].operators] == ["GATHER", "DEQUANTIZE"]
    assert weights_of(made, "GATHER", 0) == [(INT8, 1)]
    wanted, got = (q31.load(write(one))(np.asarray([3, 0, 49], np.int32)) for one in (graph, made))
    table = made.subgraphs[0].tensors[operator_named(made, "GATHER").inputs[0]]
    assert np.abs(wanted - got).max() <= table.quantization.scale[0] / 2 * 1.001


def test_a_recurrent_operator_becomes_hybrid_as_a_whole_or_not_at_all() -> None:
    def svdf(memory: int) -> Graph:
        sketch = Sketch(np.random.default_rng(0))
        x, state = sketch.activation(1, 8), sketch.builder.tensor("s", FLOAT32, (1, 4 * memory), is_variable=True)
        inputs = [x, sketch.constant(4, 8), sketch.constant(4, memory), -1, state]
        return sketch.builder.build([x], [sketch.apply("SVDF", inputs, (1, 4), SVDFOptions(rank=1))])

    assert weights_of(dynamic(svdf(8), minimum_elements=32), "SVDF", 2) == [(INT8, 1)]
    with pytest.raises(QuantizationError, match="nothing to quantize"):
        dynamic(svdf(7), minimum_elements=32)


def test_float16_clips_what_it_cannot_hold_and_keeps_a_constant_output() -> None:
    builder = GraphBuilder()
    x, y = builder.tensor("x", FLOAT32, (3,)), builder.tensor("y", FLOAT32, (3,))
    c = builder.tensor("c", FLOAT32, (3,), value=[1e6, -1e6, 1.0])
    builder.operator("ADD", [x, c], [y])
    graph = builder.build([x], [y, c])
    model = q31.load(q31.quantize(write(graph), "float16", halve_biases=True))
    summed, constant = model(np.zeros(3, np.float32)).values()
    np.testing.assert_array_equal(summed, [65504, -65504, 1])
    np.testing.assert_array_equal(constant, np.asarray([1e6, -1e6, 1], np.float32))


def test_scales_of_least_error_gain_with_four_bits() -> None:
    path = os.fspath(model_path("float32"))
    original = constant_array(read_file(path), 0, 4)
    assert original is not None
    errors = {}
    for scale in ("max", "mse"):
        graph = read(q31.quantize(path, "dynamic", weight_bits=4, weight_scale=scale))
        (operator,) = (one for one in graph.subgraphs[0].operators if one.name == "FULLY_CONNECTED")
        scales = np.asarray(graph.subgraphs[0].tensors[operator.inputs[1]].quantization.scale)
        codes = constant_array(graph, 0, operator.inputs[1])
        assert codes is not None and codes.min() >= -7 and codes.max() <= 7
        errors[scale] = np.square(codes * scales[:, np.newaxis] - original).sum()
    assert errors["mse"] < 0.8 * errors["max"]


def test_what_cannot_be_is_said_in_a_line(tmp_path: Path) -> None:
    builder = GraphBuilder()
    x, y = builder.tensor("x", FLOAT32, (3,)), builder.tensor("y", FLOAT32, (3,))
    builder.operator("RELU", [x], [y])
    model = write(builder.build([x], [y]))
    with pytest.raises(QuantizationError, match="no operator with a hybrid kernel has constant weights of 1,024"):
        q31.quantize(model, "dynamic")
    with pytest.raises(QuantizationError, match=r"no float constant besides biases$"):
        q31.quantize(model, "float16")
    with pytest.raises(QuantizationError, match=r"no float constant$"):
        q31.quantize(model, "float16", halve_biases=True)
    for options in ({"weight_bits": 4}, {"input_type": "int8"}):
        with pytest.raises(q31.InputError, match="mode float16"):
            q31.quantize(model, "float16", **options)  # type: ignore[arg-type]
    with pytest.raises(q31.InputError, match="takes no data"):
        q31.quantize(model, "dynamic", equalize=True)
    with pytest.raises(QuantizationError, match="quantized already"):
        q31.quantize(q31.quantize(os.fspath(model_path("float32")), "dynamic"), "dynamic")
    sketch = Sketch(np.random.default_rng(0))
    x = sketch.activation(1, 6)
    weights = sketch.builder.tensor("weights", FLOAT32, (4, 6), value=np.full((4, 6), np.nan, np.float32))
    graph = sketch.builder.build([x], [sketch.dense(x, weights, -1, (1, 4))])
    with pytest.raises(QuantizationError, match="constant weights holds NaN"):
        dynamic(graph)


def test_buffers_that_nothing_uses_any_more_are_gone() -> None:
    small = q31.quantize(os.fspath(model_path("float32")), "dynamic")
    assert len(small) < 0.3 * os.path.getsize(model_path("float32"))


def operator_named(graph: Graph, name: str) -> Operator:
    return next(one for one in graph.subgraphs[0].operators if one.name == name)


def test_int16_sums_take_scales_for_what_they_are() -> None:
    data = [np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)]
    graph = float_graph("a constant output", np.random.default_rng(0))
    made = read(q31.quantize(write(graph), "int16x8", data))
    assert operator_named(made, "ADD").options.pot_scale_int16 is False
