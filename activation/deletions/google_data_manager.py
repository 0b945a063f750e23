"""Google Customer Match: an audience is all that it has of a person from here, so the removal, by
every identifier that was sent, is the deletion. Nobody can read an audience: its status of the request is the proof.
"""

from __future__ import annotations

from activation.deletion import Removal


class GoogleRemoval(Removal):
    """One audience."""

    batch_rows = 5_000
    proof = "the status of the request"


DELETION = GoogleRemoval()
