"""An advertising platform keeps a row under each of its identifiers: a removal repeats all."""

from __future__ import annotations

import random
import sqlite3
from typing import Any

import pytest

from activation import engine, operate, retirement
from activation.ledger import destination_rows
from activation.ledger.database import Ledger
from activation.ledger.tables import destination_rows as destination_rows_table
from segmentry.errors import SegmentryError
from tests.activation.ad_platform import COLUMNS, AdPlatform, Person, ads, agree, fill, platform
from tests.activation.engine_shop import open_lake
from tests.activation.shop import Shop
from tests.activation.test_killed import Lives

__all__ = ["open_lake", "platform"]

pytestmark = [pytest.mark.usefixtures("open_lake"), pytest.mark.slow]

ANN = {
    "email": "ann@example.com", "phone": "+447700900101", "fn": "Ann", "ln": "Lee", "country": "GB"
}  # fmt: skip
BOB = {
    "email": "bob@example.com", "phone": "+4915112345678", "fn": "Bob", "ln": "Wu", "country": "DE"
}  # fmt: skip
CHANGES: dict[str, dict[str, str | None]] = {
    "another phone": {"phone": "+33612345678"},
    "no phone": {"phone": None},
    "another key": {"email": "a.lee@example.org"},
    "another key and phone": {"email": "a.lee@example.org", "phone": "+12025550123"},
    "another name": {"fn": "Anna", "ln": "Lee-Wu"},
    "another country, no name": {"fn": None, "country": "FR"},
    "all as it was": {},
}
BOTH = pytest.mark.parametrize("platform", sorted(COLUMNS), indirect=True)


def _run(shop: Shop, name: str = "ads") -> str:
    return engine.run_sync(shop.settings, name, release=["removals", "empty", "changes"]).status


def _start(
    shop: Shop, platform: AdPlatform, people: dict[str, Person] | None = None, **content: Any
) -> dict[str, Person]:
    sent: dict[str, Person] = people or {"ann": ANN, "bob": BOB}
    ads(shop, platform, **content)
    agree(shop, *sent)
    fill(shop, platform, sent)
    _run(shop)
    assert platform.members == platform.should_have(sent)
    return sent


def _kept(shop: Shop) -> list[str | None]:
    ledger = Ledger(shop.settings)
    found = destination_rows.of(ledger, "ads").column("identifiers").to_pylist()
    ledger.close()
    return found


@BOTH
def test_what_changed_is_removed_and_added(shop: Shop, platform: AdPlatform) -> None:
    sent = _start(shop, platform)
    for change, values in CHANGES.items():
        sent = {**sent, "ann": {**ANN, **values}}
        agree(shop, "ann", identifier=str(sent["ann"]["email"]))
        fill(shop, platform, sent)
        _run(shop)
        assert platform.members == platform.should_have(sent), change
    made = len(platform.requests)
    assert _run(shop) == "unchanged"
    assert len(platform.requests) == made


@BOTH
def test_the_former_identifiers_leave_before_the_new_ones_are_added(
    shop: Shop, platform: AdPlatform
) -> None:
    sent = _start(shop, platform)
    changed = {**ANN, "phone": "+33612345678"}
    fill(shop, platform, {**sent, "ann": changed})
    _run(shop)
    expected = [("remove", [platform.of(ANN)]), ("add", [platform.of(changed)])]
    assert platform.requests[1:] == expected


@pytest.mark.parametrize("batch_rows", [2, 5])
def test_the_plan_counts_a_change_as_a_removal_and_an_addition(
    shop: Shop, platform: AdPlatform, batch_rows: int
) -> None:
    people = {f"n{i}": {**ANN, "email": f"n{i}@example.com", "phone": f"+44770090010{i}"}
              for i in range(6)}  # fmt: skip
    limits = {"batch_rows": batch_rows, "requests": 10_000}
    sent = _start(shop, platform, dict(people), limits=limits)
    for i in (0, 2, 3, 5):
        sent[f"n{i}"] = {**people[f"n{i}"], "phone": f"+1202555012{i}"}
    del sent["n4"]
    fill(shop, platform, sent)
    plan = operate.plan(shop.settings, ["ads"])[0]
    assert (plan["add"], plan["update"], plan["remove"]) == (4, 0, 5)
    before = len(platform.requests)
    _run(shop)
    assert len(platform.requests) - before == plan["requests"]
    assert platform.members == platform.should_have(sent)


