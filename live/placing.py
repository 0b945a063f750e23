"""Whose an event is: known identifiers by look-up; unknown ones begin a profile or join one, until
the batch decides.

A link between two known profiles changes nothing here: it is listed, and the batch judges it by all
its rules and limits. ADR 47 states what live does instead in between.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from live import definition
from live.facts import FACTS, Facts
from segmentry import consent_strings, tcf_vendors
from segmentry.settings import Settings

# The strongest first: the order in which an event belongs to the profile of its identifiers.
KINDS = ("user_id", "email", "cookie", "device_id")
_COLUMNS = ("user_id", "trait_email", "anonymous_id", "device_id")
NEW = "new"
LINK = "link"
Named = tuple[str, str]


@dataclass
class Placed:
    """affected: profiles whose facts changed. refusals: (profile_id, purpose) that new events
    state. provisional: (kind, profile_id, other, found_at), what the batch is left to decide.
    """

    affected: set[str] = field(default_factory=set)
    refusals: set[tuple[str, str]] = field(default_factory=set)
    provisional: list[tuple[str, str, str, datetime]] = field(default_factory=list)
    identifiers: dict[str, list[Named]] = field(default_factory=dict)


@dataclass
class _Known:
    """Identifiers to profiles, and which kinds a profile has."""

    profiles: dict[Named, str]
    accounts: dict[str, str]


def profile_id_of(kind: str, identifier: str) -> str:
    """The id that the batch gives to a profile that begins with this identifier."""
    return hashlib.md5(f"{kind}\x1f{identifier}".encode(), usedforsecurity=False).hexdigest()


def place(facts: Facts, settings: Settings) -> Placed:
    """Add the events of the temporary table ``staged`` to the facts, each with its profile."""
    found = Placed()
    rows = _named_events(facts)
    known = _known(facts, [pair for row in rows for pair in row[3]])
    owners: dict[str, str] = {}
    added: list[tuple[Named, str, datetime]] = []
    for record_id, event_at, outcome, pairs, consent in rows:
        if outcome != "accepted":
            owner = next((known.profiles[p] for p in pairs if p in known.profiles), None)
        else:
            owner = _owner(known, pairs, event_at, found, added)
        if owner is None:
            continue
        owners[record_id] = owner
        if outcome == "accepted":
            found.affected.add(owner)
        found.refusals |= {(owner, purpose) for purpose in _refused(consent, settings)}
    for pair, profile_id, _ in added:
        found.identifiers.setdefault(profile_id, []).append(pair)
    _add(facts, owners, added)
    found.affected |= {profile_id for profile_id, _ in found.refusals} | _sharing(facts)
    return found


def _named_events(facts: Facts) -> list[tuple[str, datetime, str, list[Named], str | None]]:
    """Each new event with its identifiers in their normal form, in order of time."""
    normal = ", ".join(
        f"normal_identifier('{kind}', {column}, cast(null as varchar))"
        for kind, column in zip(KINDS, _COLUMNS, strict=True)
    )
    rows = facts.connection.execute(f"""
        select record_id, event_at, outcome, consent, {normal}
        from (
            from staged
            union all
            from judged where outcome = 'quarantined' and consent is not null
        )
        order by event_at, event_id
    """).fetchall()
    return [
        (record, at, outcome, [(k, v) for k, v in zip(KINDS, values, strict=True) if v], consent)
        for record, at, outcome, consent, *values in rows
    ]


def _known(facts: Facts, pairs: Sequence[Named]) -> _Known:
    kinds = [pair[0] for pair in pairs]
    values = [pair[1] for pair in pairs]
    mapping = f"{FACTS}.{definition.MAPPING}"
    facts.connection.register("asked", pa.table({"k": kinds, "v": values}).cast(_TEXTS))
    rows = facts.connection.execute(f"""
        select distinct mapping.identifier_type, mapping.identifier, mapping.profile_id
        from {mapping} as mapping
        inner join asked on mapping.identifier_type = asked.k and mapping.identifier = asked.v
    """).fetchall()
    facts.connection.unregister("asked")
    profiles = {(kind, value): profile_id for kind, value, profile_id in rows}
    facts.connection.register(
        "asked", pa.table({"p": pa.array(list(profiles.values()), pa.string())})
    )
    accounts = facts.connection.execute(
        f"select profile_id, min(identifier) from {mapping} where identifier_type = 'user_id'"
        " and profile_id in (select p from asked) group by 1"
    ).fetchall()
    facts.connection.unregister("asked")
    return _Known(profiles, dict(accounts))


_TEXTS = pa.schema([("k", pa.string()), ("v", pa.string())])


def _owner(
    known: _Known,
    pairs: Sequence[Named],
    event_at: datetime,
    found: Placed,
    added: list[tuple[Named, str, datetime]],
) -> str | None:
    """The profile of an event; its unknown identifiers join it. An unknown account begins a profile
    of its own where the others belong to another account: who logs in on a shared browser is not
    the person who was there before.
    """
    if not pairs:
        return None
    existing = list(dict.fromkeys(known.profiles[p] for p in pairs if p in known.profiles))
    account = next((value for kind, value in pairs if kind == "user_id"), None)
    is_other = (
        account is not None
        and ("user_id", account) not in known.profiles
        and bool(existing)
        and existing[0] in known.accounts
    )
    if not existing or is_other:
        owner = profile_id_of(*pairs[0])
        found.provisional.append((NEW, owner, "", event_at))
    else:
        owner = existing[0]
    if is_other or len(existing) > 1:
        others = existing if is_other else existing[1:]
        found.provisional += [(LINK, owner, other, event_at) for other in others]
    for pair in pairs:
        if pair not in known.profiles:
            known.profiles[pair] = owner
            added.append((pair, owner, event_at))
    if account is not None and known.profiles["user_id", account] == owner:
        known.accounts.setdefault(owner, account)
    return owner


def _refused(consent: str | None, settings: Settings) -> set[str]:
    if consent is None:
        return set()
    found, _ = consent_strings.answers(consent, tcf_vendors.of_policy(settings.config))
    return {answer.purpose for answer in found if not answer.is_granted}


def _add(
    facts: Facts, owners: Mapping[str, str], added: Sequence[tuple[Named, str, datetime]]
) -> None:
    connection = facts.connection
    table = pa.table({
        "record_id": pa.array(list(owners), pa.string()),
        "owner_id": pa.array(list(owners.values()), pa.string()),
    })  # fmt: skip
    connection.register("owners", table)
    columns = ", ".join(f"staged.{name}" for name in facts.event_columns)
    connection.execute(f"""
        insert into {FACTS}.{definition.EVENTS} by name
        select {columns}, owners.owner_id
        from staged left join owners on staged.record_id = owners.record_id
    """)
    _widen(facts)
    connection.unregister("owners")
    connection.register("added", _identifiers(added))
    connection.execute(
        f"insert into {FACTS}.{definition.MAPPING} by name"
        " select * exclude (seen_at), seen_at as first_seen_at, seen_at as last_seen_at from added"
    )
    connection.execute(f"""
        insert into {FACTS}.identity.traits by name
        select profile_id, min(seen_at) as first_seen_at, max(seen_at) as last_seen_at
        from added
        where profile_id not in (select profile_id from {FACTS}.identity.traits)
        group by profile_id
    """)
    connection.unregister("added")


def _widen(facts: Facts) -> None:
    """A person is known since their earliest event, and was seen last at their newest."""
    for relation in (definition.MAPPING, "identity.traits"):
        # Identifiers of the profile that the events do not name keep their times in the batch.
        # Both relations give a profile its earliest time, which is what counts.
        facts.connection.execute(f"""
            update {FACTS}.{relation} as known
            set first_seen_at = least(known.first_seen_at, seen.first_at),
                last_seen_at = greatest(known.last_seen_at, seen.last_at)
            from (
                select owners.owner_id, min(staged.event_at) as first_at,
                    max(staged.event_at) as last_at
                from staged inner join owners on staged.record_id = owners.record_id
                group by owners.owner_id
            ) as seen
            where known.profile_id = seen.owner_id
                and (seen.first_at < known.first_seen_at or seen.last_at > known.last_seen_at)
        """)


def _identifiers(added: Sequence[tuple[Named, str, datetime]]) -> pa.Table:
    columns: dict[str, list[Any]] = defaultdict(list)
    for (kind, value), profile_id, at in added:
        columns["identifier_type"].append(kind)
        columns["identifier"].append(value)
        columns["profile_id"].append(profile_id)
        columns["seen_at"].append(at)
    texts = ("identifier_type", "identifier", "profile_id")
    table = {name: pa.array(columns[name], pa.string()) for name in texts}
    return pa.table({**table, "seen_at": pa.array(columns["seen_at"], pa.timestamp("us"))})


def _sharing(facts: Facts) -> set[str]:
    """Profiles that have events on a browser of the new events which several profiles use: who was
    logged in there may be another one now.
    """
    events = f"{FACTS}.{definition.EVENTS}"
    facts.connection.execute(f"""
        create or replace temp table sharing as
        select distinct anonymous_id, owner_id from {events}
        where anonymous_id in (select anonymous_id from staged) and owner_id is not null
    """)
    rows = facts.connection.execute(f"""
        insert into {FACTS}.main.shared_browsers
        select anonymous_id from sharing group by 1 having count(distinct owner_id) > 1;
        select owner_id from sharing
        where anonymous_id in (select anonymous_id from {FACTS}.main.shared_browsers)
    """).fetchall()
    return {owner for (owner,) in rows}
