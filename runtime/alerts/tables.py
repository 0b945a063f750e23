"""Tables of the incidents and of the stages that ran, in the ledger's database. No column has an
identifier of a person.
"""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

# One row per stage, or item of a mapped stage, of each job. item is '' for a plain stage. job_kind:
# run, refresh, recompute.
stage_runs = sa.Table(
    "stage_runs",
    METADATA,
    sa.Column("job", sa.String, primary_key=True),
    sa.Column("stage", sa.String, primary_key=True),
    sa.Column("item", sa.String, primary_key=True),
    sa.Column("job_kind", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("is_unchanged", sa.Boolean, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("error", sa.String, nullable=False),
    sa.Column("finished_at", sa.DateTime, nullable=False, index=True),
)

# state: open or resolved. What it is about is its kind and its key.
incidents = sa.Table(
    "incidents",
    METADATA,
    sa.Column("incident_id", sa.String, primary_key=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("subject", sa.String, nullable=False),
    sa.Column("severity", sa.String, nullable=False),
    sa.Column("summary", sa.String, nullable=False),
    sa.Column("remedy", sa.String, nullable=False),
    sa.Column("page", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("opened_at", sa.DateTime, nullable=False),
    sa.Column("seen_at", sa.DateTime, nullable=False),
    sa.Column("resolved_at", sa.DateTime),
)
_is_open = incidents.c.state == "open"
# Two processes that find the same incident at once cannot both open it.
sa.Index(
    "incidents_open",
    incidents.c.kind,
    incidents.c.subject,
    unique=True,
    sqlite_where=_is_open,
    postgresql_where=_is_open,
)

# What a channel gets about an incident. event: opened or resolved. state: pending, sent, or dropped
# because it is not needed any more. message_id: of the message that it left with.
notices = sa.Table(
    "incident_notices",
    METADATA,
    sa.Column("incident_id", sa.String, primary_key=True),
    sa.Column("channel", sa.String, primary_key=True),
    sa.Column("event", sa.String, primary_key=True),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("message_id", sa.String),
    sa.Column("attempts", sa.BigInteger, nullable=False),
    sa.Column("error", sa.String, nullable=False),
    sa.Column("changed_at", sa.DateTime, nullable=False),
)
