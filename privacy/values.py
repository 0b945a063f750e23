"""Finds the values of people in text, and takes them out."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote

from segmentry.tombstones import is_distinct

ERASED = "[erased]"
_SPECIAL = re.compile(r"([.^$*+?{}\[\]\\|()])")
_CHUNK = 400  # alternatives of one pattern of DuckDB; more leave its fast matcher


class Matcher:
    """The values of people, as one pattern. An address does not match inside a longer one."""

    def __init__(self, values: Iterable[str]) -> None:
        spelled = {form for value in values if is_distinct(value) for form in _forms(value)}
        self.values = sorted(spelled)
        addresses = [value for value in self.values if "@" in value or "%40" in value]
        others = [value for value in self.values if value not in set(addresses)]
        escaped = r"|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2})"
        parts = []
        if addresses:
            parts.append(
                rf"(?:(?<![\w.%+-]){escaped})(?:{_trie(addresses)})(?![A-Za-z0-9]|[.-][A-Za-z0-9])"
            )
        if others:
            parts.append(rf"(?:(?<![A-Za-z0-9]){escaped})(?:{_trie(others)})(?![A-Za-z0-9])")
        self._pattern = re.compile("|".join(parts) or r"(?!)", re.IGNORECASE)

    def found(self, text: str) -> set[str]:
        """The values that the text has, in small letters."""
        return {match.group().lower() for match in self._pattern.finditer(text)}

    def is_in(self, text: str) -> bool:
        """Whether the text has one of the values."""
        return self._pattern.search(text) is not None

    def count(self, text: str) -> int:
        """How often."""
        return sum(1 for _ in self._pattern.finditer(text))

    def cleaned(self, text: str) -> str:
        """The text with a mark in place of each value."""
        return self._pattern.sub(ERASED, text)

    def chunks(self) -> list[str]:
        """Patterns for DuckDB that match at least what this matches: a first look, in SQL."""
        starts = range(0, len(self.values), _CHUNK)
        return [
            "(?i)" + "|".join(_SPECIAL.sub(r"\\\1", one) for one in self.values[n : n + _CHUNK])
            for n in starts
        ]


def _forms(value: str) -> set[str]:
    """The value as plain text, JSON, HTML and addresses of pages write it."""
    text = value.strip()
    forms = {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    forms |= {html.escape(text), quote(text, safe=""), quote(text, safe="@")}
    if text.startswith("+") and text[1:].isdigit():
        forms.add(text[1:])
    return {form.lower() for form in forms if form}


def _trie(values: Iterable[str]) -> str:
    """One pattern of all values in which common beginnings are read once."""
    root: dict[str, dict] = {}  # type: ignore[type-arg]
    for value in values:
        node = root
        for sign in value:
            node = node.setdefault(sign, {})
        node[""] = {}
    return _written(root)


def _written(root: dict[str, dict]) -> str:  # type: ignore[type-arg]
    parts = []
    for sign, below in sorted(root.items(), reverse=True):
        if sign == "":
            continue
        text = re.escape(sign)
        while len(below) == 1 and "" not in below:
            ((sign, below),) = below.items()
            text += re.escape(sign)
        parts.append(text + _written(below))
    is_end = "" in root
    if not parts:
        return ""
    joined = parts[0] if len(parts) == 1 and not is_end else f"(?:{'|'.join(parts)})"
    return f"{joined}?" if is_end else joined
