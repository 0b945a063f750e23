"""Decides whether a run of the identity stage may resolve only what has changed since the last one.

It may if the last run ended, under the same rules and the same SQL, and nothing has changed its
tables since. After a run that was killed, a changed policy, a cut or a row that was deleted by
hand, everything is resolved again.
"""

from __future__ import annotations

import hashlib

import duckdb

from identity import differences
from segmentry import configuration, freshness, identifiers, warehouse
from segmentry.settings import Settings

STATE = "observability.identity_state"
# Read by the macro is_partial. A query of the lake instead would be asked some sixty times in a
# run.
PARTIAL = {"SEGMENTRY_IDENTITY_PARTIAL": "yes"}
# What the result depends on, besides the records: the SQL, and the current rules in the lake.
_CODE = (
    "models/identity",
    "macros/identity",
    "macros/portable",
    "models/staging",
    "macros/staging",
)
# Names that transient relations had when they were tables of the lake.
_FORMER_TRANSIENT = {"held_back_links", "yielding_links"}
_RULES = (
    "policy_types", "policy_links", "policy_blocks", "policy_cuts", "policy_probabilistic",
    "link_candidates",
    "policy_traits", "policy_differences",
)  # fmt: skip


def begin(settings: Settings) -> bool:
    """Whether the run that starts now is partial; until ``finish`` every other run is a whole
    one.
    """
    digest = fingerprint(settings)
    with warehouse.connect(settings) as lake:
        lake.execute(
            f"create table if not exists lake.{STATE}"
            " (fingerprint varchar, snapshot bigint, is_complete boolean, is_partial boolean)"
        )
        state = lake.execute(
            f"select fingerprint, snapshot, is_complete from lake.{STATE}"
        ).fetchone()
    is_known = state is not None and state[0] == digest and state[2]
    is_partial = (
        is_known and state is not None and not freshness.is_changed(settings, state[1], "identity")
    )
    _write(settings, digest, 0, is_complete=False, is_partial=is_partial)
    return is_partial


def finish(settings: Settings) -> None:
    """The run came to its end."""
    with warehouse.connect(settings, read_only=True) as lake:
        snapshot = warehouse.current_snapshot(lake)
    _write(settings, fingerprint(settings), snapshot, is_complete=True, is_partial=False)


def forget(lake: duckdb.DuckDBPyConnection) -> None:
    """Have the next run resolve everything: for records that have left."""
    if warehouse.relation_exists(lake, STATE):
        lake.execute(f"delete from lake.{STATE}")


def drop_former_tables(settings: Settings) -> None:
    """Drop tables of an earlier release that are transient now: a run keeps them in memory."""
    transient = _FORMER_TRANSIENT | {
        path.stem
        for path in (settings.dbt_project / "models/identity").rglob("*")
        if path.suffix in {".sql", ".py"}
        and 'materialized="transient"' in path.read_text().replace("'", '"')
    }
    with warehouse.connect(settings) as lake:
        existing = lake.execute(
            "select table_name from duckdb_tables() where database_name = 'lake' and schema_name ="
            " 'identity'"
        ).fetchall()
        for (name,) in existing:
            if name in transient:
                lake.execute(f"drop table lake.identity.{name}")


def fingerprint(settings: Settings) -> str:
    """One value for the SQL and the rules."""
    country = configuration.shop_country(settings)
    digest = hashlib.sha256(
        f"identifiers {identifiers.VERSION} {country} differences {differences.VERSION}".encode()
    )
    for folder in _CODE:
        for path in sorted((settings.dbt_project / folder).glob("**/*")):
            if path.suffix in {".sql", ".py"}:
                digest.update(f"{path.name}\n".encode() + path.read_bytes())
    with warehouse.connect(settings, read_only=True) as lake:
        for name in _RULES:
            digest.update(
                repr(
                    sorted(
                        map(repr, lake.execute(f"select * from lake.identity.{name}").fetchall())
                    )
                ).encode()
            )
    return digest.hexdigest()


def _write(
    settings: Settings, digest: str, snapshot: int, *, is_complete: bool, is_partial: bool
) -> None:
    with warehouse.connect(settings) as lake:
        lake.execute("begin")
        lake.execute(f"delete from lake.{STATE}")
        lake.execute(
            f"insert into lake.{STATE} values (?, ?, ?, ?)",
            [digest, snapshot, is_complete, is_partial],
        )
        lake.execute("commit")
