"""The SQL text of one sync's audience: its columns, and the arguments by which its candidates are
judged.
"""

from __future__ import annotations

import json
import re

from activation.consent_policy import ConsentPolicy
from segmentry import row_profile
from segmentry.sync_config import SyncColumn, SyncConfig


def candidate_arguments(sync: SyncConfig, policy: ConsentPolicy) -> str:
    """Argument of the macro judged_candidates, as a literal of the template language."""
    basis = policy.basis(sync.purpose)
    # A removal from a tool needs no consent.
    is_sent = sync.mode != "delete"
    key = next(column for column in sync.columns if column.name == sync.key)
    arguments = {
        "name": sync.name,
        "segments": sync.segments or [],
        "past_members": sync.grain == "transition",
        # Who enters before the next batch is not known yet.
        "every_profile": sync.is_live,
        "key": _contact(key),
        "address": (sync.address or "") if is_sent else "",
        "address_type": (sync.address or "") if is_sent else "",
        "purpose": sync.purpose if is_sent else "",
        "channel": sync.channel if is_sent else "",
        "suppressing_channels": list(sync.suppressing_channels),
        "needs_grant": basis.is_opt_in and is_sent,
        "opt_in_countries": list(basis.opt_in_countries) if is_sent else [],
        "share": sync.hold_out.share if sync.hold_out else 0,
        "salt": sync.hold_out.salt if sync.hold_out else "",
        "exclusive_group": sync.exclusive_group,
        "priority": sync.priority,
    }
    return json.dumps(arguments, ensure_ascii=False)


def _contact(key: SyncColumn) -> str:
    value = f"cast({_value(key, 'people')} as varchar)"
    if key.source == "from" and key.value == "email":
        value = f"lower(trim({value}))"
    return f"nullif({value}, '')"


def news_sql(sync: SyncConfig, version: str) -> str:
    """The audience of ``work.news_rows``, entries and exits that no batch has yet: (row_key,
    segment, profile_id, transition, occurred_at). version: suffix of the lake's relations.

    Verdicts, profiles and columns are those that a batch has for the same people.
    """
    where = _where(sync, "rows_sent.segment").strip()
    columns = ["rows_sent.row_key as row_key"]
    columns += [
        f"cast({_value(column, 'profiles')} as {column.type}) as {column.name}"
        for column in sync.columns
    ]
    columns.append(f"cast(profiles.profile_id as varchar) as {row_profile.COLUMN}")
    return f"""
        select {", ".join(columns)}
        from work.news_rows as rows_sent
        inner join (
            select profile_id from lake.audiences.candidates{version}
            where sync = '{sync.name}' and verdict = 'eligible'
        ) as candidates on rows_sent.profile_id = candidates.profile_id
        inner join (select * from lake.profiles.profiles{version}) as profiles
            on candidates.profile_id = profiles.profile_id
        {where}
    """


def audience_sql(sync: SyncConfig) -> str:
    """The model: allowed people, their profiles, exactly the columns that are sent."""
    imports = [
        ("candidates", _CANDIDATES.replace("@sync", sync.name)),
        ("profiles", "select * from {{ ref('profiles') }}"),
    ]
    sources = {column.source for column in sync.columns}
    if sync.grain == "membership" or sources & {"segments", "member_of"}:
        imports.append(("memberships", "select * from {{ ref('segment_memberships') }}"))
    if sync.grain == "transition":
        imports += [("stays", _NEIGHBOURS), ("transitions", _TRANSITIONS)]
    if "segments" in sources:
        imports.append(("segment_lists", _LISTS % _where(sync, "segment")))
    flags = [c.value for c in sync.columns if c.source == "member_of"]
    if flags:
        listed = ",\n        ".join(
            f"bool_or(segment = '{flag}') as is_{flag}" for flag in dict.fromkeys(flags)
        )
        imports.append(
            (
                "flags",
                (
                    f"select\n        profile_id,\n        {listed}\n    from memberships\n   "
                    " group by profile_id"
                ),
            )
        )
    ctes = ",\n\n".join(f"{name} as (\n    {body}\n)" for name, body in imports)
    return f"with\n\n{ctes},\n\nfinal as (\n    {_final(sync)}\n)\n\nselect * from final\n"


