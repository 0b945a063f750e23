"""Adobe Target: it has no end point for deletions; they go through the Adobe Privacy Service, which
an operator asks.
"""

from __future__ import annotations

from activation.deletion import ByHand

DELETION = ByHand()
