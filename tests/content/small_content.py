"""Slots for tests: files in a folder of their own, next to the product's other configuration."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from experiments import definitions
from experiments.content import files
from experiments.decide.decisions import Content
from experiments.decide.person import PurposeBasis, Visitor
from segmentry.settings import ROOT, Settings

NOW = datetime(2026, 5, 4, 16, 30, tzinfo=UTC)  # a Monday
BANNER: dict[str, Any] = {
    "name": "banner",
    "description": "A banner.",
    "owner": "web",
    "kind": "html",
    "variants": {"loyal": {"template": "Hello {{ first_name | default: 'there' }}"}},
    "fallback": {"template": "<p>Welcome</p>"},
    "rules": [{"segment": "loyal_customers", "show": "loyal"}],
}
EXPERIMENT: dict[str, Any] = {
    "name": "hero_test",
    "description": "A bolder banner.",
    "owner": "web",
    "population": {"segments": "all"},
    "variants": {"plain": 30, "bold": 70},
    "control": "plain",
    "exposure": {"event": "Experiment Viewed"},
    "start": "2026-05-01",
    "end": "2026-05-31",
    "metrics": {"primary": "conversion"},
}


def settings_with(
    place: Path, *slots: Mapping[str, Any], experiments: tuple[Mapping[str, Any], ...] = ()
) -> Settings:
    """Settings whose config has exactly these slots and experiments."""
    config = place / "config"
    shutil.copytree(ROOT / "config", config, ignore=shutil.ignore_patterns("content"))
    for folder, found in (("content", slots), ("experiments", experiments)):
        (config / folder / "templates").mkdir(parents=True, exist_ok=True)
        for content in found:
            text = yaml.safe_dump(dict(content), sort_keys=False)
            (config / folder / f"{content['name']}.yml").write_text(text, encoding="utf-8")
    return replace(Settings.from_environment(), config=config)


def content_with(
    place: Path,
    *slots: Mapping[str, Any],
    experiments: tuple[Mapping[str, Any], ...] = (),
    sizes: Mapping[str, int] | None = None,
    is_opt_in: bool = True,
) -> Content:
    """The content of such settings."""
    settings = settings_with(place, *slots, experiments=experiments)
    return Content(
        slots=files.load(settings),
        experiments=definitions.load(settings),
        consent=PurposeBasis(is_opt_in),
        sizes=sizes or {},
    )


def person(*segments: str, consent: bool | None = True, **traits: Any) -> Visitor:
    """A person in these segments who opted in, unless stated."""
    profile_id = traits.pop("profile_id", "p1")
    return Visitor(profile_id, traits, frozenset(segments), {"personalization": consent})