def test_a_changed_phone_is_no_removal_to_the_guardrails(shop: Shop, platform: AdPlatform) -> None:
    people = {f"n{i:02}": {**ANN, "email": f"n{i:02}@example.com", "phone": f"+447700900{i:03}"}
              for i in range(60)}  # fmt: skip
    sent = _start(shop, platform, dict(people), guardrails={"max_added_rows": 60})
    for i in range(28):  # more than the share that may leave, less than the share that may change
        sent[f"n{i:02}"] = {**people[f"n{i:02}"], "phone": f"+1202555{i:04}"}
    fill(shop, platform, sent)
    assert engine.run_sync(shop.settings, "ads").status == "done"
    assert platform.members == platform.should_have(sent)


@BOTH
def test_who_opts_out_leaves_with_every_identifier(shop: Shop, platform: AdPlatform) -> None:
    sent = _start(shop, platform)
    agree(shop, "ann", status="withdrawn", at="2026-05-20")
    _run(shop)
    del sent["ann"]
    assert platform.members == platform.should_have(sent)


def test_a_retired_sync_leaves_nothing(shop: Shop, platform: AdPlatform) -> None:
    _start(shop, platform)
    (shop.settings.config / "syncs" / "ads.yml").unlink()
    assert retirement.retire(shop.settings, "ads").status == "retired"
    assert platform.members == set()


def test_the_ledger_has_no_address_in_the_clear(shop: Shop, platform: AdPlatform) -> None:
    _start(shop, platform)
    kept = _kept(shop)
    assert len(kept) == 2
    for identifiers in kept:
        assert identifiers
        for word in (w for person in (ANN, BOB) for w in person.values() if len(w) > 2):
            assert word.lower() not in identifiers.lower()
            assert word.lstrip("+") not in identifiers


def test_an_id_of_the_shop_is_removed_and_an_address_as_such_is_not_kept(
    shop: Shop, platform: AdPlatform
) -> None:
    columns = {"email": {"from": "email"}, "extern_id": {"from": "user_id"}}
    ads(shop, platform, columns=columns)
    agree(shop, "ann", "bob")
    shop.run(
        "insert into lake.audiences.aud_ads values ('p_ann', 'ann@example.com', 'u-77'),"
        " ('p_bob', 'bob@example.com', 'b.private@example.com')"
    )
    _run(shop)
    assert all("private" not in str(identifiers) for identifiers in _kept(shop))
    shop.run("delete from lake.audiences.aud_ads")
    _run(shop)
    assert platform.members == {("EXTERN_ID", "b.private@example.com")}


def test_rows_of_an_older_ledger_are_removed_by_their_key(shop: Shop, platform: AdPlatform) -> None:
    sent = _start(shop, platform)
    with sqlite3.connect(shop.settings.home / "ledger.sqlite") as ledger:
        ledger.execute(f"alter table {destination_rows_table.name} drop column identifiers")
        ledger.execute("update sync_states set fingerprint = null")
    Ledger(shop.settings).close()
    assert _kept(shop) == [None, None]
    del sent["ann"]
    fill(shop, platform, sent)
    _run(shop)
    change, people = platform.requests[-1]
    assert (change, people) == ("remove", [platform.of({"email": "ann@example.com"})])


