"""Slack: a notice counts people and names none, so there is nothing to delete."""

from __future__ import annotations

from activation.deletion import ByHand


class SlackDeletion(ByHand):
    """One channel."""

    names_nobody = True
    proof = "nobody was named"


DELETION = SlackDeletion()
