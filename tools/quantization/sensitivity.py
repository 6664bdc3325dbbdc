"""Which layers quantization costs most: the output's error with one layer alone quantized, and with all but one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...engine.session import open_model
from ...schema import Graph, read
from ..progress import watched
from .calibration import Calibration, calibrate
from .dataset import Dataset, Example
from .layers import layers_of
from .moments import run
from .quantize import quantize, require_float
from .refinement import Kept
from .rules import RULES

if TYPE_CHECKING:
    import os

BYTES = 4
"""Of a float32 weight."""


@dataclass(frozen=True)
class LayerSensitivity:
    """What one operator costs.

    Attributes
    ----------
    operator, name : its index in the float model, and its schema name.
    alone : the output's SQNR in dB where it alone is quantized.
    spared : the output's SQNR in dB where all others are.
    weight_bytes : of its weights in float.
    """

    operator: int
    name: str
    alone: float
    spared: float
    weight_bytes: int


@dataclass(frozen=True)
class Sensitivity:
    """What the operators of a model cost; printed as a table, the costliest first.

    Attributes
    ----------
    sqnr : of the output in dB, all quantized.
    layers : in the order in which they run.
    """

    sqnr: float
    layers: tuple[LayerSensitivity, ...]

    def ranked(self) -> list[LayerSensitivity]:
        """Return the layers, first the one that it helps most to spare."""
        return sorted(self.layers, key=lambda one: (-one.spared, one.alone, one.operator))

    def to_dict(self) -> dict[str, Any]:
        """Return it as dicts, lists and numbers, as for JSON; a SQNR without error is None."""
        return {"sqnr": _finite(self.sqnr), "layers": [_finite_dict(asdict(one)) for one in self.layers]}

    def __str__(self) -> str:
        lines = [f"all quantized: {self.sqnr:.2f} dB", "operator                    alone    spared  weights' bytes"]
        lines += [
            f"{one.operator:4} {one.name:20} {one.alone:8.2f} {one.spared:8.2f} {one.weight_bytes:15,}"
            for one in self.ranked()
        ]
        return "\n".join(lines)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _finite_dict(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _finite(value) for name, value in values.items()}


def sqnr(exact: Sequence[np.ndarray], found: Sequence[np.ndarray]) -> float:
    """Return the signal's power over the error's in dB, over all arrays; infinite where there is no error."""
    signal = sum(float(np.square(one, dtype=np.float64).sum()) for one in exact)
    error = sum(float(np.square(one.astype(np.float64) - other).sum()) for one, other in zip(exact, found, strict=True))
    with np.errstate(divide="ignore"):
        return float(10 * (np.log10(signal) - np.log10(error)))


def outputs_of(graph: Graph, examples: Iterable[Example]) -> list[np.ndarray]:
    """Return a model's outputs on examples, one after the other; codes as the numbers they stand for."""
    return [array for arrays in run(graph, graph.subgraphs[0].outputs, examples) for array in arrays]


class Trial:
    """A float model, examples and ranges, for quantizing it in one way after the other."""

    def __init__(
        self, model: str | os.PathLike[str] | bytes, data: Any, mode: str, calibration: Calibration | None, options: Any
    ) -> None:
        self.graph, content = open_model(model)
        require_float(self.graph)
        self.content = bytes(content)
        self.data = Kept(Dataset.of(data, self.graph))
        self.examples = [one for one in self.data if one.subgraph == 0]
        self.calibration = calibration or calibrate(self.content, self.data)
        self.mode, self.options = mode, dict(options)
        self.kept_float = frozenset(self.options.pop("keep_float", ()))
        self.wide = frozenset(self.options.pop("int16_operators", ()))
        self.exact = outputs_of(self.graph, self.examples)

    def operators(self) -> list[int]:
        """Return the operators that are not only carried along by the scales of others."""
        found = []
        for index, operator in enumerate(self.graph.subgraphs[0].operators):
            rule = RULES.get(operator.name)
            floats = any(self.graph.subgraphs[0].tensors[t].type.name == "FLOAT32" for t in operator.outputs)
            if index not in self.kept_float | self.wide and rule is not None and not rule.same_scale and floats:
                found.append(index)
        return found

    def quantize(self, keep_float: Iterable[int] = (), int16: Iterable[int] = ()) -> bytes:
        """Return the model with some operators spared, beside those that are anyway."""
        spared: dict[str, Any] = {
            "keep_float": self.kept_float | set(keep_float),
            "int16_operators": self.wide | set(int16),
        }
        return quantize(self.content, self.mode, calibration=self.calibration, **spared, **self.options)

    def alone(self, operator: int) -> bytes:
        """Return the model with one operator quantized, in the mode int8, where others may stay float."""
        others = set(range(len(self.graph.subgraphs[0].operators))) - {operator}
        return quantize(self.content, "int8", calibration=self.calibration, keep_float=others, **self.options)

    def sqnr(self, content: bytes) -> float:
        """Return the SQNR of a quantized model's outputs."""
        return sqnr(self.exact, outputs_of(read(content), self.examples))


def sensitivity(
    model: str | os.PathLike[str] | bytes,
    data: Any,
    *,
    calibration: Calibration | None = None,
    progress: bool = False,
    **options: Any,
) -> Sensitivity:
    """Measure what quantizing each operator to int8 costs.

    Parameters
    ----------
    model : path or bytes of a float .tflite file.
    data : representative examples, as for :func:`.quantize`: ranges are recorded and outputs compared on them.
    calibration : ranges recorded before.
    progress : draw a progress bar, on a terminal.
    options : of :func:`.quantize`: ``method``, ``method_options``, ``weight_bits``, ``dense_per_channel``,
        ``weight_scale``.

    Returns
    -------
    Sensitivity : operators that only hand values on, such as RESHAPE, are left out, and quantized with the rest.

    Raises
    ------
    Error
        As :func:`.quantize` does.
    """
    trial = Trial(model, data, "int8", calibration, options)
    weights = {layer.operator: int(np.prod(layer.shape)) for layer in layers_of(trial.graph)}
    found = []
    for index in watched(trial.operators(), "quantizing", progress):
        alone = trial.sqnr(trial.alone(index))
        spared = trial.sqnr(trial.quantize(keep_float={index}))
        name = trial.graph.subgraphs[0].operators[index].name
        found.append(LayerSensitivity(index, name, alone, spared, BYTES * weights.get(index, 0)))
    return Sensitivity(trial.sqnr(trial.quantize()), tuple(found))
