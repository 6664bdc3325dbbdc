"""Every mode and operator: what q31.quantize writes runs in the reference, and with q31's bits.

The float models are those of the conformance cases; their quantized forms are judged as those are.
"""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import q31
from conformance.judge import Tally, judge
from q31.schema import Error, QuantizationError, TensorType, constant_array, read
from q31.tools.conformance.case import Case
from q31.tools.conformance.collection import collect
from q31.tools.conformance.oracle import Oracle
from q31.tools.quantization.hybrid_rules import HYBRID_RULES
from q31.tools.quantization.rules import RULES
from q31.tools.reference_types import DEFAULT_RESOLVER

CASES = collect()
EXAMPLES = int(os.environ.get("Q31_CONFORMANCE_EXAMPLES", "0")) or 3
LARGEST = 1e3
"""Numbers beyond are left out: their products leave float32, and ranges beside them multipliers."""

PACKED = [name for name, rule in RULES.items() if rule.packed]
WIDE = [name for name, rule in RULES.items() if rule.version16]
HALVED = ["ADD", "CONV_2D", "CONCATENATION", "FULLY_CONNECTED", "LSTM", "PRELU", "SVDF", "TRANSPOSE_CONV"]
MODES = {
    "int8": [name for name, rule in RULES.items() if not rule.last_resort and name not in DEFAULT_RESOLVER],
    "int16x8": WIDE,
    "int8 of 4 bits": PACKED,
    "int16x8 of 4 bits": [name for name in PACKED if RULES[name].packed16],
    "dynamic": list(HYBRID_RULES),
    "dynamic of 4 bits": [name for name, rule in HYBRID_RULES.items() if rule.four_bits],
    "float16": HALVED,
}


def constants(case: Case) -> list[np.ndarray]:
    """Return the float constants of a case's model."""
    tensors = case.graph.subgraphs[0].tensors
    values = [constant_array(case.graph, 0, i) for i, one in enumerate(tensors) if one.type is TensorType.FLOAT32]
    return [value for value in values if value is not None]


def quantized(case: Case, mode: str, draw: st.DrawFn) -> Case:
    """Return a case of the quantized form of a case's float model, or give this example up."""
    chosen = mode.removesuffix(" of 4 bits")
    options = {
        "weight_bits": 4 if mode.endswith("4 bits") else 8,
        "weight_scale": draw(st.sampled_from(["max", "mse"])),
        "dense_per_channel": draw(st.booleans()),
        "asymmetric_inputs": draw(st.booleans()),
        "halve_biases": draw(st.booleans()),
        "minimum_elements": 1,
    }
    floats = [one for arrays in case.runs for one in arrays if one.dtype == np.float32]
    assume(all(np.all(np.abs(one) < LARGEST) for one in (*floats, *constants(case))))
    data = [list(arrays) for arrays in case.runs] if chosen.startswith("int") else None
    if chosen == "float16":
        options["weight_bits"] = 8
    try:
        content = q31.quantize(case.model, chosen, data, **options)
    except QuantizationError as error:
        # No constant weights, or numbers that are not finite: the draw's fault.
        assume(not any(words in str(error) for words in ("nothing to quantize", "NaN", "infinity")))
        raise
    except Error:
        assume(False)
        raise
    try:
        q31.load(content)
    except Error as error:
        # Results that happen to be next to nothing beside what they are made of: kernels have no such multiplier.
        assume("ratio" not in str(error) and "output scales" not in str(error))
    return replace(case, graph=read(content))


@pytest.mark.parametrize(("mode", "operator"), [(mode, name) for mode, names in MODES.items() for name in names])
def test_a_quantized_operator_gives_the_bits_of_the_reference(mode: str, operator: str, oracle: Oracle) -> None:
    tally = Tally()

    @settings(max_examples=EXAMPLES)
    @given(data=st.data())
    def agree(data: st.DataObject) -> None:
        case = quantized(data.draw(CASES[f"{operator} float32"]), mode, data.draw)
        judge(f"quantized to {mode}, {operator}", case, oracle, tally)

    agree.hypothesis.inner_test._hypothesis_internal_add_digest = f"{mode} {operator}".encode()  # type: ignore[attr-defined]
    agree()
    tally.require_mostly_answered(operator)
    print(f"{mode} {operator}: {tally.answered} of {tally.answered + tally.silent} answered", tally.reasons)
