"""The totals of ``observability.data_quality`` in plain words, one line per kind, with the command
that shows more.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from segmentry import warehouse

RELATION = "observability.data_quality"


@dataclass(frozen=True)
class SummaryLine:
    """One line of the summary. where: of the subject, which names it counts. command: what shows
    more; else a query.
    """

    subject: str
    text: str
    where: str = "true"
    command: str = ""

    @property
    def more(self) -> str:
        """The command that shows what is behind the total."""
        return self.command or (
            'segmentry query "select source, name, sum(counted) as counted '
            f"from {RELATION} where subject = '{self.subject}' group by all order by all\""
        )


# In the order in which they are printed: what is lost for the longest first.
KINDS = (
    SummaryLine("records_quarantined", "records are in quarantine",
    command="segmentry quarantine list"),
    SummaryLine("records_held", "of them are orders that wait for an exchange rate", command=(
        "segmentry quarantine list --reason unknown_rate"
    )),
    SummaryLine("records_duplicates", "records were seen before"),
    SummaryLine("values_cleared", "values were cleared: they are no good for their column"),
    SummaryLine("values_cleared", "of them are unknown countries",
    where="name like '%country: unknown_value'"),
    SummaryLine("columns_unread", "records have a name that no column reads, counted by name"),
    SummaryLine("event_names_unknown", "events have a name that is not known"),
    SummaryLine("categories_unknown", "events and items have a category that is not known"),
    SummaryLine("amounts_marked", "orders had their money corrected, or it does not fit"),
    SummaryLine("amounts_unconverted",
    "amounts are in no sum: no rate is known, or they are absurd"),
    SummaryLine("identifiers_refused", "records name an identifier that identifies nobody"),
    SummaryLine("refusals_unmatched", "refused identifiers match no profile",
    command="segmentry consent unmatched"),
    SummaryLine("crawler_events", "events are a crawler's"),
    SummaryLine("crawler_people", "profiles are crawlers and not people"),
)  # fmt: skip


def lines(lake: duckdb.DuckDBPyConnection) -> list[dict[str, object]]:
    """counted, what and more for each kind with a count; none if the relation is not built."""
    if not warehouse.relation_exists(lake, RELATION):
        return []
    counts = " union all ".join(
        f"select {place}, sum(counted)::bigint from lake.{RELATION} where subject ="
        f" '{kind.subject}' and {kind.where}"
        for place, kind in enumerate(KINDS)
    )
    totals = dict(lake.execute(counts).fetchall())
    return [
        {"counted": totals[place], "what": kind.text, "more": kind.more}
        for place, kind in enumerate(KINDS)
        if totals.get(place)
    ]
