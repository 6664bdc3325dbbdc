"""What quantize can do better: each refinement does what it says, and what is written runs in the reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import q31
from q31.engine.model import load
from q31.schema import ActivationFunctionType, Graph, Padding, constant_array, read, write
from q31.tools.quantization.bias_correction import values_of
from q31.tools.quantization.dataset import Dataset
from q31.tools.quantization.equalization import channel_bounds, equalize, pairs_of
from q31.tools.quantization.layers import layers_of, with_own_constants, with_values
from q31.tools.quantization.moments import moments_of, run
from q31.tools.quantization.parameters import weight_parameters
from q31.tools.quantization.rounding import descent, gptq, nearest, rounded
from q31.tools.quantization.weight_scales import chosen_weight_parameters

from .float_networks import NetworkBuilder, classifier
from .test_quantize import reference

NONE = ActivationFunctionType.NONE
ALL = {"equalize": True, "weight_scale": "mse", "rounding": "descent", "correct_bias": True}


def images(count: int, seed: int = 1, shape: tuple[int, ...] = (12, 12, 3)) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.2, 1, (count, *shape)).astype(np.float32)


def sqnr(exact: np.ndarray, found: np.ndarray) -> float:
    return float(10 * np.log10(np.square(exact).sum() / np.square(exact - found).sum()))


def outputs(graph: Graph, data: np.ndarray) -> np.ndarray:
    return np.concatenate([load(write(graph))(one[None]) for one in data])


def badly_scaled(graph: Graph) -> Graph:
    """Return a graph that computes the same, with channels of the layers' outputs of very unlike ranges."""
    graph = with_own_constants(graph)
    values: dict[int, np.ndarray] = {}
    random = np.random.default_rng(5)
    layers = {layer.operator: layer for layer in layers_of(graph)}
    for first, second in ((0, 1), (1, 2), (5, 6)):
        one, other = layers[first], layers[second]
        factors = np.exp2(random.integers(-5, 1, one.channels)).astype(np.float64)
        for tensor in (one.weights, one.bias, other.weights):
            values.setdefault(tensor, values_of(graph, tensor))
        along = factors if one.name == "DEPTHWISE_CONV_2D" else factors.reshape(-1, *[1] * (len(one.shape) - 1))
        values[one.weights] = values[one.weights] * along
        values[one.bias] = values[one.bias] * factors
        values[other.weights] = values[other.weights] / factors
    return with_values(graph, values)


