"""Every error Segmentry raises on purpose.

SegmentryError                exit 1  something failed; the message states what to do
├── UsageError                exit 2  the command line or a value in it is wrong
│   └── ConfigError           exit 2  a file under config/ or a project file does not fit
├── NotReadyError             exit 1  a stage needs an earlier stage's output that is not there
├── SourceError               exit 1  a source could not be read
├── ConnectionNotConfigured   exit 1  a connection's settings or credentials are missing
├── DestinationError          exit 1  a destination failed beyond its retries
└── StoppedError              exit 3  a gate or a guardrail stopped the work;
                                      the last good state stays
    ├── GateFailed
    └── GuardrailTriggered
"""

from __future__ import annotations


class SegmentryError(Exception):
    """Base of all deliberate errors: what was received, what is allowed, what to do.

    Never put a person's identifier or a secret into any of the three parts.
    """

    exit_code: int = 1

    def __init__(self, received: str, *, allowed: str = "", remedy: str = "") -> None:
        super().__init__(received)
        self.received = received
        self.allowed = allowed
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.received, self.allowed, self.remedy))

    def __str__(self) -> str:
        parts = [self.received]
        if self.allowed:
            parts.append(f"Allowed: {self.allowed}")
        if self.remedy:
            parts.append(f"To do: {self.remedy}")
        return "\n".join(parts)


def _rebuild(
    kind: type[SegmentryError], received: str, allowed: str, remedy: str
) -> SegmentryError:
    return kind(received, allowed=allowed, remedy=remedy)


class UsageError(SegmentryError):
    """The command line or a value in it is wrong."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration or project file does not fit its schema or its neighbours."""


class NotReadyError(SegmentryError):
    """A stage needs the output of an earlier stage."""


class SourceError(SegmentryError):
    """A source could not be read."""


class ConnectionNotConfigured(SegmentryError):
    """A connection's address or credentials are not set."""


class DestinationError(SegmentryError):
    """A destination failed beyond its retries."""


class StoppedError(SegmentryError):
    """A gate or a guardrail stopped the work; what was published last stays published."""

    exit_code = 3


class GateFailed(StoppedError):
    """Data did not meet its expectations."""


class GuardrailTriggered(StoppedError):
    """A sync would have done more than its guardrails allow."""
