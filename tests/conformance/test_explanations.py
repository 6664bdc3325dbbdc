"""explain on the models of the conformance cases: random types, shapes and quantization, in all profiles.

Every value explained ends at the traced one, and every step is recomputed by the definitions in ``explained_steps``.
"""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings

import q31
from explained_steps import recompute
from q31.kernels.explain.registry import narrated_operators
from q31.tools.conformance.case import Case
from q31.tools.conformance.collection import collect

CASES = collect()
PROFILES = ("litert", "tflm", "single")
_FLOATS = ("float", "complex", "string", "without columns")
NAMES = [
    name for name in CASES if name.split()[0] in narrated_operators() and not any(word in name for word in _FLOATS)
]


def explain_case(case: Case, profile: str, found: Counter[str]) -> None:
    """Explain the first, the last and a middle value of each operator of a case."""
    try:
        model = q31.load(case.model, profile=profile, backend="numpy")
        trace = model.trace(*case.inputs)
    except q31.Error:
        return  # what the profile or the operator refuses
    for operator in trace.operators:
        output = operator.outputs[0] if operator.outputs else None
        if output is None or output.size == 0 or operator.node is None:
            continue
        for flat in sorted({0, output.size // 2, output.size - 1}):
            at = tuple(int(i) for i in np.unravel_index(flat, output.shape))
            try:
                explanation = model.explain(operator.index, at)
            except q31.InputError as error:
                found[str(error).rsplit(": ", 1)[1]] += 1
                continue
            found[type(operator.prepared).__name__] += 1
            told = json.loads(json.dumps(explanation.to_dict()))["profiles"][profile]
            steps = [part for part in told["parts"] if "operation" in part]
            for step in steps:
                recompute(step)
            assert steps[-1]["result"] == output[at] or np.isnan(output[at])
            assert str(explanation)


@pytest.mark.parametrize("name", NAMES)
def test_values_of_random_models_are_explained(name: str) -> None:
    found: Counter[str] = Counter()

    @settings(max_examples=max(2, settings.default.max_examples // 10))
    @given(case=CASES[name])
    def explained(case: Case) -> None:
        for profile in PROFILES:
            explain_case(case, profile, found)

    explained.hypothesis.inner_test._hypothesis_internal_add_digest = name.encode()  # type: ignore[attr-defined]
    explained()
    print(name, dict(found))
