"""``sync test``: one row as it would leave, and as it leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from activation import engine, masking, trial
from activation.ledger import destination_rows
from activation.opened import open_sync
from segmentry import sync_files
from segmentry.errors import GuardrailTriggered, SegmentryError, UsageError
from tests.activation.engine_shop import (
    Receiver,
    Reply,
    consent,
    fill,
    open_lake,
    receiver,
    webhook,
)
from tests.activation.shop import Shop

__all__ = ["open_lake", "receiver"]

pytestmark = pytest.mark.usefixtures("open_lake")


@pytest.fixture
def hook(shop: Shop, receiver: Receiver) -> Iterator[Shop]:
    """Ann and Bob are in the audience of a webhook; Bob has opted out since."""
    shop.run(
        "create table lake.identity.policy_types as select 'email' as identifier_type, 1 as"
        " priority;create table lake.identity.identifier_values (identifier_type varchar,"
        " identifier varchar, value varchar)"
    )
    for name in ("ann", "bob"):
        profile = f"p_{name}"
        shop.put(
            "identity.profile_resolution", [{"profile_id": profile, "current_profile_id": profile}]
        )
        shop.put(
            "identity.identifier_mapping",
            [mapped(name)],
        )
    shop.people("ann", "bob", consent=False)
    webhook(shop)
    consent(shop, "ann")
    consent(shop, "bob", status="denied")
    fill(shop, "hook", {"ann": "Ann", "bob": "Bob"})
    yield shop


def mapped(name: str) -> dict[str, str]:
    mail = f"{name}@example.com"
    return {"identifier_type": "email", "identifier": mail, "profile_id": f"p_{name}"}


def tried(shop: Shop, who: str | None, *, sent: bool = False, **more: Any) -> trial.TrialRow:
    with open_sync(shop.settings, "hook") as opened:
        sync = sync_files.one(shop.settings, "hook")
        return (trial.send if sent else trial.shown)(opened, sync, who, **more)


@pytest.mark.slow
def test_the_request_is_shown_masked_and_does_not_leave(hook: Shop, receiver: Receiver) -> None:
    made = tried(hook, "email:ann@example.com")
    shown = json.dumps([vars(one) for one in made.requests], ensure_ascii=False, default=str)
    assert made.requests[0].method == "POST" and "segment.members.upserted" in shown
    for word in ("ann@example.com", "Ann", "p_ann", "whsec"):
        assert word not in shown + str(made.values)
    assert not receiver.requests
    clear = tried(hook, "email:ann@example.com", has_identifiers=True)
    assert "ann@example.com" in clear.requests[0].body


@pytest.mark.slow
def test_without_credentials_the_request_is_shown_too(
    hook: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEGMENTRY_WEBHOOK_URL")
    made = tried(hook, None)
    assert made.requests[0].address.startswith("https://tool.invalid")


def test_a_row_that_is_sent_is_the_syncs(hook: Shop, receiver: Receiver) -> None:
    made = tried(hook, "email:ann@example.com", sent=True)
    assert (made.status, made.requests[-1].status) == ("sent", "status 200")
    assert set(receiver.people) == {"ann@example.com"}
    with open_sync(hook.settings, "hook") as opened:
        assert destination_rows.count(opened.ledger, "hook") == 1
    consent(hook, "ann", status="denied", at="2026-05-02")
    engine.run_sync(hook.settings, "hook")
    assert not receiver.people, "she opted out, and is removed"


def test_who_may_not_be_sent_is_not(hook: Shop, receiver: Receiver) -> None:
    for call in (False, True):
        with pytest.raises(UsageError, match="may not be sent") as caught:
            tried(hook, "email:bob@example.com", sent=call)
        assert "explain hook p_bob" in caught.value.remedy
    assert not receiver.requests


@pytest.mark.slow
def test_a_row_that_the_tool_refuses_is_named(hook: Shop, receiver: Receiver) -> None:
    def refuse(number: int, rows: list[dict[str, Any]]) -> None:
        raise Reply(422, {"message": "no such person ann@example.com"})

    receiver.script = refuse
    made = tried(hook, "p_ann", sent=True)
    assert made.status == "rejected"
    assert "ann@" not in made.reason + made.requests[-1].answer
    assert "no such person" in made.requests[-1].answer
    assert made.requests[-1].status == "status 422"


@pytest.mark.slow
def test_a_first_row_does_not_open_an_audience_with_members(
    hook: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "activation.destinations.webhook.Webhook.read_back", lambda *_: iter(["x@example.com"])
    )
    with pytest.raises(GuardrailTriggered):
        tried(hook, "p_ann", sent=True)
    assert not receiver.requests


@pytest.mark.slow
def test_quiet_hours_count_for_one_row_too(hook: Shop, receiver: Receiver) -> None:
    quiet = {"from": "00:00", "to": "23:59", "timezone": "UTC"}
    names = {"url": "SEGMENTRY_WEBHOOK_URL", "secret": "SEGMENTRY_WEBHOOK_SECRET"}
    hook.sync("hook", destination="webhook", connection=names, frequency_cap={"most": 1, "days": 9})
    assert tried(hook, "p_ann", sent=True).status == "sent"
    with pytest.raises(GuardrailTriggered, match="have had 1"):
        tried(hook, "p_ann", sent=True)
    hook.sync("hook", destination="webhook", connection=names, quiet_hours=quiet)
    with pytest.raises(GuardrailTriggered, match="quiet hours"):
        tried(hook, "p_ann", sent=True)
    assert len(receiver.requests) == 1


def test_what_takes_the_whole_audience_sends_no_row(shop: Shop) -> None:
    shop.sync("vip")
    with open_sync(shop.settings, "vip") as opened, pytest.raises(SegmentryError, match="one row"):
        trial.send(opened, sync_files.one(shop.settings, "vip"), None)


@pytest.mark.parametrize(
    "shown",
    ["mail=ann%2Bx%40example.com&", '"ANN+X@example.com"', "/members/" + "a1" * 16, "f" * 64],
)
def test_masking_finds_every_spelling(shown: str) -> None:
    masked = masking.text(shown, ["ann+x@example.com"])
    assert "example" not in masked.lower() and "a1a1a1" not in masked and "fffff" not in masked


def test_an_answer_is_shown_without_what_else_the_tool_knows() -> None:
    body = {"status": "ok", "member": {"town": "Ely", "phone": "+447700900101"}, "count": 2,
            "errors": [{"code": "X1", "message": "bad ann@example.com of Ann"}]}  # fmt: skip
    shown = masking.answer(json.dumps(body), ["Ann"])
    for word in ("Ely", "7700", "ann@", "Ann"):
        assert word not in shown
    for word in ("ok", "X1", "bad", "2"):
        assert word in shown
