"""Write the pages that are made from the code: ``python docs/reference.py docs`` writes api.md and commands.md.

The Python interface is what q31 exports, each with its docstring; a command's page is what its ``--help`` says.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from pathlib import Path

import q31
from q31.tools.cli import VERBS, build_parser

_PLAIN = ("__version__",)
LINE = 90


def _docstring(thing: object) -> str:
    """Return a NumPy docstring as Markdown: sections of names become lists, everything else stays."""
    text = inspect.getdoc(thing) or ""
    parts = re.split(r"^(\w+)\n-{3,}\n", text, flags=re.MULTILINE)
    shown = [_roles(parts[0].strip())]
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        if title == "Examples":
            shown.append(f"**Examples**\n\n```\n{body.strip()}\n```")
        elif title in ("Parameters", "Attributes", "Raises"):
            shown.append(f"**{title}**\n\n{_listed(body)}")
        else:
            shown.append(f"**{title}**\n\n{_roles(body.strip())}")
    return "\n\n".join(shown) + "\n"


def _listed(body: str) -> str:
    items: list[list[str]] = []
    for line in body.strip().splitlines():
        if line and not line[0].isspace():
            items.append([line])
        elif line.strip() and items:
            items[-1].append(line.strip())
    found = []
    for first, *rest in items:
        name, _, meaning = first.partition(" : ")
        found.append(f"- `{name}`: {_roles(' '.join(one for one in (meaning, *rest) if one))}")
    return "\n".join(found)


def _roles(text: str) -> str:
    """Return text with Sphinx's roles and doubled backquotes as plain code."""
    text = re.sub(r":\w+:`[.~]*([^`]+)`", r"`\1`", text)
    return text.replace("``", "`")


def _signature(name: str, thing: object) -> str:
    """Return a signature, a parameter a line where one line is too long."""
    try:
        signature = inspect.signature(thing)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return name
    text = f"{name}{signature}".replace("'", "")
    if len(text) <= LINE:
        return text
    one_each = ",\n    ".join(str(one) for one in signature.parameters.values()).replace("'", "")
    if any(one.kind is inspect.Parameter.KEYWORD_ONLY for one in signature.parameters.values()):
        first = next(one for one in signature.parameters.values() if one.kind is inspect.Parameter.KEYWORD_ONLY)
        one_each = one_each.replace(str(first).replace("'", ""), f"*,\n    {first}".replace("'", ""), 1)
    return f"{name}(\n    {one_each},\n)"


def _methods(thing: type) -> list[str]:
    parts = []
    for name, member in vars(thing).items():
        function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if name.startswith("_") or not inspect.isfunction(function) or not function.__doc__:
            continue
        called = "" if isinstance(member, property) else f"```python\n{_signature(name, function)}\n```\n\n"
        parts.append(f"### `{name}`\n\n{called}{_docstring(function)}")
    return parts


def api() -> str:
    """Return the page of the Python interface."""
    parts = [
        "# The Python interface\n\nWhat `import q31` gives, by name. Made from the docstrings by `docs/reference.py`.\n"
    ]
    errors = []
    for name in sorted(q31.__all__, key=str.lower):
        thing = getattr(q31, name)
        if name in _PLAIN:
            continue
        if inspect.isclass(thing) and issubclass(thing, Exception):
            errors.append(f"- `{name}`: {(inspect.getdoc(thing) or '').splitlines()[0]}")
        elif inspect.ismodule(thing):
            parts.append(f"## `q31.{name}`\n\n{_docstring(thing)}")
        else:
            parts.append(f"## `q31.{name}`\n\n```python\n{_signature(name, thing)}\n```\n\n{_docstring(thing)}")
            if inspect.isclass(thing):
                parts += _methods(thing)
    parts.append(
        "## Errors\n\nEach is a `ValueError` and a `RuntimeError`, as LiteRT raises either.\n\n"
        + "\n".join(errors)
        + "\n"
    )
    return "\n".join(parts).replace("```python\n", "```py\n")


def commands() -> str:
    """Return the page of the commands."""
    os.environ["COLUMNS"] = "110"
    parts = ["# The commands\n\nWhat `q31 VERB --help` says. Made from the parsers by `docs/reference.py`.\n"]
    for name, (_, summary) in VERBS.items():
        parser = build_parser(name)
        verbs = next(one.choices for one in parser._actions if isinstance(one.choices, dict))
        help_text = verbs[name].format_help()
        parts.append(f"## q31 {name}\n\n{summary[0].upper()}{summary[1:]}.\n\n```\n{help_text.strip()}\n```\n")
    return "\n".join(parts)


def main(folder: str) -> None:
    """Write both pages."""
    Path(folder, "api.md").write_text(api(), encoding="utf-8")
    Path(folder, "commands.md").write_text(commands(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
