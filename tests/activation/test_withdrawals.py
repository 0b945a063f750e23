"""An opt-out removes a person from every destination, whatever stops the rest of a sync or job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from activation import engine, operate, stages
from segmentry import jobs
from segmentry.errors import ConnectionNotConfigured, GateFailed
from segmentry.stages import RunContext, Stage, StageReport, stage_named
from tests.activation.engine_shop import (
    Receiver,
    consent,
    fill,
    mails,
    open_lake,
    opt_out,
    receiver,
    stopped,
    webhook,
)
from tests.activation.shop import Shop, decision

__all__ = ["open_lake", "receiver"]

pytestmark = pytest.mark.usefixtures("open_lake")

CANDIDATES = (
    "select '{}' as sync, 'x' || i as profile_id, case when i < {} then 'eligible' else 'refused'"
    " end as verdict"
)


def _fewer(shop: Shop, name: str, names: list[str]) -> None:
    fill(shop, name, dict.fromkeys(names[30:], "x"))


def _changed(shop: Shop, name: str, names: list[str]) -> None:
    fill(shop, name, dict.fromkeys(names, "y"))


def _more(shop: Shop, name: str, names: list[str]) -> None:
    more = [f"{name}{number}" for number in range(60, 66)]
    consent(shop, *more)
    fill(shop, name, dict.fromkeys([*names, *more], "x"))


def _failed_gate(shop: Shop, name: str, names: list[str]) -> None:
    shop.run(
        "create or replace table lake.observability.gate_results as"
        " select 'audiences' as gate, false as passed, now()::timestamp as checked_at"
    )
    fill(shop, name, dict.fromkeys(names[5:], "x"))


def _less_consent(shop: Shop, name: str, names: list[str]) -> None:
    shop.run(
        f"create or replace table lake.audiences.candidates as {CANDIDATES.format(name, 30)} from"
        " range(99) t(i)"
    )
    fill(shop, name, dict.fromkeys(names[5:], "x"))


def _drifted(shop: Shop, name: str, names: list[str]) -> None:
    shop.run(
        "create or replace table lake.observability.drift as"
        " select 'churn' as model, timestamp '2026-06-01' as as_of, 'alarm' as verdict"
    )
    fill(shop, name, dict.fromkeys(names[5:], "x"))


def unmatched(
    shop: Shop, source: str, number: int, *, at: str = "2026-05-20", **content: Any
) -> None:
    """Refusals of a source that match nobody."""
    refusals = [
        decision(
            "x", "withdrawn", at, source=source, match="none", record_id=f"{source}{n}", **content
        )
        for n in range(number)
    ]
    nobody = {"profile_id": None, "identifier": "0171 555"}
    shop.put(
        "marts.consents",
        [{**refusal, "identifier_type": "phone", **nobody} for refusal in refusals],
    )


def _unmatched(shop: Shop, name: str, names: list[str]) -> None:
    unmatched(shop, name, 50)
    _more(shop, name, names)


def _invalid(shop: Shop, name: str, names: list[str]) -> None:
    shop.run(f"alter table lake.audiences.aud_{name} drop column first_name")


def _missing(shop: Shop, name: str, names: list[str]) -> None:
    shop.run(f"drop table lake.audiences.aud_{name}")


# What stops the sync: its guardrails, what is done to the shop, and a part of the report.
STOPS: dict[str, tuple[dict[str, Any], Callable[[Shop, str, list[str]], None], str]] = {
    "removals": ({}, _fewer, "would be removed"),
    "changes": ({}, _changed, "added, updated or removed at once"),
    "additions": ({"max_added_rows": 5}, _more, "would be added, at most 5"),
    "stale": ({"max_age_hours": 0.001}, _fewer, "the data is"),
    "gate": ({}, _failed_gate, "did not pass their gate"),
    "coverage": ({}, _less_consent, "consent fell from"),
    "drift": ({"max_drifted_share": 0.1}, _drifted, "have drifted"),
    "invalid": ({}, _invalid, "does not have the columns"),
    "missing": ({}, _missing, "aud_missing"),
    # The last one, as its refusals count for every sync that comes after them.
    "unmatched": ({}, _unmatched, "match nobody (100%, at most 20%), and 6 row(s) would be added"),
}


@pytest.mark.slow
def test_no_guardrail_and_no_invalid_audience_stops_a_withdrawal(
    shop: Shop, receiver: Receiver
) -> None:
    for name, (guardrails, breaking, expected) in STOPS.items():
        shop.run("drop table if exists lake.observability.gate_results")
        webhook(shop, name, guardrails=guardrails)
        names = [f"{name}{number}" for number in range(60)]
        consent(shop, *names)
        fill(shop, name, dict.fromkeys(names, "x"))
        coverage = f"{CANDIDATES.format(name, 99)} from range(99) t(i)"
        shop.run(f"create or replace table lake.audiences.candidates as {coverage}")
        released = [name] if name in ("additions", "stale", "drift") else []
        assert engine.run_sync(shop.settings, name, release=released).status == "done"
        breaking(shop, name, names)
        opt_out(shop, names[2], names[50])
        report = stopped(shop, name)
        assert expected in report
        there = {key for key in receiver.people if key.startswith(name)}
        assert there == mails(*names) - mails(names[2], names[50]), name
        if name not in ("invalid", "missing"):
            assert "2 withdrawal(s) were sent" in report, name
            assert operate.status(shop.settings, [name])[0]["waiting"]
        run = operate.status(shop.settings, [name])[0]
        assert "2 withdrawal(s) were sent" in run["note"]
        requests = len(receiver.requests)
        stopped(shop, name)
        assert len(receiver.requests) == requests, "what was withdrawn is not sent again"


def test_many_unmatched_refusals_stop_additions_and_nothing_else(
    shop: Shop, receiver: Receiver
) -> None:
    webhook(shop, "letters")
    names = [f"n{number}" for number in range(60)]
    consent(shop, *names)
    fill(shop, "letters", dict.fromkeys(names[:50], "x"))
    unmatched(shop, "form", 49)
    # Another channel, an id of a browser, and a record of which one reading matches a person: none
    # of them counts.
    unmatched(shop, "stops", 80, channel="sms")
    unmatched(shop, "shop", 60, purpose="analytics")
    unmatched(shop, "any", 60)
    readings = [
        decision("y", "withdrawn", source="any", match="exact", record_id=f"any{n}")
        for n in range(60)
    ]
    shop.put("marts.consents", [{**one, "identifier": "y@example.com"} for one in readings])
    shop.put("marts.consents", [decision("z", "denied", source="banner", match="none",
    identifier_type="cookie",
                                         record_id=f"b{n}") for n in range(90)])  # fmt: skip
    assert engine.run_sync(shop.settings, "letters").status == "done"
    unmatched(shop, "form", 50)
    opt_out(shop, names[3])
    # One leaves, one is changed, ten would be added.
    fill(
        shop,
        "letters",
        dict.fromkeys(names[1:49], "x") | dict.fromkeys(names[50:], "x") | {names[49]: "changed"},
    )
    assert operate.plan(shop.settings, ["letters"])[0]["guardrails"] == "unmatched"
    report = stopped(shop, "letters")
    assert "50 of 50 refusal(s) of the source 'form' match nobody (100%, at most 20%)" in report
    assert "10 row(s) would be added" in report and "segmentry consent unmatched" in report
    assert set(receiver.people) == mails(*names[1:50]) - mails(names[3])
    assert receiver.people[f"{names[49]}@example.com"]["first_name"] == "changed"
    assert operate.status(shop.settings, ["letters"])[0]["waiting"]
    assert engine.run_sync(shop.settings, "letters", release=["unmatched"]).status == "done"
    assert set(receiver.people) == mails(*names[1:]) - mails(names[3])


def test_a_bad_file_of_refusals_shows_among_old_good_ones(shop: Shop, receiver: Receiver) -> None:
    webhook(shop, "letters")
    consent(shop, "ann")
    fill(shop, "letters", {"ann": "x"})
    unmatched(shop, "form", 60)
    good = [
        decision("y", "withdrawn", "2026-01-05", source="form", match="exact", record_id=f"g{n}")
        for n in range(900)
    ]
    shop.put("marts.consents", [{**one, "identifier": "y@example.com"} for one in good])
    assert "60 of 60 refusal(s)" in stopped(shop, "letters"), "of the newest month"
    policies = shop.settings.config / "policies.yml"
    policies.write_text(policies.read_text().replace("min_unmatched: 50", "min_unmatched: 61"))
    assert engine.run_sync(shop.settings, "letters").status == "done"


@pytest.mark.slow
def test_the_only_member_and_a_plan_that_was_looked_at(
    shop: Shop, receiver: Receiver, tmp_path: Path
) -> None:
    name = webhook(shop)
    consent(shop, "ann", "bob", "cid")
    fill(shop, name, {"ann": "Ann"})
    engine.run_sync(shop.settings, name)
    opt_out(shop, "ann")
    fill(shop, name, {})
    assert engine.run_sync(shop.settings, name).status == "done", (
        "nothing is left that a guardrail could stop"
    )
    assert receiver.people == {}
    fill(shop, name, {"bob": "Bob", "cid": "Cid"})
    engine.run_sync(shop.settings, name)
    fill(shop, name, {"bob": "Bobby", "cid": "Cid"})
    opt_out(shop, "cid")
    planned = operate.plan(shop.settings, [name])
    assert (planned[0]["update"], planned[0]["remove"], planned[0]["withdraw"]) == (1, 1, 1)
    plan = tmp_path / "plan.json"
    operate.write_plan(plan, planned)
    fill(shop, name, {"bob": "Robert", "cid": "Cid"})
    shown, failures = operate.apply(shop.settings, [], file=plan)
    assert (
        "the plan has changed since it was made; 1 withdrawal(s) were sent" in failures[0].received
    )
    assert failures[0].exit_code == 3
    assert shown[0]["sent"] == 1
    assert {key: values["first_name"] for key, values in receiver.people.items()} == {
        "bob@example.com": "Bob"
    }
    fill(shop, name, {"bob": "Bobby", "cid": "Cid"})
    operate.write_plan(plan, operate.plan(shop.settings, [name]))
    assert operate.apply(shop.settings, [], file=plan)[1] == []
    assert receiver.people["bob@example.com"]["first_name"] == "Bobby"


@pytest.mark.slow
def test_syncs_that_are_off_manual_deleted_or_broken_are_withdrawn_from_too(
    shop: Shop, receiver: Receiver
) -> None:
    names = ("off", "manual", "deleted", "broken")
    people = {name: [f"{name}{n}" for n in range(3)] for name in names}
    for name in names:
        webhook(shop, name)
        consent(shop, *people[name])
        fill(shop, name, dict.fromkeys(people[name], "x"))
        engine.run_sync(shop.settings, name)
    webhook(shop, "off", enabled=False)
    webhook(shop, "manual", schedule="manual")
    syncs = shop.settings.config / "syncs"
    (syncs / "deleted.yml").unlink()
    opt_out(shop, *(people[name][0] for name in names))
    context = RunContext(shop.settings)
    assert stages.sync_items(context) == ["broken", "deleted", "manual", "off"]
    for item in ("deleted", "manual", "off"):
        assert stages.sync(context, item).status == "withdrawals"
    (syncs / "broken.yml").write_text("name: broken\n  destination: [")
    report = stages.withdrawals(context)
    assert dict(report.rows) == {"sync broken": 1}
    assert set(receiver.people) == {mail for name in names for mail in mails(*people[name][1:])}
    requests = len(receiver.requests)
    runs = shop.rows("select count(*) from activation.sync_runs")
    assert stages.withdrawals(context).status == "unchanged"
    assert len(receiver.requests) == requests
    assert shop.rows("select count(*) from activation.sync_runs") == runs, (
        "nobody withdrew: nothing is written"
    )


def test_rows_at_a_place_that_moved_or_that_cannot_be_reached(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OLD_URL", f"sqlite:///{tmp_path}/old.sqlite")
    content = {
        "destination": "sql_table",
        "connection": {"url": "OLD_URL"},
        "options": {"table": "people"},
    }
    with sa.create_engine(f"sqlite:///{tmp_path}/old.sqlite").begin() as table:
        table.exec_driver_sql("create table people (email varchar primary key, first_name varchar)")
    shop.sync("hook", **content)
    shop.run(
        "create table lake.audiences.aud_hook (row_key varchar, email varchar, first_name varchar)"
    )
    consent(shop, "ann", "bob", "cid")
    fill(shop, "hook", dict.fromkeys(("ann", "bob", "cid"), "x"))
    engine.run_sync(shop.settings, "hook")
    opt_out(shop, "ann")
    monkeypatch.delenv("OLD_URL")
    with pytest.raises(
        ConnectionNotConfigured, match=r"1 row\(s\) of people who opted out"
    ) as caught:
        engine.run_sync(shop.settings, "hook")
    assert "OLD_URL" in caught.value.remedy
    monkeypatch.setenv("OLD_URL", f"sqlite:///{tmp_path}/old.sqlite")
    names = {"url": "SEGMENTRY_WEBHOOK_URL", "secret": "SEGMENTRY_WEBHOOK_SECRET"}
    shop.sync("hook", destination="webhook", connection=names)
    engine.run_sync(shop.settings, "hook")
    with sa.create_engine(f"sqlite:///{tmp_path}/old.sqlite").begin() as table:
        left = table.exec_driver_sql("select email from people order by 1").scalars().all()
    assert left == [], "she was removed from where she was, and the others moved"
    assert set(receiver.people) == mails("bob", "cid")


def refuse(_: RunContext) -> StageReport:
    raise GateFailed("the gate 'raw' did not pass")


def crash(_: RunContext) -> StageReport:
    raise ValueError("a fault of the code")


@pytest.mark.parametrize(("entry", "code"), [("refuse", 3), ("crash", 1)])
def test_a_job_that_stops_before_its_syncs_sends_withdrawals(
    shop: Shop, receiver: Receiver, entry: str, code: int
) -> None:
    name = webhook(shop)
    consent(shop, "ann", "bob")
    fill(shop, name, {"ann": "Ann", "bob": "Bob"})
    engine.run_sync(shop.settings, name)
    opt_out(shop, "ann")
    first = Stage("gate_raw", "ingest", f"{__name__}:{entry}")
    context = RunContext(shop.settings)
    alone = list(jobs.run([first], context))
    assert [outcome.name for outcome in alone] == ["gate_raw"], (
        "a job that sends nothing sends no withdrawal"
    )
    outcomes = list(jobs.run([first, stage_named("marts"), stage_named("sync")], context))
    assert [(outcome.name, outcome.state) for outcome in outcomes][1:] == [("withdrawals", "done")]
    assert "1 withdrawal(s) were sent" in " ".join(outcomes[1].notes)
    assert jobs.exit_code(outcomes) == code
    assert set(receiver.people) == mails("bob")
    assert shop.rows("select row_key from activation.sync_snapshot") == [("p_bob",)]
