"""A receiver of one's own: a signed event after the Standard Webhooks specification, as the
destination of that name signs it.

The event has the type ``segmentry.incidents``. ``webhook-id`` is the same when a message is sent
again, so a receiver that keeps the ids it has seen handles each once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activation import signing
from runtime.alerts import text
from runtime.alerts.channel import AlertChannel, post
from runtime.alerts.model import Message
from segmentry.errors import ConfigError

TYPE = "segmentry.incidents"


class WebhookChannel(AlertChannel):
    """Signed events."""

    needs = ("url", "secret")

    def send(
        self, message: Message, connection: Mapping[str, str], options: Mapping[str, Any]
    ) -> None:
        """One request with all incidents."""
        import orjson
        from standardwebhooks.webhooks import EmptyWebhookSecretError

        content = orjson.dumps(
            {
                "type": TYPE,
                "data": {
                    "subject": text.subject(message),
                    "opened": [text.as_record(one, message) for one in message.opened],
                    "resolved": [text.as_record(one, message) for one in message.resolved],
                    "is_test": message.is_test,
                },
            }
        )
        try:
            headers = signing.headers(connection["secret"], message.message_id, content)
        except (ValueError, RuntimeError, EmptyWebhookSecretError):
            raise ConfigError(
                "the secret of the channel is none of the Standard Webhooks specification",
                allowed="whsec_ and the base64 of 24 to 64 random bytes",
                remedy="correct the variable that the connection's secret names",
            ) from None
        post(connection["url"], content, headers)


CHANNEL = WebhookChannel()
