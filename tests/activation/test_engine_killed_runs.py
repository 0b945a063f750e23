"""A run that is killed never makes a guardrail stop the next one."""

from __future__ import annotations

from typing import Any

import pytest

from activation import engine
from activation.ledger.database import Ledger
from segmentry.errors import GuardrailTriggered
from tests.activation.engine_shop import (
    Receiver,
    consent,
    fill,
    mails,
    open_lake,
    receiver,
    send,
    webhook,
)
from tests.activation.shop import Shop

__all__ = ["open_lake", "receiver"]

pytestmark = pytest.mark.usefixtures("open_lake")

PEOPLE = [f"n{number}" for number in range(160)]


class Killed(BaseException):
    """A kill between two transactions of the ledger."""


def killed_at(shop: Shop, transaction: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """One run that ends before that transaction; False if it came to its own end."""
    seen = 0
    real = Ledger.begin

    def begin(self: Ledger) -> Any:
        nonlocal seen
        seen += 1
        if seen == transaction:
            raise Killed
        return real(self)

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "begin", begin)
        try:
            engine.run_sync(shop.settings, "hook")
        except Killed:
            return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("batch", [60, 160])
def test_a_first_run_that_is_killed_anywhere_goes_on(
    shop: Shop, receiver: Receiver, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook(shop, limits={"batch_rows": batch})
    consent(shop, *PEOPLE)
    fill(shop, "hook", dict.fromkeys(PEOPLE, "x"))
    kills = 0
    while killed_at(shop, kills + 1, monkeypatch):
        kills += 1
        assert kills < 80
    assert kills > 5
    assert set(receiver.people) == mails(*PEOPLE)


@pytest.mark.parametrize("batch", [60, 160])
def test_a_run_that_is_killed_before_the_answer_is_recorded_is_sent_again(
    shop: Shop, receiver: Receiver, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook(shop, limits={"batch_rows": batch})
    consent(shop, *PEOPLE)
    fill(shop, "hook", dict.fromkeys(PEOPLE, "x"))
    transaction = 0
    while not receiver.requests:
        transaction += 1
        assert killed_at(shop, transaction, monkeypatch)
    sent, status = send(shop)
    assert sent == len(PEOPLE)
    assert status in ("done", "partial")  # `partial`: it names the rows without an answer
    assert set(receiver.people) == mails(*PEOPLE)
    assert send(shop)[1] == "unchanged"


def test_many_additions_after_a_first_run_still_stop(shop: Shop, receiver: Receiver) -> None:
    webhook(shop)
    more = [f"m{number}" for number in range(100)]
    consent(shop, *PEOPLE, *more)
    fill(shop, "hook", dict.fromkeys(PEOPLE, "x"))
    assert send(shop) == (len(PEOPLE), "done")
    fill(shop, "hook", dict.fromkeys([*PEOPLE, *more], "x"))
    with pytest.raises(GuardrailTriggered, match="100 row"):
        send(shop)
