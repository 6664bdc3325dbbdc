"""The stepper clicked through in Chromium: every number that it shows is the one that q31 explain gives."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import q31
from q31.engine.explanation import explain
from q31.kernels.explain.narration import Step, Table, show
from q31.kernels.profiles import LITERT, Rounding
from q31.schema import TensorType
from q31.tools.arrays import random_array
from q31.tools.cli import main
from single_operators import KINDS, PARAMETERS, model_of

INT8, UINT8 = TensorType.INT8, TensorType.UINT8
READ = """
return [...document.querySelectorAll(".walk-steps > li")].map((item) => {
  const text = (selector) => item.querySelector(selector)?.textContent ?? "";
  if (item.classList.contains("table")) {
    item.querySelector(".more")?.click();
    const cells = (row) => [...row.children].map((cell) => cell.textContent);
    const rows = [...item.querySelectorAll("tbody tr")].map(cells);
    return { table: item.dataset.name, columns: cells(item.querySelector("thead tr")), rows };
  }
  const { name, operation, result, real } = item.dataset;
  return { name, operation, result, real, text: text(".step-text"), note: text(".step-note") };
});
"""


def click(browser: Any, map_index: int, row: int, column: int) -> None:
    """Click into the middle of a cell of a map, with the mouse."""
    from selenium.webdriver import ActionChains

    canvas = browser.driver.find_elements("css selector", ".map canvas")[map_index]
    browser.run("arguments[0].scrollIntoView({ block: 'center' })", canvas)
    wide, high, size = browser.run(
        """const map = arguments[0];
        const dense = devicePixelRatio || 1;
        return [map.clientWidth, map.clientHeight, Number(map.dataset.cell)]""",
        canvas,
    )
    x, y = (column + 0.5) * size - wide / 2, (row + 0.5) * size - high / 2
    ActionChains(browser.driver).move_to_element_with_offset(canvas, x, y).click().perform()


def hold(browser: Any, narration: Any) -> None:
    """Hold the steps in the page to a narration: names, operations, numbers, words."""
    shown = browser.run(READ)
    assert [one.get("name") or one["table"] for one in shown] == [
        part.title if isinstance(part, Table) else part.name for part in narration.parts
    ]
    for one, part in zip(shown, narration.parts, strict=True):
        if isinstance(part, Table):
            assert one["columns"] == list(part.columns)
            assert one["rows"] == [[cell if isinstance(cell, str) else show(cell) for cell in row] for row in part.rows]
            continue
        assert isinstance(part, Step)
        numbers = part.result if isinstance(part.result, tuple) else (part.result,)
        texts = one["result"].split()
        assert [type(number)(text) for number, text in zip(numbers, texts, strict=True)] == list(numbers), part.name
        assert (one["operation"], one["text"], one["note"]) == (part.operation, part.text, part.note)
        if part.real is None:
            assert one["real"] == ""
        else:
            assert float(one["real"]) == pytest.approx(part.real, rel=1e-13, abs=1e-300), part.name
    result = browser.run("return { ...document.querySelector('.result').dataset }")
    assert int(result["result"]) == narration.result
    if narration.exact is not None:
        assert float(result["exact"]) == pytest.approx(narration.exact, rel=1e-12, abs=1e-12)


def place_shown(browser: Any) -> tuple[int, ...]:
    """Return the place that the address names, in the output's own shape."""
    return tuple(int(one) for one in browser.run("return location.hash").split("@")[1].split(","))


def type_into(browser: Any, name: str, text: str) -> None:
    """Type into a field, as somebody does who replaces what is there."""
    field = browser.driver.find_element("id", name)
    browser.run("arguments[0].scrollIntoView({ block: 'center' })", field)
    field.clear()
    field.send_keys(text, "\n")


def traced(content: bytes, profile: str = "litert") -> tuple[q31.Model, Any]:
    """Return a model and its trace on the input that the page has."""
    model = q31.load(content, profile=profile)
    generator = np.random.default_rng(3)
    return model, model.trace({port.name: random_array(port, generator) for port in model.inputs})


CASES = [
    *((kind, INT8, profile) for kind in KINDS for profile in ("litert", "single")),
    *((kind, UINT8, "litert") for kind in KINDS),
]


