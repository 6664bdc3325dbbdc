"""The modes that change weights alone and need no data: ``dynamic`` and ``float16``, of all subgraphs of a model.

As in TensorFlow's converter: in ``dynamic`` the constants of operators with a hybrid kernel become int8, from 1,024
elements on, and activations stay float; in ``float16`` float constants are stored in half the bytes, and DEQUANTIZE
makes them float again. The converter halves biases, too; q31 does where it is asked to: they are few bytes, and much of
the error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from ... import __version__
from ...schema import Graph, Operator, Quantization, QuantizationError, Tensor, TensorType
from ...schema.constants import constant_array
from .editing import GraphEditor
from .hybrid_rules import HYBRID_RULES, Form, HybridRule, hybrid_rule, weight_type
from .parameters import Parameters, codes_of, require_finite
from .weight_scales import chosen_weight_parameters

MINIMUM_ELEMENTS = 1024
"""Smaller constants stay float in the mode ``dynamic``."""

_LARGEST_HALF = np.float32(np.finfo(np.float16).max)
_STALE_METADATA = ("min_runtime_version", "CONVERSION_METADATA")


@dataclass(frozen=True)
class WeightOptions:
    """How weights become codes in the mode ``dynamic``.

    Parameters
    ----------
    bits : 8, or 4 for the filters of CONV_2D and FULLY_CONNECTED.
    scale : how scales are chosen, see :func:`.chosen_weight_parameters`.
    dense_per_channel : whether FULLY_CONNECTED has a scale for each channel, or one.
    minimum_elements : smaller constants stay float.
    asymmetric_inputs : whether activations are quantized with a zero point, where the kernel has both.
    keep_float : indices of operators of the first subgraph that stay float.
    """

    bits: int = 8
    scale: str = "max"
    dense_per_channel: bool = True
    minimum_elements: int = MINIMUM_ELEMENTS
    asymmetric_inputs: bool = True
    keep_float: Collection[int] = ()


def quantize_weights(graph: Graph, options: WeightOptions) -> Graph:
    """Return a model of hybrid operators: int8 or int4 weights, float activations.

    Raises
    ------
    QuantizationError
        Where no operator has a hybrid kernel and weights that are large enough.
    """
    made = _Hybrid(graph, options)
    for subgraph in range(len(graph.subgraphs)):
        made.change(subgraph)
    if not made.count:
        raise QuantizationError(
            "nothing to quantize: no operator with a hybrid kernel has constant weights of"
            f" {options.minimum_elements:,} elements or more"
        )
    made.editor.drop_metadata(_STALE_METADATA)
    return made.editor.finish(f"quantized to dynamic by q31 {__version__}")


class _Hybrid:
    """Makes operators hybrid, one subgraph after the other."""

    def __init__(self, graph: Graph, options: WeightOptions) -> None:
        self.graph, self.options, self.editor, self.count = graph, options, GraphEditor(graph), 0
        self._codes: dict[tuple[int, tuple[int, ...], int | None, TensorType], tuple[Parameters, np.ndarray]] = {}

    def change(self, number: int) -> None:
        """Make the operators of a subgraph hybrid that can be."""
        subgraph = self.graph.subgraphs[number]
        users = Counter(tensor for one in subgraph.operators for tensor in one.inputs)
        users.update(subgraph.outputs)
        wanted: dict[tuple[int, int | None, TensorType], list[tuple[int, int]]] = {}
        gathers = []
        for index, operator in enumerate(subgraph.operators):
            if number == 0 and index in self.options.keep_float:
                continue
            if operator.name == "GATHER" and self._weighs(number, operator.inputs[0]):
                wanted.setdefault((operator.inputs[0], None, TensorType.INT8), []).append((index, 0))
                gathers.append(index)
            rule = hybrid_rule(operator, subgraph.tensors)
            if rule is None:
                continue
            for operand in self._operands(number, operator, rule):
                key = (operator.inputs[operand], *self._form(operator, rule))
                wanted.setdefault(key, []).append((index, operand))
        for (tensor, axis, type), places in wanted.items():
            self._replace(number, tensor, axis, type, places, users[tensor])
        for index in sorted({index for places in wanted.values() for index, _ in places}):
            self.count += 1
            self._finish(number, index)
        for index in reversed(gathers):
            self._dequantize(number, index)

    def _weighs(self, number: int, tensor: int) -> bool:
        """Whether a tensor is a float constant of enough elements."""
        if tensor < 0 or self.graph.subgraphs[number].tensors[tensor].type is not TensorType.FLOAT32:
            return False
        value = constant_array(self.graph, number, tensor)
        return value is not None and value.size >= max(self.options.minimum_elements, 1)

    def _operands(self, number: int, operator: Operator, rule: HybridRule) -> list[int]:
        """Return the operands that become codes: all weights that are there, or none."""
        inputs = operator.inputs
        there = [operand for operand in rule.operands if operand < len(inputs) and inputs[operand] >= 0]
        return there if all(self._weighs(number, inputs[operand]) for operand in there) else []

    def _form(self, operator: Operator, rule: HybridRule) -> tuple[int | None, TensorType]:
        whole = operator.name == "FULLY_CONNECTED" and not self.options.dense_per_channel
        return None if whole else rule.axis, weight_type(rule, self.options.bits)

    def _replace(
        self, number: int, tensor: int, axis: int | None, type: TensorType, places: list[tuple[int, int]], users: int
    ) -> None:
        """Put a tensor of codes in the place of a float one, or beside it where others use that."""
        old = self.graph.subgraphs[number].tensors[tensor]
        key = (old.buffer, old.shape, axis, type)
        if key not in self._codes:
            value = constant_array(self.graph, number, tensor)
            assert value is not None
            require_finite(value, old.name)
            parameters = chosen_weight_parameters(value, axis, type, self.options.scale)
            self._codes[key] = parameters, codes_of(value, parameters)
        parameters, codes = self._codes[key]
        new = self.editor.constant(old, type, parameters.quantization, codes)
        if users == len(places):
            self.editor.tensors[number][tensor] = new
            return
        added = self.editor.add(number, new)
        for index, operand in places:
            operator = self.editor.operators[number][index]
            inputs = tuple(added if i == operand else one for i, one in enumerate(operator.inputs))
            self.editor.operators[number][index] = replace(operator, inputs=inputs)

    def _finish(self, number: int, index: int) -> None:
        """Give an operator the version and the options of its hybrid form."""
        operator = self.editor.operators[number][index]
        if operator.name == "GATHER":
            batched = operator.options is not None and operator.options.batch_dims != 0
            self.editor.operators[number][index] = replace(operator, version=5 if batched else 2)
            return
        tensors = self.editor.tensors[number]
        rule = hybrid_rule(operator, tensors)
        assert rule is not None
        weights = tensors[operator.inputs[rule.operands[0]]]
        options = operator.options
        asymmetric = hasattr(options, "asymmetric_quantize_inputs") and self.options.asymmetric_inputs
        if hasattr(options, "asymmetric_quantize_inputs"):
            options = replace(options, asymmetric_quantize_inputs=asymmetric)
        grouped = operator.name == "CONV_2D" and tensors[operator.inputs[0]].shape[-1] != weights.shape[-1]
        form = Form(operator, asymmetric, len(weights.quantization.scale) > 1, grouped, weights.type is TensorType.INT4)
        self.editor.operators[number][index] = replace(operator, options=options, version=rule.version(form))

    def _dequantize(self, number: int, index: int) -> None:
        """Let DEQUANTIZE follow an operator that moves codes."""
        operator = self.editor.operators[number][index]
        tensors = self.editor.tensors[number]
        table, output = tensors[operator.inputs[0]], tensors[operator.outputs[0]]
        codes = replace(output, name=f"{output.name}_int8", type=TensorType.INT8, quantization=table.quantization)
        place = self.editor.add(number, codes)
        self.editor.operators[number][index] = replace(operator, outputs=(place,))
        self.editor.operators[number].insert(index + 1, Operator("DEQUANTIZE", 2, (place,), operator.outputs))


def halve_weights(graph: Graph, keep_float: Collection[int] = (), halve_biases: bool = False) -> Graph:
    """Return a model whose float constants are stored as float16, clipped to what that can hold.

    Parameters
    ----------
    keep_float : indices of operators of the first subgraph whose constants stay as they are.
    halve_biases : whether that goes for biases, too, and for whatever else is one row of numbers and no weights.

    Raises
    ------
    QuantizationError
        Where there is no such constant.
    """
    editor, count = GraphEditor(graph), 0
    for number, subgraph in enumerate(graph.subgraphs):
        apart = frozenset(keep_float) if number == 0 else frozenset()
        halved = [one for index, one in enumerate(subgraph.operators) if index not in apart]
        used = {tensor for one in halved for tensor in one.inputs if tensor >= 0}
        other = {tensor for index in apart for tensor in subgraph.operators[index].inputs}
        weights = {one.inputs[i] for one in halved for i in _weight_operands(one)}
        floats: dict[int, int] = {}
        conversions = []
        for tensor in sorted(used):
            old = subgraph.tensors[tensor]
            value = constant_array(graph, number, tensor) if old.type is TensorType.FLOAT32 else None
            if value is None or not value.size:
                continue
            if not halve_biases and tensor not in weights and value.size == max(value.shape, default=1):
                continue
            half = editor.constant(old, TensorType.FLOAT16, Quantization(), _half(value))
            kept = tensor in subgraph.outputs or tensor in other
            source = editor.add(number, half) if kept else tensor
            if not kept:
                editor.tensors[number][tensor] = half
            floats[tensor] = editor.add(number, _float(old))
            conversions.append(Operator("DEQUANTIZE", 3, (source,), (floats[tensor],)))
        operators = [
            one if index in apart else replace(one, inputs=tuple(floats.get(tensor, tensor) for tensor in one.inputs))
            for index, one in enumerate(subgraph.operators)
        ]
        editor.operators[number] = [*conversions, *operators]
        count += len(conversions)
    if not count:
        besides = "" if halve_biases else " besides biases"
        raise QuantizationError(f"nothing to quantize: the model has no float constant{besides}")
    editor.drop_metadata(_STALE_METADATA)
    # Tells delegates that they may compute in float16, as the converter's files do.
    editor.add_metadata("reduced_precision_support", b"fp16accfp32")
    return editor.finish(f"quantized to float16 by q31 {__version__}")


def _weight_operands(operator: Operator) -> list[int]:
    rule = HYBRID_RULES.get(operator.name)
    return [one for one in rule.operands if one < len(operator.inputs)] if rule else []


def _half(value: np.ndarray) -> np.ndarray:
    return np.clip(value, -_LARGEST_HALF, _LARGEST_HALF).astype(np.float16)


def _float(old: Tensor) -> Tensor:
    return Tensor(f"{old.name}_float", TensorType.FLOAT32, old.shape, shape_signature=old.shape_signature)
