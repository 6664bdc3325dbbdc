"""Chromium without a window, driven by Selenium; tests skip, saying why, where either is missing."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_OPTIONS = (
    *("--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--window-size=1280,1000"),
)


class Browser:
    """A driver with what the tests do again and again."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript and return what it returns."""
        return self.driver.execute_script(script, *arguments)

    def until(self, condition: str, seconds: float = 30) -> None:
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"return Boolean({condition})"):
            assert time.monotonic() < end, f"never true: {condition}; the console says {self.complaints()}"
            time.sleep(0.02)

    def open_plainly(self, page: Path, fragment: str = "") -> None:
        """Open a page, afresh, and wait until it is ready; forget what the console said before."""
        self.complaints()
        self.driver.get("about:blank")
        self.driver.get(f"{page.as_uri()}#{fragment}")
        self.until("document.body && document.body.dataset.ready === 'true'")

    def open(self, page: Path, fragment: str = "") -> None:
        """Open a page, afresh, and wait until it is ready, an operator's stepper included."""
        self.open_plainly(page, fragment)
        if fragment.startswith("operator-"):
            self.until(f"document.body.dataset.stepper === '{fragment.removeprefix('operator-').split('@')[0]}'")

    def size(self, width: int, height: int, scheme: str = "light") -> None:
        """Be a screen of this size, of somebody who prefers light or dark."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def complaints(self) -> list[str]:
        """Return what the console has said since the last time."""
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]


def _find(*names: str) -> str:
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None:
        pytest.skip(f"{names[0]} is not installed: make test-browser installs it")
    return found


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser for the whole session."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs q31[browser]: make test-browser installs it")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = _find("chromium", "chromium-browser", "google-chrome")
    profile = tmp_path_factory.mktemp("chromium")
    root = ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    for option in (*_OPTIONS, *root, f"--user-data-dir={profile}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(_find("chromedriver")))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


@pytest.fixture
def page_of(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a report and returns its path."""

    def write(*arguments: Any, **options: Any) -> Path:
        import q31

        path = tmp_path / f"page{len(list(tmp_path.iterdir()))}.html"
        q31.report(*arguments, **{"timing": False, **options}).save(path)
        return path

    return write
