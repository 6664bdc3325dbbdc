"""SVDF and LSTM of int8: one output value, from the state before the step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..activations.sigmoid_int16 import InterpolatedSigmoid
from ..operator import Node, Shape
from ..recurrent import lstm_litert, lstm_tflm
from ..recurrent.lstm import SequenceLSTM
from ..recurrent.lstm_weights import Gate, Rescaling, gates_of
from ..recurrent.svdf import SVDF
from .functions import explain_sigmoid
from .narration import Narration, NotNarratedError
from .requantization import explain_code, explain_multiplier, explain_rescaling, explain_right_shift

Arrays = Sequence[np.ndarray | None]

_HIDDEN, _CELL, _PROJECTION = 18, 19, 16
_INT16: Mapping[str, Any] = {"low": -(2**15), "high": 2**15 - 1}
_GATES = ("input gate", "forget gate", "cell gate", "output gate")


def explain_svdf(n: Narration, prepared: SVDF, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate SVDF of int8: new features for each filter of a unit, then the filters' memory weighed over time."""
    p = prepared
    x, features, time, bias, state = arrays
    assert x is not None and features is not None and time is not None and state is not None
    batch, unit = at
    filters, memory = time.shape
    moved = np.append(state.ravel()[1:], state.ravel()[-1:]).reshape(len(x), filters, memory)
    codes = [int(code) for code in x[batch]]
    limits = np.iinfo(state.dtype)
    terms: list[int] = []
    explain_multiplier(n, "multiplier of features", p.feature_multiplier * 2.0 ** (p.feature_shift - 31))
    for number in range(unit * p.rank, (unit + 1) * p.rank):
        weights = [int(weight) for weight in features[number]]
        rows = [
            (code, code - p.input_zero_point, weight, (code - p.input_zero_point) * weight)
            for code, weight in zip(codes, weights, strict=True)
        ]
        title = f"filter {number}: features, zero point {p.input_zero_point}"
        n.table(title, ("input", "input - zero point", "weight", "product"), rows)
        total = n.step(f"filter {number}: sum of products", "sum", terms=[row[-1] for row in rows])
        total = n.step(f"filter {number}: as int32", "wrap_int32", x=total)
        newest = explain_rescaling(
            n, f"filter {number}: rescaled", total, p.feature_multiplier, p.feature_shift, p.rounding
        )
        newest = n.step(f"filter {number}: saturated", "clamp", x=newest, low=int(limits.min), high=int(limits.max))
        newest = n.step(f"filter {number}: newest of the memory", "add", a=newest, b=p.state_zero_point)
        newest = n.step(f"filter {number}: as {state.dtype}", f"wrap_int{limits.bits}", x=newest)
        past = [int(one) for one in moved[batch, number, :-1]] + [newest]
        rows = [
            (code, code - p.state_zero_point, int(weight), (code - p.state_zero_point) * int(weight))
            for code, weight in zip(past, time[number], strict=True)
        ]
        title = f"filter {number}: memory, oldest first, zero point {p.state_zero_point}"
        n.table(title, ("state", "state - zero point", "time weight", "product"), rows)
        terms.append(n.step(f"filter {number}: weighed over time", "sum", terms=[row[-1] for row in rows]))
    scale = float(node.input(4).scale) * float(node.input(2).scale)
    total = n.step("sum over filters", "sum", terms=terms, real=sum(terms) * scale)
    if bias is not None:
        total = n.step("plus the bias", "add", a=total, b=int(bias[unit]), real=(total + int(bias[unit])) * scale)
    total = n.step("as int32", "wrap_int32", x=total)
    n.exact = max((-128 - n.zero_point) * n.scale, min(total * scale, (127 - n.zero_point) * n.scale))
    explain_multiplier(n, "multiplier over time", p.time_multiplier * 2.0 ** (p.time_shift - 31))
    scaled = explain_rescaling(n, "rescaled", total, p.time_multiplier, p.time_shift, p.rounding, n.scale)
    explain_code(n, scaled, p.output_zero_point, -128, 127)


