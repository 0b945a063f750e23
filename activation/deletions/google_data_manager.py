"""Google Customer Match: the removal, by every identifier that was sent, is the deletion.

An audience is all that it has of a person from here. Nobody can read one.
"""

from __future__ import annotations

from activation.deletion import Removal


class GoogleRemoval(Removal):
    """One audience."""

    batch_rows = 5_000
    proof = "the status of the request"


DELETION = GoogleRemoval()
