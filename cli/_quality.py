"""The totals of ``observability.data_quality`` in plain words, a line a kind, with the command that shows more."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from segmentry import warehouse

RELATION = "observability.data_quality"


@dataclass(frozen=True)
class Kind:
    """One line of the summary. where: of the subject, which names it counts. command: what shows more; else a query."""

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
    Kind("records_quarantined", "records are in quarantine", command="segmentry quarantine list"),
    Kind("records_held", "of them are orders that wait for an exchange rate", command=(
        "segmentry quarantine list --reason unknown_rate"
    )),
    Kind("records_duplicates", "records were seen before"),
    Kind("values_cleared", "values were cleared: they are no good for their column"),
    Kind("values_cleared", "of them are unknown countries", where="name like '%country: unknown_value'"),
    Kind("columns_unread", "records have a name that no column reads, counted by name"),
    Kind("event_names_unknown", "events have a name that is not known"),
    Kind("categories_unknown", "events and items have a category that is not known"),
    Kind("amounts_marked", "orders had their money corrected, or it does not fit"),
    Kind("amounts_unconverted", "amounts are in no sum: no rate is known, or they are absurd"),
    Kind("identifiers_refused", "records name an identifier that identifies nobody"),
    Kind("refusals_unmatched", "identifiers with a refusal mean nobody known", command="segmentry consent unmatched"),
    Kind("crawler_events", "events are a crawler's"),
    Kind("crawler_people", "profiles are crawlers and not people"),
)  # fmt: skip


def lines(lake: duckdb.DuckDBPyConnection) -> list[dict[str, object]]:
    """counted, what and more for each kind of which there is something; none where the relation is not built."""
    if not warehouse.relation_exists(lake, RELATION):
        return []
    counts = " union all ".join(
        f"select {place}, sum(counted)::bigint from lake.{RELATION} where subject = '{kind.subject}' and {kind.where}"
        for place, kind in enumerate(KINDS)
    )
    totals = dict(lake.execute(counts).fetchall())
    return [
        {"counted": totals[place], "what": kind.text, "more": kind.more}
        for place, kind in enumerate(KINDS)
        if totals.get(place)
    ]
