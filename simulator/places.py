"""Where the people live: cities, time zones, languages, telephone numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Place:
    """A city; phone is the international prefix, to which seven digits are added."""

    country: str
    region: str
    city: str
    postal: str
    zone: str
    locale: str
    phone: str
    weight: float

    @property
    def jurisdiction(self) -> str:
        """The law that consent falls under: the country, and for California its own."""
        return "US-CA" if (self.country, self.region) == ("US", "CA") else self.country

    @property
    def language(self) -> str:
        """ISO 639 language code."""
        return self.locale[:2]


PLACES = (
    Place("US", "CA", "San Francisco", "941", "America/Los_Angeles", "en-US", "+1415", 12),
    Place("US", "NY", "New York", "100", "America/New_York", "en-US", "+1212", 12),
    Place("US", "TX", "Austin", "787", "America/Chicago", "en-US", "+1512", 8),
    Place("US", "IL", "Chicago", "606", "America/Chicago", "en-US", "+1312", 6),
    Place("GB", "ENG", "London", "SW1", "Europe/London", "en-GB", "+44711", 12),
    Place("GB", "SCT", "Edinburgh", "EH1", "Europe/London", "en-GB", "+44721", 5),
    Place("DE", "BE", "Berlin", "101", "Europe/Berlin", "de-DE", "+491511", 9),
    Place("DE", "BY", "München", "803", "Europe/Berlin", "de-DE", "+491512", 8),
    Place("FR", "IDF", "Paris", "750", "Europe/Paris", "fr-FR", "+3361", 8),
    Place("FR", "ARA", "Lyon", "690", "Europe/Paris", "fr-FR", "+3362", 4),
    Place("CA", "ON", "Toronto", "M5V", "America/Toronto", "en-CA", "+1416", 6),
    Place("CA", "QC", "Montréal", "H2X", "America/Toronto", "fr-CA", "+1514", 3),
    Place("AU", "NSW", "Sydney", "200", "Australia/Sydney", "en-AU", "+6141", 7),
)
CALLING_CODES = {"US": "1", "CA": "1", "GB": "44", "DE": "49", "FR": "33", "AU": "61"}


@lru_cache(maxsize=4096)
def offset_hours(place: int, day: date) -> int:
    """Whole hours that a place is ahead of UTC at noon of a day."""
    noon = datetime.combine(day, time(12), tzinfo=UTC)
    ahead = noon.astimezone(ZoneInfo(PLACES[place].zone)).utcoffset()
    return round(ahead.total_seconds() / 3600) if ahead else 0


def phone(place: int, number: int) -> str:
    """The E.164 number of the person with this number: one number per person."""
    # The factor has no divisor in common with 8,000,000, so that numbers below it never meet.
    return f"{PLACES[place].phone}{(number * 7_368_787 + 104_729) % 8_000_000 + 2_000_000}"


def national(place: int, e164: str, style: int) -> str:
    """The same number as people write it: 0 international with spaces, 1 national, 2 with dots or
    dashes.
    """
    country = PLACES[place].country
    digits = e164[1 + len(CALLING_CODES[country]) :]
    if style == 0:
        return f"+{CALLING_CODES[country]} {digits[:3]} {digits[3:6]} {digits[6:]}"
    if country in ("US", "CA"):
        return (
            f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"
            if style == 1
            else f"{digits[:3]}.{digits[3:6]}.{digits[6:]}"
        )
    return (
        f"0{digits[:4]} {digits[4:]}" if style == 1 else f"0{digits[:4]}-{digits[4:7]}-{digits[7:]}"
    )
