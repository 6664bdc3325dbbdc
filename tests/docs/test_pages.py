"""The pages: their code runs and prints what they show, their links lead somewhere, the site builds."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import q31
from q31.tools.cli import VERBS

ROOT = Path(q31.__file__).parent
DOCS = ROOT / "docs"
GUIDE = sorted((DOCS / "guide").glob("*.md"))
PAGES = [*GUIDE, DOCS / "using.md"]
GENERATED = ("api.md", "commands.md", "plots/rounding.svg")


def script(name: str) -> ModuleType:
    """Return a script of docs/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_blocks_print_what_the_page_shows(path: Path) -> None:
    blocks = script("blocks")
    page = path.read_text(encoding="utf-8")
    with blocks.workplace():
        assert blocks.run(page) == page, f"python docs/blocks.py --update {path.relative_to(ROOT)}"


def test_a_page_that_shows_something_else_is_found() -> None:
    blocks = script("blocks")
    page = "```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n\n```console\n$ q31 --version\n...\n```\n"
    with pytest.raises(SystemExit):
        blocks.run(page)
    assert blocks.run(page.split("```console")[0]) == "```python\nprint(1 + 1)\n```\n\n```text\n2\n```\n\n"
    with pytest.raises(RuntimeError, match="line 2: ZeroDivisionError"):
        blocks.run("```python\n1 / 0\n```\n")
    assert blocks._matched("a\n...\nd\n", "a\nb\nc\nd\n") == "a\n...\nd\n"
    assert blocks._matched("a\n...\ne\n", "a\nb\n") == "a\nb\n"


def anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings."""
    titles = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize(
    "path", [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda p: p.name
)
def test_links_lead_somewhere(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE)):
        file, _, anchor = target.partition("#")
        if target.startswith("https://"):
            continue
        place = (path.parent / file).resolve() if file else path
        if place.is_relative_to(DOCS) and place.relative_to(DOCS).as_posix() in GENERATED:
            continue
        assert place.exists(), target
        if anchor and place.suffix == ".md":
            assert anchor in anchors(place.read_text(encoding="utf-8")), target


def test_the_reference_has_every_name_and_every_command() -> None:
    reference = script("reference")
    api, commands = reference.api(), reference.commands()
    for name in q31.__all__:
        assert name == "__version__" or f"`q31.{name}`" in api or f"- `{name}`:" in api
    for verb in VERBS:
        assert f"## q31 {verb}\n" in commands


def test_the_readmes_figures_are_those_of_the_pages() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    runtimes = (DOCS / "guide" / "09-runtimes.md").read_text(encoding="utf-8")
    benchmarks = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    cells = re.findall(r"[\d.]+%, by \d+ at most", readme)
    assert len(cells) == 5 and all(cell in runtimes for cell in cells)
    table = readme[readme.index("| model | q31 | LiteRT (XNNPACK)") :].split("\n\n")[0].splitlines()[2:]
    assert len(table) == 6
    for row in table:
        times = " | ".join(row.strip("| ").split(" | ")[1:])
        assert f"| {times} |" in benchmarks, row
    (mean,) = re.findall(r"q31 takes (0\.\d\d) of the faster peer", readme)
    assert f"geometric mean of the ratios is {mean}" in benchmarks


def test_chapters_are_all_in_the_navigation_and_lead_on() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    assert len(GUIDE) == 10
    for path, following in zip(GUIDE, [*GUIDE[1:], None], strict=True):
        assert f"guide/{path.name}" in navigation and f"guide/{path.name}" in index
        if following:
            assert f"({following.name})" in path.read_text(encoding="utf-8")


@pytest.mark.skipif(
    importlib.util.find_spec("mkdocs") is None, reason="mkdocs is not installed: make docs builds the site"
)
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
