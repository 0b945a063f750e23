"""How requests ended that Google worked on after it had accepted them, in one note of the run.
The destination ``google_data_manager`` reports by it.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from activation.destination import DestinationSession
from activation.redact import clean

ENDS = frozenset({"SUCCESS", "PARTIAL_SUCCESS", "FAILED"})
_NOTE = "Google has finished "
_PREFIXES = ("PROCESSING_ERROR_REASON_", "PROCESSING_WARNING_REASON_", "MATCH_RATE_RANGE_")
_WORD = re.compile(r"[A-Z0-9_]{0,80}")
_NO_RATE = frozenset({"", "UNKNOWN", "NOT_ELIGIBLE"})


def report(session: DestinationSession, found: dict[str, Any]) -> None:
    """Count a request's end: its state, records, match rate, reasons with their numbers of records.

    found: one of ``requestStatusPerDestination``.
    """
    tally: Counter[str] = session.kept.setdefault("ended requests", Counter())
    tally[f"request(s) {_word(found['requestStatus'])}"] += 1
    for name in ("audienceMembersIngestionStatus", "audienceMembersRemovalStatus"):
        for counted in (found.get(name) or {}).values():
            tally["record(s)"] += int(counted.get("recordCount", 0))
            if (rate := _word(counted.get("uploadMatchRateRange", ""))) not in _NO_RATE:
                tally[f"with a match rate of {rate.replace('_', ' ').lower()} %"] += 1
    for name, counts in (("errorInfo", "errorCounts"), ("warningInfo", "warningCounts")):
        for entry in (found.get(name) or {}).get(counts, []):
            tally[_word(entry.get("reason", ""))] += int(entry.get("recordCount", 0))
    others = [note for note in session.notes if not note.startswith(_NOTE)]
    text = ", ".join(f"{number:,} {what}" for what, number in tally.items())
    session.notes[:] = [*others, _NOTE + text]


def _word(value: object) -> str:
    text = str(value)
    if not _WORD.fullmatch(text):  # none of Google's, which may be long
        return clean(text)
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    return text
