"""Which identifiers may decide about consent, what exports call them, and which people an inexact
one may mean.

The one definition: the macros of the same names are made from this file (`make generate`), and
`activation.suppressed` asks it as rows leave.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from segmentry.generated import GeneratedFile
from segmentry.settings import Settings

PROFILE = "profile_id"
# Each type that may decide, and the names by which exports call it besides its own.
NAMES: dict[str, tuple[str, ...]] = {
    "email": ("e_mail", "mail", "email_address"),
    "phone": ("mobile", "mobile_number", "tel", "telephone", "phone_number", "msisdn"),
    "user_id": ("userid", "user", "customer_id", "external_id"),
    "crm_id": ("contact_id", "contactid", "crm", "crmid"),
    "loyalty_id": (),
    "cookie": ("anonymousid", "anonymous_id", "cookie_id"),
    "device_id": ("device", "deviceid", "advertising_id"),
}
TYPES = tuple(NAMES)
_TYPE_OF = {name: kind for kind, names in NAMES.items() for name in names}

# How a name of a type and a column with the identifier are written as SQL of the form that is
# needed.
Expression = Callable[[str, str], str]


def word(text: str | None) -> str:
    """The text in the product's spelling: small letters, one underscore between words."""
    return re.sub("[ _-]+", "_", (text or "").strip().lower())


def types_named(text: str | None) -> Sequence[str]:
    """The type that a text names, in any spelling; all types where it names none that is known."""
    named = _TYPE_OF.get(word(text), word(text))
    return (named,) if named in (*TYPES, PROFILE) else TYPES


def loose_matches_by_function(unplaced: str, mapping: str) -> str:
    """SQL of ``loose_matches`` on a connection that has the functions of identifiers."""
    return loose_matches(
        unplaced,
        mapping,
        lambda kind, value: f"loose_identifier_keys({kind}, {value})",
        lambda kind, value: f"normal_identifier({kind}, {value}, null)",
    )


def loose_matches(unplaced: str, mapping: str, keys: Expression, normal: Expression) -> str:
    """SQL of what identifiers may mean that match no known one exactly.

    Known ones of their type that share a loose key with them; a contact's number in every system,
    if nobody has it in the one that is named; and those of any type whose normal form their value
    has, for the type may be wrong.

    Args:
        unplaced: a relation of (identifier_type, identifier).
        mapping: a relation of identifiers that are known, of the same columns.
        keys: the SQL of the list of an identifier's loose keys.
        normal: the SQL of an identifier's normal form.

    Returns:
        SQL of (identifier_type, identifier, meant_type, meant).
    """
    listed = keys("identifier_type", "identifier")
    keyed = f"select identifier_type, identifier,\n        unnest({listed}) as loose_key"
    return f"""\
select
    asked.identifier_type, asked.identifier,
    candidates.identifier_type as meant_type, candidates.identifier as meant
from (
    {keyed}
    from {unplaced}
) as asked
inner join (
    {keyed}
    from {mapping}
    where identifier_type in (select identifier_type from {unplaced})
) as candidates
    on asked.identifier_type = candidates.identifier_type
    and asked.loose_key = candidates.loose_key
{_of_any_system(unplaced, mapping)}
{_of_any_type(unplaced, mapping, normal)}"""


def _of_any_system(unplaced: str, mapping: str) -> str:
    return f"""\
union
-- Numbers of contacts without the system: a file of refusals seldom names the system of its
-- contacts.
select unplaced.identifier_type, unplaced.identifier,
    mapping.identifier_type, mapping.identifier
from {unplaced} as unplaced
inner join {mapping} as mapping
    on mapping.identifier_type = 'crm_id' and unplaced.identifier_type = 'crm_id'
    and {_bare("mapping.identifier")}
        = {_bare("unplaced.identifier")}"""


def _of_any_type(unplaced: str, mapping: str, normal: Expression) -> str:
    types = ",\n        ".join(f"('{kind}')" for kind in TYPES)
    return f"""\
union
select asked.identifier_type, asked.identifier, mapping.identifier_type, mapping.identifier
from (
    select
        unplaced.identifier_type, unplaced.identifier, types.meant_type,
        {normal("types.meant_type", "unplaced.identifier")} as meant
    from {unplaced} as unplaced
    cross join (values
        {types}
    ) as types (meant_type)
) as asked
inner join {mapping} as mapping
    on asked.meant_type = mapping.identifier_type and asked.meant = mapping.identifier"""


def _bare(key: str) -> str:
    """A key without the source that qualifies it (the macro own_key)."""
    return f"regexp_replace({key}, '^[a-z][a-z0-9_]*:', '')"


def generated_files(settings: Settings) -> list[GeneratedFile]:
    """The macros consent_types, identifier_type_word and loose_matches."""
    macros = settings.dbt_project / "macros"
    return [
        GeneratedFile(macros / "staging" / "identifier_types.sql", _types_macros()),
        GeneratedFile(macros / "marts" / "loose_matches.sql", _loose_macro()),
    ]


_MADE = "Made by `make generate` from segmentry/identifier_words.py, which code asks as well."


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"'{one}'" for one in words)


def _types_macros() -> str:
    cases = "\n".join(
        f"        when {{{{ word }}}} in ({_quoted(names)})\n            then '{kind}'"
        for kind, names in NAMES.items()
        if names
    )
    return f"""\
{{#- {_MADE} -#}}

{{#- Types of identifier that may decide: a relation of one row each, or the list of an `in`. -#}}
{{% macro consent_types(form='relation') -%}}
    {{%- set types = [{_quoted(TYPES)}] -%}}
    {{%- if form == 'list' -%}}
    ('{{{{ types | join("', '") }}}}')
    {{%- elif form == 'names' -%}}
    {{{{ return(types) }}}}
    {{%- else -%}}
    (values ('{{{{ types | join("'), ('") }}}}')) as types (identifier_type)
    {{%- endif -%}}
{{%- endmacro %}}

{{#- A type of identifier, by the names that exports give it. -#}}
{{% macro identifier_type_word(text) -%}}
    {{%- set word = consent_word(text) -%}}
    case
{cases}
        else {{{{ word }}}}
    end
{{%- endmacro %}}
"""


def _loose_macro() -> str:
    def keys(kind: str, value: str) -> str:
        return f"{{{{ loose_identifier_keys('{kind}', '{value}') }}}}"

    def normal(kind: str, value: str) -> str:
        return f'{{{{ normalize_identifier("{kind}", "{value}") }}}}'

    sql = loose_matches("{{ unplaced }}", "{{ mapping }}", keys, normal)
    indented = "\n".join(f"    {line}" for line in sql.splitlines())
    return f"""\
{{#-
{_MADE}
What identifiers may mean that match no known one exactly: known ones of their type that share a
loose key with them, a contact's number in every system, and those of any type whose normal form
their value has, for the type may be wrong.

unplaced, mapping: names of relations of (identifier_type, identifier).
Gives (identifier_type, identifier, meant_type, meant).
-#}}
{{% macro loose_matches(unplaced, mapping) -%}}
{indented}
{{%- endmacro %}}
"""
