"""A sync whose newest run had too large a share of its rows refused."""

from __future__ import annotations

from collections.abc import Iterator

from activation.ledger import runs
from runtime.alerts.evidence import Evidence, IncidentKind
from runtime.alerts.model import WARNING, AlertFinding


def _find(evidence: Evidence) -> Iterator[AlertFinding]:
    for run in runs.last_runs(evidence.ledger) if evidence.ledger is not None else []:
        refused = run["rejected"] + run["invalid"]
        tried = refused + run["sent_add"] + run["sent_update"] + run["sent_remove"]
        most = evidence.limits.rejected_share
        if refused < evidence.limits.rejected_rows or refused <= tried * most:
            continue
        yield AlertFinding(
            run["sync"],
            WARNING,
            f"of {tried:,} row(s) that the sync '{run['sync']}' sent, {run['rejected']:,} were"
            f" rejected and {run['invalid']:,} did not fit ({refused / tried:.1%}, at most"
            f" {most:.1%} may)",
            f'read the reasons with `segmentry query "select reason, count(*) from'
            f" activation.dead_letters where sync = '{run['sync']}' group by reason\"`, correct the"
            f" mapping, and run `segmentry sync retry --select {run['sync']}`",
        )


KIND = IncidentKind("sync rejected", _find)
