"""The page as somebody uses it: lists, details, names of any kind, light and dark, a phone, the keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import q31
from q31.schema import Quantization, TensorType, write
from q31.schema.builder import GraphBuilder
from q31.tools.arrays import random_array
from q31.tools.digits.bundle import model_path
from single_operators import model_of

INT8, FLOAT = str(model_path("integer_int8")), str(model_path("float32"))
DIGITS = str(Path(INT8).parents[1] / "data" / "digits.npz")
EVIL = "</script><img src=x onerror=document.body.dataset.evil=1>&<!--program-->"


@pytest.fixture
def digits(page_of: Callable[..., Path]) -> Path:
    return page_of(INT8, DIGITS, float_model=FLOAT, timing=True)


def listed(browser: Any) -> list[str]:
    found: list[str] = browser.run(
        "return [...document.querySelectorAll('#list .title')].map((one) => one.textContent)"
    )
    return found


def test_what_is_searched_is_found(browser: Any, digits: Path) -> None:
    browser.size(1280, 900)
    browser.open(digits)
    everything = listed(browser)
    assert len(everything) == 5
    search = browser.driver.find_element("id", "search")
    search.send_keys("CONV_2d 26,26")
    assert listed(browser) == ["CONV_2D"]
    assert browser.run("return document.getElementById('found').textContent") == "1 of 5"
    search.clear()
    browser.run("document.getElementById('tab-tensors').click()")
    model = q31.load(INT8)
    assert listed(browser) == [tensor.name for tensor in model.graph.subgraphs[0].tensors]
    search.send_keys("int32")
    assert len(listed(browser)) == sum(one.type is TensorType.INT32 for one in model.graph.subgraphs[0].tensors)
    search.send_keys("no such thing")
    assert listed(browser) == []
    assert browser.complaints() == []


def test_the_list_can_be_put_in_order_and_narrowed(browser: Any, digits: Path) -> None:
    from selenium.webdriver.support.select import Select

    browser.open(digits)
    content = q31.report(INT8, DIGITS, float_model=FLOAT, timing=False).content
    errors = [(one["errors"]["sqnr_db"], one["index"]) for one in content["operators"]]
    Select(browser.driver.find_element("id", "order")).select_by_visible_text("lowest SQNR")
    places = browser.run("return [...document.querySelectorAll('#list .place')].map((one) => Number(one.textContent))")
    assert places == [index for _, index in sorted(errors)]
    Select(browser.driver.find_element("id", "kind")).select_by_visible_text("RESHAPE")
    assert listed(browser) == ["RESHAPE", "RESHAPE"]


def test_details_have_the_numbers_of_the_model(browser: Any, digits: Path) -> None:
    browser.open(digits, "tensor-8")
    text = browser.run("return document.getElementById('details').textContent")
    tensor = q31.load(INT8).graph.subgraphs[0].tensors[8]
    assert tensor.name in text and f"[{', '.join(map(str, tensor.shape or ()))}]" in text
    assert str(tensor.quantization.zero_point[0]) in text
    assert browser.run("return document.querySelectorAll('.histogram rect.end').length") > 0
    browser.open(digits)
    text = browser.run("return document.body.textContent")
    model = q31.load(INT8)
    for word in (model.sha256, "ai-edge-litert", q31.__version__, "SQNR dB", "10 examples of digits.npz"):
        assert word in text


def test_no_name_becomes_markup(browser: Any, page_of: Callable[..., Path]) -> None:
    builder = GraphBuilder()
    fine = Quantization((0.05,), (3,))
    x, y = (builder.tensor(EVIL + end, TensorType.INT8, (1, 8), fine) for end in ("", "y"))
    builder.operator("RELU", [x], [y])
    page = page_of(write(builder.build([x], [y])), title=EVIL)
    for fragment in ("", "operator-0", "tensor-0", "tensor-1"):
        browser.open_plainly(page, fragment)
        assert browser.run("return document.querySelectorAll('img').length") == 0
        assert browser.run("return document.body.dataset.evil") is None
    assert browser.run("return document.querySelector('#details h2').textContent") == EVIL + "y"
    assert browser.run("return document.querySelector('h1').textContent") == EVIL
    assert browser.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_and_says_nothing_to_the_console(browser: Any, digits: Path, width: int, scheme: str) -> None:
    browser.size(width, 844, scheme)
    try:
        for fragment in ("", "overview", "operator-1", "operator-4", "operator-2", "tensor-6"):
            browser.open(digits, fragment) if fragment in ("operator-1", "operator-4") else browser.open_plainly(
                digits, fragment
            )
            assert browser.run("return document.documentElement.scrollWidth <= innerWidth"), fragment
            assert browser.run("return document.documentElement.dataset.theme") == scheme
            nameless = """return [...document.querySelectorAll("button, input, select, canvas, a")].filter((one) =>
                one.checkVisibility() && !one.closest("label") && !(one.getAttribute("aria-label") || one.textContent)
            ).map((one) => one.outerHTML)"""
            assert browser.run(nameless) == []
        ground = browser.run("return getComputedStyle(document.body).backgroundColor")
        browser.run("document.getElementById('theme').click()")
        assert browser.run("return getComputedStyle(document.body).backgroundColor") != ground
        assert browser.complaints() == []
    finally:
        browser.size(1280, 900)


def test_on_a_phone_the_list_gives_way_to_details_and_back(browser: Any, digits: Path) -> None:
    browser.size(390, 844)
    try:
        browser.open(digits)
        seen = "return ['nav', '#details'].map((one) => document.querySelector(one).checkVisibility())"
        assert browser.run(seen) == [True, False]
        browser.driver.find_elements("css selector", "#list button")[1].click()
        browser.until("document.querySelector('.result')")
        assert browser.run(seen) == [False, True]
        browser.driver.find_element("id", "back").click()
        browser.until("!document.body.classList.contains('reading')")
        assert browser.run(seen) == [True, False]
    finally:
        browser.size(1280, 900)


def test_the_keyboard_is_enough(browser: Any, digits: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.open(digits)

    def active() -> Any:
        return browser.driver.switch_to.active_element

    for _ in range(30):
        active().send_keys(Keys.TAB)
        if browser.run("return document.activeElement.closest('#list') !== null"):
            break
    active().send_keys(Keys.ARROW_DOWN)
    active().send_keys(Keys.ENTER)
    browser.until("document.body.dataset.stepper === '1' && document.querySelector('.result')")
    for _ in range(60):
        active().send_keys(Keys.TAB)
        if browser.run("return document.activeElement.getAttribute('role') === 'application'"):
            break
    before = browser.run("return location.hash").split("@")[1].split(",")
    for key in (Keys.ARROW_UP, Keys.ARROW_LEFT, Keys.PAGE_UP):
        active().send_keys(key)
    after = browser.run("return location.hash").split("@")[1].split(",")
    assert [int(b) - int(a) for a, b in zip(before, after, strict=True)] == [0, -1, -1, 1]
    assert browser.run("return document.activeElement.getAttribute('aria-label')").startswith("Output, channel")


def test_of_a_large_output_the_page_says_what_it_has(browser: Any, page_of: Callable[..., Path]) -> None:
    builder = GraphBuilder()
    fine = Quantization((0.05,), (3,))
    x, y, z = (builder.tensor(name, TensorType.INT8, (1, 120, 120, 8), fine) for name in "xyz")
    from q31.schema.options import AddOptions

    builder.operator("ADD", [x, y], [z], AddOptions())
    page = page_of(write(builder.build([x, y], [z])))
    browser.open(page, "operator-0@0,0,0,0")  # which it has not: the middle is shown
    note = browser.run("return document.querySelector('.stepper .note').textContent")
    assert "rows 25 to 94 of 120" in note and "columns 25 to 94 of 120" in note
    assert browser.run("return location.hash") == "#operator-0@0,60,60,4"
    assert "✓" in browser.run("return document.querySelector('.result').textContent")


def test_the_field_with_its_padding_is_marked_in_the_input(browser: Any, page_of: Callable[..., Path]) -> None:
    """Of a corner's field a part is padding: outside of the image, around which the map has room."""
    browser.open(page_of(model_of("CONV_2D"), seed=3), "operator-0@0,0,0,0")
    corner = """
    const canvas = document.querySelector(".map canvas"), cell = Number(canvas.dataset.cell);
    const whole = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const at = (one) => Math.round((one + 0.2) * cell);
    const index = (row, column) => 4 * (at(row) * canvas.width + at(column));
    const pixel = (row, column) => [...whole.data.slice(index(row, column), index(row, column) + 4)];
    return [pixel(5, 5), pixel(1, 1), canvas.width / cell];
    """
    outside, inside, columns = browser.run(corner)
    assert columns == 9  # seven, and one of padding on either side
    assert outside != inside


def test_softmax_begins_at_the_likeliest_class(browser: Any, page_of: Callable[..., Path]) -> None:
    model = q31.load(model_of("SOFTMAX"))
    generator = np.random.default_rng(3)
    output = model.trace({port.name: random_array(port, generator) for port in model.inputs}).outputs[0]
    browser.open(page_of(model_of("SOFTMAX"), seed=3), "operator-0")
    assert browser.run("return location.hash") == f"#operator-0@0,{output[0].argmax()}"
