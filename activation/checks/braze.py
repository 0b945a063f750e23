"""Braze: an attribute of its own is the audience. A key that may write alone cannot read."""

from __future__ import annotations

from activation.checks._base import DestinationCheck


class BrazeCheck(DestinationCheck):
    """Attributes take any name; ``--send`` shows whether the key may write."""

    takes_new_fields = True


CHECK = BrazeCheck()
