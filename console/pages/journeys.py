"""Journeys: how people change from stage to stage."""

from __future__ import annotations

from typing import Any

from console import flows
from console.asked import Asked, ConsolePage, ConsoleRoute, HtmlAnswer
from console.cells import HtmlTable
from segmentry import configuration


def overview(asked: Asked) -> HtmlAnswer:
    """Every journey as a flow and a table."""
    found = asked.read(
        "observability.console_journeys",
        "observe",
        "select * from {relation} order by journey, transitions desc, from_stage, to_stage",
    )
    journeys: dict[str, list[dict[str, Any]]] = {}
    for row in found.rows:
        journeys.setdefault(row["journey"], []).append(row)
    columns = {
        "from_stage": "From", "to_stage": "To", "transitions": "Changes", "profiles": "People",
        "average_days": "Average days before",
    }  # fmt: skip
    orders = _orders(asked)
    parts = [
        {
            "name": name,
            "plot": flows.drawn(name, rows, orders.get(name, [])),
            "table": HtmlTable(f"Changes of stage of the journey {name}", columns, rows),
        }
        for name, rows in journeys.items()
    ]
    return HtmlAnswer("journeys.html", {"journeys": parts, "missing": found.missing})


def _orders(asked: Asked) -> dict[str, list[str]]:
    """Stages of each configured journey, in their order."""
    content = configuration.read(asked.settings.dbt_project / "dbt_project.yml")
    return {
        journey["name"]: [stage["name"] for stage in journey.get("stages", [])]
        for journey in (content.get("vars") or {}).get("journeys", [])
    }


PAGE = ConsolePage("Journeys", 60, (ConsoleRoute("/journeys", overview),))
