"""Meta: an audience is all that it has of a person from here, so the removal, by every identifier
that was sent, is the deletion. Its answer is the proof: an audience cannot be read.
"""

from __future__ import annotations

from activation.deletion import Removal


class MetaRemoval(Removal):
    """One audience."""

    batch_rows = 5_000
    proof = "the tool's answer"


DELETION = MetaRemoval()
