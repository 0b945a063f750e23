"""Personas: how many people each has, and how sure that is."""

from __future__ import annotations

from urllib.parse import quote

from console import plots
from console.asked import Asked, ConsolePage, ConsoleRoute, HtmlAnswer
from console.cells import HtmlTable, share


def overview(asked: Asked) -> HtmlAnswer:
    """Personas of the newest assignment; names, sizes and doubts."""
    found = asked.read(
        "ml.cluster_assignments",
        "score",
        "select persona, max(cluster_id) as cluster_id, count(*) as people,"
        " avg(confidence) as confidence,"
        " count(*) filter (where status = 'ambiguous') as ambiguous,"
        " count(*) filter (where status = 'outlier') as outliers from {relation}"
        " where as_of = (select max(as_of) from {relation})"
        " group by persona order by people desc, persona",
    )
    total = sum(row["people"] for row in found.rows)
    rows = [{**row, "share": share(row["people"], total)} for row in found.rows]
    columns = {
        "persona": "Persona", "people": "People", "share": "Share", "confidence": "Confidence",
        "ambiguous": "Between two", "outliers": "Far from all", "cluster_id": "Id",
    }  # fmt: skip
    sizes = {row["persona"] or "none": float(row["people"]) for row in found.rows}
    return HtmlAnswer(
        "personas.html",
        {
            "table": HtmlTable("Newest assignment", columns, rows, "None.", found.missing),
            "plot": plots.bars("People by persona", sizes) if sizes else None,
            "card": f"/models/{quote('personas')}/card",
        },
    )


PAGE = ConsolePage("Personas", 50, (ConsoleRoute("/personas", overview),))
