"""The page itself: one HTML file with its style, its program and its data inside.

What a model says of itself, names of tensors above all, comes into the page as compressed bytes in base64 only, and
is shown there as text: no name can become markup.
"""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64encode
from collections.abc import Iterator
from html import escape
from importlib.resources import files

import numpy as np

from .collection import Collection

SCRIPTS = (
    "numbers.js",
    "data.js",
    "dom.js",
    "operations.js",
    "narration.js",
    "requantization.js",
    "products.js",
    "elementwise.js",
    "softmax.js",
    "explaining.js",
    "maps.js",
    "whatif.js",
    "walk.js",
    "stepper.js",
    "histogram.js",
    "list.js",
    "details.js",
    "main.js",
)
"""The program's parts in their order; together they are one module."""


def page(collection: Collection) -> str:
    """Return the page."""
    style, program = _file("style.css"), "\n".join(_file(name) for name in SCRIPTS)
    if "</script" in program.lower() or "</style" in style.lower():
        raise AssertionError("a file of the page would end its own element")
    parts = {
        "title": escape(str(collection.content["title"])),
        "style": style,
        "data": "\n".join(_data(collection)),
        "program": program,
    }
    pieces = re.split(r"<!--(\w+)-->", _file("page.html"))
    return "".join(parts[one] if place % 2 else one for place, one in enumerate(pieces))


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _data(collection: Collection) -> Iterator[str]:
    text = json.dumps(collection.content, allow_nan=False, separators=(",", ":"))
    yield _element("content", text.encode())
    for name, array in collection.arrays.items():
        yield _element(name, np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes())


def _element(name: str, content: bytes) -> str:
    return f'<script type="text/plain" id="data-{name}">{b64encode(zlib.compress(content, 9)).decode()}</script>'
