"""Experiments from file to verdict: exposure, layers, hold-out, plan and report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import main
from experiments import definitions, planning, reading, stages
from segmentry import warehouse
from segmentry.errors import ConfigError, NotReadyError
from segmentry.settings import Settings
from segmentry.stages import RunContext
from tests.experiments import small_lake as lake_of

GOOD: dict[str, Any] = {
    "name": "banner",
    "description": "A banner on the home page",
    "owner": "web",
    "population": {"segments": "all"},
    "variants": {"plain": 50, "bold": 50},
    "control": "plain",
    "exposure": {"event": "Experiment Viewed"},
    "start": "2026-03-02",
    "end": "2026-03-31",
    "metrics": {"primary": "orders", "guardrails": ["unsubscribes"], "minimal_effect": 0.1},
}
MORE = {
    "marts.events": (
        "profile_id varchar, event varchar, event_at timestamp, properties varchar, is_bot boolean"
    ),
    "profiles.profiles": "profile_id varchar",
    "segments.segment_memberships": "segment varchar, profile_id varchar",
    "segments.membership_history": (
        "segment varchar, profile_id varchar, entered_at timestamp, left_at timestamp"
    ),
}
SEEN = lake_of.START + timedelta(days=2)
LATER = lake_of.START + timedelta(days=30)


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    settings = lake_of.home(tmp_path)
    with warehouse.connect(settings) as lake:
        for name, columns in MORE.items():
            lake.execute(f"create table lake.{name} ({columns})")
    lake_of.set_clock(settings, LATER)
    return settings


def write(settings: Settings, **change: Any) -> definitions.Experiment:
    content = {**GOOD, **change}
    folder = settings.config / "experiments"
    folder.mkdir(exist_ok=True)
    (folder / f"{content['name']}.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return definitions.load(settings)[content["name"]]


def view(settings: Settings, ids: list[str], properties: str = "{}", days: float = 0) -> None:
    at = SEEN + timedelta(days=days)
    lake_of.add(
        settings, "marts.events", [(one, "Experiment Viewed", at, properties, False) for one in ids]
    )


def read(settings: Settings, experiment: definitions.Experiment) -> reading.Reading:
    with warehouse.connect(settings) as lake:
        return reading.read(lake, settings, experiment)


def exposures(settings: Settings) -> Mapping[str, str]:
    with warehouse.connect(settings) as lake:
        sql = f"select profile_id, variant from lake.{reading.EXPOSURES}"
        return dict(lake.execute(sql).fetchall())


def test_the_report_finds_the_effect_and_only_counts_exposed_people(home: Settings) -> None:
    experiment = write(home)
    ids = [f"p{n}" for n in range(900)]
    view(home, ids[:800])
    buyers = [i for i in ids if experiment.variant_of(i) == "bold" or int(i[1:]) % 3 == 0]
    lake_of.orders(home, buyers, [20.0] * len(buyers), SEEN + timedelta(days=1), "o")
    found = read(home, experiment)
    assert sum(found.ratio.people.values()) == 800
    assert "bold improves orders" in found.sentence
    assert exposures(home) == {one: experiment.variant_of(one) for one in ids[:800]}


def test_exposures_outside_the_dates_and_of_other_experiments_do_not_count(home: Settings) -> None:
    experiment = write(home)
    view(home, ["early"], days=-1.5)
    view(home, ["late"], days=60)
    view(home, ["other"], '{"experiment_id": "carousel"}')
    view(home, ["mine"], '{"experiment_id": "banner"}')
    lake_of.set_clock(home, LATER + timedelta(days=90))
    read(home, experiment)
    assert set(exposures(home)) == {"mine"}


def test_the_first_variant_is_kept_when_weights_change(home: Settings) -> None:
    experiment = write(home)
    view(home, [f"p{n}" for n in range(200)])
    read(home, experiment)
    first = exposures(home)
    read(home, write(home, variants={"plain": 1, "bold": 99}))
    assert exposures(home) == first


def test_the_population_is_who_was_a_member_when_exposed(home: Settings) -> None:
    experiment = write(home, population={"segments": ["loyal"]})
    rows = [
        ("loyal", "now", lake_of.START, None),
        ("loyal", "before", lake_of.START, SEEN),
        ("loyal", "after", LATER, None),
        ("other", "else", lake_of.START, None),
    ]
    lake_of.add(home, "segments.membership_history", rows)
    view(home, ["now", "before", "after", "else"])
    read(home, experiment)
    assert set(exposures(home)) == {"now"}


def test_layers_exclude_each_other_and_the_global_hold_out_is_in_none(home: Settings) -> None:
    policies = yaml.safe_load((home.config / "policies.yml").read_text("utf-8"))
    policies["experiments"] = {"global_hold_out": {"share": 0.2, "salt": "everywhere"}}
    (home.config / "policies.yml").write_text(yaml.safe_dump(policies), encoding="utf-8")
    one = write(home, layer={"name": "front", "from": 0, "to": 0.5})
    two = write(home, name="hero", layer={"name": "front", "from": 0.5, "to": 1})
    ids = [f"p{n}" for n in range(4_000)]
    mine = {i for i in ids if one.variant_of(i)}
    theirs = {i for i in ids if two.variant_of(i)}
    assert not mine & theirs
    assert len(mine | theirs) / len(ids) == pytest.approx(0.8, abs=0.03)
    with warehouse.connect(home) as lake:
        sql = f"select id, {one.variant_sql('id')} from (select unnest(?::varchar[]) as id)"
        assert all(one.variant_of(i) == v for i, v in lake.execute(sql, [ids]).fetchall())


def test_a_worse_guardrail_stops_the_experiment(home: Settings) -> None:
    experiment = write(home)
    ids = [f"p{n}" for n in range(800)]
    view(home, ids)
    left = [i for i in ids if experiment.variant_of(i) == "bold"][:150]
    at = SEEN + timedelta(days=1)
    lake_of.add(home, "marts.consents", [(one, "marketing", "withdrawn", at) for one in left])
    assert read(home, experiment).sentence.startswith("Stop banner: bold worsens unsubscribes")


def test_effects_by_segment_are_corrected_together(home: Settings) -> None:
    experiment = write(home)
    ids = [f"p{n}" for n in range(600)]
    view(home, ids)
    rows = [(f"s{n % 3}", one, lake_of.START, None) for n, one in enumerate(ids)]
    lake_of.add(home, "segments.membership_history", rows)
    lake_of.orders(home, ids[::2], [5.0] * 300, SEEN + timedelta(days=1), "o")
    found = read(home, experiment)
    effects = [effect for part in found.by_segment.values() for effect in part]
    assert len(effects) == 3
    smallest = min(effects, key=lambda effect: effect.p_value or 2)
    assert smallest.p_adjusted == pytest.approx(min(1, 3 * (smallest.p_value or 0)))


def test_the_stage_writes_rows_and_pages_and_adds_nothing_twice(home: Settings) -> None:
    write(home)
    view(home, [f"p{n}" for n in range(100)])
    first = stages.measure(RunContext(home))
    assert first.rows[reading.RELATION] == 2
    assert stages.measure(RunContext(home)).rows == first.rows
    assert len(exposures(home)) == 100
    assert (home.home / "measurement" / "experiment_banner.html").exists()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"control": "other"}, "the control 'other'"),
        ({"variants": {"plain": 1, "bold": 0}}, "fewer than two variants"),
        ({"end": "2026-02-01"}, "the end is before"),
        ({"end": "2026-02-31"}, "which is no day"),
        ({"exposure": {"sync": "nothing"}}, "the sync 'nothing'"),
        ({"metrics": {"primary": "profit"}}, "no metric 'profit'"),
        ({"layer": {"name": "front", "from": 0.5, "to": 0.5}}, "the layer's part is empty"),
        ({"exposure": {}}, "exposure"),
    ],
)
def test_a_file_that_does_not_fit_is_named(
    home: Settings, change: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        write(home, **change)
    assert expected in str(caught.value)
    assert caught.value.remedy


def test_parts_of_a_layer_that_overlap_are_refused(home: Settings) -> None:
    write(home, layer={"name": "front", "from": 0, "to": 0.5})
    with pytest.raises(ConfigError, match="banner and hero share a part"):
        write(home, name="hero", layer={"name": "front", "from": 0.4, "to": 1})


def test_the_required_size_is_the_textbook_one(home: Settings) -> None:
    experiment = write(home)
    # 16 s^2 / d^2 in each of two groups is the rule for 80 % power at 5 %.
    found = planning.people_needed(experiment, mean=10, deviation=20)
    assert found == pytest.approx(2 * 15.7 * 20**2 / 1**2, rel=0.01)
    unequal = write(home, variants={"plain": 90, "bold": 10})
    assert planning.people_needed(unequal, 10, 20) > 2.5 * found


def test_the_plan_names_people_and_days(
    home: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = write(home)
    ids = [f"p{n}" for n in range(280)]
    lake_of.add(home, "profiles.profiles", [(one,) for one in ids])
    with warehouse.connect(home) as lake, pytest.raises(NotReadyError, match="no"):
        planning.plan(lake, home, experiment)
    lake_of.orders(home, ids[:140], [5.0] * 140, LATER - timedelta(days=2), "o")
    view(home, ids, days=20)
    monkeypatch.setenv("SEGMENTRY_HOME", str(home.home))
    monkeypatch.setenv("SEGMENTRY_CONFIG", str(home.config))
    assert main.run(["experiments", "plan", "banner", "--output", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["mean"] == 0.5
    assert found["people_per_day"] == 10
    assert found["days"] == -(-found["people_needed"] // 10) + planning.PAST_DAYS
    assert "is too short" in found["verdict"]
    assert main.run(["experiments", "report", "banner"]) == 0
    assert main.run(["experiments", "list"]) == 0
    assert "banner" in capsys.readouterr().out
    assert main.run(["experiments", "report", "nothing"]) == 2
    assert "banner" in capsys.readouterr().err
