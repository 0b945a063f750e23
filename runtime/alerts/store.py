"""Incidents and their notices in the ledger's database: opened, sent once per channel, resolved.

They are not in the lake, because an incident must be kept when the lake is what fails, and because
the lake has one writer.
"""

from __future__ import annotations

import fcntl
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from activation.ledger import sql
from activation.ledger.database import now
from runtime.alerts import tables as t
from runtime.alerts.model import OPENED, RESOLVED, SEVERITIES, AlertFinding, Incident
from runtime.alerts.policy import ChannelConfig
from segmentry.settings import Settings

# Of the lock that the processes of one PostgreSQL ledger take in turn; any number of our own.
_LOCK_NUMBER = 7_316_406


class IncidentStore:
    """The incidents of one installation. Each method is one transaction."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine = sql.engine(settings.ledger_url)
        with self.engine.begin() as c:
            for table in t.METADATA.sorted_tables:
                c.execute(sa.schema.CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    c.execute(sa.schema.CreateIndex(index, if_not_exists=True))

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    @staticmethod
    def new_message_id() -> str:
        """An id that no other message has."""
        return f"msg_{uuid.uuid4().hex[:20]}"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only process that looks and sends; the lock ends with the process."""
        if self.engine.dialect.name != "sqlite":
            with self.engine.connect() as c:
                c.execute(sa.select(sa.func.pg_advisory_lock(_LOCK_NUMBER)))
                try:
                    yield
                finally:
                    c.execute(sa.select(sa.func.pg_advisory_unlock(_LOCK_NUMBER)))
            return
        with (self.settings.home / "alerts.lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def incidents(self, *, is_open: bool | None = True, most: int = 1000) -> list[Incident]:
        """Incidents, the newest first; is_open None for all."""
        query = sa.select(t.incidents).order_by(
            t.incidents.c.opened_at.desc(), t.incidents.c.kind, t.incidents.c.subject
        )
        if is_open is not None:
            query = query.where(t.incidents.c.state == ("open" if is_open else RESOLVED))
        with self.engine.connect() as c:
            return [Incident(**row) for row in c.execute(query.limit(most)).mappings()]

    def notices(self, incident_ids: Collection[str]) -> list[dict[str, Any]]:
        """What each channel got or is to get about the incidents."""
        query = (
            sa.select(t.notices)
            .where(t.notices.c.incident_id.in_(incident_ids))
            .order_by(t.notices.c.changed_at, t.notices.c.channel, t.notices.c.event)
        )
        with self.engine.connect() as c:
            return [dict(row) for row in c.execute(query).mappings()]

    def reconcile(self, found: Mapping[str, Sequence[AlertFinding]]) -> tuple[list[str], list[str]]:
        """Open what is new and resolve what is over; returns the ids of both.

        found: by kind, for the kinds that could be looked at; incidents of other kinds stay as they
        are.
        """
        at = now()
        opened: list[str] = []
        with self.engine.begin() as c:
            known = {
                (row["kind"], row["subject"]): row["incident_id"]
                for row in c.execute(
                    sa.select(t.incidents).where(t.incidents.c.state == "open")
                ).mappings()
            }
            for kind, findings in found.items():
                for finding in findings:
                    values = {**asdict(finding), "kind": kind, "seen_at": at}
                    if (incident := known.pop((kind, finding.subject), None)) is not None:
                        mine = t.incidents.c.incident_id == incident
                        c.execute(sa.update(t.incidents).where(mine).values(values))
                        continue
                    opened.append(f"inc_{uuid.uuid4().hex[:16]}")
                    new = {"incident_id": opened[-1], "state": "open", "opened_at": at}
                    c.execute(sa.insert(t.incidents).values({**values, **new}))
            over = [number for (kind, _), number in known.items() if kind in found]
            for incident in over:
                _resolve(c, incident, at)
        return opened, over

    def enqueue(self, channels: Sequence[ChannelConfig]) -> None:
        """Have each channel get what it has not got about the incidents that are open.

        What waits for a channel that the policy does not have any more is dropped.
        """
        at = now()
        with self.engine.begin() as c:
            known = {
                (row.incident_id, row.channel)
                for row in c.execute(sa.select(t.notices.c.incident_id, t.notices.c.channel))
            }
            rows = c.execute(sa.select(t.incidents).where(t.incidents.c.state == "open")).mappings()
            for row in rows.all():
                for channel in channels:
                    if _wants(channel, row) and (row["incident_id"], channel.name) not in known:
                        _add(c, row["incident_id"], channel.name, OPENED, at)
            others = t.notices.c.channel.not_in([channel.name for channel in channels])
            c.execute(
                sa.update(t.notices)
                .where(t.notices.c.state == "pending", others)
                .values(state="dropped", changed_at=at)
            )

    def next_message(self, channel: str) -> tuple[str, list[tuple[str, Incident]]] | None:
        """The next message of a channel: its id, and (event, incident) for each notice; None if
        nothing waits.

        What was tried before is sent again as the message that it was. The attempt is recorded
        before it is made, so a kill behind it is known.
        """
        n = t.notices
        waiting = n.c.channel == channel, n.c.state == "pending"
        with self.engine.begin() as c:
            tried = c.execute(
                sa.select(sa.func.min(n.c.message_id)).where(*waiting, n.c.message_id.is_not(None))
            ).scalar()
            message = tried or self.new_message_id()
            same = n.c.message_id == tried if tried else n.c.message_id.is_(None)
            c.execute(
                sa.update(n)
                .where(*waiting, same)
                .values(message_id=message, attempts=n.c.attempts + 1, changed_at=now())
            )
            query = (
                sa.select(n.c.event, t.incidents)
                .join(t.incidents, t.incidents.c.incident_id == n.c.incident_id)
                .where(*waiting, n.c.message_id == message)
                .order_by(t.incidents.c.severity, t.incidents.c.kind, t.incidents.c.subject)
            )
            rows = [dict(row) for row in c.execute(query).mappings()]
        found = [(row.pop("event"), Incident(**row)) for row in rows]
        return (message, found) if found else None

    def record_sent(self, channel: str, message: str) -> None:
        """The message arrived."""
        self._settle(channel, message, state="sent", error="")

    def record_fault(self, channel: str, message: str, error: str) -> None:
        """The message did not arrive; the next check sends it again."""
        self._settle(channel, message, error=error)

    def _settle(self, channel: str, message: str, **values: Any) -> None:
        mine = t.notices.c.channel == channel, t.notices.c.message_id == message
        pending = t.notices.c.state == "pending"
        with self.engine.begin() as c:
            c.execute(sa.update(t.notices).where(*mine, pending).values(**values, changed_at=now()))


def _wants(channel: ChannelConfig, incident: sa.RowMapping) -> bool:
    is_heavy = SEVERITIES.index(incident["severity"]) >= SEVERITIES.index(channel.least)
    return is_heavy and (not channel.kinds or incident["kind"] in channel.kinds)


def _add(c: sa.Connection, incident: str, channel: str, event: str, at: Any) -> None:
    c.execute(
        sa.insert(t.notices).values(
            incident_id=incident,
            channel=channel,
            event=event,
            state="pending",
            attempts=0,
            error="",
            changed_at=at,
        )
    )


def _resolve(c: sa.Connection, incident: str, at: Any) -> None:
    """Close the incident; a channel that was asked to send that it opened gets that it is over.

    Where no attempt was made, the channel gets neither.
    """
    mine = t.incidents.c.incident_id == incident
    c.execute(sa.update(t.incidents).where(mine).values(state=RESOLVED, resolved_at=at))
    n = t.notices
    opened = n.c.incident_id == incident, n.c.event == OPENED
    for row in c.execute(sa.select(n).where(*opened)).mappings().all():
        if row["attempts"]:
            _add(c, incident, row["channel"], RESOLVED, at)
    c.execute(
        sa.update(n).where(*opened, n.c.state == "pending").values(state="dropped", changed_at=at)
    )
