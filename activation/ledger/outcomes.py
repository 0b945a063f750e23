"""Records the outcomes of a request's rows, in one transaction over all that they change.
The sending of rows calls it after every request.
"""

from __future__ import annotations

from collections.abc import Sequence

from activation.ledger import changelog, dead_letters, destination_rows, open_requests
from activation.ledger.database import Ledger, now
from activation.model import RowOutcome


def record(
    ledger: Ledger,
    sync: str,
    run_id: str,
    request_id: str | None,
    outcomes: Sequence[RowOutcome],
    *,
    keeps_removed: bool = False,
) -> None:
    """Record the outcomes of a request's rows, and drop its intent.

    keeps_removed: remember who was removed, so that it is done once.
    """
    recorded_at = now()
    stamp = ledger.timestamp(recorded_at)
    with ledger.begin() as c:
        destination_rows.record(ledger, c, sync, outcomes, stamp, keeps_removed=keeps_removed)
        dead_letters.record(ledger, c, sync, outcomes, recorded_at)
        changelog.record(ledger, c, sync, run_id, request_id, outcomes, stamp)
        if request_id is not None:
            open_requests.close(c, request_id)
