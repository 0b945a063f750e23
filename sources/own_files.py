"""The text of the files of an own source: what it is, how a record is judged, what is accepted, and
which person a record names. `sources new` writes them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import yaml

from segmentry import identifier_words
from sources import guesses, own_texts
from sources.columns import same_name
from sources.formats import UNREADABLE
from sources.sampling import Sample, SampledColumn

# Names that SQL reserves, and those that staging gives to every record.
_RESERVED = (
    "all analyse analyze and anti any array as asc asof at by case cast check collate column"
    " columns create cross default desc describe distinct do else end except false fetch for"
    " foreign from full group having in inner intersect into is join lambda lateral left like"
    " limit map natural not null offset on only or order outer pivot positional primary qualify"
    " references right select semi show some struct summarize table then to true union unique"
    " unpivot using values when where window with"
)
_GIVEN = (
    "record record_id outcome reason detail record_key content_hash occurred_at cleared unread"
    " fields_accepted fields_empty missing invalid lost void too_early too_late beyond unlisted"
    " repeated fault keys is_object is_plain verdict conflict nth_in_file known_key known_hash"
    " first_hash nth_of_key repeated_batch_id repeated_line"
)
_TAKEN = frozenset((*_RESERVED.split(), *_GIVEN.split()))
_AHEAD = re.compile(r"until|expir|valid|ablauf|gueltig|gültig|due|end(s|ing)?(at|on|date)?$")
_TIME = re.compile(r"created|occur|happen|booked|order|date|datum|time|zeit|when|am$|at$|on$")
_KEY = re.compile(r"(id|no|nr|num|number|nummer|key|code|ref|uuid|beleg)$")
_COUNTRY = {"country", "land", "countrycode", "pays", "pais"}
# One rule for the links of every own source: policies.yml ranks it like an address in a form.
RULE = "form"


@dataclass(frozen=True)
class Field:
    """A column of staging, and the sampled one that it is read from."""

    name: str
    header: str
    kind: str
    column: SampledColumn

    @property
    def written(self) -> str:
        """The name by which a record has it: any spelling of the column's own name is read."""
        return self.name if same_name(self.header) == same_name(self.name) else self.header


@dataclass(frozen=True)
class Plan:
    """What is known of the source: its fields, which is the key, which the time, who is named."""

    name: str
    fields: tuple[Field, ...]
    key: Field | None
    time: Field | None
    identifiers: tuple[tuple[str, Field], ...]
    left_out: tuple[str, ...]

    @property
    def required(self) -> list[str]:
        """Columns that a record must have."""
        found = [field.name for field in (self.key, self.time) if field is not None]
        named = [field.name for _, field in self.identifiers]
        full = [field.name for _, field in self.identifiers if not field.column.empty]
        return found or full[:1] or named[:1]

    @property
    def relation(self) -> str:
        """The staging model."""
        return f"stg_{self.name}__records"

    @property
    def observed_at(self) -> str:
        """The time of a record's content; without a time of its own, when it was loaded."""
        return self.time.name if self.time and not self.time.column.empty else "_loaded_at"


def planned(name: str, sample: Sample) -> Plan:
    """The plan of a sampled file."""
    fields, left_out = _fields(sample)
    identifiers: dict[str, Field] = {}
    for field in fields:
        if (kind := field.column.identifier) is not None:
            identifiers.setdefault(kind, field)
    ranked = [(kind, identifiers[kind]) for kind in identifier_words.TYPES if kind in identifiers]
    time = _time(fields)
    key = next(
        (
            field
            for field in fields
            if field.column.is_unique
            and field.column.identifier is None
            and field.column.type in {"text", "integer", "word"}
            and _KEY.search(same_name(field.header))
        ),
        None,
    )
    fields = [_typed(field, is_key=field is key, is_time=field is time) for field in fields]
    by_name = {field.name: field for field in fields}
    return Plan(
        name,
        tuple(fields),
        by_name[key.name] if key else None,
        by_name[time.name] if time else None,
        tuple((kind, by_name[field.name]) for kind, field in ranked),
        tuple(left_out),
    )


def _fields(sample: Sample) -> tuple[list[Field], list[str]]:
    fields: list[Field] = []
    left_out: list[str] = []
    seen: set[str] = set()
    for column in sample.columns:
        same = same_name(column.name)
        if not same or same in seen or re.search(r"[\"'\\{}%#\n]", column.name):
            left_out.append(column.name)
            continue
        seen.add(same)
        name = _name(column.name, {field.name for field in fields})
        fields.append(Field(name, column.name.strip(), column.type, column))
    return fields, left_out


