"""The ledger knows where it sent: another account, list, tool, key or attribute is another place,
which is filled when the former one is empty.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from activation import engine, operate, places, retirement, stages
from activation.ledger import deployed
from activation.ledger.database import Ledger
from segmentry.errors import ConnectionNotConfigured, DestinationError, GuardrailTriggered
from segmentry.stages import RunContext
from tests.activation.engine_shop import (
    Receiver,
    Reply,
    consent,
    fill,
    mails,
    open_lake,
    opt_out,
    receiver,
    serving,
    webhook,
)
from tests.activation.shop import Shop

__all__ = ["open_lake", "receiver"]

pytestmark = pytest.mark.usefixtures("open_lake")

PEOPLE = ("ann", "bob", "cid")
URL = "SEGMENTRY_WEBHOOK_URL"


def send(shop: Shop, name: str = "hook", **parts: Any) -> tuple[int, str, str]:
    report = engine.run_sync(shop.settings, name, **parts)
    return sum(report.rows.values()), report.status, _note(shop, name)


def _note(shop: Shop, name: str) -> str:
    with sqlite3.connect(shop.settings.home / "ledger.sqlite") as ledger:
        newest = "select note from sync_runs where sync = ? order by started_at desc limit 1"
        row = ledger.execute(newest, [name]).fetchone()
    return str(row[0])


@pytest.fixture
def other(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Receiver, str]]:
    """Another account, and its address."""
    made = Receiver()
    with serving(made) as url:
        yield made, url


def sent(shop: Shop, mode: str = "mirror") -> str:
    webhook(shop, mode=mode)
    consent(shop, *PEOPLE)
    fill(shop, "hook", dict.fromkeys(PEOPLE, "x"))
    assert send(shop)[:2] == (3, "done")
    return "hook"


SLOW = pytest.mark.slow


@pytest.mark.slow
@pytest.mark.parametrize(
    "mode",
    ["mirror", *(pytest.param(mode, marks=SLOW) for mode in ("insert", "append", "upsert"))],
)
def test_another_account_is_filled_when_the_former_one_is_empty(
    shop: Shop,
    receiver: Receiver,
    other: tuple[Receiver, str],
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
) -> None:
    sent(shop, mode)
    there, url = other
    former = receiver_url()
    monkeypatch.setenv(URL, url)
    with pytest.raises(ConnectionNotConfigured, match=r"url changed.*3 row\(s\)") as caught:
        send(shop)
    assert f"{URL}_FORMER" in caught.value.remedy
    assert "--release former_place" in caught.value.remedy
    assert len(receiver.people) == 3, "nothing is removed by another connection"
    assert there.requests == []

    monkeypatch.setenv(f"{URL}_FORMER", former)
    planned = operate.plan(shop.settings, ["hook"])[0]
    assert (planned["add"], planned["remove"]) == (3, 3)
    assert "removed from the former place" in planned["note"]
    assert "removed from the former place" in operate.status(shop.settings, ["hook"])[0]["note"]
    count, status, note = send(shop)
    assert (count, status) == (6, "done")
    assert "url changed" in note
    assert receiver.people == {}
    assert set(there.people) == mails(*PEOPLE)
    monkeypatch.delenv(f"{URL}_FORMER")
    before = len(there.requests)
    assert send(shop)[:2] == (0, "unchanged")
    assert len(there.requests) == before


def receiver_url() -> str:
    import os

    return os.environ[URL]


@pytest.mark.slow
def test_a_kill_between_the_places_is_made_good(
    shop: Shop, receiver: Receiver, other: tuple[Receiver, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook(shop, limits={"batch_rows": 1})
    consent(shop, *PEOPLE)
    fill(shop, "hook", dict.fromkeys(PEOPLE, "x"))
    send(shop)
    there, url = other
    monkeypatch.setenv(f"{URL}_FORMER", receiver_url())
    monkeypatch.setenv(URL, url)
    seen = 0

    class Killed(BaseException):
        pass

    real = Ledger.begin

    def begin(self: Ledger) -> Any:
        nonlocal seen
        seen += 1
        if seen == until:
            raise Killed
        return real(self)

    until = 0
    ends = 0
    while ends < 60:
        ends += 1
        seen = 0
        until = ends
        monkeypatch.setattr(Ledger, "begin", begin)
        try:
            report = engine.run_sync(shop.settings, "hook")
        except Killed:
            assert not (receiver.people and there.people), "one place at a time"
            continue
        finally:
            monkeypatch.setattr(Ledger, "begin", real)
        assert report.status in ("done", "unchanged")
        break
    assert ends > 20
    assert receiver.people == {}
    assert set(there.people) == mails(*PEOPLE)


@pytest.mark.slow
def test_rows_that_are_left_behind_are_orphaned_and_people_still_leave_them(
    shop: Shop, receiver: Receiver, other: tuple[Receiver, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(shop)
    there, url = other
    former = receiver_url()
    monkeypatch.setenv(URL, url)
    shown, failures = operate.apply(shop.settings, ["hook"], ["former_place"])
    assert not failures
    assert shown[0]["sent"] == 3
    assert set(there.people) == set(receiver.people) == mails(*PEOPLE)
    (orphan,) = retirement.orphans(shop.settings)
    assert (orphan.name, orphan.rows) == ("hook.former_1", 3)
    opt_out(shop, "ann")
    context = RunContext(shop.settings)
    assert stages.sync_items(context) == ["hook", orphan.name]
    assert send(shop)[0] == 1
    with pytest.raises(ConnectionNotConfigured, match=r"1 row\(s\) of people who opted out"):
        stages.sync(context, orphan.name)
    assert len(receiver.people) == 3
    monkeypatch.setenv(f"{URL}_FORMER", former)
    assert stages.sync(context, orphan.name).status == "withdrawals"
    assert set(receiver.people) == set(there.people) == mails("bob", "cid")
    assert retirement.retire(shop.settings, orphan.name).status == retirement.RETIRED
    assert receiver.people == {}
    assert set(there.people) == mails("bob", "cid")
    assert retirement.orphans(shop.settings) == []


@pytest.mark.slow
def test_who_opts_out_leaves_the_former_place_even_if_the_new_one_is_stopped(
    shop: Shop, receiver: Receiver, other: tuple[Receiver, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(shop)
    there, url = other
    monkeypatch.setenv(f"{URL}_FORMER", receiver_url())
    monkeypatch.setenv(URL, url)
    webhook(shop, guardrails={"max_added_rows": 1})
    fill(shop, "hook", dict.fromkeys(PEOPLE, "x"))
    opt_out(shop, "ann")
    with pytest.raises(GuardrailTriggered, match="added"):
        send(shop)
    assert set(receiver.people) == mails("bob", "cid"), "a guardrail stops before that"
    assert there.people == {}
    assert send(shop, release=["additions"])[1] == "done"
    assert receiver.people == {}
    assert set(there.people) == mails("bob", "cid")


@pytest.mark.slow
def test_a_former_place_that_keeps_rows_stops_the_sync(
    shop: Shop, receiver: Receiver, other: tuple[Receiver, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(shop)
    there, url = other
    monkeypatch.setenv(f"{URL}_FORMER", receiver_url())
    monkeypatch.setenv(URL, url)

    def refuse(_number: int, _rows: list[dict[str, Any]]) -> None:
        raise Reply(422)

    receiver.script = refuse
    with pytest.raises(DestinationError, match="former place") as caught:
        send(shop)
    assert "--release former_place" in caught.value.remedy
    assert there.people == {}
    receiver.script = lambda _number, _rows: None
    send(shop)
    assert receiver.people == {}
    assert set(there.people) == mails(*PEOPLE)


@pytest.mark.slow
def test_simulated_tools_that_have_ended_are_no_place_to_empty(
    shop: Shop, receiver: Receiver, other: tuple[Receiver, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there, url = other
    simulated = receiver_url()
    monkeypatch.setenv(places.SIMULATED_TOOLS, simulated.removesuffix("/hook"))
    sent(shop)
    # Started again, the tools have another port, and are the same place.
    monkeypatch.setenv(places.SIMULATED_TOOLS, url.removesuffix("/hook"))
    monkeypatch.setenv(URL, url)
    assert send(shop)[:2] == (0, "unchanged")
    monkeypatch.delenv(places.SIMULATED_TOOLS)
    assert "simulated tools" in operate.plan(shop.settings, ["hook"])[0]["note"]
    count, status, note = send(shop)
    assert (count, status) == (3, "done")
    assert "simulated tools" in note
    assert set(there.people) == mails(*PEOPLE)


@pytest.mark.slow
def test_a_replaced_key_of_the_same_account_can_be_confirmed(
    shop: Shop, receiver: Receiver, other: tuple[Receiver, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(shop)
    there, url = other
    monkeypatch.setenv(URL, url)
    count, status, note = send(shop, release=["same_place"])
    assert (count, status) == (0, "unchanged")
    assert "the same place" in note
    assert send(shop)[:2] == (0, "unchanged")
    monkeypatch.setenv("SEGMENTRY_WEBHOOK_SECRET", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")
    assert send(shop)[:2] == (0, "unchanged"), "a new secret of the same address is no other place"
    assert there.people == {}


def _table(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **content: Any
) -> sa.Engine:
    address = f"sqlite:///{tmp_path}/crm.sqlite"
    monkeypatch.setenv("CRM_URL", address)
    engine_of = sa.create_engine(address)
    with engine_of.begin() as c:
        for name in ("people", "folk"):
            c.exec_driver_sql(
                f"create table if not exists {name} (email varchar primary key, first_name varchar)"
            )
    shop.sync(
        "crm",
        **{
            "destination": "sql_table",
            "connection": {"url": "CRM_URL"},
            "options": {"table": "people"},
            **content,
        },
    )
    columns = "row_key varchar, email varchar, first_name varchar"
    shop.run(f"create table if not exists lake.audiences.aud_crm ({columns})")
    return engine_of


def _there(engine_of: sa.Engine, table: str) -> set[str]:
    with engine_of.begin() as c:
        return set(c.exec_driver_sql(f"select email from {table}").scalars())


@pytest.mark.slow
def test_another_option_moves_the_rows_without_being_asked(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tables = _table(shop, tmp_path, monkeypatch)
    consent(shop, *PEOPLE)
    fill(shop, "crm", dict.fromkeys(PEOPLE, "x"))
    assert send(shop, "crm")[:2] == (3, "done")
    _table(shop, tmp_path, monkeypatch, options={"table": "folk"})
    opt_out(shop, "ann")
    assert send(shop, "crm")[1] == "done"
    assert _there(tables, "people") == set()
    assert _there(tables, "folk") == mails("bob", "cid")


@pytest.mark.slow
def test_another_destination_moves_the_rows_too(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tables = _table(shop, tmp_path, monkeypatch)
    consent(shop, *PEOPLE)
    fill(shop, "crm", dict.fromkeys(PEOPLE, "x"))
    send(shop, "crm")
    webhook(shop, "crm")
    fill(shop, "crm", dict.fromkeys(PEOPLE, "x"))
    assert send(shop, "crm")[1] == "done"
    assert _there(tables, "people") == set()
    assert set(receiver.people) == mails(*PEOPLE)


def test_an_older_ledger_records_the_place_and_sends_nothing(
    shop: Shop, receiver: Receiver, other: tuple[Receiver, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(shop)
    with sqlite3.connect(shop.settings.home / "ledger.sqlite") as ledger:
        ledger.execute("alter table sync_configs drop column place")
    assert operate.status(shop.settings, ["hook"])[0]["note"] == _note(shop, "hook")
    assert send(shop)[:2] == (0, "unchanged")
    assert len(receiver.requests) == 1
    monkeypatch.setenv(URL, other[1])
    with pytest.raises(ConnectionNotConfigured, match="url changed"):
        send(shop)


@pytest.mark.slow
def test_a_secret_is_never_in_the_ledger(shop: Shop, receiver: Receiver) -> None:
    sent(shop)
    known = deployed.of(Ledger(shop.settings), "hook")
    assert known is not None
    assert known.place is not None
    assert receiver_url() not in known.place.as_json()


@pytest.mark.slow
def test_people_that_a_sync_deletes_are_deleted_at_the_new_place_too(
    shop: Shop, receiver: Receiver, other: tuple[Receiver, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there, url = other
    webhook(shop, mode="delete")
    consent(shop, *PEOPLE)
    fill(shop, "hook", dict.fromkeys(PEOPLE, "x"))
    for tool in (receiver, there):
        tool.people = {mail: {} for mail in mails(*PEOPLE, "own")}
    assert send(shop)[:2] == (3, "done")
    monkeypatch.setenv(URL, url)
    assert send(shop)[:2] == (3, "done")
    assert set(there.people) == mails("own")
