"""Profiles of a few people, by the statements of the batch on their facts alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from live import definition
from live.definition import Definition
from live.facts import FACTS, PRESENT, Facts, is_view, set_threads
from live.staging import BATCH
from segmentry.sync_config import CHANNELS

Row = dict[str, Any]
# Places among all buyers: those of the newest batch. A new profile has none yet.
FROM_BATCH = (
    "rfm_recency_score", "rfm_frequency_score", "rfm_monetary_score", "rfm_score", "value_bracket",
)  # fmt: skip
# An event on a shared browser may turn out to be of a person who was not affected so far.
_ROUNDS = 3


def profiles(
    facts: Facts,
    found: Definition,
    affected: Iterable[str],
    as_of: datetime,
    columns: Collection[str],
) -> tuple[set[str], dict[str, Row]]:
    """The profiles affected, and the row of each in profiles at the time with these columns; one
    without a row is no person or was seen later.
    """
    everyone = set(affected)
    set_threads(facts.connection, len(everyone))
    for _ in range(_ROUNDS):
        name(facts, everyone)
        _fill(facts, as_of)
        for relation in found.made[:-1]:
            if is_view(relation):
                continue
            facts.connection.execute(f"delete from lake.{relation}")
            facts.connection.execute(f"insert into lake.{relation} {found.query(relation)}")
        others = _others(facts)
        if not others - everyone:
            break
        everyone |= others
    return everyone, _rows(facts, found, sorted(set(columns) - {"profile_id"}))


def name(facts: Facts, people: Collection[str]) -> None:
    """Put profile ids in the temporary table ``affected``."""
    facts.connection.register("people", pa.table({"profile_id": pa.array(people, pa.string())}))
    facts.connection.execute("create or replace temp table affected as from people")
    facts.connection.unregister("people")


def _fill(facts: Facts, as_of: datetime) -> None:
    """Copy the facts of the people affected, with those of other people on their browsers, which
    decide who was logged in there.
    """
    connection = facts.connection
    connection.execute(f"update lake.{definition.CLOCK} set as_of = ?", [as_of])
    events = f"{FACTS}.{definition.EVENTS}"
    connection.execute(
        f"create or replace table {PRESENT} as from {events} where owner_id in (from affected)"
    )
    browsers = connection.execute(f"""
        create or replace temp table browsers as
        select distinct anonymous_id from {PRESENT}
        where anonymous_id in (from {FACTS}.main.shared_browsers)
    """).fetchone()
    if browsers and browsers[0]:
        connection.execute(f"""
            insert into {PRESENT} from {events}
            where coalesce(owner_id not in (from affected), true)
                and anonymous_id in (from browsers)
        """)
    for relation in facts.personal:
        others = f"union select owner_id from {PRESENT}" if relation == definition.MAPPING else ""
        connection.execute(f"delete from lake.{relation}")
        connection.execute(
            f"insert into lake.{relation} from {FACTS}.{relation}"
            f" where profile_id in (select profile_id from affected {others})"
        )
    _refuse(facts)


def _refuse(facts: Facts) -> None:
    """Refusals that no batch has yet: of a purpose by every channel."""
    channels = ", ".join(f"('{channel}')" for channel in CHANNELS)
    facts.connection.execute(f"""
        update lake.{definition.STANDINGS} as standings
        set is_refused = true
        from {FACTS}.main.refusals as refusals
        where standings.profile_id = refusals.profile_id and standings.purpose = refusals.purpose
    """)
    facts.connection.execute(f"""
        insert into lake.{definition.STANDINGS} by name
        select distinct profile_id, purpose, channel, true as is_refused, false as is_granted
        from {FACTS}.main.refusals
        cross join (values {channels}) as channels (channel)
        where profile_id in (from affected)
            and (profile_id, purpose, channel) not in (
                select (profile_id, purpose, channel) from lake.{definition.STANDINGS}
            )
    """)


def _others(facts: Facts) -> set[str]:
    """Profiles to which new events belong by the rules for shared browsers."""
    rows = facts.connection.execute(f"""
        select distinct events.profile_id
        from lake.marts.event_profiles as events
        inner join {PRESENT} as present on events.event_id = present.event_id
        where present._batch_id = '{BATCH}' and events.profile_id is not null
    """).fetchall()
    return {profile_id for (profile_id,) in rows}


def _rows(facts: Facts, found: Definition, columns: Sequence[str]) -> dict[str, Row]:
    """The rows of the last statement, ``profiles``: of its hundreds of columns those alone that a
    rule reads.
    """
    taken = [column for column in columns if column in FROM_BATCH]
    own = ", ".join(f'ours."{c}"' for c in columns if c not in taken)
    batch = ", ".join(f'coalesce(theirs."{c}", ours."{c}") as "{c}"' for c in taken)
    selected = ", ".join(part for part in ("ours.profile_id", own, batch) if part)
    result = facts.connection.execute(f"""
        select {selected}
        from (
{found.query(definition.PROFILES)}
) as ours
        left join {FACTS}.{definition.PROFILES} as theirs on ours.profile_id = theirs.profile_id
        where ours.profile_id in (from affected)
    """)
    names = [column[0] for column in result.description or []]
    return {row[0]: dict(zip(names, row, strict=True)) for row in result.fetchall()}
