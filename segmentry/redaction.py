"""Takes passwords and records' values out of the texts that databases and tools write about their
faults.
"""

from __future__ import annotations

import re

HIDDEN = "…"

# ``password=…`` and its relatives, in libpq words, SQL options, URLs' queries and key=value lines.
_WORD = re.compile(
    r"(?P<name>\b(?:\w*passw(?:or)?d|pwd|\w*secret(?:_?access)?(?:_?key)?|\w*access_key_id|token|api_?key)\b"
    r"['\"]?\s*[=:]\s*)(?P<value>'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"|[^\s,;&)\]}]+)",
    re.IGNORECASE,
)
# ``scheme://user:password@host``.
_URL = re.compile(r"(?P<start>\b[a-z][a-z0-9+.-]*://[^\s:/@'\"]*):[^\s/'\"]*@", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s'\"<>()=:,;]+@[^\s'\"<>(),;]+")
_LONG_NUMBER = re.compile(r"\d{5,}")

# DuckDB names the class of a fault first. These speak of the statement, the catalog and the
# machine, never of a row.
_WITHOUT_ROWS = frozenset((
    "Binder Error", "Catalog Error", "Parser Error", "Permission Error", "Not implemented Error",
    "IO Error",
    "HTTP Error", "Connection Error", "Transaction Error", "TransactionContext Error",
    "Out of Memory Error",
    "Dependency Error", "Interrupt Error", "Compilation Error",
))  # fmt: skip
_CLASS = re.compile(r"\b(?P<name>[A-Z][A-Za-z]+(?: [A-Za-z]+){0,2} Error): ")
_COLUMN = re.compile(r"when casting from source column ([A-Za-z_][\w.]{0,62})\b")
_TYPE = re.compile(r"\bto (?:type )?([A-Z][A-Z0-9_]*(?:\(\d+, ?\d+\))?)\b")
_OPENING = re.compile(r"['\"`{\[<(:=]|(?<!\w)\d")


def without_secrets(text: str) -> str:
    """The text without passwords, keys and tokens."""
    return _URL.sub(rf"\g<start>:{HIDDEN}@", _WORD.sub(rf"\g<name>{HIDDEN}", text))


def without_values(text: str) -> str:
    """A database's or tool's message without passwords and without values of records.

    A fault of the statement keeps its words. Any other may quote a row: of it remain the class, the
    words before the first quoted value or number, the type and the column.
    """
    return _ADDRESS.sub(HIDDEN, _LONG_NUMBER.sub(HIDDEN, without_secrets(_without_rows(text))))


def _without_rows(text: str) -> str:
    for match in _CLASS.finditer(text):
        if match["name"] not in _WITHOUT_ROWS:
            # A value may look like anything, another error's first words too: the rest is taken as
            # one text.
            return text[: match.end()] + _shape(text[match.end() :])
    return text


def _shape(body: str) -> str:
    """A message about rows, without the rows."""
    opening = _OPENING.search(body)
    if opening is None:
        return body
    kept = [body[: opening.start()].rstrip(), HIDDEN]
    if types := _TYPE.findall(body):
        kept.append(f"to {types[-1]}")
    if columns := _COLUMN.findall(body):
        kept.append(f"in the column {columns[-1]}")
    return " ".join(part for part in kept if part) + ("\n" if body.endswith("\n") else "")
