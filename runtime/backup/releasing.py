"""Lets syncs go on after a restore, once what is missing from the backup was read again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from activation import opt_out_pull, suppression_lists
from activation.ledger import restores
from activation.ledger.database import Ledger
from privacy import record
from segmentry.errors import StoppedError, UsageError
from segmentry.operators import current_operator, stated_reason
from segmentry.settings import Settings


def release(settings: Settings, reason: str | None) -> int:
    """Release the restore, under the operator's name; returns how many restores were released.

    Raises StoppedError while opt-outs, suppression lists or erasures are not up to date.
    """
    stated = stated_reason(reason, "the release of a restore")
    with closing(Ledger(settings)) as ledger:
        found = restores.unreleased(ledger)
        if not found:
            raise UsageError(
                "no restore waits for a release",
                allowed="a home that was restored from a backup",
                remedy="nothing is to be done; `segmentry sync status` shows what waits",
            )
        if missing := list(_missing(settings, ledger)):
            raise StoppedError(
                f"the restored home is not up to date: {'; '.join(missing)}",
                allowed="opt-outs, suppression lists and erasures of after the backup are in",
                remedy=(
                    "run `segmentry consent pull` and `segmentry privacy forget`, correct the lists"
                    " that are named, then run `segmentry backup release` again"
                ),
            )
        restores.release(ledger, current_operator(), stated)
        return len(found)


def _missing(settings: Settings, ledger: Ledger) -> Iterator[str]:
    if (settings.home / "restoring.json").exists():
        yield "the restore is not at its end, run `segmentry restore` again"
    restored_at = max(at for _, at in restores.unreleased(ledger))
    pulls = restores.last_pulls(ledger)
    for name, account in opt_out_pull.accounts(settings).items():
        pulled_at = pulls.get(f"{account.tool}/{name}")
        if pulled_at is None or pulled_at < restored_at:
            yield f"the opt-outs of the account '{name}' were not read back since the restore"
    for row in suppression_lists.state(settings):
        if row["fault"]:
            yield f"the suppression list '{row['list']}' cannot be read"
    if count := len(record.opened(settings)):
        yield f"{count} erasure(s) are open"
