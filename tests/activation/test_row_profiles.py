"""After an upgrade, an audience and a ledger of the old layout, whose rows name their profile in
the key alone, go on as they are: no row is sent again, and every opt-out is found.
"""

from __future__ import annotations

import orjson
import pytest
import sqlalchemy as sa

from activation import engine, operate
from activation.ledger import destination_rows, open_requests, tables, upgrade
from activation.ledger.database import Ledger
from activation.model import Batch, Operation, Row
from segmentry import row_profile
from tests.activation.engine_shop import Receiver, consent, fill, open_lake, receiver, webhook
from tests.activation.shop import Shop, decision

__all__ = ["open_lake", "receiver"]

pytestmark = pytest.mark.usefixtures("open_lake")
# What a version without the column records for Ann's row: the MD5 of its columns as JSON.
FORMER_HASH = "03dcbcab55702ffd76718b2821ad2736"


def make_old(shop: Shop) -> None:
    """Bring the ledger, and its relations in the lake, to the layout without profiles."""
    ledger = Ledger(shop.settings)
    with ledger.begin() as c:
        for index in tables.WITHOUT_PROFILE:
            c.exec_driver_sql(f"drop index {index.name}")
            c.exec_driver_sql(f"alter table {index.table} drop column profile_id")
    ledger.close()
    for name in ("sync_snapshot", "sync_changelog", "dead_letters"):
        shop.run(f"alter table lake.activation.{name} drop column profile_id")


def rebuild(shop: Shop, name: str) -> None:
    """Give the audience the column that the next build gives it."""
    shop.run(
        f"create or replace table lake.audiences.aud_{name} as select *,"
        f" {row_profile.of_key_sql()} as {row_profile.COLUMN} from lake.audiences.aud_{name}"
    )


def by_segment(shop: Shop) -> str:
    """A sync whose rows are memberships: a profile has several."""
    name = webhook(shop, "moves", audience={"segments": "all", "grain": "membership"})
    shop.run(
        f"insert into lake.audiences.aud_{name} values ('p_ann:a', 'ann@example.com', 'Ann'),"
        " ('p_bob:a', 'bob@example.com', 'Bob'), ('p_bob:b', 'bob@example.com', 'Bob')"
    )
    return name


def profiles(shop: Shop, relation: str) -> list[tuple[str, str]]:
    ordered = f"select distinct row_key, profile_id from activation.{relation} order by 1"
    return [(key, profile) for key, profile in shop.rows(ordered)]


@pytest.mark.slow
@pytest.mark.parametrize("is_rebuilt", [False, True])
@pytest.mark.parametrize("grain", ["profile", "membership"])
def test_the_first_apply_after_an_upgrade_sends_no_row(
    shop: Shop, receiver: Receiver, grain: str, is_rebuilt: bool
) -> None:
    consent(shop, "ann", "bob")
    if grain == "profile":
        name = webhook(shop)
        fill(shop, name, {"ann": "Ann", "bob": "Bob"})
        keys = [("p_ann", "p_ann"), ("p_bob", "p_bob")]
    else:
        name = by_segment(shop)
        keys = [("p_ann:a", "p_ann"), ("p_bob:a", "p_bob"), ("p_bob:b", "p_bob")]
    assert operate.apply(shop.settings, [name])[0][0]["sent"] == len(keys)
    hashes = shop.rows("select row_key, payload_hash from activation.sync_snapshot order by 1")
    people = dict(receiver.people)
    requests = len(receiver.requests)
    make_old(shop)
    if is_rebuilt:
        rebuild(shop, name)

    (planned,) = operate.plan(shop.settings, [name])
    assert (planned["add"], planned["update"], planned["remove"]) == (0, 0, 0)
    (applied,), failures = operate.apply(shop.settings, [name])
    assert (applied["status"], applied["sent"], failures) == ("unchanged", 0, [])
    assert (receiver.people, len(receiver.requests)) == (people, requests)
    found = shop.rows("select row_key, payload_hash from activation.sync_snapshot order by 1")
    assert found == hashes
    assert profiles(shop, "sync_snapshot") == keys
    assert profiles(shop, "sync_changelog") == keys


def test_the_payload_and_its_hash_are_those_of_a_version_without_the_column(
    shop: Shop, receiver: Receiver
) -> None:
    consent(shop, "ann")
    name = webhook(shop)
    fill(shop, name, {"ann": "Ann"})
    rebuild(shop, name)
    operate.apply(shop.settings, [name])
    assert receiver.people == {"ann@example.com": {"email": "ann@example.com", "first_name": "Ann"}}
    assert shop.rows("select payload_hash from activation.sync_snapshot") == [(FORMER_HASH,)]


