"""The grace period of an erasure: the people are reached by nobody, and it may be cancelled."""

from __future__ import annotations

from activation import deleting
from privacy import destinations, record
from privacy.record import Erasure
from privacy.search import ValueScan
from privacy.subjects import Subject, find
from segmentry import warehouse
from segmentry.errors import UsageError
from segmentry.job_lock import only_one
from segmentry.settings import Settings

# Identifiers of these types may be new since the request without being another person's.
_ADDED = ("cookie", "device_id")


def suppress(settings: Settings, erasure: Erasure, scan: ValueScan) -> None:
    """Suppress the people and remove them from destinations; what is not reached is tried again."""
    with only_one(settings, "erasure"):
        destinations.suppress(settings, erasure.subject)
        _, left = destinations.remove(settings, erasure.subject, scan)
    erasure.left = left
    record.keep(settings, erasure)


def renew(settings: Settings, erasure: Erasure) -> None:
    """Find the people again at the end of the grace period: they may have new identifiers.

    Where a profile has an address, a number or an account that it did not have, it may have been
    merged with another person: the erasure stays open for an operator.
    """
    with warehouse.connect(settings) as lake:
        found = find(lake, erasure.asked)
    before = erasure.subject
    strange = [
        kind
        for kind, value in found.identifiers
        if (kind, value) not in before.identifiers and kind not in _ADDED
    ]
    erasure.left = []
    if strange:
        erasure.left = [
            f"{len(strange)} identifier(s) ({', '.join(sorted(set(strange)))}) joined the profile"
            " since the request: if they are another person's, cancel and unmerge; else request it"
            " again with --now"
        ]
    else:
        erasure.subject = Subject(
            sorted({*before.profiles, *found.profiles}),
            sorted({*before.identifiers, *found.identifiers}),
            sorted({*before.spelled, *found.spelled}),
            sorted({*before.names, *found.names}),
        )
        erasure.not_before = ""
    record.keep(settings, erasure)


def cancel(settings: Settings, name: str) -> Erasure:
    """Take a request back in its grace period: nothing was erased, and consent is what it was."""
    erasure = record.open_named(settings, name)
    if erasure.done or not erasure.not_before:
        raise UsageError(
            f"the erasure '{name}' has begun",
            allowed="an erasure in its grace period (`privacy: grace_days` in policies.yml)",
            remedy="run `segmentry privacy forget` to bring it to its end",
        )
    others = [one.subject for one in record.opened(settings) if one.name != name]
    with only_one(settings, "erasure"):
        destinations.lift(settings, erasure.subject, others)
        deleting.cancel(settings, name)
        record.discard(settings, erasure)
    return erasure
