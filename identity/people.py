"""From what a person writes on the command line to one profile."""

from __future__ import annotations

import re

import duckdb

from segmentry import identifiers, warehouse
from segmentry.errors import UsageError

Node = tuple[str, str]

# The stored form itself; then what a source's spelling became; then the same but for upper and
# lower case.
_FORMS = """
select identifier from (
    select identifier, 1 as place from lake.identity.identifier_mapping
    where identifier_type = $kind and identifier in (select unnest($forms))
    union all
    select identifier, 2 from lake.identity.identifier_values
    where identifier_type = $kind and value = $value and identifier is not null
    union all
    select identifier, 3 from lake.identity.identifier_mapping
    where identifier_type = $kind and lower(identifier) = lower($forms[1])
) as forms
order by place, identifier
limit 1
"""


def profile_named(lake: duckdb.DuckDBPyConnection, text: str) -> str:
    """The current profile_id of a ``profile_id`` or ``type:value`` (``email:ann@example.com``), or
    UsageError.

    The error does not repeat the value: it may be a person's.
    """
    warehouse.require(lake, "identity.identifier_mapping", made_by="identity")
    kind, colon, value = text.partition(":")
    if colon:
        sql = (
            "select profile_id from lake.identity.identifier_mapping where identifier_type = ? and"
            " identifier = ?"
        )
        row = lake.execute(sql, list(spelled(lake, kind, value))).fetchone()
    else:
        sql = "select current_profile_id from lake.identity.profile_resolution where profile_id = ?"
        row = lake.execute(sql, [text.strip()]).fetchone()
    if row is None:
        raise UsageError(
            "nobody is known by that " + ("identifier" if colon else "profile_id"),
            allowed="a profile_id, or type:value with one of the types " + ", ".join(types(lake)),
            remedy=(
                "check the spelling; identity.refused_identifiers contains the values that were"
                " refused, with reasons"
            ),
        )
    return str(row[0])


def spelled(lake: duckdb.DuckDBPyConnection, kind: str, value: str) -> Node:
    """An identifier in the form it is stored in, or UsageError where its type is not known."""
    if kind not in types(lake):
        raise UsageError(
            f"'{kind}' is not a type of identifier",
            allowed=", ".join(types(lake)),
            remedy="write type:value, such as user_id:1042",
        )
    (country,) = lake.execute("select getvariable('shop_country')").fetchone() or (None,)
    found = identifiers.judgement(kind, value, None, country)[0]
    forms = [found or value.strip()]
    if kind == "phone":
        digits = re.sub(r"\D", "", value.replace("(0)", ""))
        forms += ["+" + digits, "+" + digits.removeprefix("00")]
    row = lake.execute(_FORMS, {"kind": kind, "value": value, "forms": forms}).fetchone()
    return kind, str(row[0]) if row else forms[0]


def types(lake: duckdb.DuckDBPyConnection) -> list[str]:
    """Identifier types, the strongest first."""
    rows = lake.execute(
        "select identifier_type from lake.identity.policy_types order by priority"
    ).fetchall()
    return [str(row[0]) for row in rows]
