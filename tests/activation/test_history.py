"""Everything that a sync ever did with one person's rows."""

from __future__ import annotations

import pytest

from activation import engine, history
from segmentry.errors import UsageError
from tests.activation.engine_shop import Receiver, consent, fill, open_lake, receiver, webhook
from tests.activation.shop import Shop, decision

__all__ = ["open_lake", "receiver"]

pytestmark = pytest.mark.usefixtures("open_lake")


def _known(shop: Shop, person: str, *former: str) -> None:
    shop.run(
        "create or replace table lake.identity.policy_types as select 'email' as identifier_type,"
        " 1 as priority; create or replace table lake.identity.identifier_values"
        " (identifier_type varchar, identifier varchar, value varchar)"
    )
    mapped = {"identifier_type": "email", "identifier": f"{person}@example.com"}
    shop.put("identity.identifier_mapping", [{**mapped, "profile_id": f"p_{person}"}])
    shop.put(
        "identity.profile_resolution",
        [{"profile_id": p, "current_profile_id": f"p_{person}"} for p in (f"p_{person}", *former)],
    )


def _steps(shop: Shop, who: str, name: str = "hook") -> list[tuple[str, str]]:
    return [(row["operation"], row["status"]) for row in history.person(shop.settings, name, who)]


def test_all_that_was_done_with_a_person_is_shown_in_its_order(
    shop: Shop, receiver: Receiver
) -> None:
    name = webhook(shop)
    consent(shop, "ann", "bob")
    _known(shop, "ann", "p_bob")
    fill(shop, name, {"ann": "Ann"})
    engine.run_sync(shop.settings, name)
    fill(shop, name, {"ann": "Anna"})
    engine.run_sync(shop.settings, name)
    shop.put("marts.consents", [decision("ann", "withdrawn", "2026-05-20")])
    engine.run_sync(shop.settings, name)
    expected = [("add", "sent"), ("update", "sent"), ("remove", "sent")]
    assert _steps(shop, "email:ann@example.com") == expected
    assert _steps(shop, "p_ann") == expected
    found = history.person(shop.settings, name, "p_ann")
    assert all(row["request_id"] and row["run_id"] for row in found)
    assert [row["sent_at"] for row in found] == sorted(row["sent_at"] for row in found)
    assert not any("example.com" in str(row.values()) for row in found)

    (shop.settings.config / "syncs" / f"{name}.yml").unlink()
    assert _steps(shop, "p_ann") == expected, "a deleted sync has a history"


def test_what_was_sent_as_a_former_or_an_erased_profile_is_shown(
    shop: Shop, receiver: Receiver
) -> None:
    name = webhook(shop)
    consent(shop, "ann", "bob", "cid")
    _known(shop, "ann", "p_bob")
    fill(shop, name, {"ann": "Ann", "bob": "Bob", "cid": "Cid"})
    engine.run_sync(shop.settings, name)
    assert _steps(shop, "p_ann") == [("add", "sent")] * 2
    assert _steps(shop, "p_cid") == [("add", "sent")], "the lake does not know this profile"


@pytest.mark.parametrize(
    ("name", "who", "received"),
    [
        ("hoook", "p_ann", "there is no sync 'hoook'"),
        ("hook", "p_nobody", "nobody is known by that profile_id"),
        ("hook", "email:no@example.com", "nobody is known by that identifier"),
    ],
)
def test_an_unknown_sync_or_person_is_refused(
    shop: Shop, name: str, who: str, received: str
) -> None:
    webhook(shop)
    _known(shop, "ann")
    with pytest.raises(UsageError, match=received) as caught:
        history.person(shop.settings, name, who)
    assert "no@example.com" not in str(caught.value)
