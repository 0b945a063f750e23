"""Gates on planted data: what passes, what stops, and what is left published."""

from __future__ import annotations

import html
import importlib
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from activation import guardrails
from expectations import docs, record, runner, suite
from expectations.suites import records
from segmentry import warehouse
from segmentry.errors import ConfigError, GateFailed, NotReadyError
from segmentry.settings import Settings
from tests import consent_views

pytestmark = pytest.mark.slow

AS_OF = datetime(2026, 5, 1)
BALANCE = """
    create or replace table lake.staging.landing_balance as
    select 'orders' as source, 'b' || i as batch_id, 1000 as landed, {accepted} as accepted,
        {quarantined} as quarantined, 0 as duplicates, {deferred} as deferred
    from range(3) as t (i)
"""


def run_sql(settings: Settings, *statements: str) -> None:
    with warehouse.connect(settings) as lake:
        for statement in statements:
            lake.execute(statement)


def rows(settings: Settings, sql: str) -> list[dict[str, Any]]:
    with warehouse.connect(settings, read_only=True) as lake:
        return warehouse.records(lake, sql)


def test_a_sound_balance_passes_and_is_published(home: Settings) -> None:
    run_sql(home, BALANCE.format(accepted=990, quarantined=10, deferred=0))
    report = runner.run(home, "raw", AS_OF)
    assert report.rows["expectations"] >= 5
    (published,) = rows(home, "select room, as_of from observability.published")
    assert published == {"room": "raw", "as_of": AS_OF}
    (result,) = rows(home, "select passed, unexpected from observability.gate_results")
    assert result == {"passed": True, "unexpected": 0}


def test_a_gate_looks_again_only_when_what_it_reads_has_changed(home: Settings) -> None:
    run_sql(home, BALANCE.format(accepted=990, quarantined=10, deferred=0))
    first = runner.run(home, "raw", AS_OF)
    run_sql(home, "create table lake.ml.elsewhere as select 1 as one")
    second = runner.run(home, "raw", AS_OF)
    assert (first.status, second.status) == ("done", "unchanged")
    assert second.rows == first.rows
    results = rows(home, "select snapshot_id, passed from observability.gate_results order by 1")
    (published,) = rows(home, "select snapshot_id from observability.published")
    assert [row["passed"] for row in results] == [True, True]
    assert results[0]["snapshot_id"] < results[1]["snapshot_id"] == published["snapshot_id"]
    run_sql(home, "update lake.staging.landing_balance set accepted = accepted - 1")
    with pytest.raises(GateFailed):
        runner.run(home, "raw", AS_OF)
    with pytest.raises(GateFailed):
        runner.run(home, "raw", AS_OF)
    run_sql(home, "update lake.staging.landing_balance set accepted = accepted + 1")
    assert runner.run(home, "raw", AS_OF).status == "done"


