"""What may leave: one row per key, and nobody whose last word was no. Judged anew from the decisions themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from expectations.suite import Rule, Suite, Table, View
from segmentry import configuration

_SPOKEN_TO = ("marketing", "advertising", "personalization")


def tables(view: View) -> Sequence[Table]:
    """The audience of every configured sync that is built."""
    syncs = configuration.load_folder(view.settings, "sync", "syncs")
    return [_audience(view, name, sync) for name, sync in syncs.items() if view.has(f"audiences.aud_{name}")]


def _audience(view: View, name: str, sync: Mapping[str, Any]) -> Table:
    relation = f"audiences.aud_{name}"
    rules = []
    # To be taken out of a tool nobody needs to have agreed.
    if view.has("marts.consents") and sync.get("mode") != "delete":
        rules.append(Rule("nobody is in it whose last word on the purpose was no", _refused(sync)))
        if sync["purpose"] in _SPOKEN_TO:
            rules.append(Rule("everybody in it has said yes to the purpose", f"not ({_granted(sync)})"))
    # A gate names failing rows by a row_key of its own: the audience's key, which may be one of several per person,
    # stands beside it under another name.
    query = f"select * rename (row_key as sent_key), split_part(row_key, ':', 1) as person from lake.{relation}"
    return Table(relation, row_key="person", unique=("sent_key",), rules=rules, query=query)


def _decisions(sync: Mapping[str, Any]) -> str:
    """Decisions that touch the sync, newest last; of two at one instant the refusal counts."""
    channel = sync.get("channel", "any")
    return f"""
        select
            consents.profile_id, consents.identifier_type, lower(trim(consents.identifier)) as identifier,
            max_by(consents.status, (consents.decided_at, consents.status <> 'granted')) as last_word,
            bool_or(consents.status = 'granted') as has_granted
        from lake.marts.consents as consents
        where consents.purpose in ('{sync["purpose"]}', 'any', 'all') and consents.channel in ('{channel}', 'any')
        group by consents.profile_id, consents.identifier_type, lower(trim(consents.identifier))
    """


def _address_column(sync: Mapping[str, Any]) -> str | None:
    wanted = sync.get("address")
    for name, column in sync["columns"].items():
        if wanted and isinstance(column, Mapping) and column.get("from") == wanted:
            return str(name)
    return None


def _is_address(sync: Mapping[str, Any]) -> str:
    column = _address_column(sync)
    if column is None:
        return "false"
    return f"said.identifier_type = '{sync['address']}' and said.identifier = lower(trim(t.{column}))"


def _refused(sync: Mapping[str, Any]) -> str:
    return (
        f"exists (select 1 from ({_decisions(sync)}) as said where said.last_word <> 'granted'"
        f" and (said.profile_id = t.person or ({_is_address(sync)})))"
    )


def _granted(sync: Mapping[str, Any]) -> str:
    whose = _is_address(sync) if _address_column(sync) else "said.profile_id = t.person"
    return f"exists (select 1 from ({_decisions(sync)}) as said where said.has_granted and {whose})"


SUITE = Suite("audiences", "One row per key, and nobody whose last word was no.", tables)
