"""Progress within a stage: how many of its steps are done, and the time that is left if the others
take as long. Counted by dbt's callback, by searches of models and by syncs; printed by who runs the
job.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# A line comes after this many seconds; a later one when half as long again has passed, and no
# sooner than this. An hour has a dozen lines.
QUIET_SECONDS = 10.0
_MINUTE = 60
_HOUR = 3600

Printer = Callable[[str], None]
_log = logging.getLogger("segmentry.progress")
# Otherwise a library that sets up Python's log would bring the lines to the terminal.
_log.propagate = False
_log.addHandler(logging.NullHandler())
_printers: list[Printer] = []


def to_python_log() -> None:
    """Let the lines of this process reach Python's log, as in a task of Airflow."""
    _log.propagate = True
    _log.setLevel(logging.INFO)


@contextmanager
def printed_by(printer: Printer) -> Iterator[None]:
    """Within it, the lines of this process go to the printer too."""
    _printers.append(printer)
    try:
        yield
    finally:
        _printers.remove(printer)


@dataclass
class StepCount:
    """The steps of one piece of work, counted from its beginning.

    what: their name in the plural. ends_by: time.monotonic() at which the work stops in any case.
    """

    what: str
    total: int
    ends_by: float | None = None
    done: int = 0
    _began: float = field(default_factory=lambda: time.monotonic())
    _printed: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def advance(self, count: int = 1) -> None:
        """More steps are done; print that if the last line is old enough. Threads may share it."""
        with self._lock:
            self.done += count
            taken = time.monotonic() - self._began
            if self.done >= self.total or taken < self._printed + max(
                QUIET_SECONDS, self._printed / 2
            ):
                return
            self._printed = taken
            line = f"{self.done:,} of {self.total:,} {self.what}, {spoken(self.left(taken))} left"
        _log.info("%s", line)
        for printer in list(_printers):
            printer(line)

    def left(self, taken: float) -> float:
        """Seconds that are left after this many, if a step takes as long as those so far."""
        estimate = taken / max(self.done, 1) * (self.total - self.done)
        if self.ends_by is None:
            return estimate
        return min(estimate, max(self.ends_by - self._began - taken, 0.0))


def spoken(seconds: float) -> str:
    """About so long: ``about 40 s``, ``about 3 min``, ``about 1 h 20 min``."""
    if seconds < _MINUTE:
        return f"about {max(round(seconds), 1)} s"
    minutes = round(seconds / _MINUTE)
    if seconds < _HOUR:
        return f"about {minutes} min"
    return f"about {minutes // _MINUTE} h {minutes % _MINUTE} min"
