"""Decisions for 5 slots with 50 segments and 3 experiments, at 500 requests a second.

The time of an answer counts from when the request is due, so waiting for an earlier one counts too.
The store is the embedded one with 5,000 people; decisions are logged. HTTP itself is not measured.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from api.decider import Decider
from experiments import definitions
from experiments.content import files
from experiments.content.fields import RequestContext
from experiments.decide.decisions import Content
from experiments.decide.person import PurposeBasis
from live.store.opened import open_store
from live.store.records import ProfileRecord, Version
from segmentry import warehouse
from segmentry.settings import ROOT, Settings
from segments import installed

PEOPLE = 5_000
SLOTS = 5
SEGMENTS = 50
EXPERIMENTS = 3
PER_SECOND = 500
SECONDS = 10
_SINCE = datetime(2026, 1, 1)


def run() -> dict[str, Any]:
    """Percentiles in milliseconds of the answers, with the store and without it."""
    with tempfile.TemporaryDirectory() as place:
        settings = _settings(Path(place))
        warehouse.prepare(settings)
        names = sorted(installed.names(settings))
        content = _content(settings, names)
        with closing(open_store(settings)) as store:
            store.put([_person(number, names) for number in range(PEOPLE)])
            decider = Decider(settings, store, content)
            slots = list(content.slots)
            request = RequestContext(device="mobile", country="DE")

            def ask(number: int) -> dict[str, Any]:
                who = [("cookie", f"c-{number * 7919 % PEOPLE}-x")]
                made = decider.decide(who, slots, request, lambda name: True)
                return decider.record(made, is_shown=True)

            answers = [ask(number) for number in range(200)]
            kept = [one["is_fallback"] for found in answers for one in found["slots"].values()]
            figures = _load(ask)
            fallbacks = _load(lambda number: decider.fallbacks(slots, "the store is away"))
            decider.close()
    return {
        "slots": SLOTS, "segments": SEGMENTS, "experiments": EXPERIMENTS, "people": PEOPLE,
        "asked_per_second": PER_SECOND, "personalized_share": 1 - sum(kept) / len(kept),
        "decide_ms": figures, "without_store_ms": fallbacks,
    }  # fmt: skip


def _load(ask: Callable[[int], Any]) -> dict[str, float]:
    begin = time.perf_counter()
    taken = []
    for number in range(PER_SECOND * SECONDS):
        due = begin + number / PER_SECOND
        time.sleep(max(0.0, due - time.perf_counter()))
        ask(number)
        taken.append(time.perf_counter() - due)
    ordered = sorted(taken)
    places = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "most": 1.0}
    return {
        name: round(1000 * ordered[min(len(ordered) - 1, int(len(ordered) * part))], 3)
        for name, part in places.items()
    }


def _settings(place: Path) -> Settings:
    config = place / "config"
    left_out = shutil.ignore_patterns("content", "experiments")
    shutil.copytree(ROOT / "config", config, ignore=left_out)
    home = {"SEGMENTRY_HOME": str(place / "home"), "SEGMENTRY_CONFIG": str(config)}
    return replace(Settings.from_environment(home))


def _content(settings: Settings, names: list[str]) -> Content:
    for folder in ("content", "experiments"):
        (settings.config / folder).mkdir()
    for number in range(EXPERIMENTS):
        _write(settings, "experiments", {
            "name": f"test_{number}", "description": "A test.", "owner": "web",
            "population": {"segments": "all"}, "variants": {"plain": 50, "bold": 50},
            "control": "plain", "exposure": {"event": "Experiment Viewed"},
            "start": "2020-01-01", "end": "2099-01-01", "metrics": {"primary": "conversion"},
        })  # fmt: skip
    text = (
        "<h1>{{ journey_stage | default: 'Welcome' }}</h1>{% for i in (1..6) %}<li>{{ i }}"
        " {{ top_viewed_category_90d | default: 'new' | downcase }}</li>{% endfor %}"
    )
    for number in range(SLOTS):
        rules: list[dict[str, Any]] = [
            {"segment": names[(number + step) % len(names)], "show": "a" if step % 2 else "b",
             "where": "orders_lifetime >= 0 and request_device = 'mobile'", "priority": step + 1}
            for step in range(SEGMENTS)
        ]  # fmt: skip
        drawn = {"segment": "all", "experiment": f"test_{number % EXPERIMENTS}", "priority": 900,
                 "show": {"plain": "a", "bold": "b"}}  # fmt: skip
        _write(settings, "content", {
            "name": f"slot_{number}", "description": "A slot.", "owner": "web", "kind": "html",
            "variants": {"a": {"template": text}, "b": {"template": text}},
            "fallback": {"template": "Welcome"}, "rules": [*rules, drawn],
        })  # fmt: skip
    return Content(files.load(settings), definitions.load(settings), PurposeBasis())


def _write(settings: Settings, folder: str, content: dict[str, Any]) -> None:
    path = settings.config / folder / f"{content['name']}.yml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def _person(number: int, names: list[str]) -> ProfileRecord:
    mine = {names[(number * step) % len(names)]: _SINCE for step in (1, 3, 7)} if number % 3 else {}
    return ProfileRecord(
        f"p{number}", Version(1), {"orders_lifetime": number % 5, "journey_stage": "active"}, mine,
        {}, {"personalization/any": "granted"}, (), (("cookie", f"c-{number}-x"),),
    )  # fmt: skip