@pytest.mark.parametrize("is_rebuilt", [False, True])
def test_an_opt_out_after_an_upgrade_removes_every_row_of_the_profile(
    shop: Shop, receiver: Receiver, is_rebuilt: bool
) -> None:
    consent(shop, "ann", "bob")
    name = by_segment(shop)
    operate.apply(shop.settings, [name])
    make_old(shop)
    if is_rebuilt:
        rebuild(shop, name)
    refusal = decision("bob", "withdrawn", "2026-05-01", identifier_type="user_id")
    shop.put("marts.consents", [{**refusal, "identifier": "u_bob"}])

    engine.run_sync(shop.settings, name)
    removed = receiver.requests[-1]["data"]["rows"]
    assert {row["row_key"] for row in removed} == {"p_bob:a", "p_bob:b"}
    assert {row["operation"] for row in removed} == {"remove"}
    assert set(receiver.people) == {"ann@example.com"}


def test_a_row_that_an_older_version_writes_after_the_upgrade_gets_its_profile(
    shop: Shop,
) -> None:
    """At once where it is read, and in the table when a ledger is opened next."""
    ledger = Ledger(shop.settings)
    rows = [
        Row(Operation.add, key, profile, f"{profile}@example.com", key, "hash")
        for key, profile in (("p_ann", "p_ann"), ("p_bob:a", "p_bob"), ("p_bob:b:in", "p_bob"))
    ]
    destination_rows.record_unconfirmed(ledger, "hook", rows)
    with ledger.begin() as c:
        c.execute(sa.update(tables.destination_rows).values(profile_id=None))
    found = destination_rows.of(ledger, "hook").select(["row_key", "profile_id"]).to_pylist()
    assert {row["row_key"]: row["profile_id"] for row in found} == {
        row.row_key: row.profile_id for row in rows
    }
    ledger.close()
    ledger = Ledger(shop.settings)
    table = tables.destination_rows
    with ledger.begin() as c:
        stored = c.execute(sa.select(table.c.row_key, table.c.profile_id)).all()
    assert dict(map(tuple, stored)) == {r.row_key: r.profile_id for r in rows}
    ledger.close()


def test_an_upgraded_ledger_is_only_read(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    Ledger(shop.settings).close()
    monkeypatch.setattr(upgrade, "_locked", lambda *_: pytest.fail("the ledger is changed again"))
    ledger = Ledger(shop.settings)
    with ledger.begin() as c:
        for index in tables.WITHOUT_PROFILE:
            query = f"select exists(select 1 from {index.table} where profile_id is null)"
            steps = c.exec_driver_sql(f"explain query plan {query}").all()
            assert any(str(index.name) in str(step) for step in steps), steps
    ledger.close()


def test_a_cap_counts_what_an_older_version_sent(shop: Shop, receiver: Receiver) -> None:
    name = webhook(shop, frequency_cap={"most": 1, "days": 7})
    consent(shop, "ann")
    fill(shop, name, {"ann": "Ann"})
    operate.apply(shop.settings, [name])
    make_old(shop)
    fill(shop, name, {"ann": "Anna"})
    assert engine.run_sync(shop.settings, name).status == "waiting"
    assert receiver.people["ann@example.com"]["first_name"] == "Ann"


def test_a_request_that_an_older_version_left_open_has_its_profiles(shop: Shop) -> None:
    ledger = Ledger(shop.settings)
    row = Row(Operation.add, "p_bob:a", "p_bob", "bob@example.com", "p_bob:a", "hash")
    open_requests.intend(ledger, "hook", "run", Batch("request", [row]))
    older = orjson.dumps([["add", "p_bob:a", "bob@example.com", "p_bob:a", "hash", None]])
    assert [x.batch.rows for x in open_requests.of(ledger, "hook")] == [[row]]
    with ledger.begin() as c:
        c.execute(tables.intents.update().values(rows=older))
    assert [x.batch.rows for x in open_requests.of(ledger, "hook")] == [[row]]
    ledger.close()


@pytest.mark.parametrize("key", ["p_ann", "p_ann:loyal", "p_ann:loyal:left:2026-02-01 00:00:00"])
def test_a_key_names_one_profile_wherever_it_is_read(shop: Shop, key: str) -> None:
    ledger = Ledger(shop.settings)
    with ledger.begin() as c:
        query = f"select {row_profile.of_key_sql('instr')} from (select '{key}' as row_key) as t"
        in_ledger = c.exec_driver_sql(query).scalar_one()
    ledger.close()
    in_lake = shop.rows(f"select {row_profile.of_key_sql()} from (select '{key}' as row_key)")
    assert (in_ledger, in_lake, row_profile.of_key(key)) == ("p_ann", [("p_ann",)], "p_ann")
