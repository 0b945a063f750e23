"""Google: the Data Manager API writes alone. The token is fetched; ``--send`` shows the rest."""

from __future__ import annotations

from activation.checks._base import DestinationCheck


class GoogleCheck(DestinationCheck):
    """Nothing can be asked."""


CHECK = GoogleCheck()