@pytest.mark.parametrize("failing", ["remove", "add"])
def test_what_a_failed_request_left_is_removed_later(
    shop: Shop, platform: AdPlatform, failing: str
) -> None:
    sent = _start(shop, platform)
    platform.script = lambda number, change: 403 if change == failing else None
    fill(shop, platform, {**sent, "ann": {**ANN, "phone": "+33612345678"}})
    with pytest.raises(SegmentryError):
        _run(shop)
    shop.clear_breakers()
    platform.script = lambda number, change: None
    sent = {**sent, "ann": {**ANN, "phone": "+12025550123", "fn": "Anna"}}
    fill(shop, platform, sent)
    _run(shop)
    assert platform.members == platform.should_have(sent)


@pytest.mark.timeout(300)
def test_a_kill_at_any_step_of_a_change_leaves_no_former_identifier(
    shop: Shop, platform: AdPlatform
) -> None:
    """Each life has another phone number to bring, and is killed one transaction later."""
    sent = _start(shop, platform)
    lives = Lives(shop, random.Random(5))
    try:
        ends = []
        for step in range(8, 21):
            phone = None if step % 5 == 0 else f"+120255501{step:02}"
            sent = {**sent, "ann": {**ANN, "phone": phone, "fn": f"Ann {step}"}}
            fill(shop, platform, sent)
            ends.append(lives.live("ads", step if step % 2 else -step))
    finally:
        lives.close()
    assert ends.count("killed") > 5, ends
    changes = [change for change, _ in platform.requests]
    assert {"add", "remove"} <= set(changes[1:])
    for _ in range(3):
        _run(shop)
    assert platform.members == platform.should_have(sent)
    assert _run(shop) == "unchanged"


def test_an_addition_waits_for_a_removal_that_was_not_taken(
    shop: Shop, platform: AdPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = _start(shop, platform)
    answer = platform.answer

    def not_counted(method: str, path: str, body: bytes) -> tuple[int, Any]:
        if method != "DELETE":
            return answer(method, path, body)
        return 200, {"num_received": 0, "num_invalid_entries": 0}

    monkeypatch.setattr(platform, "answer", not_counted)
    changed = {**ANN, "phone": "+33612345678"}
    fill(shop, platform, {**sent, "ann": changed})
    assert _run(shop) == "partial"
    assert platform.members == platform.should_have(sent), "the new phone number waits"
    monkeypatch.setattr(platform, "answer", answer)
    _run(shop)
    assert platform.members == platform.should_have({**sent, "ann": changed})


@pytest.mark.parametrize("leaves", ["opts out", "left the audience", "another phone"])
def test_an_identifier_that_a_family_shares_stays_for_who_stays(
    shop: Shop, platform: AdPlatform, leaves: str
) -> None:
    phone = {"phone": "+447700900199"}
    sent = _start(shop, platform, {"ann": {**ANN, **phone}, "bob": {**BOB, **phone}})
    if leaves == "another phone":
        sent["ann"] = {**ANN, "phone": "+33612345678"}
    else:
        del sent["ann"]
    fill(shop, platform, sent)
    if leaves == "opts out":
        agree(shop, "ann", status="withdrawn", at="2026-05-20")
    plan = operate.plan(shop.settings, ["ads"])[0]
    before = len(platform.requests)
    _run(shop)
    assert platform.members == platform.should_have(sent)
    assert len(platform.requests) - before == plan["requests"]
    assert _run(shop) == "unchanged"


def test_withdrawals_alone_leave_a_shared_identifier_to_the_next_run(
    shop: Shop, platform: AdPlatform
) -> None:
    phone = {"phone": "+447700900199"}
    sent = _start(shop, platform, {"ann": {**ANN, **phone}, "bob": {**BOB, **phone}})
    agree(shop, "ann", status="withdrawn", at="2026-05-20")
    engine.withdraw(shop.settings, "ads", None)
    _run(shop)
    assert platform.members == platform.should_have({"bob": sent["bob"]})


def test_a_sync_that_deletes_names_every_identifier(shop: Shop, platform: AdPlatform) -> None:
    platform.members = platform.should_have({"ann": ANN, "bob": BOB})
    ads(shop, platform, mode="delete")
    fill(shop, platform, {"ann": ANN})
    _run(shop)
    assert platform.members == platform.should_have({"bob": BOB})
