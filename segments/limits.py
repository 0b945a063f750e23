"""Limits that the command line prints in its help and that the segments' modules check."""

from __future__ import annotations

# A year of weeks multiplies the rows of every feature model by 53; more is a job for a warehouse of
# its own.
MOST_WEEKS = 52
