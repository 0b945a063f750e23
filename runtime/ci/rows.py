"""Rows of the syncs before and after a change: dbt compiles each version's audiences, and DuckDB
reads them from the lake without building them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from activation import generate
from runtime.ci.sizes import MEMBERS_AFTER, MEMBERS_BEFORE
from runtime.ci.versions import Versions
from segmentry import dbt, sync_files
from segmentry.errors import SegmentryError, UsageError
from segmentry.settings import Settings
from segmentry.sync_config import SyncConfig

_MEMBERSHIPS = '"lake"."segments"."segment_memberships"'


@dataclass(frozen=True)
class SyncChange:
    """One sync. before, after: rows of its audience, consent applied; None where they are not
    counted, and note states why.
    """

    sync: str
    change: str
    before: int | None
    after: int | None
    added: int | None
    removed: int | None
    changed: int | None
    note: str

    @property
    def moved(self) -> int:
        """Rows that would be added, removed or sent again."""
        return (self.added or 0) + (self.removed or 0) + (self.changed or 0)


def changes(
    lake: duckdb.DuckDBPyConnection, versions: Versions, *, has_moves: bool
) -> list[SyncChange]:
    """Every enabled sync of either version, by name.

    has_moves: whether profiles enter or leave a segment. Without moves and without a change of what
    audiences are made of, nothing is compiled and no row is counted.
    """
    base, head = _syncs(versions)
    is_same = _inputs(versions.base) == _inputs(versions.head)
    if is_same and not has_moves:
        return [
            SyncChange(name, _word(base.get(name), head.get(name)), None, None, 0, 0, 0, "")
            for name in sorted({*base, *head})
        ]
    after = _compiled(versions.head, "the working tree")
    before = after if is_same else _compiled(versions.base, "the base")
    _audiences(lake, before, "before", MEMBERS_BEFORE)
    _audiences(lake, after, "after", MEMBERS_AFTER)
    return [_change(lake, name, base.get(name), head.get(name)) for name in sorted({*base, *head})]


def _syncs(versions: Versions) -> tuple[dict[str, SyncConfig], dict[str, SyncConfig]]:
    try:
        base = sync_files.load(versions.base)
        generate.texts(versions.base)
    except SegmentryError as error:
        raise UsageError(
            f"the syncs of the base cannot be read: {error.received}",
            allowed="a base whose syncs fit its segments",
            remedy="choose another commit with --base",
        ) from None
    head = sync_files.load(versions.head)
    return tuple(  # type: ignore[return-value]
        {name: sync for name, sync in found.items() if sync.is_enabled} for found in (base, head)
    )


def _inputs(settings: Settings) -> dict[str, str]:
    """All text that an audience's SQL follows from."""
    paths = [settings.dbt_project / "dbt_project.yml", settings.config / "policies.yml"]
    paths += sorted((settings.dbt_project / "macros").rglob("*.sql"))
    shown = {path.name: path.read_text(encoding="utf-8") for path in paths if path.exists()}
    syncs = sync_files.load(settings).values()
    return {**shown, **generate.texts(settings), **{s.name: s.config_hash for s in syncs}}


def _compiled(settings: Settings, label: str) -> dict[str, str]:
    """Model to SQL, of candidates and of each audience."""
    words = ["compile", "--select", "path:models/audiences,resource_type:model"]
    words += ["--no-populate-cache", "--no-introspect", "--no-write-json"]
    result = dbt.invoke(settings, words)
    if not result.success:
        raise SegmentryError(
            "dbt cannot compile the audiences of " + label,
            allowed="a project that dbt parses",
            remedy="run `segmentry run --select audiences` in a home of your own, which names the"
            " fault",
        )
    return {one.node.name: str(one.node.compiled_code) for one in result.result}


def _audiences(
    lake: duckdb.DuckDBPyConnection, compiled: Mapping[str, str], when: str, members: str
) -> None:
    """Fill ``ci_<audience>_<when>`` from memberships that are not the lake's."""
    order = ["suppressed_contacts", "candidates", *sorted(n for n in compiled if n[:4] == "aud_")]
    for name in order:
        sql = compiled[name].replace(_MEMBERSHIPS, members)
        for earlier in ("suppressed_contacts", "candidates"):
            sql = sql.replace(f'"lake"."audiences"."{earlier}"', f"temp.main.ci_{earlier}_{when}")
        lake.execute(f"create or replace temp table ci_{name}_{when} as {sql}")


def _change(
    lake: duckdb.DuckDBPyConnection, name: str, base: SyncConfig | None, head: SyncConfig | None
) -> SyncChange:
    before = (
        f"select row_key, md5({_row(base)}) as content from {_table(name, 'before', base)} as r"
    )
    after = f"select row_key, md5({_row(head)}) as content from {_table(name, 'after', head)} as r"
    row = lake.execute(f"""
        select count(b.row_key), count(a.row_key),
            count(*) filter (where b.row_key is null), count(*) filter (where a.row_key is null),
            count(*) filter (where a.content <> b.content)
        from ({before}) as b full join ({after}) as a using (row_key)
        """).fetchone()
    before_count, after_count, added, removed, changed = map(int, row or (0, 0, 0, 0, 0))
    return SyncChange(
        name, _word(base, head), before_count, after_count, added, removed, changed,
        _note(base, head),
    )  # fmt: skip


def _table(name: str, when: str, sync: SyncConfig | None) -> str:
    if sync is None:
        return "(select null::varchar as row_key where false)"
    return f"temp.main.ci_aud_{name}_{when}"


def _row(sync: SyncConfig | None) -> str:
    """The columns that leave, with their names, as one text."""
    if sync is None:
        return "''"
    parts = [
        f"""'{column.name}=', coalesce(r."{column.name}"::varchar, chr(0))"""
        for column in sync.columns
    ]
    return f"concat_ws(chr(31), {', '.join(parts)})"


def _word(base: SyncConfig | None, head: SyncConfig | None) -> str:
    if base is None or head is None:
        return "added" if base is None else "removed"
    return "changed" if base.as_json() != head.as_json() else ""


def _note(base: SyncConfig | None, head: SyncConfig | None) -> str:
    if base is not None and head is None:
        return f"its rows stay at the destination until `segmentry sync retire {base.name}`"
    if head is None:
        return ""
    if base is not None and base.config_hash != head.config_hash:
        return "full resync: every row is sent again"
    if head.grain == "transition":
        return "rows follow as people enter and leave; they are not counted here"
    return ""
