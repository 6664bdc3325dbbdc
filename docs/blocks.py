"""Run the code blocks of a page, in order, in one session, and hold what they print to what the page shows.

    python docs/blocks.py docs/guide/*.md             # exit code 1 where a page shows something else
    python docs/blocks.py --update docs/guide/*.md    # write into the page what the blocks print

A block of ``python`` is run. A block of ``text`` that follows it, with nothing between but empty lines, shows what it
prints. A block of ``console`` has lines ``$ q31 ...``, each with what it prints below it; a line ``...`` stands for any
number of lines that are left out. Pages run in a new folder in which ``tools`` is that of the repository.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and where the text lies in the page."""

    language: str
    text: str
    start: int
    end: int


def blocks_of(page: str) -> list[Block]:
    """Return the fenced blocks of a page that name a language."""
    return [Block(one[1], one[2], one.start(2), one.end(2)) for one in _BLOCK.finditer(page)]


def run(page: str) -> str:
    """Return the page with what its blocks print now.

    Raises
    ------
    RuntimeError
        Where a block raises, or a command ends with another exit code than 0 or 1.
    """
    blocks = blocks_of(page)
    session: dict[str, object] = {"__name__": "__main__"}
    changes: list[tuple[Block, str]] = []
    for number, block in enumerate(blocks):
        if block.language == "python":
            printed = _printed(block, session, page)
            following = blocks[number + 1] if number + 1 < len(blocks) else None
            between = page[block.end : following.start] if following else ""
            if following and following.language == "text" and not between.replace("`", "").replace("text", "").strip():
                changes.append((following, _matched(following.text, printed)))
        elif block.language == "console":
            changes.append((block, _console(block.text)))
    for block, text in reversed(changes):
        page = page[: block.start] + text + page[block.end :]
    return page


def _printed(block: Block, session: dict[str, object], page: str) -> str:
    line = page[: block.start].count("\n") + 1
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            exec(compile("\n" * (line - 1) + block.text, "page", "exec"), session)
    except Exception as error:
        raise RuntimeError(f"line {line}: {type(error).__name__}: {error}") from error
    return _clean(output.getvalue())


def _console(text: str) -> str:
    """Run the commands of a console block and return it with what they print."""
    parts = re.split(r"^(?=\$ )", text, flags=re.MULTILINE)
    shown = [parts[0]]
    for part in parts[1:]:
        command, _, expected = part.partition("\n")
        shown.append(f"{command}\n{_matched(expected, _command(command[2:]))}")
    return "".join(shown)


def _command(line: str) -> str:
    from q31.tools.cli import main

    program, *arguments = shlex.split(line)
    if program != "q31":
        raise RuntimeError(f"{line}: expected a command of q31")
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        code = main(arguments)
    if code not in (0, 1):
        raise RuntimeError(f"{line}: exit code {code}: {errors.getvalue().strip()}")
    return _clean(output.getvalue())


def _clean(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def _matched(expected: str, printed: str) -> str:
    """Return what is expected where it fits what was printed, lines left out and all; else what was printed."""
    pattern = "".join(r"(?:.*\n)*?" if line == "..." else re.escape(line) + "\n" for line in expected.splitlines())
    return expected if "..." in expected.splitlines() and re.fullmatch(pattern, printed) else printed


@contextlib.contextmanager
def workplace() -> Iterator[None]:
    """Work in a new folder that has the repository's tools."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "tools").symlink_to(ROOT / "tools")
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def main() -> int:
    """Check pages, or update them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--update", action="store_true", help="write what the blocks print into the pages")
    arguments = parser.parse_args()
    code = 0
    for path in [page.resolve() for page in arguments.pages]:
        page = path.read_text(encoding="utf-8")
        try:
            with workplace():
                now = run(page)
        except RuntimeError as error:
            print(f"{path}: {error}", file=sys.stderr)
            return 1
        if now != page and arguments.update:
            path.write_text(now, encoding="utf-8")
            print(f"{path.name}: updated")
        elif now != page:
            print(f"{path.name}: shows something else than it prints", file=sys.stderr)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
