"""What the store keeps of a profile: ``store`` of config/api.yml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from segmentry import configuration
from segmentry.errors import ConfigError
from segmentry.settings import Settings

FILE = "api.yml"
# Columns that name a person by themselves. The store answers by identifier, and states none.
DIRECT = (
    "profile_id", "first_name", "last_name", "email", "phone", "birth_date", "postal_code",
    "loyalty_id", "user_id", "crm_id",
)  # fmt: skip


@dataclass(frozen=True)
class StoreRules:
    """patterns: names of columns of ``profiles.profiles``, with ``*`` for any part."""

    patterns: tuple[str, ...]

    def traits(self, columns: Sequence[str]) -> list[str]:
        """The columns to keep, in their order; ConfigError for a pattern that matches none."""
        kept = [name for name in columns if name not in DIRECT]
        for pattern in self.patterns:
            if not any(fnmatchcase(name, pattern) for name in kept):
                raise ConfigError(
                    f"config/{FILE}: store/traits has '{pattern}', which is no column to keep",
                    allowed="columns of profiles.profiles that name no person, with * for a part",
                    remedy="correct the name; `segmentry query 'describe profiles.profiles'`",
                )
        return [name for name in kept if any(fnmatchcase(name, one) for one in self.patterns)]


def load(settings: Settings) -> StoreRules:
    """The rules, or ConfigError that names what is wrong."""
    content: dict[str, Any] = configuration.load_file(settings.config / FILE, "api")
    patterns = tuple(content["store"]["traits"])
    for name in DIRECT:
        if name in patterns:
            raise ConfigError(
                f"config/{FILE}: store/traits has '{name}', which names a person",
                allowed=f"columns of profiles.profiles other than {', '.join(DIRECT)}",
                remedy="remove it; a caller who needs it reads the lake",
            )
    return StoreRules(patterns)