def _final(sync: SyncConfig) -> str:
    columns = [f"cast({_row_key(sync)} as varchar) as row_key"]
    columns += [
        f"cast({_value(column, 'profiles')} as {column.type}) as {column.name}"
        for column in sync.columns
    ]
    columns.append(f"cast(profiles.profile_id as varchar) as {row_profile.COLUMN}")
    joins = [
        "from candidates",
        "inner join profiles on candidates.profile_id = profiles.profile_id",
    ]
    where = ""
    if rows := {"membership": "memberships", "transition": "transitions"}.get(sync.grain):
        joins.append(
            f"inner join {rows} as rows_sent on candidates.profile_id = rows_sent.profile_id"
        )
        where = _where(sync, "rows_sent.segment").strip()
    if any(column.source == "segments" for column in sync.columns):
        joins.append("left join segment_lists on candidates.profile_id = segment_lists.profile_id")
    if any(column.source == "member_of" for column in sync.columns):
        joins.append("left join flags on candidates.profile_id = flags.profile_id")
    lines = ["select", "    " + ",\n        ".join(columns), *joins, *([where] if where else [])]
    return "\n    ".join(lines)


def _row_key(sync: SyncConfig) -> str:
    return {
        "profile": "profiles.profile_id",
        "membership": "profiles.profile_id || ':' || rows_sent.segment",
        "transition": (
            "profiles.profile_id || ':' || rows_sent.segment || ':' || rows_sent.transition"
            " || ':' || cast(rows_sent.occurred_at as varchar)"
        ),
    }[sync.grain]


def _where(sync: SyncConfig, column: str) -> str:
    if sync.segments is None:
        return ""
    return f" where {column} in ({', '.join(_text(s) for s in sync.segments)})"


def _value(column: SyncColumn, profiles: str) -> str:
    if column.source == "from":
        return f"{profiles}.{column.value}"
    if column.source == "constant":
        return _text(column.value) if isinstance(column.value, str) else json.dumps(column.value)
    if column.source == "template":
        return _template(str(column.value), profiles)
    if column.source == "member_of":
        return f"coalesce(flags.is_{column.value}, false)"
    return "segment_lists.segments" if column.source == "segments" else f"rows_sent.{column.value}"


def _template(text: str, profiles: str) -> str:
    parts = re.split(r"\{([a-z][a-z0-9_]*)\}", text)
    rendered = [
        f"cast({profiles}.{p} as varchar)" if i % 2 else _text(p) for i, p in enumerate(parts) if p
    ]
    return " || ".join(rendered) or "''"


def _text(value: object) -> str:
    quoted = str(value).replace("'", "''")
    return f"'{quoted}'"


_CANDIDATES = """select profile_id
    from {{ ref('candidates') }}
    where sync = '@sync' and verdict = 'eligible'"""

_LISTS = """select
        profile_id,
        {{ joined_text('segment') }} as segments
    from memberships%s
    group by profile_id"""

# A stay that a changed definition closes and opens again at the same instant is no exit and no
# entry.
_NEIGHBOURS = """select
        *,
        lag(left_at) over (partition by segment, profile_id order by entered_at, left_at)
            as left_before_at,
        lead(entered_at) over (partition by segment, profile_id order by entered_at, left_at)
            as entered_next_at
    from {{ ref('membership_history') }}"""

_TRANSITIONS = """select segment, profile_id, 'entered' as transition, entered_at as occurred_at
    from stays
    where entered_at is distinct from left_before_at
    union all
    select segment, profile_id, 'left' as transition, left_at as occurred_at
    from stays
    where left_at is not null and left_at is distinct from entered_next_at"""
