"""The table of quirks: each is met by a node and does what it says; every use of the profile's field is named."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import q31
from q31.kernels.operator import Node
from q31.kernels.profiles import LITERT, SINGLE, TFLM
from q31.kernels.quirk import Quirk, Treatment
from q31.kernels.quirks.condition import never
from q31.kernels.quirks.table import QUIRKS, quirks_of
from q31.kernels.registry import CUSTOM, REGISTRY
from q31.schema import ModelError
from q31.schema import options as schema_options
from quirk_nodes import EXAMPLES, INT8, INT16, INT32, UINT8, hybrid, node, reduced, result, run, sparse, spec

KERNELS = Path(q31.__file__).parent / "kernels"
BY_NAME = {quirk.name: quirk for quirk in QUIRKS}


def arrays(evaluated: Any) -> list[Any]:
    several = evaluated if isinstance(evaluated, tuple) else (evaluated,)
    return [one.tolist() for one in several]


def test_every_quirk_has_an_example() -> None:
    assert list(BY_NAME) == sorted(BY_NAME) and len(BY_NAME) == len(QUIRKS)
    assert set(EXAMPLES) == set(BY_NAME)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", name) for name in BY_NAME)


@pytest.mark.parametrize("name", [quirk.name for quirk in QUIRKS])
def test_a_quirk_is_what_its_treatment_says(name: str) -> None:
    quirk = BY_NAME[name]
    the_node, expected = EXAMPLES[name]()
    if quirk.treatment is Treatment.REFUSED:
        for profile in (LITERT, TFLM, SINGLE):
            with pytest.raises(ModelError):
                run(the_node, profile)
        return
    prepared, litert = run(the_node, LITERT)
    assert quirk.condition is never or quirk in quirks_of(the_node, prepared, LITERT)
    if expected is not None:
        numbers = [one for array in arrays(litert) for one in np.reshape(array, -1).tolist()]
        assert numbers[: np.size(expected)] == np.reshape(expected, -1).tolist()
    if name in ("gather-nd-flat-bounds", "codes-read-as-another-type"):
        with pytest.raises(ModelError):
            run(the_node, TFLM)
        return
    for profile in (TFLM, SINGLE):
        of_profile, other = run(the_node, profile)
        assert (arrays(other) == arrays(litert)) == (quirk.treatment is not Treatment.REPRODUCED)
        met = quirk in quirks_of(the_node, of_profile, profile)
        assert met == (quirk.treatment is Treatment.EVERYWHERE)


def harmless() -> Iterator[tuple[str, Node]]:
    """Nodes of the same operators that do not meet the quirk."""
    yield (
        "add-multiplier-of-one",
        node("ADD", [spec([1], INT8, 1.0)] * 2, result(INT8, 2.0), schema_options.AddOptions()),
    )
    yield (
        "sub-drops-left-shift",
        node("SUB", [spec([1], INT8, 1.0)] * 2, result(INT8, 2.0), schema_options.SubOptions()),
    )
    yield (
        "arg-max-of-nan",
        node(
            *("ARG_MAX", [spec([3, 1], INT8), spec(0, INT32)]),
            *(result(INT32), schema_options.ArgMaxOptions(output_type=INT32)),
        ),
    )
    yield (
        "concatenation-beyond-int32",
        node("CONCATENATION", [spec([1], UINT8, 2.0)], result(UINT8, 1.0), schema_options.ConcatenationOptions()),
    )
    yield "hybrid-minus-128", hybrid(np.full((1, 16), -127), np.ones((1, 16)))
    yield "hybrid-minus-128", hybrid(np.full((1, 15), -128), np.ones((1, 15)))
    yield "hybrid-rounds-up-below-a-half", hybrid(np.ones((1, 7)), np.ones((1, 7)))
    yield "sparse-pairs-wrap", sparse(np.full((1, 16), -127), np.full((1, 16), -128))
    yield "hybrid-uint8-as-int8", hybrid(np.ones((1, 1)), np.ones((1, 1)))
    yield "hybrid-row-sums-wrap", hybrid(np.full((1, 1024), 127), np.ones((1, 1024)), asymmetric=True)
    yield "hybrid-row-sums-wrap", hybrid(np.full((1, 4096), 127), np.ones((1, 4096)))
    yield "neg-ignores-quantization", node("NEG", [spec([1], INT8, 0.5)], result(INT8, 0.5), version=1)
    yield "rsqrt-shift-beyond-31", node("RSQRT", [spec([1], INT8, 0.5)], result(INT8, 0.5))
    yield "sum-int8-as-uint8", reduced([1], UINT8)
    yield "table-beyond-int32", node("TANH", [spec([1], UINT8, 0.5)], result(UINT8, 1 / 128, 128))
    yield "table-int16-step-wraps", node("EXP", [spec([1], INT16, 2.0**-15)], result(INT16, 2.0**-13))


@pytest.mark.parametrize(("name", "the_node"), [pytest.param(*pair, id=pair[0]) for pair in harmless()])
def test_a_node_that_does_not_meet_a_quirk(name: str, the_node: Node) -> None:
    prepared, _ = run(the_node, LITERT)
    assert BY_NAME[name] not in quirks_of(the_node, prepared, LITERT)


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield the functions of the kernels, as the table names them."""
    for path in sorted(KERNELS.rglob("*.py")):
        module = ".".join(path.relative_to(KERNELS).with_suffix("").parts)
        if module not in ("profiles", "quirk") and not module.startswith("quirks."):
            for one in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(one, ast.FunctionDef):
                    yield f"{module}:{one.name}", one


def test_every_use_of_the_profiles_field_is_in_the_table() -> None:
    named = {one for quirk in QUIRKS if quirk.treatment is Treatment.REPRODUCED for one in quirk.code}
    for name, function in functions():
        inside = {one.attr for one in ast.walk(function) if isinstance(one, ast.Attribute)}
        if "reproduces_quirks" in inside:
            assert name in named, f"{name} reproduces a defect that kernels/quirks/ does not name"


def test_every_quirk_told_in_a_docstring_is_in_the_table() -> None:
    named = {one for quirk in QUIRKS for one in quirk.code}
    for name, function in functions():
        told = re.search(r"\bquirk\b", ast.get_docstring(function) or "", re.IGNORECASE)
        if told:
            assert name in named, name


@pytest.mark.parametrize("quirk", QUIRKS, ids=lambda quirk: quirk.name)
def test_a_quirks_code_and_operators_exist(quirk: Quirk) -> None:
    for name in quirk.code:
        module, function = name.split(":")
        assert callable(getattr(importlib.import_module(f"q31.kernels.{module}"), function)), name
    assert set(quirk.operators) <= {*REGISTRY, *CUSTOM}
    cases = pytest.importorskip("conformance.test_operators").CASES
    for operator in quirk.operators:
        assert any(operator in case.split() for case in cases), f"no conformance case is named {operator}"
    assert not quirk.reference.endswith(".") and not quirk.definition.endswith(".")
