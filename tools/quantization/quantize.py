"""``q31.quantize``: a float .tflite file in, a quantized one out."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ... import __version__
from ...engine.session import open_model, sha256
from ...schema import Graph, InputError, QuantizationError, TensorType, write
from .acceptance import refusals
from .bias_correction import correct_biases
from .calibration import Calibration, calibrate
from .dataset import Dataset, Example
from .planning import Plan, Planner
from .planning16 import Planner16
from .range_choice import HISTOGRAM_METHODS
from .refinement import Kept, Refinement
from .rewriting import Ends, Rewriter
from .scheme import Scheme
from .weights import MINIMUM_ELEMENTS, WeightOptions, halve_weights, quantize_weights

MODES = ("int8", "int8-only", "int16x8", "dynamic", "float16")
WEIGHT_MODES = ("dynamic", "float16")
"""Modes that change weights alone and need no data."""

_INT8_ENDS = (TensorType.INT8, TensorType.UINT8)
_CODES = (TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.INT4, TensorType.UINT4, TensorType.INT2)


def quantize(
    model: str | os.PathLike[str] | bytes,
    mode: str = "int8",
    representative_dataset: Any = None,
    *,
    calibration: Calibration | None = None,
    method: str = "min-max",
    method_options: Mapping[str, Any] | None = None,
    input_type: str | None = None,
    output_type: str | None = None,
    weight_bits: int = 8,
    dense_per_channel: bool = True,
    minimum_elements: int = MINIMUM_ELEMENTS,
    asymmetric_inputs: bool = True,
    halve_biases: bool = False,
    keep_float: Collection[int] = (),
    int16_operators: Collection[int] = (),
    equalize: bool = False,
    weight_scale: str = "max",
    rounding: str = "nearest",
    correct_bias: bool = False,
    progress: bool = False,
) -> bytes:
    """Quantize a float model.

    Parameters
    ----------
    model : path or bytes of a .tflite file whose operators compute in float32.
    mode : ``"int8"`` leaves what has no integer kernel in float, and inputs and outputs float32; ``"int8-only"`` does
        neither; ``"int16x8"`` has activations of int16. ``"dynamic"`` has int8 weights and float activations, which the
        hybrid kernels quantize at every call; ``"float16"`` stores weights in half the bytes. These two need no data.
    representative_dataset : examples to record ranges on: an iterable or a function that returns one, arrays by the
        input's name, an .npz file, a folder of images; see :class:`.Dataset`.
    calibration : ranges recorded before, in place of the examples.
    method, method_options : how ranges are chosen, as for :meth:`.Calibration.range`.
    input_type, output_type : ``"float32"``, ``"int8"``, ``"uint8"`` or ``"int16"``, as the mode allows.
    weight_bits : 8, or 4 for the filters of CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED.
    dense_per_channel : whether FULLY_CONNECTED has a scale for each channel, or one.
    minimum_elements : in the mode dynamic, smaller constants stay float.
    asymmetric_inputs : in the mode dynamic, whether kernels that can give activations a zero point.
    halve_biases : in the mode float16, whether biases are halved, too, as by TensorFlow's converter.
    keep_float : indices of operators that stay float.
    int16_operators : indices of operators that have activations of int16 among those of int8.
    equalize : scale channels of the float model first, so that they share codes fairly; see :func:`.equalize`.
    weight_scale : ``"max"``, as TensorFlow's converter has it, or ``"mse"``; see :func:`.chosen_weight_parameters`.
    rounding : of weights: ``"nearest"``, ``"gptq"`` or ``"descent"``; see :mod:`.rounding`.
    correct_bias : move biases so that layers' means on data are the float model's; see :func:`.correct_biases`.
    progress : draw a progress bar, on a terminal.

    Returns
    -------
    The bytes of the quantized model.

    Raises
    ------
    QuantizationError
        Where the model is quantized already, nothing can be quantized, the mode is int8-only and an operator has no
        integer form, or a tensor has NaN or infinity on the data.
    InputError
        Where an argument is wrong or an example does not fit.
    ModelError, UnsupportedOperatorError
        Where the model cannot be read or run.
    """
    options = Options(
        mode,
        _type("input_type", input_type),
        _type("output_type", output_type),
        weight_bits,
        dense_per_channel,
        minimum_elements,
        asymmetric_inputs,
        halve_biases,
        frozenset(keep_float),
        frozenset(int16_operators),
        Refinement(equalize, weight_scale, rounding, correct_bias),
    )
    graph, content = open_model(model)
    require_float(graph)
    if mode in WEIGHT_MODES:
        if options.refinement.needs_data:
            raise InputError(f"{options.refinement}: mode {mode} takes no data")
        if mode == "float16":
            return write(halve_weights(graph, options.keep_float, halve_biases))
        return write(quantize_weights(graph, options.weights))
    examples: Sequence[Example] = ()
    if equalize and calibration is not None:
        raise InputError("equalize: expected no calibration: ranges of the model as it was do not hold afterwards")
    if options.refinement.needs_data:
        if representative_dataset is None:
            raise InputError(f"{options.refinement}: expected representative data")
        representative_dataset = Kept(Dataset.of(representative_dataset, graph))
        examples = [one for one in representative_dataset if one.subgraph == 0]
        graph = options.refinement.prepared(graph, examples, progress)
        content = memoryview(write(graph)) if equalize else content
    if calibration is None:
        if representative_dataset is None:
            raise InputError(f"mode {mode}: expected a representative data set, or a calibration")
        histogram = method in HISTOGRAM_METHODS
        calibration = calibrate(
            bytes(content),
            representative_dataset,
            progress=progress,
            histogram=histogram,
        )
    calibration.require_model(sha256(content))
    found = {
        tensor: calibration.range(0, tensor, method, **(method_options or {}))
        for subgraph, tensor in calibration.tensors
        if subgraph == 0
    }
    ranges = {tensor: range for tensor, range in found.items() if range is not None}
    return quantize_activations(graph, ranges, options, examples, progress)


def require_float(graph: Graph) -> None:
    """Raise QuantizationError where a model is quantized already."""
    for index, tensor in enumerate(graph.subgraphs[0].tensors):
        old = tensor.quantization
        if tensor.type in _CODES and (old.scale or old.custom or old.blockwise or old.multi_axis):
            kind = tensor.type.name.lower()
            raise QuantizationError(
                f"the model is quantized already: tensor {index}, {tensor.name}, is {kind}; expected a float model"
            )


def _type(name: str, given: str | None) -> TensorType | None:
    possible = ("float32", "int8", "uint8", "int16")
    if given is not None and given not in possible:
        raise InputError(f"{name} {given!r}: expected one of {', '.join(possible)}")
    return None if given is None else TensorType[given.upper()]


@dataclass(frozen=True)
class Options:
    """What is asked for beside the mode.

    Parameters
    ----------
    input_type, output_type : of the model's inputs and outputs; None is float32, or int8 in the mode int8-only.
    weight_bits : 8, or 4 for the filters of CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED.
    dense_per_channel : whether FULLY_CONNECTED has a scale for each channel, or one.
    minimum_elements : in the mode dynamic, smaller constants stay float.
    asymmetric_inputs : in the mode dynamic, whether kernels that can give activations a zero point.
    halve_biases : in the mode float16, whether biases are halved, too, as by TensorFlow's converter.
    keep_float : indices of operators that stay float.
    int16_operators : indices of operators that have activations of int16 among those of int8.
    refinement : what is better than TensorFlow's converter, at a price.
    """

    mode: str = "int8"
    input_type: TensorType | None = None
    output_type: TensorType | None = None
    weight_bits: int = 8
    dense_per_channel: bool = True
    minimum_elements: int = MINIMUM_ELEMENTS
    asymmetric_inputs: bool = True
    halve_biases: bool = False
    keep_float: Collection[int] = field(default_factory=frozenset)
    int16_operators: Collection[int] = field(default_factory=frozenset)
    refinement: Refinement = field(default_factory=Refinement)

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise InputError(f"mode {self.mode!r}: expected one of {', '.join(MODES)}")
        if self.weight_bits not in (4, 8):
            raise InputError(f"weight_bits {self.weight_bits}: expected 4 or 8")
        if self.weight_bits == 4 and self.mode == "float16":
            raise InputError("weight_bits 4: mode float16 has no codes; mode dynamic does")
        for name, type in (("input_type", self.input_type), ("output_type", self.output_type)):
            if type not in self._possible_ends:
                expected = ", ".join(one.name.lower() for one in self._possible_ends if one is not None)
                raise InputError(f"{name} {type and type.name.lower()}: mode {self.mode} has {expected}")

    @property
    def _possible_ends(self) -> tuple[TensorType | None, ...]:
        integer = {"int8-only": _INT8_ENDS, "int8": _INT8_ENDS, "int16x8": (TensorType.INT16,)}.get(self.mode, ())
        return (None, *integer) if self.mode == "int8-only" else (None, TensorType.FLOAT32, *integer)

    @property
    def ends(self) -> Ends:
        """The types of inputs and outputs."""
        usual = TensorType.INT8 if self.mode == "int8-only" else TensorType.FLOAT32
        return Ends(self.input_type or usual, self.output_type or usual)

    @property
    def scheme(self) -> Scheme:
        """The types inside."""
        weight = TensorType.INT4 if self.weight_bits == 4 else TensorType.INT8
        scale = self.refinement.weight_scale
        if self.mode == "int16x8":
            return Scheme(TensorType.INT16, weight, TensorType.INT64, self.dense_per_channel, weight_scale=scale)
        allowed = self.mode == "int8"
        return Scheme(TensorType.INT8, weight, TensorType.INT32, self.dense_per_channel, allowed, scale)

    @property
    def weights(self) -> WeightOptions:
        """What counts in the mode dynamic."""
        return WeightOptions(
            self.weight_bits,
            self.refinement.weight_scale,
            self.dense_per_channel,
            self.minimum_elements,
            self.asymmetric_inputs,
            self.keep_float,
        )


def quantize_activations(
    graph: Graph,
    ranges: Mapping[int, tuple[float, float]],
    options: Options,
    examples: Sequence[Example] = (),
    progress: bool = False,
) -> bytes:
    """Return a model whose activations and weights are integers.

    Parameters
    ----------
    graph : the float model; its first subgraph is quantized.
    ranges : tensor -> least and greatest value.
    examples : representative data, for refinements that need it.
    progress : draw progress bars, on a terminal.

    Raises
    ------
    QuantizationError
        Where nothing can be quantized, or the mode is int8-only and something cannot.
    """
    kept = dict.fromkeys(options.keep_float, "it is to stay float")
    description = f"quantized to {options.mode} by q31 {__version__}"

    def planned() -> Rewriter:
        kind = Planner16 if options.mode == "int16x8" else Planner
        planner = kind(graph, 0, ranges, options.scheme, kept, options.int16_operators)
        rewriter = Rewriter(planner, options.ends)
        require_integers(graph, rewriter.plan, options)
        return rewriter

    rewriter = planned()
    quantized = rewriter.write(description)
    while refused := refusals(graph, quantized, rewriter.places, rewriter.plan.operators):
        kept.update(refused)
        rewriter = planned()
        quantized = rewriter.write(description)
    if codes := options.refinement.codes(graph, rewriter.plan, examples, progress):
        rewriter = planned()
        rewriter.codes.update(codes)
        quantized = rewriter.write(description)
    if options.refinement.correct_bias:
        quantized = correct_biases(graph, quantized, rewriter.places, examples, progress)
    return write(quantized)


def require_integers(graph: Graph, plan: Plan, options: Options) -> None:
    """Raise QuantizationError where nothing is quantized, or, in the mode int8-only, where something is not."""
    operators = graph.subgraphs[0].operators
    if options.mode == "int8-only" and plan.why_float:
        index, reason = min(plan.why_float.items())
        others = f" (and {len(plan.why_float) - 1} more)" if len(plan.why_float) > 1 else ""
        place = f"operator {index}, {operators[index].custom_code or operators[index].name}"
        raise QuantizationError(f"{place}, cannot be an integer one: {reason}{others}; mode int8 leaves it float")
    if not plan.operators:
        index, reason = min(plan.why_float.items(), default=(-1, "it has no float operator"))
        where = f"operator {index}, {operators[index].name}: " if index >= 0 else ""
        raise QuantizationError(f"nothing to quantize: {where}{reason}")