def explain_lstm(n: Narration, prepared: SequenceLSTM, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate LSTM of int8: the gates of one cell at the step of the value, from the states before that step."""
    parameters: Any = prepared.parameters
    tables = isinstance(parameters, lstm_tflm.Parameters)
    if not tables and not isinstance(parameters, lstm_litert.Parameters):
        raise NotNarratedError
    gates = gates_of(tuple(arrays))
    special = any(gate is not None and (gate.peephole is not None or gate.layer_norm is not None) for gate in gates)
    projection = arrays[_PROJECTION] if len(arrays) > _PROJECTION else None
    if special or projection is not None:
        raise NotNarratedError
    x, h, c, batch = _before(n, prepared, arrays, at)
    cell = _Cell(n, parameters, tables, x[batch], h[batch], int(c[batch, at[-1]]), at[-1])
    cell.narrate(gates, (node, float(node.input(_CELL).scale)))


def _before(
    n: Narration, prepared: SequenceLSTM, arrays: Arrays, at: Shape
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return the input of a value's step and the states before it, and which of the batch it is."""
    x, hidden, cell = arrays[0], arrays[_HIDDEN], arrays[_CELL]
    assert x is not None and hidden is not None and cell is not None
    timed = x if prepared.sequence else x[None]
    first = prepared.time_major or not prepared.sequence
    steps = timed if first else timed.swapaxes(0, 1)
    number, batch = (0, at[0]) if not prepared.sequence else at[:2] if first else (at[1], at[0])
    h, c = hidden.reshape(steps.shape[1], -1), cell.reshape(steps.shape[1], -1)
    step = prepared.parameters.step(gates_of(tuple(arrays)), None, None)
    for now in steps[:number]:
        h, c = step(now, h, c)
    n.table(f"step {number} of {len(steps)}; the states before it were computed", ("step", "batch"), [(number, batch)])
    return steps[number], h, c, batch


class _Cell:
    """One cell of a layer at one step: the input (n,), hidden state (m,) and the cell's own state before it."""

    def __init__(
        self, n: Narration, parameters: Any, tables: bool, x: np.ndarray, h: np.ndarray, state: int, unit: int
    ) -> None:
        self.n, self.parameters, self.tables = n, parameters, tables
        self.x, self.h, self.state, self.unit = x, h, state, unit

    def narrate(self, gates: Sequence[Gate | None], node_and_scale: tuple[Node, float]) -> None:
        """Narrate gates, cell state and hidden state."""
        n, p = self.n, self.parameters
        forget = self.sigmoid("forget gate", self.gate_sum(1, gates[1]))
        update = self.tanh("cell gate", self.gate_sum(2, gates[2]), 3)
        if gates[0] is None:
            let_in = n.step("input gate", "subtract", a=2**15 - 1, b=forget, note="coupled to the forget gate")
        else:
            let_in = self.sigmoid("input gate", self.gate_sum(0, gates[0]))
        scale = node_and_scale[1]
        kept = n.step(
            "forget gate by state", "multiply", a=forget, b=self.state, real=forget * self.state * scale / 2**15
        )
        added = n.step("input gate by cell gate", "multiply", a=let_in, b=update, real=let_in * update / 2**30)
        if self.tables:
            kept = self.rescaled("kept", kept, p.kept, saturates=True)
            added = self.rescaled("added", added, p.added, saturates=True)
        else:
            kept = explain_right_shift(n, "kept", kept, 15)
            added = explain_right_shift(n, "added", added, 30 + p.cell_exponent)
        cell = n.step("new cell state", "add", a=kept, b=added, real=(kept + added) * scale)
        cell = n.step("new cell state, saturated", "clamp", x=cell, **_INT16, real=cell * scale)
        if p.cell_clip > 0:
            cell = n.step("new cell state, clipped", "clamp", x=cell, low=-p.cell_clip, high=p.cell_clip)
        output = self.sigmoid("output gate", self.gate_sum(3, gates[3]))
        squashed = self.tanh("new cell state", cell, 15 + p.cell_exponent)
        product = n.step(
            "output gate by that", "multiply", a=output, b=squashed, note="Q0.15 both", real=output * squashed / 2**30
        )
        n.exact = output / 2**15 * float(np.tanh(cell * scale))
        zero_point = p.output_zero_point if self.tables else p.hidden_zero_point
        hidden = self.rescaled("rescaled", product, p.hidden)
        explain_code(n, hidden, zero_point, -128, 127)

    def gate_sum(self, number: int, gate: Gate | None) -> int:
        """Narrate a gate's sum in Q3.12."""
        assert gate is not None
        n, p, name = self.n, self.parameters, _GATES[number]
        total = self.products(f"{name}: input", self.x, p.input_zero_point, gate.inputs[self.unit])
        total = n.step(f"{name}: plus the bias", "add", a=total, b=int(gate.bias[self.unit]))
        of_input = self.rescaled(f"{name}: input in Q3.12", total, p.inputs[number], saturates=True, unit=2.0**-12)
        total = self.products(f"{name}: hidden state", self.h, p.output_zero_point, gate.recurrent[self.unit])
        of_hidden = self.rescaled(f"{name}: hidden state in Q3.12", total, p.recurrent[number], self.tables, 2.0**-12)
        both = n.step(f"{name}: sum", "add", a=of_input, b=of_hidden)
        return int(n.step(f"{name}: sum, saturated", "clamp", x=both, **_INT16, real=both / 2**12))

    def products(self, name: str, codes: np.ndarray, zero_point: int, weights: np.ndarray) -> int:
        """Narrate codes less their zero point by weights."""
        pairs = [(int(code), int(weight)) for code, weight in zip(codes, weights, strict=True)]
        rows = [(code, code - zero_point, weight, (code - zero_point) * weight) for code, weight in pairs]
        columns = ("code", "code - zero point", "weight", "product")
        self.n.table(f"{name}: {len(rows)} products, zero point {zero_point}", columns, rows)
        return int(self.n.step(f"{name}: sum of products", "sum", terms=[row[-1] for row in rows]))

    def rescaled(
        self, name: str, x: int, rescaling: Rescaling, saturates: bool = False, unit: float | None = None
    ) -> int:
        """Narrate a rescaling of an int32, and its saturation to int16."""
        n = self.n
        x = n.step("as int32", "wrap_int32", x=x) if not -(2**31) <= x < 2**31 else x
        explain_multiplier(n, f"{name}: multiplier", rescaling.multiplier * 2.0 ** (rescaling.shift - 31))
        result = explain_rescaling(n, name, x, rescaling.multiplier, rescaling.shift, rescaling.rounding, unit)
        return int(n.step(f"{name}, saturated", "clamp", x=result, **_INT16)) if saturates else result

    def sigmoid(self, name: str, x: int) -> int:
        """Narrate the logistic function of Q3.12 to Q0.15."""
        if self.tables:
            return explain_sigmoid(self.n, x, InterpolatedSigmoid(((),), 3, 0, 9, False), f"{name}: ")
        return int(self._gemmlowp(f"{name}: logistic", "logistic_int16", x, 3))

    def tanh(self, name: str, x: int, integer_bits: int) -> int:
        """Narrate the hyperbolic tangent to Q0.15."""
        if self.tables:
            left = integer_bits - 3
            rescaling = (3 << left, 0) if left >= 0 else (3, -left)
            return explain_sigmoid(self.n, x, InterpolatedSigmoid(((),), *rescaling, 8, True), f"{name}, tanh: ")
        return int(self._gemmlowp(f"{name}: tanh", "tanh_int16", x, integer_bits))

    def _gemmlowp(self, name: str, operation: str, x: int, integer_bits: int) -> int:
        real = x * 2.0 ** (integer_bits - 15)
        value = np.tanh(real) if operation == "tanh_int16" else 1 / (1 + np.exp(-real))
        note = f"gemmlowp's, from Q{integer_bits}.{15 - integer_bits} to Q0.15"
        return int(self.n.step(name, operation, x=x, integer_bits=integer_bits, note=note, real=value))
