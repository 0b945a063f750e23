"""Segments in families: one per category of interest, per stage of the journey, per persona of the
policies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from segmentry import configuration
from segmentry.generated import FOLDER, GeneratedFile
from segmentry.settings import Settings
from segments import definitions
from segments.definitions import Segment

MARK = "Made at run time"


@dataclass(frozen=True)
class Member:
    """One segment of a family. rows: for its unit test, each with whether the profile is a
    member.
    """

    name: str
    description: str
    where: str
    origin: str
    meta: Mapping[str, Any]
    rows: tuple[tuple[Mapping[str, Any], bool], ...]

    @property
    def sql(self) -> str:
        """The segment's SQL file."""
        return (
            f"-- {MARK} from {self.origin}.\n"
            f"select profile_id\nfrom {{{{ ref('profiles') }}}}\nwhere\n    {self.where}\n"
        )

    @property
    def entry(self) -> dict[str, Any]:
        """The model's entry in its yml."""
        return {
            "name": self.name,
            "description": self.description,
            "config": {"meta": dict(self.meta)},
        }

    @property
    def yml(self) -> str:
        """The segment's yml file."""
        meta = "\n".join(f"        {key}: {value}" for key, value in self.meta.items())
        rows = "\n".join(f"          - {_flow(row)}" for row, _ in self.rows)
        members = [row["profile_id"] for row, is_member in self.rows if is_member]
        expected = "\n".join(f"        - {{profile_id: {member}}}" for member in members)
        return (
            f"# {MARK} from {self.origin}.\nmodels:\n  - name: {self.name}\n    description:"
            f" {self.description}\n    config:\n      meta:\n{meta}\n\nunit_tests:\n  - name:"
            f" {self.name}_at_its_edges\n    model: {self.name}\n    given:\n      - input:"
            f" ref('profiles')\n        rows:\n{rows}\n    expect:\n      rows:\n{expected}\n"
        )


def members(settings: Settings) -> list[Member]:
    """Every member of every family."""
    content = configuration.read(settings.dbt_project / "dbt_project.yml")["vars"]
    return [
        *_interests(content["interest_categories"]),
        *_stages(content["journeys"][0]),
        *_personas(settings),
    ]


def built(
    settings: Settings, words: Mapping[str, str], only: str | None = None
) -> dict[str, Segment]:
    """The members as segments. only: at most the one of this name."""
    home = definitions.folder(settings) / FOLDER
    return {
        m.name: definitions.build(home / f"{m.name}.sql", m.entry, m.sql, words)
        for m in members(settings)
        if only in {None, m.name}
    }


def names(settings: Settings) -> dict[str, str]:
    """Name of each member to what it follows from."""
    return {member.name: member.origin for member in members(settings)}


def files(settings: Settings) -> list[GeneratedFile]:
    """The members as dbt reads them."""
    home = definitions.folder(settings) / FOLDER
    return [
        GeneratedFile(home / f"{member.name}{suffix}", text)
        for member in members(settings)
        for suffix, text in ((".sql", member.sql), (".yml", member.yml))
    ]


def _interests(categories: list[str]) -> Iterator[Member]:
    for category in categories:
        slug = _slug(category)
        views = f"views_{slug}_90d"
        items = f"items_{slug}_lifetime"
        yield Member(
            name=f"interested_in_{slug}",
            description=(
                f"Customers who viewed more than three {category} products in 90 days and never"
                " bought one. One row per profile."
            ),
            where=f"{views} > 3\n    and {items} = 0",
            origin="the variable interest_categories",
            meta={"owner": "marketing", "purpose": "personalization", "priority": 70},
            rows=(
                ({"profile_id": "four", views: 4, items: 0}, True),
                ({"profile_id": "three", views: 3, items: 0}, False),
                ({"profile_id": "bought", views: 9, items: 1}, False),
            ),
        )


def _stages(journey: Mapping[str, Any]) -> Iterator[Member]:
    for stage in [*(stage["name"] for stage in journey["stages"]), journey["lapsed_stage"]]:
        yield Member(
            name=f"journey_{_slug(stage)}",
            description=(
                f"Customers in the {stage.capitalize()} stage of the {journey['name']} journey."
                " One row per profile."
            ),
            where=f"journey_stage = {_quoted(stage)}",
            origin="the variable journeys",
            meta={
                "owner": "marketing",
                "purpose": "marketing",
                "priority": 80,
                "exclusive_group": "journey",
            },
            rows=(
                ({"profile_id": "here", "journey_stage": stage}, True),
                ({"profile_id": "elsewhere", "journey_stage": "another"}, False),
                ({"profile_id": "unknown", "journey_stage": None}, False),
            ),
        )


def _personas(settings: Settings) -> Iterator[Member]:
    for entry in configuration.policies(settings).get("training", {}).get("personas", []):
        name = str(entry["name"])
        yield Member(
            name=f"persona_{_slug(name)}",
            description=(
                f"Customers with the persona {name}, at a confidence of at least 50 %. One row per"
                " profile."
            ),
            where=f"persona = {_quoted(name)}\n    and persona_confidence >= 0.5",
            origin="training.personas in config/policies.yml",
            meta={
                "owner": "marketing",
                "purpose": "personalization",
                "priority": 85,
                "exclusive_group": "persona",
            },
            rows=(
                ({"profile_id": "sure", "persona": name, "persona_confidence": 0.5}, True),
                ({"profile_id": "unsure", "persona": name, "persona_confidence": 0.49}, False),
                ({"profile_id": "another", "persona": "another", "persona_confidence": 0.9}, False),
                ({"profile_id": "unknown", "persona": None, "persona_confidence": None}, False),
            ),
        )


def _slug(text: str) -> str:
    return re.sub("[^a-z0-9]+", "_", text.lower()).strip("_")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _flow(row: Mapping[str, Any]) -> str:
    return (
        "{"
        + ", ".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in row.items())
        + "}"
    )
