"""What the policies state about requests of people: the part ``privacy`` of config/policies.yml."""

from __future__ import annotations

from dataclasses import dataclass

from segmentry import configuration
from segmentry.settings import Settings


@dataclass(frozen=True)
class PrivacyPolicy:
    """deadline_days: within so many days of the request an erasure must be done (GDPR, article
    12(3): one month). grace_days: so long it waits and may be cancelled.
    """

    deadline_days: int = 30
    grace_days: int = 0


def load(settings: Settings) -> PrivacyPolicy:
    """The policy, with defaults for what the file leaves out."""
    return PrivacyPolicy(**(configuration.policies(settings).get("privacy") or {}))
