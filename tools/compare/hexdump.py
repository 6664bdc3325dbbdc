"""The bytes of tensors as firmware prints them: text, in hexadecimal.

Line by line:

- Empty lines, and lines that begin with ``#``, ``//`` or ``;``, say nothing.
- ``tensor 12`` or ``tensor NAME``, with or without a colon behind it, begins a tensor, and so does ``NAME:``, also with
  bytes behind it. A name that reads as a hexadecimal number needs the word ``tensor`` before it.
- Anything else is bytes in the order of memory, two digits each, with or without ``0x``, with spaces or commas between
  or without (``12 34``, ``0x12, 0x34``, ``1234``). An offset may stand before them, ``0010: 12 34``: the first of a
  tensor may be any address, those after it must count the bytes between.
- What ``xxd`` and ``hexdump -C`` print behind the bytes, characters, is left out.

Numbers of several bytes are little-endian; every tensor is in C order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ...schema import InputError

_COMMENT = re.compile(r"(#|//|;)")
_TENSOR = re.compile(r"tensor\s+(?P<name>.+?)\s*:?$", re.IGNORECASE)
_OFFSET = re.compile(r"(?:0x)?(?P<offset>[0-9a-f]{1,16}):(?:\s+|$)", re.IGNORECASE)
_NAMED = re.compile(r"(?P<name>\S.*?):(?:\s+(?P<rest>.*))?$")
_CHARACTERS = re.compile(r"^(?P<offset>[0-9a-f]{4,16})\s+(?P<rest>.*?)\s*\|.*\|$", re.IGNORECASE)
_BYTES = re.compile(r"(?:0x)?(?:[0-9a-f]{2})+$", re.IGNORECASE)


@dataclass
class Section:
    """The bytes of one tensor; ``name`` is what its heading says, empty where it has none, ``line`` where it begins."""

    name: str
    line: int
    data: bytearray = field(default_factory=bytearray)
    base: int | None = None


def parse(text: str, path: str) -> list[Section]:
    """Return the tensors of a dump.

    Raises
    ------
    InputError
        Where a line is not as this module says; names the line.
    """
    sections: list[Section] = []
    characters = False  # whether the lines are as hexdump -C prints them
    for number, raw in enumerate(text.splitlines(), 1):
        line, place = raw.strip(), f"{path}: line {number}"
        if not line or _COMMENT.match(line):
            continue
        if heading := _TENSOR.match(line):
            sections.append(Section(heading["name"], number))
            continue
        offset, rest = None, line
        if columns := _CHARACTERS.match(line):
            offset, rest, characters = int(columns["offset"], 16), columns["rest"], True
        elif match := _OFFSET.match(line):
            offset, rest = int(match["offset"], 16), _without_characters(line[match.end() :])
            if not rest and not (sections and _follows(sections[-1], offset)):
                sections.append(Section(match["offset"], number))
                continue
        elif named := _NAMED.match(line):
            sections.append(Section(named["name"], number))
            rest = named["rest"] or ""
        elif characters and sections and _is_end(sections[-1], line):
            continue
        if not sections:
            sections.append(Section("", number))
        _append(sections[-1], offset, rest, place)
    if not any(section.data for section in sections):
        raise InputError(f"{path}: expected bytes in hexadecimal; there are none")
    for section in sections:
        if not section.data:
            raise InputError(f"{path}: line {section.line}: no bytes follow this heading")
    return sections


def _follows(section: Section, offset: int) -> bool:
    return bool(section.data) and offset - (section.base or 0) == len(section.data)


def _is_end(section: Section, line: str) -> bool:
    """Whether a line is the offset alone with which ``hexdump -C`` ends."""
    return re.fullmatch("[0-9a-fA-F]{4,16}", line) is not None and _follows(section, int(line, 16))


def _without_characters(rest: str) -> str:
    """Return what stands before two spaces where what follows them is no bytes, as in lines of ``xxd``."""
    before, gap, behind = rest.partition("  ")
    return before if gap and not all(_BYTES.match(token) for token in behind.replace(",", " ").split()) else rest


def _append(section: Section, offset: int | None, text: str, place: str) -> None:
    if offset is not None:
        if section.base is None:
            section.base = offset - len(section.data)
        expected = section.base + len(section.data)
        if offset != expected:
            raise InputError(f"{place}: offset {offset:#x}, but the bytes before it end at {expected:#x}")
    for token in text.replace(",", " ").split():
        if not _BYTES.match(token):
            raise InputError(f"{place}: expected bytes of two hexadecimal digits, got {token[:20]!r}")
        section.data += bytes.fromhex(token.removeprefix("0x").removeprefix("0X"))
