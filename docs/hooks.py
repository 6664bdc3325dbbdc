"""What mkdocs does with links that leave the folder of the pages: they lead to the files in the repository."""

from __future__ import annotations

import re
from typing import Any

_OUTSIDE = re.compile(r"\[([^\]]+)\]\((?:\.\./)+(?!plots/|quantization|guide/)([^)#]+)\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Name a file of the repository where a page links to it; the site does not hold it."""
    depth = page.file.src_uri.count("/")
    if depth:
        return markdown
    return _OUTSIDE.sub(r"\1 (`\2`)", markdown)
