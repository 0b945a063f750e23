"""The destination that a description makes: a ``Destination`` like any other, so the plan, consent,
splitting, dead letters and the history work as for one in Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from activation.addresses import as_identifiers, is_address
from activation.destination import Destination, DestinationSession, PlaceNames
from activation.generic import forms, guard
from activation.generic.description import ActionTemplate, Description
from activation.generic.exchange import Exchange, identifiers_of
from activation.model import Batch, Result, Row
from segmentry.errors import ConfigError
from segmentry.sync_config import SyncConfig


class HttpDestination(Destination):
    """A destination that a file of config/destinations describes."""

    description: ClassVar[Description]

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Make the requests that add people."""
        return Exchange(self.description, session, batch).run()

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Make the requests that remove people."""
        return Exchange(self.description, session, batch).run()

    def poll(self, session: DestinationSession, batch: Batch, job_id: str) -> Result:
        """Ask for the job's state."""
        return Exchange(self.description, session, batch).poll(job_id)

    def requests_of(self, rows: int, *, is_removal: bool) -> int:
        """The requests of each round, and a look at the job. Of two requests, one for people who
        are there and one for the others, one is made.
        """
        action = self.description.remove if is_removal else self.description.add
        rounds = -(-rows // action.rows) if action.rows else 1
        return rounds * _requests_of_a_round(action) + (1 if action.poll else 0)

    def identifiers(self, sync: SyncConfig, values: Mapping[str, Any]) -> str | None:
        """Every identifier that can be made, but an address that is not hashed."""
        if not self.identifying:
            return None
        made = identifiers_of(self.description, values)
        return as_identifiers({name: v for name, v in made.items() if not is_address(v)})

    def invalid(self, row: Row) -> str:
        """At an advertising platform a row without an identifier would be a hash of nothing."""
        described = self.description
        if described.identifiers and not identifiers_of(described, row.values):
            return "no identifier can be made of the row"
        if any(separator in row.identity for separator in guard.separators(described)):
            return "the key contains what separates keys there"
        return super().invalid(row)

    def check(self, sync: SyncConfig) -> None:
        """Check the options, the columns and the key."""
        super().check(sync)
        guard.check_sync(self.description, sync)


def _requests_of_a_round(action: ActionTemplate) -> int:
    """Requests that exclude each other, by one collected name, count once."""
    made = 0
    alternatives: set[str] = set()
    for request in action.requests:
        if action.known_id is not None and request.only_without == action.known_id:
            continue  # a look-up of what the ledger knows
        if request.only_without is not None:
            alternatives.add(request.only_without)
        else:
            made += 1
    both = {request.only_with for request in action.requests} & alternatives
    return made + len(alternatives - both)


def made_of(description: Description) -> HttpDestination:
    """The destination of a description that the guard has accepted.

    Raises ConfigError where the description does not fit.
    """
    guard.check(description)
    secrets = guard.secrets_of(description)
    named = tuple(name for name in description.settings if name not in secrets)
    place = PlaceNames(
        description.place_settings or named,
        description.place_account or ("url",),
        {
            name: (rules.default or "")
            for name, rules in description.options.items()
            if not rules.is_mapping
        },
    )
    poll_seconds = (a.poll.seconds for a in (description.add, description.remove) if a.poll)
    stated: dict[str, Any] = {
        "__doc__": description.text,
        "__module__": __name__,
        "description": description,
        "settings": description.settings,
        "optional_settings": description.optional_settings,
        "options": tuple(description.options),
        "batch_rows": description.batch_rows,
        "batch_bytes": description.batch_bytes,
        "rate": description.rate,
        "cost_unit": description.cost_unit,
        "updates_only": description.creates_nobody,
        "is_repeatable": description.is_repeatable,
        "job_seconds": max(poll_seconds, default=0.0),
        "identifying": description.identifying,
        "request_errors": description.request_errors,
        "forms": _stated_forms(description),
        "purposes": description.purposes,
        "channels": description.channels,
        "place": place,
        "manual": _manual(description),
        "sign_in": description.auth.sign_in,
    }
    made = type(f"Described_{description.name}", (HttpDestination,), stated)()
    if not isinstance(made, HttpDestination):
        raise ConfigError(f"{description.path} makes no destination")
    return made


def _manual(description: Description) -> str:
    listed = "".join(f"- <{address}>\n" for address in description.documents)
    return f"{description.text.strip()}\n\nMade from the vendor's documents:\n\n{listed}"


def _stated_forms(description: Description) -> str:
    is_hashed = bool(description.identifiers)
    return "normalized and hashed" if is_hashed else forms.stated(description.values)
