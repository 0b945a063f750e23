"""How often each person was shown a variant lately: the memory of frequency caps."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime

# People who are remembered; the one seen longest ago is forgotten first.
MOST_PEOPLE = 200_000
_MOST_TIMES = 1_000


class ShownCounts:
    """In memory; fed from the decisions that were logged when the program starts.

    Only variants with a cap are worth remembering: the caller adds those alone.
    """

    def __init__(self, most_people: int = MOST_PEOPLE) -> None:
        self._most = most_people
        self._times: OrderedDict[str, dict[tuple[str, str], list[datetime]]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, unit: str, slot: str, variant: str, at: datetime) -> None:
        """One showing. unit: profile_id, or whatever names the person to the caller."""
        with self._lock:
            seen = self._times.setdefault(unit, {}).setdefault((slot, variant), [])
            seen.append(at)
            del seen[:-_MOST_TIMES]
            self._times.move_to_end(unit)
            if len(self._times) > self._most:
                self._times.popitem(last=False)

    def count(self, profile_id: str, slot: str, variant: str, since: datetime) -> int:
        """How often it was shown after since."""
        with self._lock:
            seen = self._times.get(profile_id, {}).get((slot, variant), ())
            return sum(at > since for at in seen)
