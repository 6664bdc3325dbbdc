"""The conformance report and the cells it counts."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
from rich.console import Console

from conformance.report import PROPERTY, Counts, print_report, short_of, wanted
from q31.schema import Quantization, TensorType
from q31.schema.options import AddOptions, FullyConnectedOptions
from q31.tools.conformance.case import constant, result, single_operator, tensor
from q31.tools.conformance.cells import cells_of, named_cell

FLOAT32, INT4 = TensorType.FLOAT32, TensorType.INT4


def test_a_hybrid_product_with_packed_weights_holds_two_cells() -> None:
    weights = constant(np.ones((2, 4), np.int8), Quantization((0.5,), (0,)), INT4)
    inputs = [tensor(FLOAT32, (1, 4)), weights, None]
    x = np.ones((1, 4), np.float32)
    case = single_operator("FULLY_CONNECTED", FullyConnectedOptions(), inputs, [result(FLOAT32)], [x])
    assert cells_of(case.graph) == {("FULLY_CONNECTED", "hybrid"), ("FULLY_CONNECTED", "int4-weights")}


def test_an_operator_holds_the_cell_of_the_type_that_selects_its_kernel() -> None:
    inputs = [tensor(TensorType.INT8, (1,), Quantization((0.5,), (0,)))] * 2
    arrays = [np.zeros(1, np.int8)] * 2
    case = single_operator("ADD", AddOptions(), inputs, [result(TensorType.INT8)], arrays, version=2)
    assert cells_of(case.graph) == {("ADD", "int8")}


def test_names_name_cells() -> None:
    assert named_cell("CONV_2D int8 per-channel") == ("CONV_2D", "int8")
    assert named_cell("GATHER of other types") is None
    assert named_cell("network int8") is None


def test_counts_of_several_processes_add_up_and_what_is_short_is_told() -> None:
    counts = Counts()
    for failed in (False, True):
        one = Counts()
        one.answered["ADD", "int8"] += 120
        one.refused["ADD", "int8"] += 3
        properties = [(PROPERTY, one.to_json())]
        report = SimpleNamespace(when="call", user_properties=properties, failed=failed, nodeid="x::y[ADD int8]")
        counts.add_report(report)
    assert counts.answered["ADD", "int8"] == 240 and counts.refused["ADD", "int8"] == 6
    assert ("ADD", "int8") in wanted() and not any(line.startswith("ADD int8") for line in short_of(counts, 240))
    assert "ADD int8: 240 of 241" in short_of(counts, 241)
    assert not any(line.startswith("ADD ") for line in short_of(counts, 241, ["ADD"]))
    stream = io.StringIO()
    print_report(counts, Console(file=stream, width=160))
    assert "240 answers" in stream.getvalue() and "1 mismatches: y[ADD int8]" in stream.getvalue()
