"""How many requests a caller may make: a bucket of tokens that fills steadily."""

from __future__ import annotations

import math
import time
from collections import OrderedDict

_MOST = 10_000  # names that are remembered; the one that was seen longest ago is left out


class RateLimit:
    """A bucket for each name, with the requests of two seconds, and at least one."""

    def __init__(self, burst_seconds: float = 2.0) -> None:
        self._burst = burst_seconds
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, name: str, per_second: float, cost: float = 1.0) -> int:
        """0 if the request may go on; else the whole seconds to wait before the next one."""
        now = time.monotonic()
        most = max(1.0, per_second * self._burst, cost)
        level, since = self._buckets.pop(name, (most, now))
        level = min(most, level + (now - since) * per_second)
        is_free = level >= cost
        self._buckets[name] = (level - cost if is_free else level, now)
        if len(self._buckets) > _MOST:
            self._buckets.popitem(last=False)
        return 0 if is_free else max(1, math.ceil((cost - level) / per_second))

    def is_spent(self, name: str, per_second: float) -> bool:
        """Whether the next request would have to wait; it takes nothing."""
        return self.wait(name, per_second, 0.0) > 0 or self._level(name) < 1.0

    def _level(self, name: str) -> float:
        found = self._buckets.get(name)
        return 1.0 if found is None else found[0]
