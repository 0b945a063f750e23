"""A source whose files have the columns of a shipped source under other names: `maps_to` in its
yml.

The records land in the raw table of the shipped source, under its names, with the mapped source as
`_source`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segmentry.errors import ConfigError
from sources import formats as column_formats
from sources.columns import known_columns, same_name
from sources.judgement import event_fields

KINDS = ("orders", "crm_contacts", "events", "products", "consents")
# What `keys` is where the keys are those of the shipped source.
SHARED = "shared"
# The field of a record that names the owner of its keys. Staging reads it of records of mapped
# sources only.
KEYS = "_keys"
# A column without a header and a constant is that of another column.
_COPIES = {"orders": {"updated_at": "ordered_at"}}
# An id that a file need not have: the same content is the same record.
_DERIVED = {"consents": "consent_id", "events": "messageId"}
# What each event needs, which its base model states as conditions.
_EVENT_REQUIRED = ("type", "timestamp")
_OPEN = ("properties", "traits", "context.traits")
_HOW_TO = (
    "docs/how-to/add-a-source.md, section 'Map a file with other column names', has an example"
)


@dataclass(frozen=True)
class ColumnMapping:
    """How a foreign record becomes one of the kind.

    headers: (column, header in the file). constants: (column, its value as JSON). copies: (column,
    the column it copies). derived: the id that is made from the content. keys: what qualifies the
    record's own key, None for nothing. names: fields of the kind at the top of a record; no other
    column of the file may take one of them. formats: how columns are written.
    """

    kind: str
    headers: tuple[tuple[str, str], ...]
    constants: tuple[tuple[str, str], ...]
    copies: tuple[tuple[str, str], ...]
    derived: str | None
    keys: str | None
    names: frozenset[str]
    required: tuple[str, ...]
    formats: column_formats.Formats = ()

    @property
    def file_columns(self) -> tuple[str, ...]:
        """Headers that the mapping names."""
        return tuple(header for _, header in self.headers)

    @property
    def required_columns(self) -> tuple[str, ...]:
        """Headers whose cells a record may not leave empty."""
        return tuple(header for column, header in self.headers if column in self.required)


def made(
    content: Mapping[str, Any], contents: Mapping[str, Mapping[str, Any]], project: Path
) -> ColumnMapping:
    """The mapping of a source's yml, or ConfigError. contents: the yml of every source by name."""
    name = content["name"]
    kind = content["maps_to"]
    _check_names(
        content, [one for one, other in contents.items() if "maps_to" not in other], project
    )
    known = known_columns(project, kind)
    fields = event_fields(project) if kind == "events" else dict.fromkeys(known.names, "text")
    headers = content["columns"]
    constants = content.get("constants", {})
    _check_columns(name, kind, [*headers, *constants], fields)
    _check_headers(name, headers, constants)
    copies = {
        column: other
        for column, other in _COPIES.get(kind, {}).items()
        if column not in {*headers, *constants} and other in {*headers, *constants}
    }
    derived = _DERIVED.get(kind)
    derived = None if derived in {*headers, *constants} else derived
    required = _EVENT_REQUIRED if kind == "events" else known.required
    wanted = dict.fromkeys([*contents[kind].get("columns", ()), *required])
    _check_required(
        name, kind, wanted, {*headers, *constants, *copies, *([derived] if derived else [])}
    )
    keys = content.get("keys", name)
    return ColumnMapping(
        kind,
        tuple(headers.items()),
        tuple(
            (column, json.dumps(value, ensure_ascii=False)) for column, value in constants.items()
        ),
        tuple(copies.items()),
        derived,
        None if keys == SHARED or kind == "products" else keys,
        frozenset(fields),
        tuple(required),
        column_formats.made(name, content.get("formats", {}), headers),
    )


def _check_names(content: Mapping[str, Any], unmapped: Sequence[str], project: Path) -> None:
    name = content["name"]
    kind = content["maps_to"]
    keys = content.get("keys")
    place = f"config/sources/{name}.yml"
    if kind not in KINDS:
        raise ConfigError(
            f"{place}: maps_to is '{kind}'",
            allowed=", ".join(KINDS),
            remedy=f"name the source whose columns the file has; {_HOW_TO}",
        )
    is_shipped = (project / "models" / "staging" / name).is_dir()
    if kind not in unmapped or is_shipped:
        raise ConfigError(
            (
                f"{place}: the mapped source has the name of a shipped source"
                if is_shipped
                else f"{place}: maps_to is '{kind}', which has no file in config/sources/"
            ),
            allowed=f"a name of its own, next to config/sources/{kind}.yml as it is shipped",
            remedy="rename the mapped source and its file, and restore the shipped file",
        )
    if keys in unmapped or (keys is not None and kind == "products"):
        raise ConfigError(
            f"{place}: keys is '{keys}'",
            allowed=(
                "for products nothing, because orders and events name products by the same id"
                if kind == "products"
                else f"'{SHARED}', or a name that is no shipped source"
            ),
            remedy="remove the line, or choose the name of the system that the file comes from",
        )


def _check_columns(name: str, kind: str, columns: Iterable[str], fields: Mapping[str, Any]) -> None:
    unknown = [
        column for column in columns if not _is_known(column, fields, is_open=kind == "events")
    ]
    if unknown:
        opened = (
            ", and properties.<name>, traits.<name>, context.<name>" if kind == "events" else ""
        )
        raise ConfigError(
            f"config/sources/{name}.yml: '{kind}' has no column {', '.join(unknown)}",
            allowed=", ".join(fields) + opened,
            remedy=f"write `column of {kind}: header in the file`; {_HOW_TO}",
        )


def _is_known(column: str, fields: Mapping[str, Any], *, is_open: bool) -> bool:
    if not is_open:
        return column in fields
    at: Any = fields
    names = column.split(".")
    for place, name in enumerate(names):
        if ".".join(names[:place]) in _OPEN:
            return all(names)
        if not isinstance(at, Mapping) or name not in at:
            return False
        at = at[name]
    return not isinstance(at, Mapping)


def _check_headers(name: str, headers: Mapping[str, str], constants: Mapping[str, object]) -> None:
    place = f"config/sources/{name}.yml"
    seen: dict[str, str] = {}
    for column, header in headers.items():
        other = seen.setdefault(same_name(header), column)
        if other != column:
            raise ConfigError(
                f"{place}: the columns {other} and {column} have the same header '{header}'",
                allowed="one column for each header, whatever its case, spaces and hyphens",
                remedy="correct the header of one, or give it a value under constants",
            )
    names = [*headers, *constants]
    overlapping = {column for column in names for other in names if other.startswith(f"{column}.")}
    if twice := sorted((headers.keys() & constants.keys()) | overlapping):
        raise ConfigError(
            f"{place}: the column {', '.join(twice)} is given twice",
            allowed="a header under columns, or a value under constants; an object, or its parts",
            remedy="remove one of the two",
        )


def _check_required(name: str, kind: str, required: Iterable[str], given: set[str]) -> None:
    missing = [column for column in required if column not in given]
    if kind == "events" and not given & {"userId", "anonymousId"}:
        missing.append("userId or anonymousId")
    if missing:
        raise ConfigError(
            f"config/sources/{name}.yml: nothing is mapped to {', '.join(missing)}",
            allowed=f"a header or a constant for each of these columns of '{kind}'",
            remedy=(
                "add them under columns, or under constants where all records have one value;"
                f" {_HOW_TO}"
            ),
        )
