"""An incoming webhook of Slack, or of a chat that takes the same JSON (Mattermost, Rocket.Chat).

Its address is the credential. Slack answers 200 and truncates texts over 40,000 characters:
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime.alerts import text
from runtime.alerts.channel import AlertChannel, post
from runtime.alerts.model import Message

MOST_CHARACTERS = 39_000
# The three characters that Slack's format gives a meaning.
_ESCAPES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))


class SlackChannel(AlertChannel):
    """Messages in a chat."""

    def send(
        self, message: Message, connection: Mapping[str, str], options: Mapping[str, Any]
    ) -> None:
        """One message with all incidents."""
        import orjson

        shown = f"*{escaped(text.subject(message))}*\n{escaped(text.body(message))}"
        if len(shown) > MOST_CHARACTERS:
            shown = shown[:MOST_CHARACTERS] + "\n… see `segmentry alerts list` for the rest"
        content = orjson.dumps({"text": shown})
        post(connection["url"], content, {"content-type": "application/json"})


def escaped(words: str) -> str:
    """Words that Slack shows as they are."""
    for sign, code in _ESCAPES:
        words = words.replace(sign, code)
    return words


CHANNEL = SlackChannel()
