"""What may leave: one row per key, and nobody who opted out: the rule of consent again, after the
audience is built.
"""

from __future__ import annotations

from collections.abc import Sequence

from expectations.suite import Rule, Suite, Table, View
from segmentry import row_profile, sync_files
from segmentry.sync_config import SyncConfig

_SPOKEN_TO = ("marketing", "advertising", "personalization")


def tables(view: View) -> Sequence[Table]:
    """The audience of every configured sync that is built."""
    syncs = sync_files.load(view.settings)
    found = [
        _audience(view, name, sync)
        for name, sync in syncs.items()
        if view.has(f"audiences.aud_{name}")
    ]
    return [*found, _UNMATCHED] if view.has("marts.consent_matches") else found


# A refusal that matches no known person may be of a person that a sync reaches.
_UNMATCHED = Table(
    "marts.consents",
    row_key="record_id",
    query="select record_id, status, match from lake.marts.consents where status <> 'granted'",
    rules=[
        Rule("a refusal matches a known identifier", "match = 'none'", is_warning=True),
    ],
)


def _audience(view: View, name: str, sync: SyncConfig) -> Table:
    relation = f"audiences.aud_{name}"
    rules = []
    decided = ""
    # A removal from a tool needs no consent.
    if sync.mode != "delete":
        for standings in ("marts.profile_standings", "marts.address_standings"):
            view.require(standings, made_by="marts")
        rules.append(Rule("no person in it opted out of the purpose", "opted_out"))
        if sync.purpose in _SPOKEN_TO:
            rules.append(Rule("each person in it opted in to the purpose", "not opted_in"))
        decided = f", {_matches(sync, 'is_refused')} as opted_out"
        decided += f", {_matches(sync, 'is_granted')} as opted_in"
    # A gate names failing rows by a row_key of its own: the audience's key, which may be one of
    # several per person, is next to it under another name.
    profile_id = row_profile.sql(view.columns(relation))
    rows = f"select * rename (row_key as sent_key), {profile_id} as person from lake.{relation}"
    query = f"select t.sent_key, t.person{decided} from ({rows}) as t"
    return Table(relation, row_key="person", unique=("sent_key",), rules=rules, query=query)


def _standing(sync: SyncConfig, relation: str, column: str, condition: str) -> str:
    """A list of the profiles or identifiers of which it is in force, for the use of the sync.

    Not tied to a row of the audience: DuckDB refuses views of this depth in a correlated subquery.
    """
    return (
        f"(select {column} from lake.marts.{relation} where purpose = '{sync.purpose}'"
        f" and channel = '{sync.channel}' and {condition} and {column} is not null)"
    )


def _matches(sync: SyncConfig, decided: str) -> str:
    """Whether the person of a row, or the address that it carries, has decided so."""
    people = _standing(sync, "profile_standings", "profile_id", decided)
    person = f"coalesce(t.person in {people}, false)"
    if (column := sync.address_column) is None:
        return person
    condition = f"{decided} and identifier_type = '{sync.address}'"
    addresses = _standing(sync, "address_standings", "identifier", condition)
    address = f"coalesce(t.{column} in {addresses}, false)"
    return f"({person} or {address})" if decided == "is_refused" else address


SUITE = Suite("audiences", "One row per key, and nobody who opted out.", tables)
