"""The lift of syncs: who is compared, over what, and what the sentence reports."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli import main
from experiments import exposed, lift, pages, stages
from segmentry import sync_files, warehouse
from segmentry.errors import UsageError
from segmentry.settings import Settings
from segmentry.stages import RunContext
from tests.experiments import small_lake as lake_of

LATER = lake_of.START + timedelta(days=30)
SYNC = "spring_mail"


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    settings = lake_of.home(tmp_path)
    lake_of.sync_file(settings.config, SYNC)
    return settings


def assign(settings: Settings, sent: int = 300, held_out: int = 300) -> list[str]:
    ids = lake_of.candidates(settings, SYNC, sent, held_out)
    stages.measure(RunContext(settings))
    return ids


def bought(settings: Settings, ids: list[str], sent: int, gain: float) -> float:
    """Orders after the assignment, gain more for people who were sent; the observed difference."""
    amounts = lake_of.amounts(1, len(ids), 40)
    amounts[:sent] += gain
    lake_of.orders(settings, ids, amounts.tolist(), lake_of.START + timedelta(days=3), "after")
    lake_of.set_clock(settings, LATER)
    return float(amounts[:sent].mean() - amounts[sent:].mean())


def of_sync(settings: Settings) -> lift.SyncLift:
    stages.measure(RunContext(settings))
    with warehouse.connect(settings) as lake:
        return lift.measure(lake, settings, lift.select(settings, []))[0]


def assignments(settings: Settings) -> Mapping[str, str]:
    with warehouse.connect(settings) as lake:
        sql = f"select profile_id, variant from lake.{exposed.RELATION}"
        return dict(lake.execute(sql).fetchall())


def test_the_sentence_has_the_earned_sum_with_its_interval(home: Settings) -> None:
    ids = assign(home)
    difference = bought(home, ids, 300, gain=12)
    found = of_sync(home)
    match = re.match(r"This sync has earned ([\d,]+) \+- ([\d,]+) EUR so far", found.sentence)
    assert match, found.sentence
    earned, radius = (float(part.replace(",", "")) for part in match.groups())
    assert earned == pytest.approx(300 * difference, abs=1)
    assert abs(earned - 300 * 12) < radius
    assert "300 people sent against 300 held out since 2026-03-01" in found.sentence


def test_a_person_who_opts_out_later_stays_in_the_comparison(home: Settings) -> None:
    ids = assign(home)
    with warehouse.connect(home) as lake:
        lake.execute(
            "update lake.audiences.candidates set verdict = 'refused' where profile_id < 'p00100'"
        )
        lake.execute("delete from lake.audiences.candidates where profile_id > 'p00550'")
    lake_of.add(
        home,
        "marts.consents",
        [(one, "marketing", "withdrawn", lake_of.START + timedelta(days=2)) for one in ids[:100]],
    )
    bought(home, ids, 300, gain=0)
    found = of_sync(home)
    assert found.people == (300, 300)
    refused = found.effect_on("unsubscribes")
    assert refused is not None
    assert refused.effect == pytest.approx(1 / 3)
    assert refused.daily_low is not None
    assert refused.daily_low > 0


def test_people_lost_after_the_draw_count_as_sent(home: Settings) -> None:
    rows = [(SYNC, f"x{i}", verdict) for i, verdict in enumerate(("duplicate", "other_sync"))]
    rows += [(SYNC, f"y{i}", verdict) for i, verdict in enumerate(("refused", "no_key"))]
    lake_of.add(home, "audiences.candidates", rows)
    stages.measure(RunContext(home))
    assert assignments(home) == {"x0": "sent", "x1": "sent"}


def test_a_second_run_adds_nothing_and_keeps_the_first_assignment(home: Settings) -> None:
    assign(home)
    first = assignments(home)
    with warehouse.connect(home) as lake:
        lake.execute("update lake.audiences.candidates set verdict = 'eligible'")
    lake_of.set_clock(home, LATER)
    report = stages.measure(RunContext(home))
    assert report.rows[exposed.RELATION] == 0
    assert assignments(home) == first


def test_another_share_is_another_draw(home: Settings) -> None:
    assign(home, 90, 60)
    lake_of.sync_file(home.config, SYNC, share=0.25)
    lake_of.set_clock(home, LATER)
    found = of_sync(home)
    assert found.draw == "spring:0.25"
    assert found.first_assigned_at == LATER
    assert len(assignments(home)) == 150
    with warehouse.connect(home) as lake:
        assert warehouse.count(lake, exposed.RELATION) == 300


def test_a_split_that_is_not_as_planned_blocks_the_verdict(home: Settings) -> None:
    ids = assign(home, 400, 200)
    bought(home, ids, 400, gain=50)
    found = of_sync(home)
    assert found.ratio.is_broken
    assert found.sentence.startswith(f"No verdict for {SYNC}: 400 people sent against 200 held out")
    assert "earned" not in found.sentence
    assert stages.measure(RunContext(home)).notes
    assert "chart" not in pages.lifts_place(home).read_text("utf-8").partition("<body>")[2]


def test_a_merged_profile_counts_as_the_one_it_is_now(home: Settings) -> None:
    ids = assign(home)
    lake_of.add(
        home,
        "identity.profile_resolution",
        [("p00000", "new"), (ids[1], ids[2]), (ids[3], ids[599])],
    )
    lake_of.set_clock(home, LATER)
    found = of_sync(home)
    assert found.crossed == 1
    assert found.people == (298, 299)


def test_spend_before_the_assignment_narrows_the_interval(home: Settings) -> None:
    ids = lake_of.candidates(home, SYNC, 300, 300)
    usual = lake_of.amounts(7, 600, 100)
    lake_of.orders(home, ids, usual.tolist(), lake_of.START - timedelta(days=9), "before")
    stages.measure(RunContext(home))
    after = usual + np.random.default_rng(8).normal(0, 15, 600)
    lake_of.orders(home, ids, after.tolist(), lake_of.START + timedelta(days=3), "after")
    lake_of.set_clock(home, LATER)
    revenue = of_sync(home).effect_on("revenue")
    assert revenue is not None
    correlation = float(np.corrcoef(usual, after)[0, 1])
    reduction = lift.variance_reduction(revenue)
    assert reduction is not None
    assert reduction == pytest.approx(correlation**2, abs=0.05)


def test_outcomes_after_as_of_and_before_exposure_do_not_count(home: Settings) -> None:
    ids = assign(home, 40, 40)
    for days, tag in ((-1, "before"), (5, "in"), (31, "after")):
        at = lake_of.START + timedelta(days=days)
        lake_of.orders(home, ids[:40], [10.0 + n for n in range(40)], at, tag)
    lake_of.set_clock(home, LATER)
    orders = of_sync(home).effect_on("orders")
    assert orders is not None
    assert orders.mean == 1


def test_syncs_of_a_destination_with_one_draw_are_one_comparison(home: Settings) -> None:
    lake_of.sync_file(home.config, "second")
    lake_of.candidates(home, "second", 300, 300)
    assign(home)
    with warehouse.connect(home) as lake:
        found = lift.measure(lake, home, sync_files.load(home))
    assert [(one.kind, one.name, one.people) for one in found] == [
        ("sync", "second", (300, 300)),
        ("sync", SYNC, (300, 300)),
        ("destination", "files", (300, 300)),
    ]


def test_a_sync_without_hold_out_is_refused_with_the_remedy(home: Settings) -> None:
    lake_of.sync_file(home.config, "plain", share=0)
    with pytest.raises(UsageError) as caught:
        lift.select(home, ["plain"])
    assert "no hold-out" in str(caught.value)
    assert "config/syncs/plain.yml" in caught.value.remedy


def test_no_sync_has_a_hold_out(tmp_path: Path) -> None:
    settings = lake_of.home(tmp_path)
    assert stages.measure(RunContext(settings)).rows[lift.RELATION] == 0


def test_the_verb_prints_sentences_and_json(
    home: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEGMENTRY_HOME", str(home.home))
    monkeypatch.setenv("SEGMENTRY_CONFIG", str(home.config))
    bought(home, assign(home), 300, gain=5)
    assert main.run(["experiments", "lift", SYNC]) == 0
    assert "This sync has earned" in capsys.readouterr().out
    assert main.run(["experiments", "lift", "--output", "json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert [one["kind"] for one in found] == ["sync", "destination"]
    assert main.run(["experiments", "lift", "nothing"]) == 2
    assert SYNC in capsys.readouterr().err
