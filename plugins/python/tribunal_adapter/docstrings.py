"""Reading docstrings: the summary sentence, and what they say of single arguments."""

from __future__ import annotations

import inspect
import re
from typing import Dict, Optional

_SECTION = re.compile(r"^(Args|Arguments|Settings|Parameters|Keyword Args):\s*$")
_OTHER_SECTION = re.compile(r"^\S.*:\s*$")
_ENTRY = re.compile(r"^\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.*)$")
_FIELD = re.compile(r"^:param\s+(?:[^:]*\s)?(\w+):\s*(.*)$")


def summary_of(doc: Optional[str]) -> str:
    """The first paragraph as one line."""
    if not doc:
        return ""
    return " ".join(inspect.cleandoc(doc).split("\n\n", 1)[0].split())


def argument_texts(doc: str) -> Dict[str, str]:
    """Descriptions by argument name, from an `Args:` section or from `:param name:` lines."""
    texts: Dict[str, str] = {}
    current: Optional[str] = None
    indent: Optional[int] = None
    inside = False
    for line in inspect.cleandoc(doc).splitlines():
        stripped = line.strip()
        depth = len(line) - len(line.lstrip())
        field = _FIELD.match(stripped)
        if field:
            current, inside = field.group(1), False
            texts[current] = field.group(2)
        elif _SECTION.match(line):
            inside, indent, current = True, None, None
        elif stripped.startswith(":"):
            current, inside = None, False
        elif not stripped or (depth == 0 and _OTHER_SECTION.match(line)) or (inside and depth == 0):
            if stripped:
                inside = False
            current = None
        elif inside:
            indent = depth if indent is None else indent
            entry = _ENTRY.match(stripped) if depth <= indent else None
            if entry:
                current = entry.group(1)
                texts[current] = entry.group(2)
            elif current:
                texts[current] = f"{texts[current]} {stripped}".strip()
        elif current:
            texts[current] = f"{texts[current]} {stripped}".strip()
    return {name: text for name, text in texts.items() if text}
