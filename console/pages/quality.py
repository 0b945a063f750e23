"""Quality: gates, quarantine, freshness."""

from __future__ import annotations

from typing import Any

from console.asked import Asked, ConsolePage, ConsoleRoute, HtmlAnswer
from console.cells import Badge, HtmlTable, share

_LATE_HOURS = 26  # a daily source that is two hours late


def overview(asked: Asked) -> HtmlAnswer:
    """Gates, failing rows, quarantine and freshness of the newest run."""
    return HtmlAnswer(
        "quality.html",
        {
            "gates": _gates(asked),
            "failures": _failures(asked),
            "balance": _balance(asked),
            "quarantine": _quarantine(asked),
            "amounts": _amounts(asked),
        },
    )


def _gates(asked: Asked) -> HtmlTable:
    found = asked.read(
        "observability.gate_results",
        "gate_raw",
        "select * from {relation} qualify row_number() over"
        " (partition by gate order by checked_at desc) = 1 order by gate",
    )
    rows = [
        {
            **row,
            "passed": Badge("passed", "good") if row["passed"] else Badge("failed", "bad"),
        }
        for row in found.rows
    ]
    columns = {
        "gate": "Gate", "passed": "Outcome", "evaluated": "Expectations",
        "unexpected": "Not met", "warnings": "Warnings", "as_of": "As of", "checked_at": "Checked",
    }  # fmt: skip
    return HtmlTable("The newest check of each gate", columns, rows, "None.", found.missing)


def _failures(asked: Asked) -> HtmlTable:
    found = asked.read(
        "observability.gate_failures",
        "gate_raw",
        "select gate, relation, expectation, severity, max(failing_rows) as failing_rows,"
        " max(as_of) as as_of from {relation} where as_of = (select max(as_of) from {relation})"
        " group by all order by failing_rows desc limit 50",
    )
    columns = {
        "expectation": "Expectation", "gate": "Gate", "relation": "Relation",
        "severity": "Severity", "failing_rows": "Failing rows", "as_of": "As of",
    }  # fmt: skip
    empty = "Every expectation was met."
    return found.table("Expectations that were not met, newest run", columns, empty)


def _balance(asked: Asked) -> HtmlTable:
    found = asked.read(
        "observability.source_freshness", "observe", "select * from {relation} order by source"
    )
    rows = [{**row, "state": _freshness(row), "part": share(row["quarantined"], row["landed"])}
            for row in found.rows]  # fmt: skip
    columns = {
        "source": "Source", "state": "Freshness", "newest_at": "Newest record",
        "last_landed_at": "Last landed", "landed": "Landed", "accepted": "Accepted",
        "quarantined": "Quarantined", "part": "Share", "duplicates": "Duplicates",
    }  # fmt: skip
    return HtmlTable("Sources", columns, rows, "No source has landed.", found.missing)


def _freshness(row: dict[str, Any]) -> Badge:
    hours = row["hours_behind"]
    if hours is None:
        return Badge("unknown")
    kind = "good" if hours <= _LATE_HOURS else "warn"
    return Badge(f"{hours:,} h behind" if hours else "current", kind)


def _quarantine(asked: Asked) -> HtmlTable:
    found = asked.read(
        "observability.quarantine_reasons",
        "observe",
        "select * from {relation} order by records desc, source, reason limit 100",
    )
    columns = {"reason": "Reason", "source": "Source", "records": "Records", "batches": "Batches"}
    return found.table("Records in quarantine, by reason", columns, "No record is in quarantine.")


def _amounts(asked: Asked) -> HtmlTable:
    found = asked.read(
        "observability.unconverted_amounts",
        "observe",
        "select * from {relation} order by amounts desc limit 50",
    )
    columns = {"currency": "Currency", "source": "Source", "reason": "Reason", "amounts": "Amounts"}
    return found.table("Amounts that could not be converted", columns)


PAGE = ConsolePage("Quality", 80, (ConsoleRoute("/quality", overview),))
