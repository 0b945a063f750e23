"""Lineage: from the sources to each field that leaves, as far as dbt's manifest states it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from console.asked import Asked, ConsolePage, ConsoleRoute, HtmlAnswer
from console.cells import Anchor, HtmlTable
from segmentry import sync_files
from segmentry.errors import NotReadyError
from segmentry.sync_config import SyncColumn, SyncConfig

# Relations that repeat a column of others: the column is made before them.
_COPIES = frozenset({"profiles"})
_LAYERS = ("identity", "features", "profiles", "ml")


def overview(asked: Asked) -> HtmlAnswer:
    """Each column of each sync with the model that makes it and the sources behind that."""
    path = asked.settings.home / "dbt" / "target" / "manifest.json"
    if not path.exists():
        raise NotReadyError(
            "dbt's manifest is not there yet",
            allowed="a home in which the stage 'observe' has run",
            remedy="run `segmentry run --select observe`, or the whole job with `segmentry run`",
        )
    graph = _graph(str(path), path.stat().st_mtime_ns)
    syncs, _ = sync_files.load_each(asked.settings)
    tables = [_of_sync(sync, graph) for sync in syncs.values()]
    return HtmlAnswer("lineage.html", {"tables": tables})


def _of_sync(sync: SyncConfig, graph: Mapping[str, Any]) -> dict[str, Any]:
    columns = {
        "field": "Field of the destination", "from": "Made from", "column": "Column of profiles",
        "model": "Model", "sources": "Sources",
    }  # fmt: skip
    rows = [row for column in sync.columns for row in _rows(column, graph)]
    caption = f"Fields that {sync.name} sends to {sync.destination}"
    link = Anchor(sync.name, f"/syncs/{quote(sync.name)}")
    return {"link": link, "table": HtmlTable(caption, columns, rows)}


def _rows(column: SyncColumn, graph: Mapping[str, Any]) -> list[dict[str, Any]]:
    how = column.source.replace("_", " ")
    if not column.needs:
        made = {"segments": "segment_memberships", "member_of": "segment_memberships"}
        made |= {"row": "segment_memberships"}
        model = made.get(column.source)
        sources = graph["sources"].get(model, ()) if model else ()
        return [{"field": column.name, "from": f"{how}: {column.value}", "column": None,
                 "model": model, "sources": list(sources)}]  # fmt: skip
    found = []
    for name in column.needs:
        models = graph["makers"].get(name, [])
        sources = sorted({s for model in models for s in graph["sources"].get(model, ())})
        found.append({"field": column.name, "from": how, "column": name, "model": models,
                      "sources": sources})  # fmt: skip
    return found


@lru_cache(maxsize=4)
def _graph(path: str, _: int) -> dict[str, Any]:
    """Column of profiles to the models that make it, and model to the landed sources behind it."""
    manifest = json.loads(Path(path).read_text(encoding="utf-8"))
    nodes = {key: node for key, node in manifest["nodes"].items()
             if node["resource_type"] == "model"}  # fmt: skip
    named = {node["name"]: key for key, node in nodes.items()}
    makers: dict[str, list[str]] = {}
    for node in nodes.values():
        if node["schema"] in _LAYERS and node["name"] not in _COPIES:
            for column in node["columns"]:
                makers.setdefault(column, []).append(node["name"])
    profiles = _ancestors(named.get("profiles", ""), nodes)
    # A model that profiles do not read has a column of that name by chance.
    used = {nodes[key]["name"] for key in profiles if key in nodes}
    return {
        "makers": {c: sorted(n for n in found if n in used) for c, found in makers.items()},
        "sources": {name: _landed(_ancestors(key, nodes)) for name, key in named.items()},
    }


def _ancestors(key: str, nodes: Mapping[str, Any]) -> set[str]:
    seen: set[str] = set()
    waiting = [key]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        waiting += nodes[one]["depends_on"].get("nodes", []) if one in nodes else []
    return seen


def _landed(keys: set[str]) -> list[str]:
    """Landed relations among these: ``source.<project>.raw.<name>``."""
    parts = [key.split(".") for key in keys if key.startswith("source.")]
    return sorted(f"raw.{one[-1]}" for one in parts if one[-2] == "raw" and one[-1][0] != "_")


PAGE = ConsolePage("Lineage", 90, (ConsoleRoute("/lineage", overview),))
