"""Which times are learnt from and which are tested on, so that their outcomes never overlap. The
data sets call it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ml.policy import TrainingPolicy


@dataclass(frozen=True)
class Window:
    """A back-test period: the times to learn from, and the time to test on."""

    learnt: tuple[datetime, ...]
    tested: datetime


def periods(times: Sequence[datetime], horizon: timedelta, policy: TrainingPolicy) -> list[Window]:
    """The back-test periods that these times allow, the newest first.

    Outcomes to learn from end ``training.embargo_days`` before the test's time. The outcomes of two
    tests do not overlap either. No period is possible in a history shorter than two horizons and
    the embargo.
    """
    gap = horizon + timedelta(days=policy.embargo_days)
    found: list[Window] = []
    for tested in sorted(set(times), reverse=True):
        learnt = tuple(sorted(t for t in set(times) if t + gap <= tested))
        is_apart = not found or tested + horizon <= found[-1].tested
        if learnt and is_apart and len(found) < policy.max_periods:
            found.append(Window(learnt, tested))
    return found
