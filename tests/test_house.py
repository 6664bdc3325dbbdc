"""The house: what lies where, which way imports point, what importing costs, and that the README is true."""

from __future__ import annotations

import ast
import fnmatch
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import q31
from q31.tools.cli import VERBS

ROOT = Path(q31.__file__).parent
STAIR = ("schema", "kernels", "engine", "tools")
"""Each may import itself and what stands before it."""
LONGEST_FILE = 400


def folders() -> list[Path]:
    """Return the package's folders."""
    return sorted(p.parent for top in STAIR for p in (ROOT / top).rglob("__init__.py"))


def sources() -> list[Path]:
    """Return the package's Python files."""
    return [*ROOT.glob("*.py"), *(p for top in STAIR for p in sorted((ROOT / top).rglob("*.py")))]


def examples() -> list[Path]:
    """Return the programs that show how q31 is used; they are outside the package."""
    return sorted((ROOT / "examples").rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def project() -> dict[str, Any]:
    tomllib = pytest.importorskip("tomllib", reason="tomllib came with Python 3.11")
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def imported(path: Path) -> Iterator[str]:
    """Yield what a file imports of q31, as dotted paths from the root: ``engine.model.load``."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            module = (*base, *(node.module.split(".") if node.module else ()))
            for alias in node.names:
                yield ".".join((*module, alias.name))
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{a.name}" for a in node.names if (node.module or "").split(".")[0] == "q31")
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "q31")


def test_pyproject_lists_every_package() -> None:
    listed = project()["tool"]["setuptools"]["packages"]
    expected = ["q31", *(".".join(("q31", *folder.relative_to(ROOT).parts)) for folder in folders())]
    assert sorted(listed) == sorted(expected)
    assert not [p for p in sources() if not (p.parent / "__init__.py").is_file()], "a folder without __init__.py"


def test_every_data_file_is_in_the_wheel() -> None:
    data = project()["tool"]["setuptools"]["package-data"]
    for top in STAIR:
        for path in (ROOT / top).rglob("*"):
            if path.is_dir() or path.suffix in (".py", ".pyc"):
                continue
            holders = [p for p in path.relative_to(ROOT).parents if (ROOT / p / "__init__.py").is_file()]
            patterns = {
                (holder / pattern).as_posix()
                for holder in holders
                for pattern in data.get(".".join(("q31", *holder.parts)), ())
            }
            assert any(fnmatch.fnmatch(name_of(path), pattern) for pattern in patterns), name_of(path)


def test_version_is_the_same_everywhere() -> None:
    assert project()["project"]["version"] == q31.__version__


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_imports_run_down_the_stair(path: Path) -> None:
    top = path.relative_to(ROOT).parts[0]
    for target in imported(path):
        first = target.split(".")[0]
        assert first != "q31", f"inside the package imports are relative: {target}"
        if top in STAIR and first in STAIR:
            assert STAIR.index(first) <= STAIR.index(top), f"{top} imports {target}"
        if top == "kernels" and first == "schema":
            assert not target.startswith(("schema.read", "schema.writ")), "kernels know no bytes of a file"


@pytest.mark.parametrize("path", examples(), ids=name_of)
def test_examples_are_programs_of_a_user(path: Path) -> None:
    assert not (path.parent / "__init__.py").exists(), "no part of the package"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "q31":
            assert node.attr in q31.__all__, f"line {node.lineno}: q31.{node.attr}"
    for target in imported(path):
        assert target == "q31" or target.startswith("q31.tools.digits."), f"{target}: no public name"


@pytest.mark.parametrize("path", [*sources(), *examples()], ids=name_of)
def test_no_file_is_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_nothing_is_compiled_with_fastmath(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [getattr(node, field, None) for field in ("id", "attr", "arg")]
        assert "fastmath" not in names, f"line {getattr(node, 'lineno', '?')}"
        if isinstance(node, ast.Dict):
            keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
            assert "fastmath" not in keys, f"line {node.lineno}"


def loaded_after(code: str, *modules: str) -> set[str]:
    """Run code in a fresh process; returns which of the modules it has imported then."""
    script = f"{code}\nimport sys\nprint(*(m for m in {modules!r} if m in sys.modules), file=sys.__stderr__)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return set(result.stderr.split())


def test_importing_q31_imports_nothing_heavy() -> None:
    assert loaded_after("import q31", "numpy", "numba", "llvmlite", "rich", "flatbuffers", "ml_dtypes") == set()


def test_the_face_resolves_every_name() -> None:
    assert (
        loaded_after("import q31\nfor name in q31.__all__: getattr(q31, name)", "numba", "rich", "ml_dtypes") == set()
    )
    assert set(q31.__all__) <= set(dir(q31))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = q31.nonsense  # type: ignore[attr-defined]


def test_the_numpy_back_end_needs_no_compiler() -> None:
    code = "from q31.tools.cli import main\nassert main(['demo', '--backend', 'numpy']) == 0"
    assert loaded_after(code, "numba", "llvmlite") == set()


def test_with_a_warm_cache_the_demo_imports_no_numba() -> None:
    code = "from q31.tools.cli import main\nassert main(['demo']) == 0"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=300)
    assert loaded_after(code, "numba") == set()


README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_the_readmes_python_runs_as_pasted() -> None:
    example = "\n".join(blocks("python"))
    # "interactive" as when pasted: every statement for itself
    result = subprocess.run(
        [sys.executable, "-i", "-q"], input=example, capture_output=True, text=True, timeout=120, cwd=ROOT
    )
    assert "Error" not in result.stderr, result.stderr
    assert "[0 1 2 3 4 5 6 7 8 9]" in result.stdout and "CONV_2D" in result.stdout


def test_the_page_on_quantization_runs_as_pasted(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "quantization.md").read_text(encoding="utf-8")
    (tmp_path / "tools").symlink_to(ROOT / "tools")  # it reads the bundled files, and writes one beside them
    example = "\n".join(re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE))
    result = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, timeout=120, cwd=tmp_path, encoding="utf-8"
    )
    assert result.returncode == 0, result.stderr
    assert "int8[1, 28, 28]" in result.stdout and "100.00 %" in result.stdout and "entropy (" in result.stdout


def test_the_readmes_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"\bmake ([a-z]+)\b", " ".join([*blocks(""), *re.findall(r"`([^`]*)`", README)])):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
        assert re.search(rf"^\.PHONY:.*\b{target}\b", makefile, re.MULTILINE), f"{target} may be a folder"
    for verb in re.findall(r"^q31 (\w+)", "\n".join(blocks("")), re.MULTILINE):
        assert verb in VERBS
    for module in re.findall(r"python -m (q31[\w.]*)", README + makefile):
        assert importlib.util.find_spec(module), module


def test_links_lead_somewhere() -> None:
    for page in ("README.md", "CONTRIBUTING.md", "examples/mnist/README.md", "docs/quantization.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8")):
            place = (ROOT / page).parent / target
            assert target.startswith("https://") or place.exists(), f"{page}: {target}"