def _name(header: str, taken: set[str]) -> str:
    text = header.translate({ord("ä"): "ae", ord("ö"): "oe", ord("ü"): "ue", ord("ß"): "ss"})
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", text).strip("_") or "column"
    name = f"n{name}" if name[0].isdigit() else name
    name = f"{name}_stated" if name in _TAKEN else name
    number = 2
    unique = name
    while unique in taken:
        unique = f"{name}_{number}"
        number += 1
    return unique


def _time(fields: Sequence[Field]) -> Field | None:
    """The time of a record: of the times that are never empty the one that is called so."""
    times = [field for field in fields if field.column.is_time and not _is_ahead(field)]
    return min(
        times,
        key=lambda field: (
            field.column.empty > 0, not _TIME.search(same_name(field.header)), fields.index(field)
        ),
        default=None,
    )  # fmt: skip


def _is_ahead(field: Field) -> bool:
    return _AHEAD.search(same_name(field.header)) is not None


def _typed(field: Field, *, is_key: bool, is_time: bool) -> Field:
    column = field.column
    kind = column.type
    if is_key or column.identifier == "crm_id":
        kind = "key"
    elif column.identifier is not None:
        kind = "text" if column.identifier in {"email", "phone"} else "id"
    elif same_name(column.name) in _COUNTRY:
        kind = "country"
    elif kind in {"date", "timestamp"}:
        ahead = "timestamp_ahead" if _is_ahead(field) else "timestamp"
        kind = "date" if guesses.is_birth(column.name) else "timestamp" if is_time else ahead
    return replace(field, kind=kind)


def config_yml(plan: Plan, sample: Sample, description: str) -> str:
    """config/sources/<name>.yml."""
    by_name = {field.name: field.written for field in plan.fields}
    header = [*plan.required, *(field.name for _, field in plan.identifiers)]
    content: dict[str, object] = {
        "name": plan.name,
        "description": description,
        "paths": [f"${{SEGMENTRY_INBOX}}/{plan.name}"],
        "columns": [by_name[name] for name in dict.fromkeys(header)],
    }
    if sample.delimiter not in {None, ","}:
        content["delimiter"] = sample.delimiter
    if sample.encoding:
        content["encoding"] = sample.encoding
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def base_sql(plan: Plan) -> str:
    """base_<name>.sql."""
    columns = ",\n".join(f"    {_declared(field)}" for field in plan.fields)
    required = ", ".join(f"'{name}'" for name in plan.required)
    key = f"['{plan.key.name}']" if plan.key else "[]"
    occurred_at = plan.time.name if plan.time else "cast(null as timestamp)"
    if plan.key is not None:
        numbered = ""
        relation = "typed"
        record_key = f"cast({plan.key.name} as varchar)"
    else:
        numbered = own_texts.NUMBERED
        relation = "numbered"
        record_key = "content_hash || '#' || cast(nth_in_file as varchar)"
    return own_texts.BASE.format(
        name=plan.name, columns=columns, required=required, key=key, occurred_at=occurred_at,
        numbered=numbered, relation=relation, record_key=record_key,
    )  # fmt: skip


def _declared(field: Field) -> str:
    """A column as the base model declares it."""
    text = _text(field)
    if text is not None:
        return (
            f"'{field.name}': {{\n        'type': '{field.kind}', 'field': '{field.written}',\n"
            f"        'text': {text}\n    }}"
        )
    if field.written != field.name:
        return f"'{field.name}': ['{field.kind}', '{field.written}']"
    return f"'{field.name}': '{field.kind}'"


def _text(field: Field) -> str | None:
    """SQL of the text where the file does not write it as staging reads it, as a string of
    Jinja.
    """
    form = field.column.form
    given = f'trim(record.\\"{field.written}\\")'
    parts: list[str] = []
    if form.decimal and field.kind == "amount":
        group, sign = ("[.]", "[,]") if form.decimal == "," else ("[,]", "[.]")
        pattern = f"[+-]?([0-9]{{1,3}}({group}[0-9]{{3}})+|[0-9]+)({sign}[0-9]+)?"
        parts = [
            f"case when regexp_full_match({given},",
            f" '{pattern}')",
            f" then replace(replace({given}, '{group[1]}', ''),",
            f" '{sign[1]}', '.')",
            f" else {given} || '{UNREADABLE}' end",
        ]
    elif form.date_format and field.kind in {"date", "timestamp", "timestamp_ahead"}:
        plain = "%Y-%m-%d" if field.kind == "date" else "%Y-%m-%dT%H:%M:%S"
        parts = [
            f"coalesce(strftime(try_strptime({given},",
            f" '{form.date_format}'), '{plain}'),",
            f" {given})",
        ]
    return "\n            ~ ".join(f'"{part}"' for part in parts) or None