class TestLayers:
    @pytest.mark.parametrize(
        "make",
        [
            lambda b: b.conv(6, size=3, stride=2, activation=NONE),
            lambda b: b.conv(6, size=3, activation=NONE, padding=Padding.VALID, dilation=2),
            lambda b: b.conv(8, size=2, activation=NONE, groups=2),
            lambda b: b.depthwise(multiplier=3, stride=2, activation=NONE),
        ],
    )
    def test_matrices_times_patches_are_what_the_operator_gives(self, make):
        builder = NetworkBuilder(0, (1, 9, 8, 4))
        make(builder)
        graph = builder.made()
        (layer,) = layers_of(graph)
        x = images(1, shape=(9, 8, 4))
        rows = layer.patches(x)
        weights = values_of(graph, layer.weights)
        products = np.einsum("gok,grk->rgo", layer.matrices(weights, len(rows)), rows)
        expected = load(write(graph))(x)
        found = products.reshape(expected.shape) + values_of(graph, layer.bias)
        np.testing.assert_allclose(found, expected, atol=1e-4)
        np.testing.assert_array_equal(layer.weights_of(layer.matrices(weights, len(rows))), weights)

    def test_each_layer_gets_constants_of_its_own(self):
        graph = classifier()
        own = with_own_constants(graph)
        assert [layer.bias >= 0 for layer in layers_of(graph)].count(False) == 2
        assert all(layer.bias >= 0 for layer in layers_of(own))
        np.testing.assert_array_equal(outputs(own, images(2)), outputs(graph, images(2)))

    def test_moments_are_those_of_the_rows(self):
        graph = classifier()
        layer = layers_of(graph)[-1]
        examples = list(Dataset.of(images(5), graph))
        found = moments_of(graph, {layer.operator: layer.input}, [layer], examples, products=True)[layer.operator]
        rows = np.concatenate([x.reshape(1, -1) for (x,) in run(graph, [layer.input], examples)])
        np.testing.assert_allclose(found.mean[0], rows.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(found.hessian(True)[0], np.cov(rows.T, bias=True), atol=1e-5)


class TestEqualize:
    def test_the_float_function_stays_the_same_up_to_rounding(self):
        graph = badly_scaled(classifier())
        data = images(8)
        bounds = channel_bounds(graph, Dataset.of(data, graph))
        for bound in (None, bounds):
            equalized = equalize(graph, bound)
            assert equalized != graph
            assert sqnr(outputs(graph, data), outputs(equalized, data)) > 110

    def test_channels_come_to_have_like_ranges(self):
        graph = badly_scaled(classifier())
        data = Dataset.of(images(8), graph)
        before, after = (channel_bounds(one, data) for one in (graph, equalize(graph, channel_bounds(graph, data))))
        first = layers_of(graph)[0].output
        assert before[first].max() / before[first].min() > 16
        np.testing.assert_allclose(after[first], after[first].max(), rtol=1e-4)

    def test_badly_scaled_channels_are_made_up_for(self):
        content = write(badly_scaled(classifier()))
        exact = load(content)(images(40, 2))
        plain, equalized = (
            load(q31.quantize(content, "int8", images(40), equalize=one))(images(40, 2)) for one in (False, True)
        )
        assert sqnr(exact, equalized) > sqnr(exact, plain) + 3

    def test_pairs(self):
        builder = NetworkBuilder(0, (1, 8, 8, 4))
        builder.conv(8)
        builder.conv(8, activation=ActivationFunctionType.RELU6)
        builder.conv(8)
        graph = builder.made()
        assert [(one.first.operator, one.second.operator) for one in pairs_of(graph, {})] == [(0, 1)]
        low, high = ({layers_of(graph)[1].output: np.full(8, bound)} for bound in (5.9, 6.0))
        assert [one.relaxed for one in pairs_of(graph, low)] == [False, True]
        assert [one.relaxed for one in pairs_of(graph, high)] == [False]
        subgraph = graph.subgraphs[0]
        seen = replace(subgraph, outputs=(layers_of(graph)[0].output, *subgraph.outputs))
        assert not list(pairs_of(replace(graph, subgraphs=(seen,)), {}))

    def test_a_relu6_that_is_not_reached_becomes_relu(self):
        builder = NetworkBuilder(0, (1, 8, 8, 4))
        builder.conv(8, activation=ActivationFunctionType.RELU6)
        builder.conv(8)
        graph = builder.made()
        data = images(4, shape=(8, 8, 4))
        equalized = equalize(graph, channel_bounds(graph, Dataset.of(data, graph)))
        options = equalized.subgraphs[0].operators[0].options
        assert options.fused_activation_function is ActivationFunctionType.RELU
        assert sqnr(outputs(graph, data), outputs(equalized, data)) > 110


class TestRounding:
    @pytest.fixture
    def problem(self):
        random = np.random.default_rng(0)
        x = random.normal(0, 1, (400, 3)) @ random.normal(0, 1, (3, 30)) + random.normal(0, 0.3, (400, 30))
        return random.uniform(-7, 7, (11, 30)), x.T @ x / len(x)

    def test_each_rounding_leaves_less_error_than_the_last(self, problem):
        scaled, hessian = problem
        regular = hessian + 0.01 * np.diag(hessian).mean() * np.eye(30)
        errors = []
        for name in ("nearest", "gptq", "descent"):
            codes = rounded(scaled, hessian, (-7, 7), name)
            assert np.array_equal(codes, np.rint(codes)) and np.abs(codes).max() <= 7
            errors.append(np.einsum("ok,kl,ol->", codes - scaled, regular, codes - scaled))
        assert errors[1] < 0.5 * errors[0]
        assert errors[2] <= errors[1]

    def test_a_single_move_of_a_code_cannot_better_descent(self, problem):
        scaled, hessian = problem
        regular = hessian + 0.01 * np.diag(hessian).mean() * np.eye(30)
        codes = descent(gptq(scaled, hessian, (-7, 7)), scaled, hessian, (-7, 7))
        least = np.einsum("ok,kl,ol->o", codes - scaled, regular, codes - scaled)
        for k in range(30):
            for step in (-1, 1):
                other = codes.copy()
                other[:, k] = np.clip(other[:, k] + step, -7, 7)
                error = np.einsum("ok,kl,ol->o", other - scaled, regular, other - scaled)
                assert (error >= least - 1e-9).all()

    def test_inputs_that_have_nothing_to_do_with_each_other_give_nearest(self, problem):
        scaled, _ = problem
        for name in ("gptq", "descent"):
            np.testing.assert_array_equal(rounded(scaled, np.eye(30), (-7, 7), name), nearest(scaled, (-7, 7)))

    def test_inputs_of_one_direction_and_of_less_than_no_power_are_taken(self, problem):
        scaled, _ = problem
        x = np.linspace(-1, 2, 30)
        for hessian in (np.outer(x, x), np.outer(x, x) - 0.5 * np.eye(30)):
            codes = rounded(scaled, hessian, (-7, 7), "gptq")
            assert np.isfinite(codes).all() and np.abs(codes).max() <= 7
            assert np.abs((codes - scaled) @ x).max() < np.abs((nearest(scaled, (-7, 7)) - scaled) @ x).max()

    def test_inputs_that_are_all_zero_give_nearest(self, problem):
        scaled, _ = problem
        for hessian in (np.zeros((30, 30)), -1e-12 * np.eye(30)):
            np.testing.assert_array_equal(rounded(scaled, hessian, (-7, 7), "gptq"), nearest(scaled, (-7, 7)))


def test_mse_scales_leave_no_more_error_than_those_of_the_largest_weight():
    values = np.random.default_rng(0).standard_t(3, (6, 50)).astype(np.float32)
    type = q31.schema.TensorType.INT4
    for axis in (0, None):
        errors = []
        for parameters in (weight_parameters(values, axis, type), chosen_weight_parameters(values, axis, type, "mse")):
            scales = np.asarray(parameters.quantization.scale)[:, None]
            assert len(scales) == (6 if axis == 0 else 1)
            codes = nearest(values / scales, parameters.limits)
            errors.append(np.square(codes * scales - values).sum())
        assert errors[1] < errors[0]


def test_corrected_biases_give_the_float_means():
    graph = classifier()
    content, data = write(graph), images(60)
    exact = load(content)(data).mean(axis=0)
    errors = []
    for correct in (False, True):
        model = load(q31.quantize(content, "int8", data, weight_bits=4, correct_bias=correct))
        errors.append(np.abs(model(data).mean(axis=0) - exact).max())
        scale = model.graph.subgraphs[0].tensors[model.graph.subgraphs[0].operators[-1].inputs[0]].quantization.scale[0]
    assert errors[1] < min(errors[0] / 3, scale)


@pytest.mark.parametrize("mode", ["int8", "int8-only", "int16x8"])
@pytest.mark.parametrize("bits", [8, 4])
def test_what_is_written_has_the_reference_s_bits(mode, bits):
    content = q31.quantize(write(classifier()), mode, images(20), weight_bits=bits, **ALL)
    model = load(content)
    for x in images(3, 7)[:, None]:
        if model.inputs[0].dtype != np.float32:
            x = np.random.default_rng(0).integers(-128, 128, x.shape).astype(np.int8)
        np.testing.assert_array_equal(model(x), reference(content, x))


def test_each_refinement_is_there_in_what_is_written():
    content, data = write(classifier()), images(40)
    exact = load(content)(images(100, 3))
    found = {}
    for name, options in {"plain": {}, **{one: {one: value} for one, value in ALL.items()}, "all": ALL}.items():
        written = q31.quantize(content, "int8", data, weight_bits=4, **options)
        found[name] = sqnr(exact, load(written)(images(100, 3)))
        assert name == "plain" or written != q31.quantize(content, "int8", data, weight_bits=4)
    assert found["rounding"] > found["plain"] + 2
    assert found["all"] > found["plain"] + 2


def test_a_calibration_goes_with_refinements_that_leave_the_float_model_as_it_is():
    content, data = write(classifier()), images(10)
    calibration = q31.calibrate(content, data)
    one, other = (
        q31.quantize(content, "int8", iter(list(data)), calibration=given, rounding="gptq", correct_bias=True)
        for given in (None, calibration)
    )
    assert one == other
    with pytest.raises(q31.InputError, match=r"equalize.*expected no calibration"):
        q31.quantize(content, "int8", data, calibration=calibration, equalize=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rounding": "up"}, "rounding 'up': expected one of nearest, gptq, descent"),
        ({"weight_scale": "min"}, "weight_scale 'min': expected one of max, mse"),
        ({"rounding": "gptq"}, "rounding 'gptq': expected representative data"),
        ({"correct_bias": True}, "correct_bias: expected representative data"),
    ],
)
def test_bad_arguments(options, message):
    content = write(classifier())
    calibration = q31.calibrate(content, images(2))
    with pytest.raises(q31.InputError, match=message):
        q31.quantize(content, "int8", calibration=calibration, **options)


def test_codes_are_on_the_grid_of_the_scales_that_the_plan_has():
    content, data = write(classifier()), images(20)
    plain, better = (read(q31.quantize(content, "int8", data, rounding=one)) for one in ("nearest", "gptq"))
    moved = 0
    for one, other in zip(plain.subgraphs[0].operators, better.subgraphs[0].operators, strict=True):
        if one.name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            a, b = plain.subgraphs[0].tensors[one.inputs[1]], better.subgraphs[0].tensors[other.inputs[1]]
            assert a.quantization == b.quantization
            moved += int((constant_array(plain, 0, one.inputs[1]) != constant_array(better, 0, other.inputs[1])).sum())
    assert moved > 100


def test_inputs_that_do_not_vary_leave_the_weights_to_the_bias():
    content, data = write(classifier()), np.full((4, 12, 12, 3), 0.5, np.float32)
    exact = load(content)(data)
    written = q31.quantize(content, "int8", data, weight_bits=4, rounding="descent", correct_bias=True)
    assert sqnr(exact, load(written)(data)) > 30
