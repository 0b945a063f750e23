"""Records of a mapped source, under the names of the source whose columns they have."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping

from sources import formats
from sources.columns import shown_name
from sources.mapping import KEYS, ColumnMapping
from sources.readers import ndjson
from sources.readers.records import Records
from sources.readers.seen import Seen, UnreadColumn

CONSTANT = "(constant)"
DERIVED = "(made from the record)"
_Tree = dict[str, "str | _Tree"]


def applied(mapping: ColumnMapping, blocks: Iterable[Records]) -> Iterator[Records]:
    """The same records under the mapping's names; what a reader found faulty, and what is no
    object, as it is.
    """
    for block in blocks:
        batch = Records()
        for line, raw, problem in zip(block.lines, block.raws, block.problems, strict=True):
            if problem is None:
                batch.add(line, *_renamed(mapping, raw))
            else:
                batch.add(line, raw, problem)
        yield batch


def columns(mapping: ColumnMapping, seen: Seen) -> list[UnreadColumn]:
    """How each column of the file is read; read_as is None for one that is not mapped."""
    found = [column for column in seen.columns() if column.read_as is None]
    for written, header in seen.written.items():
        targets = [column for column, other in mapping.headers if other == header]
        targets += [column for column, other in mapping.copies if other in targets]
        found += [UnreadColumn(written, column, 0) for column in targets]
    found += [UnreadColumn(CONSTANT, column, 0) for column, _ in mapping.constants]
    return found + ([UnreadColumn(DERIVED, mapping.derived, 0)] if mapping.derived else [])


def _renamed(mapping: ColumnMapping, raw: str) -> tuple[str, str | None]:
    members = ndjson.members(raw)
    if members is None:
        return raw, None
    names = [name for name, _ in members]
    if len(set(names)) < len(names):
        twice = sorted({shown_name(name) for name in names if names.count(name) > 1})
        return raw, f"repeated_name: {', '.join(twice)}"
    given = dict(members)
    fields = {column: given[header] for column, header in mapping.headers if header in given}
    formats.applied(mapping.formats, fields)
    fields.update(mapping.constants)
    fields.update({column: fields[other] for column, other in mapping.copies if other in fields})
    if mapping.derived:
        content = "\n".join(f"{column}={text}" for column, text in sorted(fields.items()))
        digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        fields[mapping.derived] = json.dumps(digest)
    tree = _nested(fields)
    for name in given.keys() - set(mapping.file_columns):
        tree[f"{name} - not mapped" if name in mapping.names or name == KEYS else name] = given[
            name
        ]
    if mapping.keys:
        tree[KEYS] = json.dumps(mapping.keys)
    return _text(tree), None


def _nested(fields: Mapping[str, str]) -> _Tree:
    """An object for each name before a dot."""
    tree: _Tree = {}
    for column, text in fields.items():
        *outer, name = column.split(".")
        at = tree
        for one in outer:
            inner = at.setdefault(one, {})
            assert isinstance(inner, dict)
            at = inner
        at[name] = text
    return tree


def _text(tree: Mapping[str, str | _Tree]) -> str:
    parts = (
        f"{json.dumps(name, ensure_ascii=False)}:"
        f" {value if isinstance(value, str) else _text(value)}"
        for name, value in tree.items()
    )
    return "{" + ", ".join(parts) + "}"
