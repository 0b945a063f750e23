"""Tables of the ledger, for SQLite and PostgreSQL alike."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

_COUNTS = (
    "planned_add", "planned_update", "planned_remove", "sent_add", "sent_update", "sent_remove",
    "invalid", "rejected", "retry", "blocked", "requests",
)  # fmt: skip

sync_runs = sa.Table(
    "sync_runs",
    METADATA,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("sync", sa.String, nullable=False, index=True),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("as_of", sa.DateTime),
    sa.Column("lake_snapshot", sa.BigInteger),
    *(sa.Column(name, sa.BigInteger, nullable=False, default=0) for name in _COUNTS),
    sa.Column("started_at", sa.DateTime, nullable=False),
    sa.Column("finished_at", sa.DateTime),
    sa.Column("note", sa.String, nullable=False, default=""),
)

# What each destination has. payload_hash is NULL while it is not known whether the last call
# arrived. identifiers is what the destination got, hashed as it got it: no address is in the clear.
# The names of the table and of its key are those of older ledgers.
destination_rows = sa.Table(
    "held_rows",
    METADATA,
    sa.Column("sync", sa.String, primary_key=True),
    sa.Column("holding", sa.String, primary_key=True),
    sa.Column("row_key", sa.String, nullable=False),
    sa.Column("profile_id", sa.String),
    sa.Column("identity", sa.String, nullable=False),
    sa.Column("destination_id", sa.String),
    sa.Column("payload_hash", sa.String),
    sa.Column("acknowledged_at", sa.DateTime),
    sa.Column("identifiers", sa.String),
    sqlite_with_rowid=False,  # kept in the order of its key, once, and not next to it
)

# One request that was about to be made and whose end is not known yet, with its rows.
intents = sa.Table(
    "open_requests",
    METADATA,
    sa.Column("request_id", sa.String, primary_key=True),
    sa.Column("sync", sa.String, nullable=False, index=True),
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("job_id", sa.String),
    sa.Column("rows", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
)

changes = sa.Table(
    "changes",
    METADATA,
    sa.Column(
        "change_id",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    sa.Column("sync", sa.String, nullable=False),
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("row_key", sa.String, nullable=False),
    sa.Column("profile_id", sa.String),
    sa.Column("operation", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("request_id", sa.String),
    sa.Column("sent_at", sa.DateTime, nullable=False),
)

# Rows that are not tried again until they change or an operator retries them.
dead_letters = sa.Table(
    "dead_letters",
    METADATA,
    sa.Column("sync", sa.String, primary_key=True),
    sa.Column("row_key", sa.String, primary_key=True),
    sa.Column("profile_id", sa.String),
    sa.Column("operation", sa.String, nullable=False),
    sa.Column("payload_hash", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("attempts", sa.BigInteger, nullable=False),
    sa.Column("first_at", sa.DateTime, nullable=False),
    sa.Column("last_at", sa.DateTime, nullable=False),
)

reviews = sa.Table(
    "reviews",
    METADATA,
    sa.Column("sync", sa.String, primary_key=True),
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("guardrail", sa.String, primary_key=True),
    sa.Column("detail", sa.String, nullable=False),
    sa.Column("release", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("raised_at", sa.DateTime, nullable=False),
)

# Columns that older ledgers do not have: table, name. ``upgrade.add_columns`` adds them, empty.
ADDED = (("sync_configs", "place"), ("held_rows", "identifiers"))

# Columns that older ledgers have under another name: table, former name, name.
# ``upgrade.rename_columns`` renames.
RENAMED = (("reviews", "brake", "guardrail"),)


def _without_profile(table: sa.Table) -> sa.Index:
    is_missing = table.c.profile_id.is_(None)
    name = f"{table.name}_without_profile"
    return sa.Index(name, table.c.sync, sqlite_where=is_missing, postgresql_where=is_missing)


# Rows that an older version wrote without their profile. ``upgrade.add_profiles`` fills them, and
# the indexes, which are empty, make it quick to see that there are none.
WITHOUT_PROFILE = tuple(
    _without_profile(table) for table in (destination_rows, changes, dead_letters)
)

# One row per sync: what was last brought to its end, and who is at work on it.
sync_states = sa.Table(
    "sync_states",
    METADATA,
    sa.Column("sync", sa.String, primary_key=True),
    sa.Column("config_hash", sa.String),
    sa.Column("fingerprint", sa.String),
    sa.Column("lease_holder", sa.String),
    sa.Column("lease_until", sa.Float),
)

# What each sync's rows were sent with: its file as JSON, which names variables and no secret. place
# is where they are, and NULL in a ledger of before it was recorded.
sync_configs = sa.Table(
    "sync_configs",
    METADATA,
    sa.Column("sync", sa.String, primary_key=True),
    sa.Column("content", sa.String, nullable=False),
    sa.Column("mark", sa.String),
    sa.Column("place", sa.String),
    sa.Column("saved_at", sa.DateTime, nullable=False),
)

# Every place that rows were ever written to, with the configuration that names it; those of the
# present configurations are in sync_configs alone.
written_places = sa.Table(
    "written_places",
    METADATA,
    sa.Column("place_id", sa.String, primary_key=True),
    sa.Column("sync", sa.String, nullable=False, index=True),
    sa.Column("content", sa.String, nullable=False),
    sa.Column("place", sa.String),
    sa.Column("left_at", sa.DateTime, nullable=False),
)

# Deletions of people that destinations are asked for. person is a keyed hash: no identifier is
# here. job is what to ask the destination by for the end.
deletions = sa.Table(
    "deletions",
    METADATA,
    sa.Column("deletion_id", sa.String, primary_key=True),
    sa.Column("erasure", sa.String, nullable=False, index=True),
    sa.Column("sync", sa.String, nullable=False),
    sa.Column("destination", sa.String, nullable=False),
    sa.Column("person", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("receipt", sa.String, nullable=False, default=""),
    sa.Column("job", sa.String, nullable=False, default=""),
    sa.Column("attempts", sa.BigInteger, nullable=False, default=0),
    sa.Column("queued_at", sa.DateTime, nullable=False),
    sa.Column("requested_at", sa.DateTime),
    sa.Column("confirmed_at", sa.DateTime),
)

# Numbers of a sync's last run that went through, by name.
sync_measures = sa.Table(
    "sync_measures",
    METADATA,
    sa.Column("sync", sa.String, primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.Float, nullable=False),
)

# Shared by every process that calls the same account: the next free slot, and how long the account
# is left alone.
accounts = sa.Table(
    "accounts",
    METADATA,
    sa.Column("account", sa.String, primary_key=True),
    sa.Column("next_free_at", sa.Float, nullable=False, default=0.0),
    sa.Column("failures", sa.BigInteger, nullable=False, default=0),
    sa.Column("open_until", sa.Float, nullable=False, default=0.0),
)

# How far the opt-outs of each account were read back: JSON with a time, and hashes of the entries
# that the next pull meets again.
opt_out_cursors = sa.Table(
    "opt_out_cursors",
    METADATA,
    sa.Column("account", sa.String, primary_key=True),
    sa.Column("reached", sa.String, nullable=False),
    sa.Column("pulled_at", sa.DateTime, nullable=False),
)

# Restores of the home from a backup. Until one is released, every sync stops.
restores = sa.Table(
    "restores",
    METADATA,
    sa.Column(
        "restore_id",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    sa.Column("backup", sa.String, nullable=False),
    sa.Column("taken_at", sa.DateTime, nullable=False),
    sa.Column("restored_at", sa.DateTime, nullable=False),
    sa.Column("released_at", sa.DateTime),
    sa.Column("released_by", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
)
