"""Columns of a source: which ones staging reads, and which of them a name in a file means."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_SEPARATORS = re.compile(r"[\W_]+")
_NAME = re.compile(r"[^\W\d][\w .:/()-]{0,59}")


@dataclass(frozen=True)
class SourceFields:
    """names: fields of a record that staging reads; empty where records are open, as events are.

    required: fields without which a record is quarantined.
    """

    names: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


def known_columns(project: Path, source: str) -> SourceFields:
    """The columns as the source's base model lists them: the one place that states how a record is
    judged.
    """
    model = project / "models" / "staging" / source / f"base_{source}.sql"
    try:
        return _listed(model, model.stat().st_mtime_ns)
    except OSError:  # a source whose model is still to be written
        return SourceFields()


@lru_cache(maxsize=64)
def _listed(model: Path, _changed_ns: int) -> SourceFields:
    import jinja2
    from jinja2 import nodes

    try:
        tree = jinja2.Environment(autoescape=True, extensions=["jinja2.ext.do"]).parse(
            model.read_text("utf-8")
        )
    except jinja2.TemplateError:  # dbt reports which file does not parse
        return SourceFields()
    columns: Mapping[str, Any] = {}
    for assigned in tree.find_all(nodes.Assign):
        if isinstance(assigned.target, nodes.Name) and assigned.target.name == "columns":
            columns = _constant(assigned.node, {})
    fields = {name: _field(name, spec) for name, spec in columns.items()}
    wanted: list[str] = []
    for call in tree.find_all(nodes.Call):
        name = getattr(call.node, "name", "")
        for word in call.kwargs:
            if (name, word.key) in {("typed_records", "required"), ("first_fault", "key")}:
                wanted += _constant(word.value, [])
    return SourceFields(
        tuple(fields.values()),
        tuple(dict.fromkeys(fields[name] for name in wanted if name in fields)),
    )


def _constant(node: Any, default: Any) -> Any:
    from jinja2 import nodes

    try:
        return node.as_const()
    except nodes.Impossible:
        return default


def _field(name: str, spec: object) -> str:
    """The field that a column is read from: the second part of [type, field], a mapping's `field`,
    or its own name.
    """
    if isinstance(spec, Mapping):
        return str(spec.get("field", name))
    if isinstance(spec, Sequence) and not isinstance(spec, str) and len(spec) > 1:
        return str(spec[1])
    return name


def canonical_names(written: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The names under which a record's fields are kept, in the same order.

    A name that is a known one but for case, a byte order mark, and spaces, hyphens or underscores
    is that known one, unless another name of the record is it already or could be it as well.
    """
    stripped = [_stripped(name) for name in written]
    free = set(known) - set(stripped)
    claims = Counter(_key(name) for name in stripped if name not in known)
    by_key = Counter(_key(name) for name in known)
    meant = {_key(name): name for name in free if by_key[_key(name)] == 1}
    return tuple(
        name if name in known or claims[_key(name)] > 1 else meant.get(_key(name), name)
        for name in stripped
    )


def same_name(name: str) -> str:
    """What two spellings of one name have in common."""
    return _key(_stripped(name))


def _stripped(name: str) -> str:
    return name.strip().strip("\ufeff\u200b").strip()


def _key(name: str) -> str:
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", name)).casefold()


def shown_name(name: str) -> str:
    """A column's name; one that may be a value (a file without a header) only by its length."""
    return name if _NAME.fullmatch(name) else f"(a name of {len(name)} characters)"