def base_yml(plan: Plan) -> str:
    """base_<name>.yml, with a unit test and the raw table."""
    once = f"The same {plan.key.name} again" if plan.key else "A line again in another load"
    return own_texts.BASE_YML.format(
        name=plan.name,
        once=once,
        rows="\n".join(_given(plan)),
        expected="\n".join(_expected(plan)),
    )


def _good(plan: Plan) -> str:
    by_name = {field.name: field for field in plan.fields}
    pairs = (f'"{by_name[name].written}": "{_example(by_name[name])}"' for name in plan.required)
    return "{" + ", ".join(pairs) + "}"


def _example(field: Field) -> str:
    if field.kind == "timestamp":
        pattern = field.column.form.date_format or "%Y-%m-%d"
        return datetime(2026, 1, 2).strftime(pattern)
    return "ann@shop.test" if field.column.identifier == "email" else "k1"


def _given(plan: Plan) -> Iterator[str]:
    for line, raw in enumerate((_good(plan), _good(plan), "{}", "no json"), start=1):
        landed = f"_batch_id: b, _loaded_at: '2026-02-01', _line: {line}"
        yield f"          - {{{landed}, _raw: '{raw}'}}"


def _expected(plan: Plan) -> Iterator[str]:
    again = "duplicate" if plan.key else "accepted"
    missing = ", ".join(plan.required)
    without = f"reason: missing_field, detail: '{missing}'"
    if plan.key is not None:
        without = f"reason: missing_id, detail: {plan.key.name}"
    found = (
        "outcome: accepted, reason: null, detail: null",
        f"outcome: {again}, reason: null, detail: null",
        f"outcome: quarantined, {without}",
        "outcome: quarantined, reason: not_json, detail: 'the text is not a JSON object'",
    )
    for line, text in enumerate(found, start=1):
        yield f"        - {{record_id: 'b:{line}', {text}}}"


def staging_sql(plan: Plan) -> str:
    """stg_<name>__records.sql."""
    columns = "\n".join(f"    {field.name}," for field in plan.fields)
    return own_texts.STAGING.format(name=plan.name, columns=columns)


def staging_yml(plan: Plan) -> str:
    """stg_<name>__records.yml; the gate checks the column that it states as unique."""
    lines = [own_texts.STAGING_YML.format(name=plan.name, relation=plan.relation)]
    if plan.key is None:
        lines.append("        data_tests: [unique]\n")
    for field in plan.fields:
        lines.append(f"      - name: {field.name}\n        description: {_described(field)}\n")
        if field is plan.key:
            lines.append("        data_tests: [unique]\n")
    return "".join(lines)


def _described(field: Field) -> str:
    text = f"Column {field.header} of the file; type {field.kind}."
    return "'" + text.replace("'", "''") + "'"


def claims_sql(plan: Plan) -> str:
    """claims__<name>.sql: each identifier, and the first one that a record has with its others."""
    given = ",\n".join(f"        '{kind}': '{field.name}'" for kind, field in plan.identifiers)
    links = "".join(f"        {link},\n" for link in _links([kind for kind, _ in plan.identifiers]))
    country = next((field.name for field in plan.fields if field.kind == "country"), None)
    more = f"    links=[\n{links}    ],\n" if links else ""
    more += f"    country='{country}',\n" if country else ""
    return own_texts.CLAIMS.format(
        name=plan.name, relation=plan.relation, observed_at=plan.observed_at, identifiers=given,
        more=more,
    )  # fmt: skip


def _links(kinds: Sequence[str]) -> Iterator[str]:
    for place, first in enumerate(kinds):
        missing = " and ".join(f"{kind} is null" for kind in kinds[:place])
        condition = f", '{missing}'" if missing else ""
        for other in kinds[place + 1 :]:
            yield f"['{RULE}', '{first}', '{other}'{condition}]"


def claims_yml(plan: Plan) -> str:
    """claims__<name>.yml."""
    return own_texts.CLAIMS_YML.format(name=plan.name)
