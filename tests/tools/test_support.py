"""The support table: generated from the registry, with every operator and type the reference accepts."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

import q31
from q31.engine.structure import STRUCTURAL
from q31.kernels.quirks.table import QUIRKS
from q31.kernels.registry import CUSTOM, REGISTRY
from q31.tools.cli import main
from q31.tools.reference_types import COLUMNS, DEFAULT_RESOLVER, accepted
from q31.tools.support import BOUNDS, BY_DEFINITION, DEFINITION, EXACT, FORMS, NOT_YET, cells, support, tally, versions

MATRIX = Path(q31.__file__).parent.parent / "shared" / "facts" / "ops_matrix.csv"

OF_ANY_TYPE = {
    *("EMBEDDING_LOOKUP", "EXPAND_DIMS", "HASHTABLE_LOOKUP", "LSH_PROJECTION"),
    *("RANK", "RESHAPE", "SHAPE", "SQUEEZE"),
}


def test_every_registered_type_is_exact_or_has_a_bound() -> None:
    table = cells()
    for name, kernel in {**REGISTRY, **CUSTOM}.items():
        for one in kernel.types:
            column = one.name.lower()
            assert column in COLUMNS, f"{name} {column}"
            expected = DEFINITION if (name, column) in BY_DEFINITION else BOUNDS.get((name, column), EXACT)
            assert table[name][column] == expected
    for name in STRUCTURAL:
        assert table[name]["graph"] == EXACT
    assert all(table[name][column] == text for (name, column), text in BOUNDS.items())


def test_what_the_reference_accepts_and_q31_has_not_is_not_yet() -> None:
    table = cells()
    for name, (_, columns) in accepted().items():
        for column in columns:
            assert table[name][column], f"an empty cell: {name} {column}"
        if name not in REGISTRY and name not in STRUCTURAL:
            assert {table[name][column] for column in columns} == {NOT_YET}
    present, missing = tally()
    assert present == sum(text not in ("", NOT_YET) for row in table.values() for text in row.values())
    assert missing == sum(text == NOT_YET for row in table.values() for text in row.values())


def test_every_row_has_an_oracle() -> None:
    assert cells().keys() <= {*accepted(), *DEFAULT_RESOLVER, *CUSTOM}
    assert not accepted().keys() & set(DEFAULT_RESOLVER)


def test_versions_are_the_references() -> None:
    assert versions()["CONV_2D"] == (1, 8)
    for name, (limits, _) in accepted().items():
        assert versions()[name] == limits, f"{name}: the registry's versions are not the reference's"


def test_forms_are_held_by_conformance() -> None:
    cases = pytest.importorskip("conformance.test_operators").CASES
    for name, forms in FORMS.items():
        for form in forms:
            held = any(case.startswith(f"{name} {form}") for case in cases)
            assert held, f"no conformance case is named {name} {form}"


def test_every_operator_is_held_by_conformance() -> None:
    cases = pytest.importorskip("conformance.test_operators").CASES
    for entry in support():
        if entry["operator"] in REGISTRY:
            held = any(entry["operator"] in case.split() for case in cases)
            assert held, f"no conformance case is named {entry['operator']}"


def test_markdown_has_a_row_an_operator_and_a_column_a_type(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops", "--markdown"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(lines) == len(cells()) + 2
    assert {line.count("|") for line in lines} == {len(COLUMNS) + 3}
    header = [one.strip() for one in lines[0].split("|")]
    (row,) = (line for line in lines if line.startswith("| `CONV_2D` |"))
    values = dict(zip(header, (one.strip() for one in row.split("|")), strict=True))
    assert values["versions"] == "1-8" and values["int8"] == values["hybrid"] == EXACT and values["bool"] == ""


@pytest.mark.parametrize(("page", "verb"), [("operators", ["ops"]), ("quirks", ["ops", "--quirks"])])
def test_the_generated_pages_are_those_of_the_code(
    page: str, verb: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*verb, "--markdown"]) == 0
    path = Path(q31.__file__).parent / "docs" / f"{page}.md"
    assert path.read_text(encoding="utf-8") == capsys.readouterr().out, "run 'make pages'"


def test_the_readme_says_how_many_cells_there_are() -> None:
    present, missing = tally()
    readme = (Path(q31.__file__).parent / "README.md").read_text(encoding="utf-8")
    assert f"{present:,} of the {present + missing:,} combinations" in " ".join(readme.split())


def test_quirks_are_printed_in_three_forms(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops", "--quirks"]) == 0
    text = capsys.readouterr().out
    assert main(["ops", "--quirks", "--markdown"]) == 0
    markdown = capsys.readouterr().out
    assert main(["ops", "--quirks", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in entries] == [quirk.name for quirk in QUIRKS]
    for quirk in QUIRKS:
        assert f"{quirk.name}: " in text and f"| `{quirk.name}` | " in markdown
    assert {line.count("|") for line in markdown.splitlines() if line.startswith("|")} == {7}


MEASURED = {
    **dict.fromkeys(("EXPAND_DIMS", "RANK", "RESHAPE", "SHAPE", "SQUEEZE"), ("int4 int2 uint4", "")),
    "EMBEDDING_LOOKUP": ("int4 int2", "string"),
    "RESIZE_NEAREST_NEIGHBOR": ("float16 bfloat16 uint16 uint32 bool", ""),
    "TILE": ("", "complex128"),
}
"""Columns that the oracle takes beyond those of the matrix, and columns of the matrix that it refuses."""


def derived(row: dict[str, str]) -> set[str]:
    """Return the words that stand for what a row of the matrix accepts."""
    name, text = row["op"], row["activation_dtypes"]
    if "control flow" in text or text == "resource":
        return {"graph"}
    if name in OF_ANY_TYPE:
        return {"any"}
    sources = [part.split("->")[0] for part in re.sub(r"\([^()]*\)", "", text).split(";")]
    text = "; ".join(sources if name == "QUANTIZE" else re.sub(r"\([^()]*\)", "", text).split("->")[:1])
    words = {word for word in re.findall(r"[a-z]+\d+|bool|string", text.replace("cond bool", "")) if word in COLUMNS}
    words |= {"fixed"} if "any fixed-size" in text else set()
    words |= {"sized"} if "8/16/32/64-bit" in text else set()
    if row["hybrid"].startswith("yes: float32"):
        words.add("hybrid")
    for weights in ("int4", "int2"):
        if re.search(rf"\(weights [^)]*\b{weights}\b", row["activation_dtypes"]):
            words.add(f"{weights}-weights")
    return words | ({"int8", "int16"} if name == "SUM" else set())  # SUM's pass Prepare


@pytest.mark.skipif(not MATRIX.is_file(), reason="the matrix of the reference's operators is not here")
def test_the_facts_are_the_matrix() -> None:
    from q31.tools.reference_types import _GROUPS

    facts = accepted()
    with MATRIX.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["op"] for row in rows} == set(facts)
    for row in rows:
        words = derived(row)
        columns = {column for word in words for column in _GROUPS.get(word, word).split()}
        limits = tuple(int(part) for part in row["ref_versions"].split("-"))
        more, fewer = (set(words.split()) for words in MEASURED.get(row["op"], ("", "")))
        assert facts[row["op"]] == (limits, (columns | more) - fewer), row["op"]
