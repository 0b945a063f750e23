"""``sync preview``, ``diff`` and ``show``: what would be done and why, names masked."""

from __future__ import annotations

import json

import pytest

from activation import engine, preview
from segmentry import warehouse
from segmentry.errors import UsageError
from tests.activation.engine_shop import Receiver, consent, fill, open_lake, receiver, webhook
from tests.activation.shop import Shop

__all__ = ["open_lake", "receiver"]

pytestmark = pytest.mark.usefixtures("open_lake")


@pytest.fixture
def hook(shop: Shop, receiver: Receiver) -> Shop:
    """Ann, Bob and Cid have been sent; Dan has not."""
    shop.people("ann", "bob", "cid", "dan", "eve", consent=False)
    webhook(shop)
    shop.run(
        "create table lake.audiences.candidates (sync varchar, profile_id varchar, verdict varchar)"
    )
    consent(shop, "ann", "bob", "cid", "dan")
    fill(shop, "hook", {"ann": "Ann", "bob": "Bob", "cid": "Cid"})
    engine.run_sync(shop.settings, "hook")
    fill(shop, "hook", {"ann": "Anna", "cid": "Cid", "dan": "Dan"})
    verdicts = {"ann": "eligible", "bob": "held_out", "dan": "eligible", "eve": "unknown_consent"}
    with warehouse.connect(shop.settings) as lake:
        for name, verdict in verdicts.items():
            lake.execute(
                "insert into lake.audiences.candidates values ('hook', ?, ?)",
                [f"p_{name}", verdict],
            )
    consent(shop, "cid", status="denied", at="2026-05-02")
    return shop


def counted(shop: Shop) -> dict[tuple[str, str], int]:
    return {
        (one["change"], one["reason"]): one["rows"] for one in preview.diff(shop.settings, "hook")
    }


@pytest.mark.slow
def test_a_diff_counts_by_reason_and_names_profiles(hook: Shop) -> None:
    found = preview.diff(hook.settings, "hook")
    assert [(one["change"], one["rows"], one["profiles"]) for one in found] == [
        ("add", 1, "p_dan"),
        ("remove", 1, "p_bob"),
        ("update", 1, "p_ann"),
        ("withdraw", 1, "p_cid"),
        ("none", 1, "p_eve"),
    ]
    reasons = {one["change"]: one["reason"] for one in found}
    assert "hold-out" in reasons["remove"] and "another value" in reasons["update"]
    assert "never sent" in reasons["add"] and "opted out" in reasons["withdraw"]
    assert "no consent" in reasons["none"]
    assert "@" not in json.dumps(found)
    clear = preview.diff(hook.settings, "hook", has_identifiers=True)
    assert clear[0]["keys"] == "dan@example.com"


@pytest.mark.slow
def test_a_diff_knows_who_returns_and_another_mapping(hook: Shop) -> None:
    engine.run_sync(hook.settings, "hook", release=["removals", "changes"])
    fill(hook, "hook", {"ann": "Anna", "bob": "Bob", "dan": "Dan"})
    assert counted(hook)["add", "the person was removed before, and is in the audience again"] == 1
    webhook_of_another_mapping(hook)
    changed = "the sync's file maps other columns or options than were sent"
    assert counted(hook)["update", changed] == 2


def webhook_of_another_mapping(shop: Shop) -> None:
    names = {"url": "SEGMENTRY_WEBHOOK_URL", "secret": "SEGMENTRY_WEBHOOK_SECRET"}
    shop.sync("hook", destination="webhook", connection=names, columns={"email": {"from": "email"}})


@pytest.mark.slow
def test_a_preview_is_the_first_rows_as_they_would_leave(hook: Shop, receiver: Receiver) -> None:
    sent = len(receiver.requests)
    found = preview.preview(hook.settings, "hook", 10)
    assert [one["operation"] for one in found] == ["withdraw", "remove", "update", "add"] or [
        one["operation"] for one in found
    ] == ["withdraw", "remove", "add", "update"]
    assert {one["email"] for one in found} == {"a…", "b…", "c…", "d…"}
    assert len(preview.preview(hook.settings, "hook", 2)) == 2
    clear = preview.preview(hook.settings, "hook", 10, has_identifiers=True)
    assert {one["first_name"] for one in clear} == {None, "Anna", "Dan"}
    assert len(receiver.requests) == sent, "nothing was sent"


@pytest.mark.slow
def test_a_preview_of_nothing_to_do_shows_the_audience(hook: Shop) -> None:
    engine.run_sync(hook.settings, "hook", release=["removals", "changes"])
    found = preview.preview(hook.settings, "hook", 10)
    assert [one["operation"] for one in found] == ["unchanged"] * 2


@pytest.mark.slow
def test_a_sync_is_shown_with_its_mapping_state_and_runs(
    hook: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = preview.show(hook.settings, "hook")
    assert (found["rows_at_destination"], found["is_mapping_sent"]) == (3, True)
    assert [one["column"] for one in found["columns"]] == ["email", "first_name"]
    assert [(one["status"], one["sent_add"]) for one in found["runs"]] == [("done", 3)]
    assert found["account"].startswith("url=") and "127.0.0.1" not in json.dumps(found, default=str)
    assert "whsec" not in json.dumps(found, default=str)
    monkeypatch.delenv("SEGMENTRY_WEBHOOK_SECRET")
    assert preview.show(hook.settings, "hook")["missing"] == "SEGMENTRY_WEBHOOK_SECRET"


@pytest.mark.slow
def test_a_sync_that_does_not_exist_is_named(hook: Shop) -> None:
    with pytest.raises(UsageError):
        preview.show(hook.settings, "nosuch")


def test_a_destination_of_files_shows_the_rows_of_the_file(shop: Shop) -> None:
    shop.people("ann")
    shop.sync("paper")
    columns = "row_key varchar, email varchar, first_name varchar"
    shop.run(f"create or replace table lake.audiences.aud_paper ({columns})")
    fill(shop, "paper", {"ann": "Ann"})
    found = preview.preview(shop.settings, "paper", 5)
    assert [(one["operation"], one["email"]) for one in found] == [("write", "a…")]
