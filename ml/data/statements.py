"""The statements that dbt compiled for the models behind the features, and how each of their inputs
is known in the past. The recomputation of features runs them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from segmentry import generated
from segmentry.settings import Settings

LAYERS = ("staging", "marts", "features")
FOLDER = Path("compiled") / "segmentry" / "models"
# A relation of the lake as dbt writes it, or as a person would.
_RELATION = re.compile(r'"?\blake"?\."?(\w+)"?\."?(\w+)"?')
_COMMENT = re.compile(r"--[^\n]*")


@dataclass(frozen=True)
class Known:
    """How an input is known in the past: ``meta.past`` in the yml of its model.

    began_at: when the record came to be. changed_at: when this state of it was known. key: what all
    states of one record share. changing: columns that are not known where no state is old enough.
    as_today: why the relation is taken as it is now.
    """

    began_at: str | None = None
    changed_at: str | None = None
    key: str | None = None
    changing: tuple[str, ...] = ()
    as_today: str | None = None


# Inputs that no model of the project makes.
SOURCES = {
    "ml.text_tags": Known(as_today="a tag depends on its text alone"),
    "observability.money_policy": Known(as_today="the shop's configuration"),
}


@dataclass(frozen=True)
class Statements:
    """SQL by relation (``schema.name``), and what is stated about inputs."""

    sql: Mapping[str, str]
    known: Mapping[str, Known]

    def reads(self, relation: str) -> set[str]:
        """Relations that a statement reads."""
        text = _COMMENT.sub("", self.sql[relation])
        return {f"{schema}.{name}" for schema, name in _RELATION.findall(text)}

    def is_made(self, relation: str) -> bool:
        """Whether the relation is computed again, and not an input."""
        stated = self.known.get(relation)
        is_base = relation.startswith("staging.base_")
        return relation in self.sql and not is_base and (stated is None or not stated.as_today)

    def behind(self, wanted: Iterable[str]) -> tuple[list[str], list[str]]:
        """What must be computed for the wanted relations, each behind what it reads; and the
        inputs.
        """
        made: dict[str, set[str]] = {}
        inputs: set[str] = set()
        waiting = [name for name in wanted if self.is_made(name)]
        while waiting:
            relation = waiting.pop()
            if relation in made:
                continue
            read = self.reads(relation) - {relation}
            made[relation] = {name for name in read if self.is_made(name)}
            inputs |= read - made[relation]
            waiting += made[relation]
        return list(TopologicalSorter(made).static_order()), sorted(inputs)


def compiled(settings: Settings) -> Statements:
    """The statements that the newest run compiled: those that the stored features come from."""
    folder = settings.home / "dbt" / "target" / FOLDER
    project = generated.write_all(settings).dbt_project / "models"
    existing = {path.relative_to(project) for path in project.rglob("*.sql")}
    texts = {
        f"{layer}.{path.stem}": path.read_text(encoding="utf-8")
        for layer in LAYERS
        for path in sorted((folder / layer).rglob("*.sql"))
        # Tests are compiled next to the models, and the file of a removed model stays.
        if path.relative_to(folder) in existing
    }
    return Statements(texts, {**SOURCES, **stated(project)})


def stated(models: Path) -> dict[str, Known]:
    """What the yml files of a folder of models state about the past, by relation."""
    found = {}
    for path in sorted(models.rglob("*.yml")):
        layer = path.relative_to(models).parts[0]
        text = path.read_text(encoding="utf-8")
        if "past:" not in text:  # to parse all of them takes two seconds
            continue
        for model in (yaml.safe_load(text) or {}).get("models") or []:
            past = _past(model)
            if past is not None:
                found[f"{layer}.{model['name']}"] = _known(past)
    return found


def _past(model: Mapping[str, Any]) -> dict[str, Any] | None:
    meta = (model.get("config") or {}).get("meta") or {}
    return meta.get("past")


def _known(past: Mapping[str, Any]) -> Known:
    return Known(**{**past, "changing": tuple(past.get("changing") or ())})
