"""Signs what leaves for a receiver of one's own, after the Standard Webhooks specification:
https://www.standardwebhooks.com
"""

from __future__ import annotations

from datetime import UTC, datetime


def headers(secret: str, message_id: str, content: bytes) -> dict[str, str]:
    """Headers of one attempt to send the content. message_id: the same in every attempt.

    secret: base64, with or without the prefix whsec_; another text is a ValueError.
    """
    from standardwebhooks.webhooks import Webhook as Signer

    sent_at = datetime.now(UTC)
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": Signer(secret).sign(message_id, sent_at, content.decode()),
    }
