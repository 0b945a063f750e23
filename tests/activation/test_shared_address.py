"""An address that several people state: who refuses is not reached through one of the others."""

from __future__ import annotations

import pytest

from activation import engine
from tests.activation.engine_shop import Receiver, consent, fill, open_lake, receiver, webhook
from tests.activation.shop import Shop, decision

__all__ = ["open_lake", "receiver"]

pytestmark = pytest.mark.usefixtures("open_lake")


def _states(shop: Shop, person: str, address: str | None) -> None:
    shop.run(
        "create or replace table lake.identity.traits (profile_id varchar, email varchar,"
        " phone varchar)"
    )
    value = f"'{address}'" if address else "null"
    shop.run(f"insert into lake.identity.traits values ('p_{person}', {value}, null)")


def _refused(shop: Shop, person: str, status: str = "withdrawn") -> None:
    shop.put("marts.consents", [decision(
        person, status, "2026-05-20", identifier_type="user_id", identifier=f"u-{person}",
    )])  # fmt: skip


@pytest.mark.parametrize("status", ["withdrawn", "refused"])
def test_a_refusal_by_account_counts_for_the_address_that_the_person_states(
    shop: Shop, receiver: Receiver, status: str
) -> None:
    name = webhook(shop)
    consent(shop, "ann", "bob", "cid")
    _states(shop, "ann", "bob@example.com")
    fill(shop, name, {"bob": "Bob", "cid": "Cid"})
    engine.run_sync(shop.settings, name)
    assert set(receiver.people) == {"bob@example.com", "cid@example.com"}
    _refused(shop, "ann", status)
    engine.run_sync(shop.settings, name)
    assert set(receiver.people) == {"cid@example.com"}


@pytest.mark.parametrize("address", [None, "ann@example.com"])
def test_a_refusal_of_a_person_with_an_address_of_their_own_reaches_nobody_else(
    shop: Shop, receiver: Receiver, address: str | None
) -> None:
    name = webhook(shop)
    consent(shop, "ann", "bob")
    _states(shop, "ann", address)
    _refused(shop, "ann")
    fill(shop, name, {"bob": "Bob"})
    engine.run_sync(shop.settings, name)
    assert set(receiver.people) == {"bob@example.com"}
