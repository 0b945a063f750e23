"""What sends a message to one kind of place: a file of runtime/alerts/channels with a CHANNEL.

An address or a password is never put into a message or an error: an address of a chat is a secret.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import httpx

from activation import credentials
from runtime.alerts.model import Message
from runtime.alerts.policy import AlertPolicy, ChannelConfig
from segmentry import discovery
from segmentry.errors import ConfigError, ConnectionNotConfigured, DestinationError

# One attempt; the next check sends what did not arrive again.
TIMEOUT = 10.0


class AlertChannel(ABC):
    """One kind of place.

    needs: settings that a connection must name; may: those that it may name. options: those that
    the file of the alerts may set.
    """

    needs: ClassVar[tuple[str, ...]] = ("url",)
    may: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[tuple[str, ...]] = ()
    needed_options: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def send(
        self, message: Message, connection: Mapping[str, str], options: Mapping[str, Any]
    ) -> None:
        """Send it, once. Raises DestinationError where it did not arrive."""


def all_channels() -> dict[str, AlertChannel]:
    """Every kind of channel by the name of its file."""
    return discovery.members("runtime.alerts.channels", "CHANNEL", AlertChannel)  # type: ignore[type-abstract]


def check(policy: AlertPolicy) -> None:
    """ConfigError for a channel of an unknown kind, or with settings that do not fit its kind."""
    known = all_channels()
    for one in policy.channels:
        if one.kind not in known:
            raise _does_not_fit(one, f"there is no kind '{one.kind}'", known)
        kind = known[one.kind]
        for what, given, needed, allowed in (
            ("connection", one.connection, kind.needs, (*kind.needs, *kind.may)),
            ("options", one.options, kind.needed_options, (*kind.options, *kind.needed_options)),
        ):
            strange = sorted({*given} - {*allowed}) or sorted({*needed} - {*given})
            if strange:
                raise _does_not_fit(one, f"{what}: '{strange[0]}' is missing or not known", allowed)


def send(config: ChannelConfig, message: Message) -> None:
    """Send the message to the channel, once.

    Raises ConnectionNotConfigured without its credentials, DestinationError where it did not
    arrive.
    """
    kind = all_channels()[config.kind]
    values = {name: credentials.value(ref) for name, ref in config.connection.items()}
    missing = [config.connection[name] for name, value in values.items() if not value]
    if missing:
        raise ConnectionNotConfigured(
            f"the channel '{config.name}' is not configured",
            allowed="a connection with all its settings",
            remedy=f"set {', '.join(credentials.described(one) for one in missing)}",
        )
    kind.send(message, values, config.options)


def post(url: str, content: bytes, headers: Mapping[str, str]) -> None:
    """One request; DestinationError unless the answer is 2xx. Redirects are not followed."""
    if not url.startswith(("https://", "http://")):
        raise ConfigError(
            "the address of the channel is not one of HTTP",
            allowed="https://…, or http://… of this network",
            remedy="correct the variable that the connection's url names",
        )
    try:
        answer = httpx.post(url, content=content, headers=dict(headers), timeout=TIMEOUT)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise did_not_arrive(type(error).__name__) from None
    if not answer.is_success:
        raise did_not_arrive(f"status {answer.status_code}")


def did_not_arrive(why: str) -> DestinationError:
    """The error of an attempt; why: words without an address."""
    return DestinationError(
        f"the message did not arrive: {why}",
        allowed="a channel that takes the message",
        remedy="check its address and credentials with `segmentry alerts test`",
    )


def _does_not_fit(channel: ChannelConfig, received: str, allowed: Any) -> ConfigError:
    return ConfigError(
        f"config/alerts.yml: channel '{channel.name}': {received}",
        allowed=", ".join(allowed) or "nothing",
        remedy="correct the entry",
    )
