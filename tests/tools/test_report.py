"""``q31 report``: what the page carries, that nothing a model says becomes markup, and node data for Model Explorer."""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import q31
from q31.kernels.padding import Axis, Window
from q31.schema import Graph, Quantization, TensorType, write
from q31.schema.builder import GraphBuilder
from q31.tools.cli import main
from q31.tools.digits.bundle import model_path
from q31.tools.report.pieces import Limits, choose_box, limits_of, receptive
from small_graphs import classifier

INT8, FLOAT = str(model_path("integer_int8")), str(model_path("float32"))
DIGITS = str(Path(INT8).parents[1] / "data" / "digits.npz")
EVIL = "</script><img src=x onerror=alert(1)>&<!--program-->"


class Elements(HTMLParser):
    """Collects a page's elements and what is inside of its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.data: dict[str, bytes] = {}
        self._script: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._script = dict(attrs).get("id") if tag == "script" else None

    def handle_data(self, data: str) -> None:
        if data.strip() and self._script and self._script.startswith("data-"):
            self.data[self._script.removeprefix("data-")] = zlib.decompress(b64decode(data))

    @property
    def content(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.data["content"])
        return found


def elements(report: Any) -> Elements:
    return Elements(report.html())


def evil_graph() -> Graph:
    builder = GraphBuilder()
    fine = Quantization((0.05,), (3,))
    x = builder.tensor(EVIL, TensorType.INT8, (1, 8), fine)
    y = builder.tensor(EVIL + "y", TensorType.INT8, (1, 8), fine)
    builder.operator("RELU", [x], [y])
    return builder.build([x], [y])


def test_the_command_writes_one_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, nodes = tmp_path / "r.html", tmp_path / "nodes.json"
    arguments = ["--data", DIGITS, "--limit", "2", "--float", FLOAT, "--no-timing", "--node-data", str(nodes)]
    assert main(["report", INT8, *arguments, "-o", str(out)]) == 0
    assert "5 operators, of which 2 can be stepped through" in capsys.readouterr().out
    page = Elements(out.read_text(encoding="utf-8"))
    content = page.content
    model = q31.load(INT8)
    assert content["stamp"]["model_sha256"] == model.sha256 and content["stamp"]["profile"] == "litert"
    assert content["data"] == {"source": "digits.npz", "seed": None, "examples": 2, "example": 0}
    convolution = content["operators"][1]
    assert convolution["macs"] == 73_008 and convolution["bits"]["worst_bits"] == 19
    assert convolution["errors"]["sqnr_db"] > 30 and not convolution["errors"]["exact"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nodes.json", "r.html"]
    found = json.loads(nodes.read_text())
    assert found["main"]["results"]["1"] == {"value": convolution["errors"]["sqnr_db"]}


def test_the_page_needs_no_network() -> None:
    page = elements(q31.report(INT8, timing=False))
    assert not {"iframe", "object", "base", "form"} & set(page.tags)
    for name, value in page.attributes:
        assert name not in ("src", "srcset", "action"), value
        assert name != "href" or value is None or value.startswith(("#", "data:"))
    assert "default-src 'none'" in q31.report(INT8, timing=False).html()


def test_no_name_becomes_markup(tmp_path: Path) -> None:
    page = q31.report(write(evil_graph()), title=EVIL, timing=False).html()
    plain = q31.report(INT8, timing=False).html()
    assert "onerror=alert" not in page.replace("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;", "")
    found = Elements(page)
    assert found.tags.count("img") == 0
    assert {tag: found.tags.count(tag) for tag in ("nav", "main", "section")} == {
        tag: Elements(plain).tags.count(tag) for tag in ("nav", "main", "section")
    }
    assert found.content["tensors"][0]["name"] == EVIL and found.content["title"] == EVIL


def test_histograms_count_every_code_and_what_is_at_the_ends() -> None:
    model = q31.load(INT8)
    images = np.load(DIGITS)["images"]
    content = q31.report(model, images, limit=3, timing=False).content
    codes = np.stack([model.trace((image[None] ^ 128).view(np.int8)).tensors[8] for image in images[:3]])
    found = content["tensors"][8]["histogram"]
    counts = [int(np.count_nonzero(codes == code)) for code in range(-128, 128)]
    assert found["counts"] == counts
    assert (found["at_low"], found["at_high"]) == (counts[0], counts[-1])
    assert (found["min"], found["max"]) == (codes.min(), codes.max())


def test_the_numbers_to_step_through_are_those_of_the_run() -> None:
    model = q31.load(INT8)
    page = elements(q31.report(INT8, DIGITS, example=3, timing=False))
    trace = model.trace((np.load(DIGITS)["images"][3][None] ^ 128).view(np.int8))
    step = page.content["operators"][1]["step"]
    requantization: Any = trace.operators[1].prepared
    assert step["activation_max"] == requantization.requantization.activation_max
    for role, array in (("input", trace.operators[1].inputs[0]), ("output", trace.operators[1].outputs[0])):
        piece = step["pieces"][role]
        assert piece["whole"] and array is not None
        codes = np.frombuffer(page.data[piece["array"]], piece["dtype"]).reshape(piece["shape"])
        assert np.array_equal(codes, array)


def test_other_types_say_why_they_are_not_stepped_through() -> None:
    content = q31.report(str(model_path("int16x8")), timing=False).content
    assert all(one["step"] is None for one in content["operators"])
    assert "int8 and uint8 only" in content["operators"][2]["reason"]


@pytest.mark.parametrize("name", ["integer_uint8", "dynamic_range", "float32", "int16x8", "integer_float_fallback"])
def test_every_kind_of_model_has_a_page(name: str) -> None:
    assert elements(q31.report(str(model_path(name)), timing=False)).content["operators"]


def test_models_without_histograms_have_a_page() -> None:
    content = elements(q31.report(write(classifier()), profile="tflm", backend="numpy")).content
    assert [one["name"] for one in content["operators"] if one["step"]] == ["ADD", "SOFTMAX"]
    assert all(one["microseconds"] is None for one in content["operators"])


def test_of_what_is_large_there_is_a_window_in_the_middle_with_all_it_is_computed_from() -> None:
    axis = Axis(112, 3, 1, 1, 1, 1, 112)
    window = Window.of(axis, axis)

    def needs(box: Any) -> Any:
        return (box[0], *receptive(window, box[1], box[2]), (0, 96))

    box = choose_box((1, 112, 112, 16), (0, 16), needs, Limits())
    (_, rows, columns, depth), seen = box, needs(box)
    assert depth == (0, 16) and rows == columns and rows[0] + rows[1] == 112
    assert seen[1] == (rows[0] - 1, rows[1] + 1)
    assert np.prod([stop - start for start, stop in seen]) <= Limits().activations
    assert receptive(window, (0, 112), (0, 1)) == ((0, 112), (0, 2))


def test_of_many_operators_a_page_has_less_of_each() -> None:
    assert limits_of(66) == Limits()
    assert limits_of(132) == Limits(20_000, 50_000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.tflite"], "nothing.tflite"),
        ([INT8, "--data", "nothing.npz"], "nothing.npz"),
        ([INT8, "--data", DIGITS, "--example", "99"], "example 99: expected 0 to 9"),
        ([INT8, "--float", FLOAT], "give some"),
        ([INT8, "--data", DIGITS, "--limit", "0"], "limit"),
        ([INT8, "--data", DIGITS, "--float", INT8], "the first model is quantized"),
        ([INT8, "-o", "no/such/folder/r.html"], "No such file"),
        ([INT8, "-o", INT8], "is what the page is made of"),
        ([FLOAT, "--no-timing", "--node-data", "n.json"], "neither was measured"),
        ([INT8, "--data", DIGITS, "--seed", "-1"], "--seed"),
    ],
)
def test_bad_input_is_told_in_a_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        code = main(["report", *arguments])
    except SystemExit as ended:
        code = int(str(ended.code))
    error = capsys.readouterr().err
    assert code == 2 and message in error
    assert len([line for line in error.splitlines() if "compiling" not in line]) == 1
    assert not list(tmp_path.iterdir())


def test_json_is_what_the_page_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "r.html"
    assert main(["report", INT8, "--no-timing", "--json", "-o", str(out)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["out_bytes"] == out.stat().st_size
    assert printed["operators"] == Elements(out.read_text(encoding="utf-8")).content["operators"]


def check_node_data(data: Any, operators: int) -> None:
    """Hold node data to the form that Model Explorer reads."""
    assert list(data) == ["main"] and set(data["main"]) == {"results", "gradient"}
    for node, result in data["main"]["results"].items():
        assert re.fullmatch(r"\d+", node) and int(node) < operators
        assert set(result) == {"value"} and isinstance(result["value"], float)
    assert [one["stop"] for one in data["main"]["gradient"]] == [0, 1]
    assert all(re.fullmatch(r"#[0-9a-f]{6}", one["bgColor"]) for one in data["main"]["gradient"])


def test_node_data_of_times(tmp_path: Path) -> None:
    found = q31.report(INT8)
    check_node_data(found.node_data(), 5)
    times = {str(one["index"]): {"value": one["microseconds"]} for one in found.content["operators"]}
    results = found.node_data()["main"]["results"]
    assert results == {index: value for index, value in times.items() if value["value"] is not None}
    assert "1" in results


def test_node_data_of_a_comparison(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "n.json"
    assert main(["compare", INT8, "--against", "profile:single", "--node-data", str(out)]) in (0, 1)
    assert f"written: {out}" in capsys.readouterr().out
    data = json.loads(out.read_text())
    check_node_data(data, 5)
    comparison = q31.compare(q31.load(INT8), "profile:single")
    local = comparison.operators[1].outputs[0].local
    assert local is not None and data["main"]["results"]["1"]["value"] == float(local.maximum or 0)