def test_changed_limits_and_another_clock_have_the_gate_look_again(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_sql(home, BALANCE.format(accepted=990, quarantined=10, deferred=0))
    assert runner.run(home, "raw", AS_OF).status == "done"
    assert runner.run(home, "raw", datetime(2026, 5, 2)).status == "done"
    monkeypatch.setattr("segmentry.freshness.fingerprint", lambda _: "another text")
    assert runner.run(home, "raw", datetime(2026, 5, 2)).status == "done"
    assert runner.run(home, "raw", datetime(2026, 5, 2)).status == "unchanged"


def test_a_batch_that_is_mostly_broken_stops_and_leaves_the_last_good_version(
    home: Settings,
) -> None:
    run_sql(home, BALANCE.format(accepted=990, quarantined=10, deferred=0))
    runner.run(home, "raw", AS_OF)
    good = rows(home, "select room, snapshot_id from observability.published")
    run_sql(home, BALANCE.format(accepted=400, quarantined=600, deferred=0))
    with pytest.raises(GateFailed) as stopped:
        runner.run(home, "raw", AS_OF)
    assert stopped.value.exit_code == 3
    assert "staging.landing_balance" in str(stopped.value)
    assert rows(home, "select room, snapshot_id from observability.published") == good
    failing = rows(
        home,
        "select row_key from observability.gate_failures where severity = 'critical' order by 1",
    )
    assert [row["row_key"] for row in failing] == ["orders b0", "orders b1", "orders b2"]


def test_orders_that_wait_for_a_rate_are_reported_and_stop_nothing(home: Settings) -> None:
    run_sql(home, BALANCE.format(accepted=0, quarantined=1000, deferred=1000))
    assert runner.run(home, "raw", AS_OF).status == "done"
    warned = rows(
        home, "select expectation, severity from observability.gate_failures group by all"
    )
    assert warned == [{"expectation": "no order waits for an exchange rate", "severity": "warning"}]
    run_sql(home, BALANCE.format(accepted=0, quarantined=1000, deferred=400))
    with pytest.raises(GateFailed):
        runner.run(home, "raw", AS_OF)


def test_a_lost_record_stops(home: Settings) -> None:
    run_sql(home, BALANCE.format(accepted=989, quarantined=10, deferred=0))
    with pytest.raises(GateFailed, match="landed = accepted"):
        runner.run(home, "raw", AS_OF)


def test_features_from_the_future_and_missing_rows_stop(home: Settings) -> None:
    run_sql(
        home,
        "create table lake.observability.clock as select timestamp '2026-05-01' as as_of, false as"
        " is_given",
        """create table lake.features.spine as
        select 'p' || i as profile_id, timestamp '2026-05-01' + to_days(i - 8) as as_of
            from range(10) as t (i)""",
        """create table lake.features.features__orders as
        select profile_id, as_of, 0.5 as discount_share, 3 as days_since_last_order
            from lake.features.spine limit 9""",
    )
    verdict = runner.check(home, "features", AS_OF, _newest(home))
    found = {(failure.relation, failure.expectation) for failure in verdict.critical}
    assert ("features.spine", "nothing is computed for a time after the clock") in found
    assert ("features.features__orders", "there is one row per spine row") in found


@pytest.fixture
def audience(home: Settings) -> Settings:
    """The audience of the default newsletter, with one person who opted in."""
    run_sql(
        home,
        "create table lake.observability.clock as select timestamp '2026-05-01' as as_of, false as"
        " is_given",
        """create table lake.audiences.aud_newsletter_file as
        select 'p1' as row_key, 'ann@example.com' as email, 'Ann' as first_name, 'DE' as country,
            '' as segments""",
        """create table lake.marts.consents as
        select 'p1' as profile_id, 'email' as identifier_type, 'ann@example.com' as identifier,
            'marketing' as purpose,
            'email' as channel, 'granted' as status, timestamp '2026-01-01' as decided_at""",
    )
    with warehouse.connect(home) as lake:
        consent_views.create(lake)
    return home


def test_an_audience_of_people_who_opted_in_passes(audience: Settings) -> None:
    assert runner.check(audience, "audiences", AS_OF, _newest(audience)).passed


@pytest.mark.parametrize(
    ("decision", "why"),
    [
        ("'p1', 'email', 'ann@example.com', 'marketing', 'email', 'withdrawn'", "opted out"),
        ("'p1', 'user_id', 'u1', 'marketing', 'any', 'denied'", "opted out"),
        ("'p9', 'email', 'ann@example.com', 'marketing', 'any', 'withdrawn'", "opted out"),
    ],
)
def test_a_recipient_who_opted_out_stops_whatever_built_the_audience(
    audience: Settings, decision: str, why: str
) -> None:
    run_sql(
        audience, f"insert into lake.marts.consents values ({decision}, timestamp '2026-02-01')"
    )
    with pytest.raises(GateFailed, match=why) as stopped:
        runner.run(audience, "audiences", AS_OF)
    assert "ann@" not in str(stopped.value).lower()


def test_a_recipient_who_never_answered_stops(audience: Settings) -> None:
    run_sql(
        audience,
        "insert into lake.audiences.aud_newsletter_file values ('p2', 'bob@example.com', 'Bob',"
        " 'DE', '')",
    )
    with pytest.raises(GateFailed, match="opted in"):
        runner.run(audience, "audiences", AS_OF)
    (failing,) = rows(audience, "select distinct row_key from observability.gate_failures")
    assert failing["row_key"] == "p2"


def test_the_docs_fetch_nothing_and_have_no_address(audience: Settings) -> None:
    run_sql(
        audience,
        "insert into lake.audiences.aud_newsletter_file values ('p2', 'bob@example.com', 'Bob',"
        " 'DE', '')",
    )
    runner.check(audience, "audiences", AS_OF, _newest(audience))
    pages = list(audience.data_docs.rglob("*.html"))
    assert audience.data_docs / "index.html" in pages
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "@example.com" not in text
        assert not docs._REMOTE.search(text), page.name


def test_the_index_lists_each_check_with_its_verdict_and_keeps_the_newest(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docs, "KEPT", 2)
    for accepted in (990, 989, 990):
        run_sql(home, BALANCE.format(accepted=accepted, quarantined=10, deferred=0))
        runner.check(home, "raw", AS_OF, _newest(home))
    text = (home.data_docs / "index.html").read_text(encoding="utf-8")
    assert (text.count(">passed<"), text.count(">failed<")) == (1, 1)
    links = [home.data_docs / html.unescape(link) for link in re.findall(r'href="([^"]+)"', text)]
    assert len(links) == 2
    assert all(link.exists() for link in links)


def test_great_expectations_still_needs_its_connection_kept_open(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When this fails, expectations/_compat.py can go."""
    engine = importlib.import_module(
        "great_expectations.execution_engine.sqlalchemy_execution_engine"
    )
    shipped = tuple(
        d for d in engine._PERSISTED_CONNECTION_DIALECTS if getattr(d, "value", d) != "duckdb"
    )
    monkeypatch.setattr(engine, "_PERSISTED_CONNECTION_DIALECTS", shipped)
    monkeypatch.setattr("expectations._compat.keep_connection_open", lambda: None)
    run_sql(home, BALANCE.format(accepted=990, quarantined=10, deferred=0))
    with pytest.raises(Exception, match="could not evaluate"):
        runner.check(home, "raw", AS_OF, _newest(home))


def test_every_suite_belongs_to_a_gate() -> None:
    assert sorted(name for gate in suite.GATES for name in suite.suites(gate)) == [
        "audiences",
        "features",
        "landing",
        "memberships",
        "records",
    ]


def test_a_gate_checked_twice_on_one_snapshot_leaves_one_verdict(home: Settings) -> None:
    verdict = record.GateVerdict("raw", AS_OF, 1, 5, [])
    record.write(home, verdict)
    record.write(home, verdict)
    assert rows(home, "select count(*) as n from observability.gate_results") == [{"n": 1}]


def _newest(settings: Settings) -> int:
    with warehouse.connect(settings) as lake:
        return warehouse.current_snapshot(lake)


FEATURES = """create or replace table lake.features.features__orders as
    select profile_id, as_of, case when profile_id in ({faulty}) then 1.2
        else 0.5 end as discount_share
    from lake.features.spine"""


@pytest.mark.parametrize(("faulty", "passes"), [(1, True), (25, True), (26, False)])
def test_one_person_with_an_impossible_share_is_reported_and_many_stop(
    home: Settings, faulty: int, passes: bool
) -> None:
    run_sql(
        home,
        "create table lake.observability.clock as select timestamp '2026-05-01' as as_of, false as"
        " is_given",
        "create table lake.features.spine as select 'p' || i as profile_id, timestamp '2026-05-01'"
        " as as_of from range(100) as t (i)",
        FEATURES.format(faulty=", ".join(f"'p{n}'" for n in range(faulty))),
    )
    verdict = runner.check(home, "features", AS_OF, _newest(home))
    assert verdict.passed is passes
    assert {failure.failing_rows for failure in verdict.failures} == {faulty}


def test_records_of_every_source_are_looked_at_without_a_list(home: Settings) -> None:
    run_sql(
        home,
        BALANCE.format(accepted=990, quarantined=10, deferred=0),
        "create table lake.staging.stg_surveys__responses as select 'b:1' as record_id, 'r1' as"
        " response_id, timestamp '2231-01-01' as submitted_at union all select 'b:2', 'r1',"
        " timestamp '2026-01-01'",
    )
    verdict = runner.check(home, "raw", AS_OF, _newest(home))
    found = {
        (failure.expectation, failure.severity, failure.failing_rows)
        for failure in verdict.failures
    }
    assert ("times lie between 1900 and 2200", "warning", 1) in found
    assert any("unique" in text and severity == "critical" for text, severity, _ in found)


def test_a_gate_does_not_pass_for_want_of_what_it_looks_at(audience: Settings) -> None:
    run_sql(audience, "drop view if exists lake.marts.profile_standings")
    with pytest.raises(NotReadyError, match=r"marts\.profile_standings"):
        runner.run(audience, "audiences", AS_OF)
    with pytest.raises(NotReadyError, match=r"segments\.membership_changes"):
        runner.run(audience, "memberships", AS_OF)


def test_a_staging_model_without_its_relation_is_reported_once_the_layer_is_built(
    home: Settings,
) -> None:
    run_sql(home, BALANCE.format(accepted=990, quarantined=10, deferred=0))
    assert runner.check(home, "raw", AS_OF, _newest(home)).passed, "nothing of staging is built yet"
    run_sql(
        home,
        "create table lake.staging._built (fingerprint varchar, source varchar, batch_id varchar)",
    )
    with pytest.raises(NotReadyError, match=r"staging\.stg_consents__consents"):
        runner.check(home, "raw", AS_OF, _newest(home))


def test_a_rule_that_does_not_fit_is_refused(home: Settings, tmp_path: Path) -> None:
    run_sql(home, BALANCE.format(accepted=990, quarantined=10, deferred=0))
    folder = tmp_path / "project" / "models" / "staging" / "orders"
    folder.mkdir(parents=True)
    (folder / "stg_orders__renamed.yml").write_text(
        "models: [{name: stg_orders__renamed, config: {meta: {gate: [{text: a total exists}]}}}]"
    )
    changed = replace(home, dbt_project=tmp_path / "project")
    with pytest.raises(ConfigError, match=r"stg_orders__renamed\.yml: an entry of meta\.gate"):
        runner.check(changed, "raw", AS_OF, _newest(home))


def test_the_rules_of_a_model_are_in_its_yml(home: Settings) -> None:
    found = dict(records._models(home.dbt_project / "models" / "staging"))
    rules = {relation: [text for text, _, _ in one.rules] for relation, one in found.items()}
    assert {relation: texts for relation, texts in rules.items() if texts} == {
        "staging.stg_events__events": ["an event names somebody"],
        "staging.stg_orders__orders": ["a completed order's total is not negative"],
    }


def test_the_guardrail_on_gates_asks_the_gate_on_audiences_alone(home: Settings) -> None:
    run_sql(
        home,
        "create table lake.observability.gate_results as select 'audiences' as gate, true as"
        " passed, timestamp '2026-05-01' as checked_at",
        "insert into lake.observability.gate_results values ('past_audiences', false, timestamp"
        " '2026-05-02')",
    )
    with warehouse.connect(home, read_only=True) as lake:
        lake.execute("use lake")
        assert guardrails._gate(lake) is None
    run_sql(
        home,
        "insert into lake.observability.gate_results values ('audiences', false, timestamp"
        " '2026-05-03')",
    )
    with warehouse.connect(home, read_only=True) as lake:
        lake.execute("use lake")
        assert guardrails._gate(lake) is not None
