"""What reads opt-outs back from a tool: one file of activation/opt_outs with an OPT_OUTS.

It only ever reads, and what it gives are refusals: an opt-in that a tool knows of is none here, so
nobody is re-subscribed.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from activation.client import Accounts, Client, Rate
from segmentry import discovery

# The first pull reads everything since then.
BEGINNING = datetime(2000, 1, 1)
# An entry that a tool shows late, under an earlier time, is found by reading this much again.
OVERLAP = timedelta(minutes=30)


@dataclass(frozen=True)
class OptOut:
    """One opt-out. kind: the type of the identifier; at: naive UTC, None where the tool does not
    state it; channel: by which nothing may be sent any more.
    """

    kind: str
    value: str
    at: datetime | None
    channel: str = "email"

    @property
    def digest(self) -> str:
        """A hash by which a later pull knows it."""
        parts = [self.kind, self.value, self.channel, self.at.isoformat() if self.at else ""]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]


@dataclass(frozen=True)
class OptOutPage:
    """What one request gave. others: entries that are no decision of a person, such as bounces."""

    found: Sequence[OptOut]
    others: int = 0


@dataclass
class OptOutSession:
    """What a reader is given for one pull: the connection's values and a client."""

    name: str
    connection: Mapping[str, str] = field(repr=False)
    accounts: Accounts
    started_at: datetime
    sleep: Callable[[float], None] | None = None
    _client: Client | None = None

    def http(self, headers: Mapping[str, str], rate: Rate | None) -> Client:
        """The client of the connection's address, made once. Its rate is shared by all who use the
        same credentials here.
        """
        if self._client is None:
            known = "\n".join(f"{k}={v}" for k, v in sorted(self.connection.items()))
            digest = hashlib.sha256(known.encode()).hexdigest()[:16]
            more: dict[str, Any] = {} if self.sleep is None else {"sleep": self.sleep}
            self._client = Client(
                self.connection["url"],
                accounts=self.accounts,
                account=f"opt-outs:{digest}",
                headers=headers,
                rate=rate,
                **more,
            )
        return self._client

    @property
    def requests(self) -> int:
        """Requests made so far."""
        return self._client.requests if self._client else 0

    def close(self) -> None:
        """Close the client."""
        if self._client is not None:
            self._client.close()


class OptOutReader(ABC):
    """Reads the opt-outs of one kind of tool.

    settings: what the connection must name. rate: the vendor's limit. is_whole: it reads all
    opt-outs each time, because the tool knows no times; a pull then finds the new ones itself.
    """

    settings: ClassVar[tuple[str, ...]] = ("url", "api_key")
    rate: ClassVar[Rate | None] = None
    is_whole: ClassVar[bool] = False

    @abstractmethod
    def pages(self, session: OptOutSession, since: datetime) -> Iterator[OptOutPage]:
        """Every opt-out from a time on, inclusive, page by page. Entries from before it do no harm.

        Raises client.RequestRefused, DestinationError, and what an answer of another shape raises.
        """


def all_readers() -> dict[str, OptOutReader]:
    """Every reader by the name of its file."""
    return discovery.members("activation.opt_outs", "OPT_OUTS", OptOutReader)  # type: ignore[type-abstract]


def utc(text: object) -> datetime:
    """A time of ISO 8601, or seconds since 1970, as naive UTC; without a zone it is UTC."""
    if isinstance(text, int | float):
        return datetime.fromtimestamp(text, UTC).replace(tzinfo=None)
    # Some tools write a blank before the zone.
    date, _, rest = str(text).strip().replace(" UTC", "Z").partition(" ")
    found = datetime.fromisoformat(f"{date}T{rest.replace(' ', '')}" if rest else date)
    return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)


def stamp(at: datetime) -> str:
    """A time as tools take it: ISO 8601 with Z."""
    return f"{at.isoformat(timespec='seconds')}Z"
