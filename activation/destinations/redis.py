"""Redis: profile to its values, for look-ups at the edge.

Each person is a hash under ``<prefix>{<key>}`` (option ``prefix``, default the sync's name and a
colon), so that one HGETALL answers. A value that is NULL is left out; a person who leaves is
unlinked.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from activation import values
from activation.destination import (
    EVERY_CHANNEL,
    EVERY_PURPOSE,
    Destination,
    DestinationSession,
    PlaceNames,
)
from activation.model import Batch, Result, RowOutcome, Status, all_sent
from segmentry.errors import DestinationError


class Redis(Destination):
    """One Redis database."""

    settings = ("url",)
    place = PlaceNames(("url",), ("url",), {"prefix": "{sync}:"})
    forms = values.AS_TEXT.replace("T09:30:00Z` in UTC", " 09:30:00`")
    purposes = EVERY_PURPOSE
    channels = EVERY_CHANNEL
    options = ("prefix",)
    batch_rows = 1_000
    cost_unit = "keys"

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Write each person's hash again, in one pipeline."""
        with _connection(session) as store:
            pipe = store.pipeline(transaction=False)
            for row in batch.rows:
                values = {
                    name: _text(value) for name, value in row.values.items() if value is not None
                }
                pipe.eval(
                    _WRITE,
                    1,
                    _key(session, row.identity),
                    *(part for pair in values.items() for part in pair),
                )
            session.ask_consent()
            answers = _run(pipe)
        return [
            (
                RowOutcome(row, Status.retry, type(answer).__name__)
                if isinstance(answer, Exception)
                else RowOutcome(row, Status.sent)
            )
            for row, answer in zip(batch.rows, answers, strict=True)
        ]

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Unlink each person's hash."""
        with _connection(session) as store:
            pipe = store.pipeline(transaction=False)
            for row in batch.rows:
                pipe.unlink(_key(session, row.identity))
            _run(pipe)
        return all_sent(batch.rows)

    def read_back(self, session: DestinationSession) -> Iterator[str]:
        """Keys that are there."""
        start = _key(session, "")[:-1]
        with _connection(session) as store:
            for key in store.scan_iter(match=f"{_escaped(start)}*", count=1_000):
                yield key.decode()[len(start) : -1]


# One step, so that a reader meets the old hash or the new one and never half of it.
_WRITE = (
    "redis.call('unlink', KEYS[1]); for i = 1, #ARGV, 2 do redis.call('hset', KEYS[1], ARGV[i],"
    " ARGV[i + 1]) end"
)


def _connection(session: DestinationSession) -> Any:
    import redis

    return redis.Redis.from_url(
        session.connection["url"], socket_timeout=30, socket_connect_timeout=10
    )


def _run(pipe: Any) -> list[Any]:
    import redis

    try:
        return list(pipe.execute(raise_on_error=False))
    except redis.RedisError as error:
        raise DestinationError(
            f"Redis did not take the commands: {type(error).__name__}",
            allowed="a Redis that the connection's address reaches",
            remedy="check the address; the next run sends the rows again",
        ) from None


def _key(session: DestinationSession, identity: str) -> str:
    return f"{session.option('prefix', session.sync.name + ':')}{{{identity}}}"


def _escaped(text: str) -> str:
    return "".join(f"\\{c}" if c in "*?[]\\" else c for c in text)


def _text(value: Any) -> str:
    # A time stays as it was always written here, for those who read it.
    return str(value) if isinstance(value, datetime) else values.for_text(value)


DESTINATION = Redis()
