"""SVDF and LSTM of int8: one output value, from the state before the step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..activations.sigmoid_int16 import InterpolatedSigmoid
from ..operator import Node, Shape
from ..recurrent import lstm_litert, lstm_tflm
from ..recurrent.lstm import SequenceLSTM
from ..recurrent.lstm_basic import QuantizedCell
from ..recurrent.lstm_weights import Gate, Rescaling, gates_of
from ..recurrent.svdf import SVDF
from .functions import explain_sigmoid
from .narration import Narration, NotNarratedError
from .requantization import (
    explain_code,
    explain_high_multiply,
    explain_multiplier,
    explain_rescaling,
    explain_right_shift,
)

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
    if projection is not None and not tables:
        _explain_projection(n, prepared, arrays, at)
        return
    if special or projection is not None:
        raise NotNarratedError
    x, h, c, batch = _before(n, prepared, arrays, at)
    cell = _Cell(n, parameters, tables, x[batch], h[batch], int(c[batch, at[-1]]), at[-1])
    cell.narrate(gates, (node, float(node.input(_CELL).scale)))


def _explain_projection(n: Narration, prepared: SequenceLSTM, arrays: Arrays, at: Shape) -> None:
    """Narrate a projected value: the cells' codes, as they are before it, by the projection's weights."""
    p: Any = prepared.parameters
    projection, bias = arrays[_PROJECTION], arrays[_PROJECTION + 1]
    assert projection is not None
    x, h, c, batch = _before(n, prepared, arrays, at)
    gates = gates_of(tuple(arrays))
    codes = p.step(gates, None, None)(x, h, c)[0][batch]
    weights = projection[at[-1]]
    rows = [
        (code, code - p.hidden_zero_point, weight, (code - p.hidden_zero_point) * weight)
        for code, weight in zip(codes.tolist(), weights.tolist(), strict=True)
    ]
    title = f"codes of {len(rows)} cells before the projection, zero point {p.hidden_zero_point}"
    n.table(title, ("code", "code - zero point", "weight", "product"), rows)
    total = n.step("sum of products", "sum", terms=[row[-1] for row in rows])
    if bias is not None:
        total = n.step("plus the bias", "add", a=total, b=int(bias[at[-1]]))
    total = n.step("as int32", "wrap_int32", x=total)
    explain_multiplier(n, "multiplier", p.projected.multiplier * 2.0 ** (p.projected.shift - 31))
    rescaling: Rescaling = p.projected
    hidden = explain_rescaling(n, "rescaled", total, rescaling.multiplier, rescaling.shift, rescaling.rounding, n.scale)
    explain_code(n, hidden, p.output_zero_point, -128, 127)
    if p.projection_clip > 0:
        low, high = -p.projection_clip, p.projection_clip
        n.step("clipped", "clamp", x=int(n.result), low=low, high=high, note="the clip of the projection")


def explain_basic_lstm(n: Narration, prepared: QuantizedCell, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate the hidden state of a LSTM of the kernel type BASIC, of uint8 with a cell state of int16."""
    x, h, weights, bias, states = arrays
    assert x is not None and h is not None and weights is not None and bias is not None and states is not None
    batch, unit = at
    both, units = np.concatenate((x[batch], h[batch])), h.shape[1]
    sums = []
    rescaling = prepared.rescaling
    explain_multiplier(n, "multiplier to Q3.12", rescaling.multiplier * 2.0 ** (rescaling.shift - 31))
    for number, name in enumerate(("input gate", "cell gate", "forget gate", "output gate")):
        row = weights[number * units + unit]
        pairs = [(int(code), int(weight)) for code, weight in zip(both, row, strict=True)]
        zero_points = (128, prepared.weights_zero_point)
        rows = [(a, a - zero_points[0], b, b - zero_points[1]) for a, b in pairs]
        terms = [left * right for _, left, _, right in rows]
        columns = ("input or hidden state", "less 128", "weight", "less its zero point", "product")
        n.table(f"{name}: {len(rows)} products", columns, [(*one, term) for one, term in zip(rows, terms, strict=True)])
        total = n.step(f"{name}: sum of products", "sum", terms=terms)
        total = n.step(f"{name}: plus the bias", "add", a=total, b=int(bias[number * units + unit]))
        total = n.step(f"{name}: as int32", "wrap_int32", x=total)
        title = f"{name}: in Q3.12"
        if prepared.rounds_half_up:
            scaled = _half_up(n, title, total, rescaling)
        else:
            scaled = explain_rescaling(n, title, total, rescaling.multiplier, rescaling.shift, rescaling.rounding)
        sums.append(n.step(f"{name}: saturated", "clamp", x=scaled, **_INT16))
    let_in, update, forget, output = sums
    gated = _multiply(n, "added", _squash(n, "input gate", let_in), _squash(n, "cell gate", update, "tanh_int16"))
    kept = _multiply(n, "kept", _squash(n, "forget gate", forget), int(states[batch, unit]))
    added = explain_right_shift(n, "added, in Q4.11", gated, 4)
    cell = n.step("new cell state", "add", a=added, b=kept)
    cell = n.step("new cell state, saturated", "clamp", x=cell, **_INT16, real=cell / 2**11)
    result = _multiply(
        n, "hidden state", _squash(n, "output gate", output), _squash(n, "new cell state", cell, "tanh_int16", 4)
    )
    code = explain_right_shift(n, "in 128ths", result, 8, result / 2**15)
    code = n.step("saturated", "clamp", x=code, low=-128, high=127)
    n.step("output code", "add", a=code, b=128)


def _half_up(n: Narration, name: str, x: int, rescaling: Rescaling) -> int:
    left, right = max(rescaling.shift, 0), max(-rescaling.shift, 0)
    shifted = n.step("shifted left", "shift_left", x=x, by=left)
    high = explain_high_multiply(n, n.step("as int32", "wrap_int32", x=shifted), rescaling.multiplier)
    nudged = n.step("nudged", "add", a=high, b=1 << right >> 1, note="halves go up in the reference's matrix product")
    return int(n.step(name, "shift_right", x=nudged, by=right))


def _squash(n: Narration, name: str, x: int, operation: str = "logistic_int16", integer_bits: int = 3) -> int:
    note = f"gemmlowp's, from Q{integer_bits}.{15 - integer_bits} to Q0.15"
    return int(n.step(f"{name}: {operation[:-6]}", operation, x=x, integer_bits=integer_bits, note=note))


def _multiply(n: Narration, name: str, a: int, b: int) -> int:
    return int(n.step(name, "high_multiply_int16", a=a, b=b))


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
    step = prepared.parameters.step(gates_of(tuple(arrays)), arrays[_PROJECTION], arrays[_PROJECTION + 1])
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
