"""Each kind finds what is wrong in the relations that the product writes, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activation import engine
from activation.ledger.database import Ledger
from expectations import record as gates
from privacy import record
from privacy.subjects import Subject
from runtime.alerts import history, watch
from runtime.alerts.model import AlertFinding
from runtime.alerts.policy import AlertPolicy, Limits
from runtime.alerts.store import IncidentStore
from segmentry import warehouse
from segmentry.errors import GuardrailTriggered
from segmentry.jobs import FAILED, STOPPED, StageOutcome
from segmentry.settings import Settings
from tests.activation.engine_shop import Receiver, Reply, consent, fill, receiver, webhook
from tests.activation.shop import Shop
from tests.activation.test_opt_outs import entry, naming

__all__ = ["receiver"]
AS_OF = datetime(2026, 4, 1)


@pytest.fixture
def shop(home: Settings, tmp_path: Path) -> Shop:
    """A lake made by hand."""
    return Shop(home, tmp_path / "shop")


def found(settings: Settings, kind: str, **limits: Any) -> Sequence[AlertFinding]:
    """Findings of one kind; every kind looks without a fault."""
    with closing(IncidentStore(settings)) as store:
        result = watch.findings(settings, AlertPolicy(limits=Limits(**limits)), store)
    assert not result[watch.SELF], result[watch.SELF]
    return result[kind]


def subjects(settings: Settings, kind: str, **limits: Any) -> list[str]:
    return [finding.subject for finding in found(settings, kind, **limits)]


def lake_has(settings: Settings, relation: str, columns: str, *rows: Sequence[Any]) -> None:
    with warehouse.connect(settings) as lake:
        lake.execute(f"create or replace table lake.{relation} ({columns})")
        for row in rows:
            lake.execute(f"insert into lake.{relation} values ({', '.join('?' * len(row))})", row)


def test_an_empty_home_has_no_incident(home: Settings) -> None:
    with closing(IncidentStore(home)) as store:
        result = watch.findings(home, AlertPolicy(), store)
    assert not any(result.values())
    assert set(result) == {*watch.kinds(), watch.SELF}


def test_a_gate_by_its_newest_check(home: Settings) -> None:
    failure = gates.Failure(
        "staging.stg_orders__orders", "order_id not null", "critical", 7, ["r1"]
    )
    warning = gates.Failure("staging.stg_surveys__responses", "score 0-10", "warning", 900, [])
    gates.write(home, gates.GateVerdict("raw", AS_OF, 5, 40, [failure, warning]))
    gates.write(home, gates.GateVerdict("features", AS_OF, 6, 40, [warning]))
    (one,) = found(home, "gate")
    assert one.subject == "raw"
    assert "order_id not null (7 row(s))" in one.summary and "score" not in one.summary
    assert "r1" not in one.summary
    gates.write(home, gates.GateVerdict("raw", AS_OF, 9, 40, []))
    assert subjects(home, "gate") == []


FRESHNESS = (
    "source varchar, landed bigint, newest_at timestamp, last_landed_at timestamp,"
    " hours_behind bigint"
)


def test_sources_by_their_own_limit(home: Settings) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    rows = [
        ("calls", 5, AS_OF, now, 31),
        ("returns", 5, AS_OF, now, 29),
        ("visits", 0, None, None, None),
        ("others", 5, AS_OF, now, 9000),
    ]
    lake_has(home, "observability.source_freshness", FRESHNESS, *rows)
    limits = {"calls": 30, "returns": 30, "visits": 1}
    assert subjects(home, "freshness", freshness=limits) == ["calls"]
    assert subjects(home, "freshness") == []


@pytest.mark.parametrize(
    ("hours", "most", "is_missed"), [(50, 48, True), (47, 48, False), (900, None, False)]
)
def test_a_home_in_which_nothing_lands(
    home: Settings, hours: int, most: float | None, is_missed: bool
) -> None:
    landed = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=hours)
    rows = [("calls", 5, AS_OF, landed, 0), ("old", 5, AS_OF, AS_OF, 0)]
    lake_has(home, "observability.source_freshness", FRESHNESS, *rows)
    expected = ["all sources"] if is_missed else []
    assert subjects(home, "freshness", landed_hours=most) == expected


@pytest.mark.slow
def test_a_sync_that_a_guardrail_stops_until_it_is_released(shop: Shop, receiver: Receiver) -> None:
    sync = webhook(shop, guardrails={"max_added_rows": 2})
    people = dict.fromkeys(("ann", "bob", "cyd"), "x")
    consent(shop, *people)
    fill(shop, sync, people)
    with pytest.raises(GuardrailTriggered):
        engine.run_sync(shop.settings, sync)
    (one,) = found(shop.settings, "blocked_sync")
    assert one.subject == sync and "3 row(s) would be added" in one.summary
    assert f"--release {sync}.additions" in one.remedy
    assert "example.com" not in f"{one}"
    engine.run_sync(shop.settings, sync, release=["additions"])
    assert subjects(shop.settings, "blocked_sync") == []


@pytest.mark.slow
def test_rows_that_are_rejected_and_wait_as_dead_letters(shop: Shop, receiver: Receiver) -> None:
    sync = webhook(shop)
    people = {f"p{number}": "x" for number in range(10)}
    consent(shop, *people)
    fill(shop, sync, people)

    def refuse(_number: int, rows: list[dict[str, Any]]) -> None:
        bad = [
            {"row_key": row["row_key"], "status": "error", "message": f"{row['key']} is bad"}
            for row in rows[:3]
        ]
        receiver.accept("msg", rows[3:])
        raise Reply(200, {"results": bad})

    receiver.script = refuse
    engine.run_sync(shop.settings, sync)
    (one,) = found(shop.settings, "rejected_rows", rejected_rows=3, rejected_share=0.2)
    assert "of 10 row(s)" in one.summary and "30.0%" in one.summary
    assert "example.com" not in f"{one}"
    assert subjects(shop.settings, "rejected_rows", rejected_rows=4) == []
    assert subjects(shop.settings, "rejected_rows", rejected_rows=1, rejected_share=0.3) == []
    assert subjects(shop.settings, "dead_letters", dead_letters=2) == [sync]
    assert subjects(shop.settings, "dead_letters", dead_letters=3) == []


def test_an_account_whose_opt_outs_cannot_be_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    naming(shop.settings, entry("klaviyo"))
    assert subjects(shop.settings, "opt_outs") == []  # no sync has tried
    outcome = StageOutcome("sync", "hook", FAILED, 3.0, error="our_klaviyo: refused")
    history.record(shop.settings, "run_1", "run", outcome)
    (one,) = found(shop.settings, "opt_outs")
    assert one.subject == "our_klaviyo" and "consent pull our_klaviyo" in one.remedy
    with closing(Ledger(shop.settings)) as ledger:
        from activation.ledger import tables as t
        from activation.ledger.database import now

        row = {"account": "klaviyo/our_klaviyo", "reached": "{}", "pulled_at": now()}
        with ledger.begin() as c:
            ledger.upsert(c, t.opt_out_cursors, [row])
    assert subjects(shop.settings, "opt_outs") == []


DRIFT = (
    "model varchar, as_of timestamp, model_version varchar, feature varchar, psi double,"
    " ks double, verdict varchar"
)


def test_a_model_by_what_decides_and_at_its_newest_as_of(home: Settings) -> None:
    before = AS_OF - timedelta(days=1)
    lake_has(
        home,
        "observability.drift",
        DRIFT,
        ("churn", AS_OF, "3", "(score)", 0.4, 0.2, "alarm"),
        ("churn", AS_OF, "3", "(features)", 0.55, 0.55, "alarm"),
        ("churn", AS_OF, "3", "orders_90d", 0.9, 0.2, "alarm"),
        ("clv", AS_OF, "1", "orders_90d", 0.9, 0.2, "alarm"),
        ("clv", AS_OF, "1", "(score)", 0.1, 0.2, "warning"),
        ("upsell", before, "1", "(score)", 0.9, 0.2, "alarm"),
        ("upsell", AS_OF, "1", "(score)", 0.0, 0.0, "stable"),
    )
    (one,) = found(home, "drift")
    assert one.subject == "churn"
    assert "the score, PSI 0.40" in one.summary and "55% of the importance" in one.summary


SCORED = (
    "model varchar, as_of timestamp, model_version varchar, content_hash varchar,"
    " scored_rows bigint, scored_at timestamp"
)
TURNED_OUT = (
    "model varchar, model_version varchar, as_of timestamp, until_at timestamp,"
    " measured_as_of timestamp, people bigint, unmatched bigint, metric varchar, realized double,"
    " realized_low double, realized_high double, promised double, promised_low double,"
    " promised_high double, verdict varchar"
)


def _turned_out(
    model: str, version: str, at: datetime, metric: str | None, verdict: str
) -> Sequence[Any]:
    ends = (0.61, 0.58, 0.64, 0.75, 0.7, 0.8)
    return (model, version, at, at + timedelta(days=90), AS_OF, 812, 3, metric, *ends, verdict)


def test_a_model_by_what_came_of_its_newest_judged_scores(home: Settings) -> None:
    older = AS_OF - timedelta(days=121)
    newer = AS_OF - timedelta(days=91)
    assert subjects(home, "performance") == []
    lake_has(
        home,
        "ml.performance",
        TURNED_OUT,
        _turned_out("churn", "3", older, "roc_auc", "worse"),
        _turned_out("churn", "3", newer, None, "not judged"),
        _turned_out("clv", "1", older, "rank_agreement", "worse"),
        _turned_out("clv", "1", newer, "rank_agreement", "as promised"),
        _turned_out("upsell", "1", newer, "ece", "worse"),
        _turned_out("next_order", "2", newer, "rank_agreement", "better"),
    )
    assert subjects(home, "performance") == []
    before = AS_OF - timedelta(days=5)
    lake_has(
        home,
        "ml.score_runs",
        SCORED,
        ("churn", AS_OF, "3", "h", 900, AS_OF),
        ("clv", AS_OF, "1", "h", 900, AS_OF),
        ("upsell", before, "1", "h", 900, AS_OF),
        ("upsell", AS_OF, "2", "h", 900, AS_OF),
        ("next_order", AS_OF, "2", "h", 900, AS_OF),
    )
    (one,) = found(home, "performance")
    assert one.subject == "churn"
    assert "(version 3)" in one.summary and "812 people" in one.summary
    assert "roc auc 0.610, promised 0.700 to 0.800" in one.summary
    assert "segmentry models performance churn" in one.remedy


SIZES = "segment varchar, as_of timestamp, people bigint, entered bigint, left_segment bigint"


def test_segments_between_the_two_newest_times(home: Settings) -> None:
    older = AS_OF - timedelta(days=9)
    before = AS_OF - timedelta(days=1)
    sizes = {
        "doubled": (100, 100, 201),
        "emptied": (100, 100, 0),
        "grew": (100, 100, 150),
        "tiny": (1, 1, 40),
        "new": (None, None, 500),
        "long_ago": (900, 100, 100),
    }
    rows = [
        (segment, at, people, 0, 0)
        for segment, counts in sizes.items()
        for at, people in zip((older, before, AS_OF), counts, strict=True)
        if people is not None
    ]
    lake_has(home, "observability.segment_sizes", SIZES, *rows)
    assert subjects(home, "segment_size") == ["doubled", "emptied"]
    assert "from 100 to 0 people" in found(home, "segment_size")[1].summary
    assert subjects(home, "segment_size", size_change=0.4) == ["doubled", "emptied", "grew"]


def test_an_erasure_past_its_deadline(home: Settings) -> None:
    begun = record.begin(home, "erasure_7", Subject([], {}), ["email:ann@example.com"])
    assert subjects(home, "erasure") == []
    begun.due_at = (record.now() - timedelta(hours=1)).isoformat(timespec="seconds")
    record.keep(home, begun)
    (one,) = found(home, "erasure")
    assert one.subject == "erasure_7" and "ann@" not in f"{one}"


def ran(settings: Settings, *seconds: float, stage: str = "marts", **more: Any) -> None:
    for number, one in enumerate(seconds):
        outcome = StageOutcome(stage, seconds=one, **more)
        history.record(settings, f"{stage}_{number}_{one}", "run", outcome)


@pytest.mark.parametrize(
    ("last", "is_slow"), [(301, True), (299, False)], ids=["beyond the factor", "within it"]
)
def test_a_stage_that_is_slower_than_usual(home: Settings, last: float, is_slow: bool) -> None:
    ran(home, 100, 90, 110, 100, 500, last)
    assert subjects(home, "slow_stage") == (["run stage marts"] if is_slow else [])


def test_what_is_no_slow_stage(home: Settings) -> None:
    ran(home, 1, 1, 1, 1, 1, 59, stage="texts")  # seconds that do not matter
    ran(home, 10, 10, 10, 900, stage="features")  # too few runs to know what is usual
    ran(home, 0.1, 0.1, 0.1, 0.1, 0.1, notes=("unchanged",), stage="profiles")
    ran(home, 200, 210, 220, stage="profiles")  # runs that had nothing to do do not count
    assert subjects(home, "slow_stage") == []


def test_a_stage_that_failed_until_it_is_done(home: Settings) -> None:
    for stage, state in (("score", FAILED), ("gate_raw", STOPPED)):
        history.record(
            home, "run_1", "run", StageOutcome(stage, None, state, error="why\nTo do: x")
        )
    history.record(home, "run_1", "run", StageOutcome("sync", "hook", FAILED, error="down"))
    failed = found(home, "failed_stage")
    assert [one.subject for one in failed] == ["score", "sync[hook]"]
    assert failed[0].summary.endswith("UTC: why")
    history.record(home, "run_2", "run", StageOutcome("score"))
    assert subjects(home, "failed_stage") == ["sync[hook]"]


def test_the_same_stage_of_a_job_is_kept_once_and_old_ones_are_removed(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.record(home, "old", "run", StageOutcome("load", "calls"))
    later = datetime.now(UTC).replace(tzinfo=None) + history.KEPT + timedelta(days=1)
    monkeypatch.setattr(history, "now", lambda: later)
    history.record(home, "new", "run", StageOutcome("marts", state=FAILED))
    history.record(home, "new", "run", StageOutcome("marts"))
    with closing(IncidentStore(home)) as store:
        assert [(row["stage"], row["state"]) for row in history.newest(store)] == [
            ("marts", "done")
        ]


def test_the_columns_are_those_that_the_relations_have() -> None:
    """Relations that tests above make by hand have the columns that the models describe."""
    import yaml

    from segmentry.settings import ROOT

    for name, columns in (("source_freshness", FRESHNESS), ("segment_sizes", SIZES)):
        path = ROOT / "dbt_project" / "models" / "observability" / f"{name}.yml"
        (model,) = yaml.safe_load(path.read_text())["models"]
        described = {column["name"] for column in model["columns"]}
        assert {part.split()[0] for part in columns.split(", ")} <= described
    from ml.evaluate import drift
    from ml.policy import DriftPolicy
    from ml.registry.store import TABLES

    for relation, columns in (("ml.performance", TURNED_OUT), ("ml.score_runs", SCORED)):
        assert TABLES[relation] == columns
    rows = drift.rows("m", AS_OF, "1", drift.of_features([], DriftPolicy()))
    assert list(rows) == [part.split()[0] for part in DRIFT.split(", ")]
