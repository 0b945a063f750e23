"""What a condition and a template of content may name: columns of profiles, and the request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from segmentry import configuration
from segmentry.errors import UsageError
from segmentry.settings import Settings
from segments import installed

# Fields of the request that a caller states, each a text.
STATED = ("device", "country", "language", "page")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# hour is 0 to 23 and weekday its English name, both on the clock of the slot's zone.
REQUEST_COLUMNS: Mapping[str, str] = {
    **{f"request_{name}": "varchar" for name in STATED},
    "request_hour": "integer",
    "request_weekday": "varchar",
}
_LONGEST = 200


@dataclass(frozen=True)
class RequestContext:
    """What the caller states about its request; None for what it does not know."""

    device: str | None = None
    country: str | None = None
    language: str | None = None
    page: str | None = None

    def values(self, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
        """The request's columns at a time. now: with its zone."""
        local = now.astimezone(zone)
        return {
            "request_device": self.device,
            "request_country": self.country,
            "request_language": self.language,
            "request_page": self.page,
            "request_hour": local.hour,
            "request_weekday": WEEKDAYS[local.weekday()],
        }


def request_context(stated: Mapping[str, Any]) -> RequestContext:
    """The context of a request, or UsageError that names the field and never its value."""
    for name, value in stated.items():
        if name not in STATED:
            raise UsageError(
                f"the context has a field {str(name)[:40]!r}, which is not known",
                allowed=", ".join(STATED),
                remedy="leave it out; hour and weekday follow from the time of the request",
            )
        if value is not None and (not isinstance(value, str) or len(value) > _LONGEST):
            raise UsageError(
                f"the context's {name} is not a short text",
                allowed=f"a text of at most {_LONGEST} characters, or null",
                remedy="correct or leave out the field",
            )
    return RequestContext(**stated)


def vocabulary(settings: Settings) -> dict[str, str]:
    """Names for conditions and their data types: columns of profiles and the request's."""
    return {**installed.vocabulary(settings), **REQUEST_COLUMNS}


def identifying(settings: Settings) -> frozenset[str]:
    """Columns that a template must not print, because they identify a person."""
    types = configuration.policies(settings)["identity"]["types"]
    return frozenset({"profile_id", *(str(entry["name"]) for entry in types)})
