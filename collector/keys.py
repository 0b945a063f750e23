"""config/collector.yml: write keys, the pages that may use them, and the limits of requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from segmentry import configuration
from segmentry.errors import ConfigError
from segmentry.settings import Settings


@dataclass(frozen=True)
class CollectorRules:
    """origins: write key to the origins that may use it, "*" for all; a request without an origin
    is a server's. most_bytes: of a body, unpacked. file_bytes and file_seconds: when a file goes to
    the inbox. ip: truncated, full or none. kept_when_refused: names of track events that are
    kept although analytics is refused.
    """

    origins: dict[str, frozenset[str]]
    most_bytes: int
    file_bytes: int
    file_seconds: float
    ip: str
    kept_when_refused: frozenset[str]

    def is_known_origin(self, origin: str) -> bool:
        """Whether any key permits the origin: a preflight request has no key."""
        return any(origin in found or "*" in found for found in self.origins.values())


def load(settings: Settings) -> CollectorRules:
    """The rules, or ConfigError that names what is wrong; without a write key nothing is served."""
    path = settings.config / "collector.yml"
    content: dict[str, Any] = configuration.load_file(path, "collector")
    origins: dict[str, frozenset[str]] = {}
    for entry in content["write_keys"]:
        if entry["key"] in origins:
            raise ConfigError(
                f"{path} has the same key twice, the second time at '{entry['name']}'",
                allowed="one entry for each key",
                remedy="give each entry its own key",
            )
        origins[entry["key"]] = frozenset(entry["origins"])
    if not origins:
        raise ConfigError(
            f"{path} has no write key",
            allowed="one entry or more under write_keys",
            remedy="add {name: shop, key: <a value of your own>, origins: [https://your.shop]}",
        )
    return CollectorRules(
        origins,
        content["most_bytes"],
        content["file_bytes"],
        content["file_seconds"],
        content["ip"],
        frozenset(content["kept_when_refused"]),
    )