@pytest.mark.parametrize(("kind", "type", "profile"), CASES, ids=lambda one: getattr(one, "name", one))
def test_every_number_is_the_one_that_explain_gives(
    kind: str, type: TensorType, profile: str, browser: Any, page_of: Callable[..., Path]
) -> None:
    from selenium.webdriver.common.keys import Keys

    content = model_of(kind, type)
    model, trace = traced(content, profile)
    shape = trace.outputs[0].shape

    def hold_at(at: tuple[int, ...]) -> None:
        assert place_shown(browser) == at
        hold(browser, model.explain(0, at).narrations[profile])
        assert "✓" in browser.run("return document.querySelector('.result').textContent")

    at = tuple(size // 2 for size in shape)
    browser.open(page_of(content, profile=profile, seed=3), f"operator-0@{','.join(map(str, at))}")
    hold_at(at)
    click(browser, 2 if kind == "ADD" else 1, 0, 1)
    at = (0, 0, 1, at[3]) if len(shape) == 4 else (at[0], 1)
    hold_at(at)
    browser.driver.switch_to.active_element.send_keys(Keys.ARROW_LEFT)
    at = (0, 0, 0, at[3]) if len(shape) == 4 else (at[0], 0)
    hold_at(at)
    for name, size in zip(("batch", "row", "column", "channel"), (*shape[:1], *shape[1:]), strict=False):
        if len(shape) == 4 and size > 1:
            type_into(browser, f"place-{name}", str(size - 1))
    if len(shape) == 2:
        type_into(browser, "place-batch", "0")
        type_into(browser, "place-channel", str(shape[1] - 1))
    hold_at(tuple(size - 1 for size in shape) if len(shape) == 4 else (0, shape[1] - 1))
    assert browser.complaints() == []


CHANGES: dict[str, dict[str, float]] = {
    "CONV_2D": {"input_scale": 0.0371, "input_zero_point": 20, "filter_scale": 0.02, "output_scale": 0.03},
    "DEPTHWISE_CONV_2D": {"input_zero_point": -128, "output_scale": 0.0061, "output_zero_point": -100},
    "FULLY_CONNECTED": {"input_scale": 0.0371, "input_zero_point": 3, "filter_scale": 0.11, "output_zero_point": -3},
    "ADD": {"input_scale": 0.11, "input2_scale": 0.0023, "input2_zero_point": -77, "output_scale": 0.0091},
    "SOFTMAX": {"input_scale": 0.0123, "beta": 2.5},
}


@pytest.mark.parametrize("kind", CHANGES)
def test_changed_numbers_give_what_a_model_of_them_gives(kind: str, browser: Any, page_of: Callable[..., Path]) -> None:
    at = (0, 1, 2, 0) if kind not in ("FULLY_CONNECTED", "SOFTMAX") else (1, 0)
    original, trace = traced(model_of(kind))
    browser.open(page_of(model_of(kind), seed=3), f"operator-0@{','.join(map(str, at))}")
    for name, value in CHANGES[kind].items():
        type_into(browser, f"field-{name}", str(value))
    changed, other = traced(model_of(kind, **CHANGES[kind]))
    assert np.array_equal(trace.operators[0].inputs[0], other.operators[0].inputs[0])
    hold(browser, changed.explain(0, at).narrations["litert"])
    assert "the run's code" in browser.run("return document.querySelector('.result').textContent")
    browser.run("document.getElementById('reset').click()")
    hold(browser, original.explain(0, at).narrations["litert"])
    assert browser.run("return document.getElementById('reset').disabled")
    assert browser.complaints() == []


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD"])
@pytest.mark.parametrize("rounding", [Rounding.DOUBLE, Rounding.SINGLE, Rounding.FLOAT64], ids=lambda one: one.value)
def test_the_rounding_can_be_chosen(kind: str, rounding: Rounding, browser: Any, page_of: Callable[..., Path]) -> None:
    from selenium.webdriver.support.select import Select

    at = (0, 2, 1, 1) if kind != "FULLY_CONNECTED" else (1, 3)
    _, trace = traced(model_of(kind))
    browser.open(page_of(model_of(kind), seed=3), f"operator-0@{','.join(map(str, at))}")
    Select(browser.driver.find_element("id", "field-rounding")).select_by_value(rounding.value)
    if kind == "ADD" and rounding is Rounding.FLOAT64:  # q31 has no such ADD: the sum of real numbers on the way
        codes = [int(array[at]) for array in trace.operators[0].inputs[:2]]
        scales = [float(np.float32(PARAMETERS[f"{name}_scale"])) for name in ("input", "input2", "output")]
        terms = [
            round((code - PARAMETERS[f"{name}_zero_point"]) * 2**20 * scale / (2 * max(scales[:2])))
            for code, name, scale in zip(codes, ("input", "input2"), scales[:2], strict=True)
        ]
        real = sum(terms) * 2 * max(scales[:2]) / 2**20 / scales[2]
        assert browser.run(READ)[-1]["result"] == str(math.floor(real + 0.5) + int(PARAMETERS["output_zero_point"]))
        return
    profile = replace(LITERT, name="chosen", rounding=rounding, requantize={})
    hold(browser, explain(trace, 0, at, [profile]).narrations["chosen"])


def test_an_average_can_round_its_halves_up(browser: Any, page_of: Callable[..., Path]) -> None:
    from selenium.webdriver.support.select import Select

    _, trace = traced(model_of("AVERAGE_POOL_2D"))
    codes = trace.operators[0].inputs[0][0, 1:4, 1:4, 0].reshape(-1).tolist()
    browser.open(page_of(model_of("AVERAGE_POOL_2D"), seed=3), "operator-0@0,1,1,0")
    Select(browser.driver.find_element("id", "field-rounding")).select_by_value("halves up")
    average = next(one for one in browser.run(READ) if one.get("name") == "average")
    assert average["result"] == str((sum(codes) + len(codes) // 2) // len(codes))


def test_steps_come_one_after_the_other(browser: Any, page_of: Callable[..., Path]) -> None:
    browser.open(page_of(model_of("CONV_2D"), seed=3), "operator-0")

    def press(text: str) -> None:
        button = f"[...document.querySelectorAll('.walk button')].find((one) => one.textContent.includes('{text}'))"
        browser.run(f"{button}.click()")

    def visible() -> int:
        return int(browser.run("return document.querySelectorAll('.walk-steps > li:not([hidden])').length"))

    everything = visible()
    press("Step")
    assert visible() == 1
    press("Step")
    press("Step")
    assert visible() == 3
    assert browser.run("return document.querySelector('.step.current').dataset.name") == "accumulator"
    press("Back")
    assert visible() == 2
    press("All")
    assert visible() == everything > 8


def test_bad_numbers_are_refused(browser: Any, page_of: Callable[..., Path]) -> None:
    browser.open(page_of(model_of("CONV_2D"), seed=3), "operator-0")
    before = browser.run("return document.querySelector('.result').dataset.result")
    for name, text in (("input_scale", "-1"), ("input_scale", "x"), ("output_zero_point", "300"), ("clamp", "")):
        if name != "clamp":
            type_into(browser, f"field-{name}", text)
            assert browser.run("return !document.querySelector('.whatif .note').hidden")
            browser.run("document.getElementById('reset').disabled = false; document.getElementById('reset').click()")
    assert browser.run("return document.querySelector('.result').dataset.result") == before
    assert browser.complaints() == []


def test_the_command_it_names_explains_the_same_value(
    browser: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, page = tmp_path / "one.tflite", tmp_path / "one.html"
    model.write_bytes(model_of("CONV_2D"))
    q31.report(model, seed=3, profile="single", title="another name", timing=False).save(page)
    browser.open(page, "operator-0@0,1,2,3")
    command = browser.run("return document.querySelector('.stepper > p code').textContent")
    words = command.replace("one.tflite", str(model)).split()
    capsys.readouterr()
    assert words[0] == "q31" and main([*words[1:], "--json"]) == 0
    result = json.loads(capsys.readouterr().out)["profiles"]["single"]["result"]
    assert browser.run("return document.querySelector('.result').dataset.result") == str(result)
