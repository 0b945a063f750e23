"""The consent policy: the ``consent:`` key of config/policies.yml, and how a purpose is based.
The audiences, the consent gate and the guardrails ask it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from segmentry import configuration
from segmentry.errors import ConfigError
from segmentry.settings import Settings

OPT_IN_PURPOSES = ("marketing", "advertising")


@dataclass(frozen=True)
class Basis:
    """How a purpose is based. opt_in: unknown means no. opt_in_countries: where opt_out becomes
    opt_in.
    """

    is_opt_in: bool
    opt_in_countries: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConsentPolicy:
    """The ``consent:`` key of config/policies.yml."""

    purposes: Mapping[str, Basis]
    bounces: int
    max_unmatched_share: float = 0.2
    min_unmatched: int = 50

    def basis(self, purpose: str) -> Basis:
        """The basis of a purpose; one that the policy does not name needs opt-in."""
        return self.purposes.get(purpose, Basis(is_opt_in=True))


def load(settings: Settings) -> ConsentPolicy:
    """The consent policy; marketing and advertising always need opt-in."""
    content = configuration.policies(settings).get("consent", {})
    path = settings.config / "policies.yml"
    purposes = {}
    for purpose, entry in (content.get("purposes") or {}).items():
        if purpose in OPT_IN_PURPOSES and entry["basis"] != "opt_in":
            raise ConfigError(
                f"{path}: consent/purposes/{purpose}/basis is '{entry['basis']}'",
                allowed="opt_in for marketing and advertising",
                remedy="set it to opt_in: unknown consent is no consent there",
            )
        purposes[purpose] = Basis(
            entry["basis"] == "opt_in", tuple(entry.get("opt_in_countries", ()))
        )
    return ConsentPolicy(
        purposes,
        int(content.get("suppress_after_bounces", 3)),
        float(content.get("max_unmatched_share", ConsentPolicy.max_unmatched_share)),
        int(content.get("min_unmatched", ConsentPolicy.min_unmatched)),
    )
