"""What a sync may be for: the purposes and channels of its tool, and no column of consent."""

from __future__ import annotations

from collections.abc import Sequence

from activation import subscriptions
from segmentry.errors import ConfigError
from segmentry.sync_config import SyncConfig


def check(sync: SyncConfig, purposes: Sequence[str], channels: Sequence[str]) -> None:
    """Raise ConfigError where the tool is not for the sync's purpose or channel: consent is asked
    for them.
    """
    stated = {"purpose": (sync.purpose, purposes), "channel": (sync.channel, channels)}
    for word, (value, allowed) in stated.items():
        if value not in allowed:
            raise ConfigError(
                f"{sync.path}: the destination '{sync.destination}' is not for the {word}"
                f" '{value}'",
                allowed=", ".join(allowed),
                remedy=f"state the {word} for which people have consented there, or use another"
                " destination; withdrawals are sent all the same",
            )


def check_no_consent(sync: SyncConfig) -> None:
    """A column that a tool reads as a subscription could subscribe a person who left: none may be
    mapped.
    """
    if places := subscriptions.carried_by(sync):
        raise ConfigError(
            f"{sync.path}: {places[0]} is a consent or subscription field of marketing tools",
            allowed="columns that describe the person; columns of profiles.profiles that begin with"
            f" {subscriptions.FROM_LEDGER}, under a name that no tool acts upon",
            remedy="remove it: a subscription comes from the consent decisions alone",
        )


def check_live(sync: SyncConfig, is_snapshot: bool) -> None:
    """Raise ConfigError where entries and exits cannot be sent one at a time."""
    if sync.schedule == "live" and is_snapshot:
        raise ConfigError(
            f"{sync.path}: schedule 'live' with the destination '{sync.destination}', which takes"
            " whole audiences",
            allowed="a destination that takes single rows, such as webhook",
            remedy="use another destination or another schedule",
        )
