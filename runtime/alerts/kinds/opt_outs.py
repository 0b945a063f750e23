"""An account of a tool whose opt-outs could not be read back before the syncs sent: they add nobody
until it can.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from activation import opt_out_pull
from activation.ledger import tables as t
from runtime.alerts import history
from runtime.alerts.evidence import Evidence, IncidentKind
from runtime.alerts.model import CRITICAL, AlertFinding

# A process that has read an account does not ask again for a minute, and reading takes time too.
_GRACE = timedelta(minutes=2)


def _find(evidence: Evidence) -> Iterator[AlertFinding]:
    accounts = opt_out_pull.accounts(evidence.settings)
    tried = _last_attempt(evidence) if accounts else None
    if tried is None:
        return
    cursors = t.opt_out_cursors.c
    read = {
        row["account"]: row["pulled_at"]
        for row in evidence.ledger_rows(sa.select(cursors.account, cursors.pulled_at))
    }
    for name, account in accounts.items():
        last = read.get(f"{account.tool}/{name}")
        if last is not None and last + _GRACE >= tried:
            continue
        since = f"since {last:%Y-%m-%d %H:%M} UTC" if last else "so far"
        yield AlertFinding(
            name,
            CRITICAL,
            f"the opt-outs of the account '{name}' ({account.tool}) could not be read {since};"
            " meanwhile syncs add nobody",
            f"run `segmentry consent pull {name}`, which names the fault; check the address and the"
            " rights of its credentials",
        )


def _last_attempt(evidence: Evidence) -> datetime | None:
    """When the newest sync of a job began, which is when accounts are read."""
    begun = [
        row["finished_at"] - timedelta(seconds=row["seconds"])
        for row in history.newest(evidence.store)
        if row["stage"] == "sync"
    ]
    return max(begun, default=None)


KIND = IncidentKind("opt-outs not read", _find)
