"""What a decision knows about a person, and what it may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from segmentry import configuration
from segmentry.settings import Settings

PERSONALIZATION = "personalization"
ANALYTICS = "analytics"


@dataclass(frozen=True)
class Visitor:
    """A profile as a decision reads it.

    traits: columns of profiles.profiles to values. segments: those the profile is in. consents:
    purpose to the latest decision; None or missing: never decided. strict: purposes that need an
    opt-in for this person, though the policy is opt-out elsewhere.
    """

    profile_id: str
    traits: Mapping[str, Any]
    segments: frozenset[str]
    consents: Mapping[str, bool | None] = field(default_factory=dict)
    strict: frozenset[str] = frozenset()

    def permits(self, purpose: str, basis: PurposeBasis) -> bool:
        """Whether its data may be used for a purpose."""
        country = self.traits.get("country")
        answer = self.consents.get(purpose)
        if answer is None and purpose in self.strict:
            return False
        return basis.permits(answer, country if isinstance(country, str) else None)


@dataclass(frozen=True)
class PurposeBasis:
    """Whether unknown means no: everywhere, or in some countries, spelled as profiles.country."""

    is_opt_in: bool = True
    opt_in_countries: frozenset[str] = frozenset()

    def permits(self, answer: bool | None, country: str | None) -> bool:
        """Whether data may be used: the rule that audiences apply too."""
        if answer is not None or self.is_opt_in:
            return answer is True
        return country not in self.opt_in_countries


def bases(settings: Settings) -> dict[str, PurposeBasis]:
    """Each purpose of config/policies.yml; one that is missing is opt-in."""
    stated = configuration.policies(settings)["consent"]["purposes"]
    return {
        purpose: PurposeBasis(
            entry["basis"] == "opt_in", frozenset(entry.get("opt_in_countries", ()))
        )
        for purpose, entry in stated.items()
    }


def person_of(record: Mapping[str, Any], segments: frozenset[str]) -> Visitor:
    """A person from a row of profiles.profiles and the segments that it is in."""
    consents = {
        purpose: record.get(f"consent_{purpose}") for purpose in (PERSONALIZATION, ANALYTICS)
    }
    return Visitor(str(record["profile_id"]), record, segments, consents)
