"""What a sync sends, and what it never sends."""

from __future__ import annotations

import json
import sqlite3
from functools import partial
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from activation import operate
from activation.client import Client
from segmentry.errors import DestinationError, GuardrailTriggered, UsageError
from tests.activation.engine_shop import (
    SECRET,
    Receiver,
    Reply,
    consent,
    fill,
    mails,
    open_lake,
    receiver,
    send,
    shop_changes,
    webhook,
)
from tests.activation.shop import Shop, decision
from tests.contracts.vendors import VENDORS, Journal, content_of

__all__ = ["open_lake", "receiver"]

pytestmark = [pytest.mark.usefixtures("open_lake"), pytest.mark.slow]


def test_adds_updates_removals_and_then_silence(shop: Shop, receiver: Receiver) -> None:
    name = webhook(shop)
    consent(shop, "ann", "bob", "cid")
    fill(shop, name, {"ann": "Ann", "bob": None, "cid": "Cid"})
    assert send(shop) == (3, "done")
    assert receiver.people["bob@example.com"] == {"email": "bob@example.com", "first_name": None}
    assert send(shop) == (0, "unchanged")
    assert len(receiver.requests) == 1, "a second run over an unchanged audience makes no request"
    fill(shop, name, {"ann": None, "bob": "Bob"})
    assert send(shop) == (3, "done")
    assert set(receiver.people) == mails("ann", "bob")
    assert receiver.people["ann@example.com"]["first_name"] is None, "value to NULL is sent"
    assert receiver.people["bob@example.com"]["first_name"] == "Bob", "NULL to value is sent"
    kinds = [request["type"] for request in receiver.requests[1:]]
    assert kinds == [
        "segment.members.removed",
        "segment.members.upserted",
    ], "people who left go first"


def test_who_withdrew_after_the_audience_was_built_is_not_sent_and_removed(
    shop: Shop, receiver: Receiver
) -> None:
    name = webhook(shop)
    consent(shop, "ann", "bob", "cid")
    fill(shop, name, {"ann": "Ann", "bob": "Bob"})
    shop.put("marts.consents", [decision("bob", "withdrawn", "2026-05-01")])
    assert send(shop) == (1, "done")
    assert receiver.ever == mails("ann")
    shop.put(
        "marts.consents",
        [decision("ann", "withdrawn", "2026-05-02", identifier_type="phone", channel="any")],
    )
    fill(shop, name, {"ann": "Ann", "bob": "Bob", "cid": "Cid"})
    assert send(shop) == (2, "done")
    assert set(receiver.people) == mails("cid")
    assert receiver.ever == mails("ann", "cid")


def test_unknown_consent_never_leaves_even_if_the_audience_has_it(
    shop: Shop, receiver: Receiver
) -> None:
    name = webhook(shop)
    consent(shop, "ann")
    consent(shop, "bob", identifier="other@example.com")
    fill(shop, name, {"ann": "Ann", "bob": "Bob", "cid": "Cid"})
    assert send(shop) == (1, "partial")
    assert receiver.ever == mails("ann")
    reasons = shop_changes(shop)
    assert {(key, status) for key, status, _ in reasons} == {
        ("p_ann", "sent"),
        ("p_bob", "blocked"),
        ("p_cid", "blocked"),
    }


def test_a_new_address_is_a_move(shop: Shop, receiver: Receiver) -> None:
    name = webhook(shop)
    consent(shop, "ann", "new")
    fill(shop, name, {"ann": "Ann"})
    send(shop)
    shop.run(f"update lake.audiences.aud_{name} set email = 'new@example.com'")
    assert send(shop) == (2, "done")
    assert set(receiver.people) == mails("new")


def test_a_merge_that_keeps_the_address_removes_nobody(shop: Shop, receiver: Receiver) -> None:
    name = webhook(shop)
    consent(shop, "ann", "bob")
    fill(shop, name, {"ann": "Ann", "bob": "Bob"})
    send(shop)
    shop.run(f"update lake.audiences.aud_{name} set row_key = 'p_zoe' where row_key = 'p_ann'")
    send(shop)
    assert set(receiver.people) == mails("ann", "bob")
    shop.run(f"delete from lake.audiences.aud_{name} where row_key = 'p_zoe'")
    send(shop)
    assert set(receiver.people) == mails("bob")


def test_two_people_who_swap_addresses(shop: Shop, receiver: Receiver) -> None:
    name = webhook(shop)
    consent(shop, "ann", "bob")
    fill(shop, name, {"ann": "Ann", "bob": "Bob"})
    send(shop)
    shop.run(
        f"update lake.audiences.aud_{name} set email = case row_key when 'p_ann' then"
        " 'bob@example.com' else 'ann@example.com' end"
    )
    send(shop)
    assert {mail: values["first_name"] for mail, values in receiver.people.items()} == {
        "ann@example.com": "Bob",
        "bob@example.com": "Ann",
    }


