"""Corrections of traits by an operator (GDPR, article 16): observability.trait_corrections.

A correction belongs to the strongest identifier of a person, which their profile follows through
merges and un-merges. It wins over every source, however often they are loaded again, until it is
undone. The rows stay: who corrected what, when and why.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import duckdb

from identity import people
from segmentry import identifiers, places, warehouse
from segmentry.errors import UsageError
from segmentry.settings import Settings

TABLE = "observability.trait_corrections"
COLUMNS = (
    "correction_id varchar, identifier_type varchar, identifier varchar, trait varchar, value"
    " varchar, reason varchar, recorded_by varchar, recorded_at timestamp, undone_at timestamp,"
    " undone_by varchar"
)
_ADDRESSES = ("email", "phone")


@dataclass(frozen=True)
class Decided:
    """Who decided, and why. by: the operator's name."""

    by: str
    reason: str


def ensure(lake: duckdb.DuckDBPyConnection) -> None:
    """Create the table where it is missing."""
    if not warehouse.relation_exists(lake, TABLE):
        lake.execute(f"create table if not exists lake.{TABLE} ({COLUMNS})")


def traits_of(lake: duckdb.DuckDBPyConnection) -> list[str]:
    """The traits that the policy knows, by name."""
    rows = lake.execute("select distinct trait from lake.identity.policy_traits order by 1")
    return [str(trait) for (trait,) in rows.fetchall()]


def correct(
    settings: Settings, identifier: str, values: Mapping[str, str], decided: Decided
) -> list[dict[str, Any]]:
    """Record a value for each trait, '' for none at all; all or none. A repeated call changes
    nothing.

    Returns one row per trait, without values. UsageError for an unknown trait or person, or a value
    that the trait cannot have.
    """
    with warehouse.connect(settings) as lake:
        ensure(lake)
        profile = people.profile_named(lake, identifier)
        known = traits_of(lake)
        normal = {trait: _checked(trait, value, known) for trait, value in values.items()}
        kind, value = _strongest(lake, profile)
        rows = []
        lake.execute("begin")
        for trait, wanted in normal.items():
            is_new = _newest(lake, kind, value, trait) != (wanted,)
            if is_new:
                _insert(lake, (kind, value), trait, wanted, decided)
            rows.append(
                {
                    "profile_id": profile,
                    "trait": trait,
                    "by": kind,
                    "status": "recorded" if is_new else "already recorded",
                    "counts": "from the next run on",
                }
            )
        lake.execute("commit")
    return rows


def undo(settings: Settings, identifier: str, trait: str, by: str) -> list[dict[str, Any]]:
    """End the newest correction of a trait: the one before it counts, else what the sources state.

    UsageError if there is none.
    """
    with warehouse.connect(settings) as lake:
        ensure(lake)
        profile = people.profile_named(lake, identifier)
        found = lake.execute(
            f"select c.correction_id from lake.{TABLE} as c"
            " inner join lake.identity.identifier_mapping as m using (identifier_type, identifier)"
            " where m.profile_id = ? and c.trait = ? and c.undone_at is null"
            " order by c.recorded_at desc, c.correction_id limit 1",
            [profile, trait],
        ).fetchone()
        if found is None:
            raise UsageError(
                f"the trait '{trait}' of this person has no correction",
                allowed="a trait that `segmentry profile` shows as corrected by operator",
                remedy="check the identifier and the trait; nothing was changed",
            )
        lake.execute(
            f"update lake.{TABLE} set undone_at = ?, undone_by = ? where correction_id = ?",
            [_now(), by, found[0]],
        )
    return [{"profile_id": profile, "trait": trait, "status": "undone",
             "counts": "from the next run on"}]  # fmt: skip


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _strongest(lake: duckdb.DuckDBPyConnection, profile: str) -> tuple[str, str]:
    row = lake.execute(
        "select m.identifier_type, m.identifier from lake.identity.identifier_mapping as m"
        " inner join lake.identity.policy_types as t using (identifier_type)"
        " where m.profile_id = ? order by t.priority, m.first_seen_at, m.identifier limit 1",
        [profile],
    ).fetchone()
    if row is None:
        raise UsageError(
            "the profile has no identifier that a correction can belong to",
            allowed="a profile with an identifier of a type of the policy",
            remedy="name a person of `segmentry profile`",
        )
    return str(row[0]), str(row[1])


def _newest(
    lake: duckdb.DuckDBPyConnection, kind: str, value: str, trait: str
) -> tuple[str | None] | None:
    row = lake.execute(
        f"select value from lake.{TABLE} where identifier_type = ? and identifier = ? and trait = ?"
        " and undone_at is null order by recorded_at desc, correction_id limit 1",
        [kind, value, trait],
    ).fetchone()
    return None if row is None else (row[0],)


def _insert(
    lake: duckdb.DuckDBPyConnection, named: tuple[str, str], trait: str, value: str | None,
    decided: Decided,
) -> None:  # fmt: skip
    at = _now()
    digest = hashlib.sha256("\n".join([*named, trait, at.isoformat()]).encode()).hexdigest()
    lake.execute(
        f"insert into lake.{TABLE} values (?, ?, ?, ?, ?, ?, ?, ?, null, null)",
        [f"correction:{digest[:16]}", *named, trait, value, decided.reason, decided.by, at],
    )


def _checked(trait: str, value: str, known: list[str]) -> str | None:
    """The value in the form that the trait has; None for no value. Errors do not repeat it."""
    if trait not in known:
        raise UsageError(
            f"'{trait}' is not a trait",
            allowed=", ".join(known),
            remedy="name a trait of `identity: traits` in config/policies.yml; an order or a"
            " consent is corrected at its source",
        )
    text = value.strip()
    if not text:
        return None
    found: str | None = text
    if trait in _ADDRESSES:
        found = identifiers.normal(trait, text)
    elif trait == "country":
        found = places.country_code(text)
    elif trait == "birth_date":
        found = _day(text)
    elif trait == "household_size":
        found = text if text.isdigit() else None
    if found is None:
        raise UsageError(
            f"the value given is none that '{trait}' can have",
            allowed=_ALLOWED[trait],
            remedy="check the value; nothing was recorded",
        )
    return found


_ALLOWED = {
    "email": "an address such as ann@example.com",
    "phone": "a number with + and its country code",
    "country": "a country's code or name, such as DE",
    "birth_date": "a date such as 1984-03-31, not in the future",
    "household_size": "a whole number",
}


def _day(text: str) -> str | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day.isoformat() if day <= _now().date() else None
