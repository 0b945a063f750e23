"""Lists that the folders are: what a new file adds to, and what it must have."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ml.registry import catalogue
from segmentry import registry
from segmentry.settings import Settings
from sources.definitions import raw_tables

BASE = "models/staging/points/base_points.sql"
CLAIMS = """\
{{ identifier_claims(
    relation=ref('stg_points__bookings'), source='points', observed_at='booked_at',
    identifiers={'loyalty_id': 'loyalty_id'},
) }}
"""


@pytest.fixture
def copy(home: Settings, tmp_path: Path) -> Settings:
    """The repository's sources and dbt project, which a test may add to."""
    shutil.copytree(home.config, tmp_path / "config")
    for layer in ("staging", "identity", "features"):
        shutil.copytree(home.dbt_project / "models" / layer, tmp_path / "dbt" / "models" / layer)
    return replace(home, config=tmp_path / "config", dbt_project=tmp_path / "dbt")


def written(settings: Settings, path: str, text: str) -> None:
    file = settings.dbt_project / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def stated(settings: Settings, name: str, more: str = "") -> None:
    text = f"name: {name}\ndescription: The files of a shop.\npaths: [nowhere]\n{more}"
    (settings.config / "sources" / f"{name}.yml").write_text(text, encoding="utf-8")


def test_every_shipped_source_is_landed(home: Settings) -> None:
    assert registry.landed_sources(home) == raw_tables(home)


def test_a_source_is_its_yml_and_its_base_model(copy: Settings) -> None:
    before = registry.landed_sources(copy)
    stated(copy, "points")
    assert registry.landed_sources(copy) == before
    written(copy, BASE, "select 1\n")
    assert registry.landed_sources(copy) == sorted([*before, "points"])


def test_pauses_decide_what_a_visit_of_a_source_is(copy: Settings) -> None:
    assert registry.sources_with_pauses(copy) == []
    stated(copy, "kiosk", "maps_to: events\ncolumns: {messageId: id}\nsessions: pauses\n")
    stated(copy, "app", "maps_to: events\ncolumns: {messageId: id}\nsessions: tracker\n")
    assert registry.sources_with_pauses(copy) == ["kiosk"]


def test_a_mapped_source_and_a_file_that_is_no_yaml_are_not_landed(copy: Settings) -> None:
    before = registry.landed_sources(copy)
    stated(copy, "till", "maps_to: orders\ncolumns: {order_id: no}\n")
    written(copy, "models/staging/points/base_points.sql", "select 1\n")
    (copy.config / "sources" / "points.yml").write_text("name: [", encoding="utf-8")
    assert registry.landed_sources(copy) == before


@pytest.mark.parametrize("folder", ["models/identity/claims", "models/identity"])
def test_claims_state_what_they_read_and_when(copy: Settings, folder: str) -> None:
    written(copy, f"{folder}/claims__points.sql", CLAIMS)
    assert "points" in registry.claim_sources(copy)
    relations = registry.claim_relations(copy)
    assert relations["points"] == ["stg_points__bookings", "booked_at"]
    assert relations["events"] == ["stg_events__events", "event_at"]
    # What reviewers accepted are no records of a batch.
    assert "reviews" in registry.claim_sources(copy) and "reviews" not in relations


def test_models_of_profiles_are_those_of_the_folder_but_personas() -> None:
    assert registry.scored_models().keys() == catalogue.specs().keys() - {"personas"}
    assert [name for name, is_choice in registry.scored_models().items() if is_choice] == [
        "next_category"
    ]
