"""Where in HTML a template may print a value: escaping alone does not protect every place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

_OUTPUT = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_TAG = re.compile(r"\{%.*?%\}", re.DOTALL)
_MARK = "segmentryvalue"
# Content of these is read by another language than HTML.
_OTHER_LANGUAGES = frozenset({"script", "style", "iframe", "object", "embed", "template"})
_OF_THE_PAGE = frozenset({"meta", "base", "link"})
_ADDRESSES = frozenset(
    {"href", "src", "srcset", "action", "formaction", "data", "poster", "background", "cite",
     "ping", "xlink:href", "manifest"}
)  # fmt: skip
_UNQUOTED = re.compile(rf"=\s*[^\s\"'>]*{_MARK}")


def faults(text: str) -> list[str]:
    """What is wrong with the places of values in an HTML template; nothing if each is safe.

    A value is safe in text and in a quoted attribute. In an address it is safe after the start,
    because the start may be ``javascript:``.
    """
    reader = _Reader()
    reader.feed(_OUTPUT.sub(_MARK, _TAG.sub("", text)))
    if _MARK in reader.rawdata:
        reader.faults.append("a value in an element that does not end")
    reader.close()
    return list(dict.fromkeys(reader.faults))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self._within: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.faults += _faults_of(tag, attrs, self.get_starttag_text() or "")
        if tag in _OTHER_LANGUAGES:
            self._within.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.faults += _faults_of(tag, attrs, self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        if _MARK in tag:
            self.faults.append("a value as the name of an element")
        if tag in self._within:
            self._within.remove(tag)

    def handle_data(self, data: str) -> None:
        if self._within and _MARK in data:
            self.faults.append(f"a value within <{self._within[-1]}>")
        elif data.rstrip().endswith("<") or re.search(rf"<[/!]?{_MARK}", data):
            self.faults.append("a value as the name of an element")


def _faults_of(tag: str, attributes: list[tuple[str, str | None]], source: str) -> Iterator[str]:
    if _MARK in tag:
        yield "a value as the name of an element"
    if _UNQUOTED.search(source):
        yield "a value in an attribute without quotes"
    if tag in _OF_THE_PAGE and _MARK in source:
        yield f"a value in <{tag}>, which acts on the whole page"
    for name, value in attributes:
        if _MARK in name:
            yield "a value as the name of an attribute"
        if value is None or _MARK not in value:
            continue
        if name.startswith("on") or name in {"style", "srcdoc"}:
            yield f"a value in the attribute {name}, which is a language of its own"
        elif name in _ADDRESSES and not _has_fixed_start(value):
            yield f"a value at the start of the address in {name}"


def _has_fixed_start(address: str) -> bool:
    """Whether host or path begin before the value does."""
    start = address.partition(_MARK)[0].strip()
    return bool(re.match(r"(https?://[^/]+/|/(?!/)|\?|#|mailto:|tel:)", start))
