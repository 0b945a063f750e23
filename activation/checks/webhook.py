"""A receiver of one's own has nothing to be asked: ``--send`` shows whether it takes a row."""

from __future__ import annotations

from activation.checks._base import DestinationCheck


class WebhookCheck(DestinationCheck):
    """Nothing can be asked."""

    takes_new_fields = True


CHECK = WebhookCheck()
