"""Wires the JSON Schemas of config/schemas to the files they describe, for editors of YAML."""

from __future__ import annotations

import json

from segmentry.generated import GeneratedFile
from segmentry.settings import ROOT, Settings

# The schema's kind, and the files that it describes.
FILES: dict[str, str] = {
    "alerts": "config/alerts.yml",
    "api": "config/api.yml",
    "collector": "config/collector.yml",
    "content": "config/content/*.yml",
    "destination": "config/destinations/*.yml",
    "experiment": "config/experiments/*.yml",
    "metric": "config/metrics/*.yml",
    "policies": "config/policies.yml",
    "segment": "dbt_project/models/segments/*.yml",
    "source": "config/sources/*.yml",
    "sync": "config/syncs/*.yml",
    "topics": "config/topics.yml",
}


def generated_files(_settings: Settings) -> list[GeneratedFile]:
    """.vscode/settings.json, which the YAML extension of VS Code and its relatives read."""
    schemas = {f"config/schemas/{kind}.schema.json": files for kind, files in FILES.items()}
    text = json.dumps({"yaml.schemas": schemas}, indent=2) + "\n"
    return [GeneratedFile(ROOT / ".vscode" / "settings.json", text)]
