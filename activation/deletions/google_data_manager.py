"""Google Customer Match: an audience is all that it has of a person from here, so the removal, by
every identifier that was sent, is the deletion. The proof is its answer: nobody can read it.
"""

from __future__ import annotations

from activation.deletion import Removal


class GoogleRemoval(Removal):
    """One audience."""

    batch_rows = 5_000
    proof = "the tool's answer"


DELETION = GoogleRemoval()