def test_guardrails_block_and_can_be_released(shop: Shop, receiver: Receiver) -> None:
    name = webhook(shop)
    names = [f"n{number}" for number in range(60)]
    consent(shop, *names)
    fill(shop, name, dict.fromkeys(names, "x"))
    send(shop)
    fill(shop, name, dict.fromkeys(names[:10], "x"))
    with pytest.raises(GuardrailTriggered) as caught:
        send(shop)
    assert caught.value.exit_code == 3
    assert "50 of 60" in str(caught.value)
    assert "--release removals" in str(caught.value)
    assert len(receiver.people) == 60, "the last good state stays"
    assert "50 of 60" in operate.status(shop.settings, [name])[0]["waiting"]
    assert operate.plan(shop.settings, [name])[0]["guardrails"] == "removals"
    fill(shop, name, {})
    with pytest.raises(GuardrailTriggered) as caught:
        send(shop, release=["removals"])
    assert "audience is empty" in str(caught.value)
    assert send(shop, release=["removals", "empty"]) == (60, "done")
    assert receiver.people == {}
    assert operate.status(shop.settings, [name])[0]["waiting"] == ""


def test_a_first_run_into_people_who_are_there_is_looked_at_first(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TABLE_URL", f"sqlite:///{tmp_path}/people.sqlite")
    shop.sync(
        "table",
        destination="sql_table",
        connection={"url": "TABLE_URL"},
        options={"table": "people"},
    )
    shop.run(
        "create table lake.audiences.aud_table (row_key varchar, email varchar, first_name varchar)"
    )
    consent(shop, "ann", "bob")
    fill(shop, "table", {"ann": "Ann"})
    with sqlite3.connect(tmp_path / "people.sqlite") as table:
        table.execute("create table people (email varchar primary key, first_name varchar)")
        table.execute("insert into people values ('zoe@example.com', 'Zoe')")
    with pytest.raises(GuardrailTriggered, match="already has 1;") as caught:
        send(shop, "table")
    assert caught.value.exit_code == 3
    assert "--release first_run" in str(caught.value)
    assert "already has 1;" in operate.status(shop.settings, ["table"])[0]["waiting"]
    keys = "select email from people order by 1"
    assert table.execute(keys).fetchall() == [("zoe@example.com",)], "nothing was sent"
    assert send(shop, "table", release=["first_run"]) == (1, "done")
    fill(shop, "table", {"ann": "Ann", "bob": "Bob"})
    assert send(shop, "table") == (1, "done")
    assert [key.partition("@")[0] for (key,) in table.execute(keys)] == ["ann", "bob", "zoe"]
    table.close()


def test_a_value_that_was_lost_while_away_is_cleared_at_klaviyo(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(VENDORS["klaviyo"])
    made = partial(Client, transport=journal.transport(), sleep=lambda seconds: None)
    monkeypatch.setattr("activation.destination.Client", made)
    names = {"url": "K_URL", "api_key": "K_KEY", "list_id": "K_LIST"}
    for name, value in zip(
        names.values(), ("https://vendor.example.com", "key", "42"), strict=True
    ):
        monkeypatch.setenv(name, value)
    shop.sync("list", destination="klaviyo", connection=names)
    shop.run(
        "create table lake.audiences.aud_list (row_key varchar, email varchar, first_name varchar)"
    )
    consent(shop, "ann", "bob", "cid")

    def cleared(people: dict[str, str | None]) -> list[str]:
        """Whose first name the run cleared by single imports."""
        fill(shop, "list", people)
        before = len(journal.calls)
        send(shop, "list", release=["first_run"])
        imports = [
            content_of(r) for r, _ in journal.calls[before:] if r.url.path == "/api/profile-import"
        ]
        found = [content["data"]["attributes"] for content in imports]
        assert all(values["first_name"] is None for values in found)
        return [values["email"] for values in found]

    assert cleared({"ann": "Ann", "bob": "Bob", "cid": None}) == []
    assert cleared({"bob": "Bob", "cid": None}) == []
    assert cleared({"ann": None, "bob": "Bob", "cid": None}) == ["ann@example.com"]
    assert cleared({"ann": None, "bob": None, "cid": None}) == ["bob@example.com"]


def test_a_changed_mapping_is_an_announced_full_resync(shop: Shop, receiver: Receiver) -> None:
    name = webhook(shop)
    consent(shop, "ann", "bob")
    fill(shop, name, {"ann": "Ann", "bob": "Bob"})
    send(shop)
    shop.sync(
        name,
        destination="webhook",
        connection={"url": "SEGMENTRY_WEBHOOK_URL", "secret": "SEGMENTRY_WEBHOOK_SECRET"},
        columns={"email": {"from": "email"}},
    )
    planned = operate.plan(shop.settings, [name])[0]
    assert planned["update"] == 2
    assert "full resync of 2" in planned["note"]
    send(shop)
    assert receiver.people["ann@example.com"] == {"email": "ann@example.com"}


def test_insert_never_updates_but_takes_back_who_refused(shop: Shop, receiver: Receiver) -> None:
    name = webhook(shop, mode="insert")
    consent(shop, "ann", "bob")
    fill(shop, name, {"ann": "Ann", "bob": "Bob"})
    send(shop)
    fill(shop, name, {"ann": "Anna"})
    assert send(shop)[0] == 0
    shop.put("marts.consents", [decision("bob", "withdrawn", "2026-05-01")])
    assert send(shop)[0] == 1
    assert {mail: values["first_name"] for mail, values in receiver.people.items()} == {
        "ann@example.com": "Ann"
    }


def test_delete_takes_the_audience_out_once_and_asks_for_no_consent(
    shop: Shop, receiver: Receiver
) -> None:
    name = webhook(shop, mode="delete")
    receiver.people = {f"{who}@example.com": {} for who in ("ann", "bob", "cid")}
    shop.put("marts.consents", [decision("ann", "withdrawn", "2026-05-01")])
    fill(shop, name, {"ann": "Ann", "bob": "Bob"})

    def script(number: int, rows: list[dict[str, object]]) -> None:
        if number <= 6:
            raise Reply(500)

    receiver.script = script
    with pytest.raises(DestinationError):
        send(shop)
    assert send(shop) == (2, "done")
    assert set(receiver.people) == mails("cid")
    assert receiver.ever == set()
    before = len(receiver.requests)
    assert send(shop) == (0, "unchanged")
    fill(shop, name, {"ann": "Anna", "cid": None})
    assert send(shop) == (1, "done")
    assert receiver.people == {}
    assert len(receiver.requests) == before + 1


def test_a_plan_file_is_applied_exactly_or_not_at_all(
    shop: Shop, receiver: Receiver, tmp_path: Path
) -> None:
    name = webhook(shop)
    consent(shop, "ann", "bob", "cid")
    fill(shop, name, {"ann": "Ann"})
    path = tmp_path / "plan.json"
    operate.write_plan(path, operate.plan(shop.settings, []))
    assert "example.com" not in path.read_text()
    fill(shop, name, {"ann": "Ann", "bob": "Bob"})
    _, failures = operate.apply(shop.settings, [], file=path)
    assert [failure.exit_code for failure in failures] == [3]
    assert receiver.people == {}
    operate.write_plan(path, operate.plan(shop.settings, []))
    _, failures = operate.apply(shop.settings, [], file=path)
    assert not failures
    assert set(receiver.people) == mails("ann", "bob")
    path.write_text(path.read_text().replace('"add": 2', '"add": 3'))
    with pytest.raises(UsageError, match="changed after it was written"):
        operate.apply(shop.settings, [], file=path)


def test_the_published_relations_are_idempotent_and_free_of_addresses(
    shop: Shop, receiver: Receiver
) -> None:
    name = webhook(shop)
    consent(shop, "ann", "bob")
    fill(shop, name, {"ann": "Ann", "bob": "Bob"})
    send(shop)
    operate.publish(shop.settings)
    snapshot = "select max(snapshot_id) from ducklake_snapshots('lake')"
    before = shop.rows(snapshot)
    operate.publish(shop.settings)
    assert shop.rows(snapshot) == before, "publishing the same ledger again writes nothing"
    assert shop.rows("select sync, row_key from activation.sync_snapshot order by 2") == [
        ("hook", "p_ann"),
        ("hook", "p_bob"),
    ]
    assert shop.rows("select status, sent_add, requests from activation.sync_runs") == [
        ("done", 2, 1)
    ]
    for relation in ("sync_runs", "sync_changelog", "sync_snapshot"):
        assert "example.com" not in str(shop.rows(f"select * from activation.{relation}"))


def test_files_have_the_whole_audience_and_only_the_newest(shop: Shop) -> None:
    shop.sync("letters", options={"format": "csv"})
    shop.run(
        "create table lake.audiences.aud_letters (row_key varchar, email varchar, first_name"
        " varchar)"
    )
    consent(shop, "ann", "bob")
    fill(shop, "letters", {"ann": 'A "n", n', "bob": None, "cid": "no consent"})
    assert send(shop, "letters") == (2, "partial")
    folder = shop.settings.outbox / "letters"
    manifest = json.loads((folder / "manifest.json").read_text())
    first = folder / manifest["files"][0]["path"]
    assert first.read_text() == 'email,first_name\nann@example.com,"A ""n"", n"\nbob@example.com,\n'
    assert manifest["files"][0]["rows"] == 2
    fill(shop, "letters", {"bob": "Bob"})
    assert send(shop, "letters") == (2, "done")
    left = sorted(path.name for path in folder.iterdir())
    assert first.name not in left
    assert len(left) == 2
    assert send(shop, "letters") == (0, "unchanged")
    verified = operate.verify(shop.settings, ["letters"])[0][0]
    assert (verified["held"], verified["missing"], verified["surplus"]) == (1, 0, 0)


def test_the_signature_is_the_one_of_the_standard() -> None:
    from datetime import UTC, datetime

    signed = Webhook(SECRET).sign(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        '{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
