"""Why a sync sends to a person or does not, in one sentence and with what it rests on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from activation import engine, explain
from segmentry import warehouse
from segmentry.errors import NotReadyError, UsageError
from tests.activation.engine_shop import (
    Receiver,
    Reply,
    consent,
    fill,
    open_lake,
    receiver,
    webhook,
)
from tests.activation.shop import Shop, decision

__all__ = ["open_lake", "receiver"]

pytestmark = pytest.mark.usefixtures("open_lake")


@pytest.fixture
def asked(shop: Shop) -> Iterator[Shop]:
    """Ann and Bob are known; the sync's segment names both."""
    shop.run(
        "create table lake.identity.policy_types as select 'email' as identifier_type, 1 as"
        " priority;create table lake.identity.identifier_values (identifier_type varchar,"
        " identifier varchar, value varchar)"
    )
    shop.put("identity.profile_resolution", [_resolved("ann"), _resolved("bob")])
    shop.put("identity.identifier_mapping", [_mapped("ann"), _mapped("bob")])
    shop.people("ann", "bob", consent=False)
    webhook(shop, audience={"segments": ["loyal", "big"]})
    shop.run(
        "create table lake.audiences.candidates (sync varchar, profile_id varchar, verdict varchar)"
    )
    yield shop


def _resolved(name: str) -> dict[str, str]:
    return {"profile_id": f"p_{name}", "current_profile_id": f"p_{name}"}


def _mapped(name: str) -> dict[str, str]:
    return {
        "identifier_type": "email",
        "identifier": f"{name}@example.com",
        "profile_id": f"p_{name}",
    }


def judged(shop: Shop, **verdicts: str) -> None:
    with warehouse.connect(shop.settings) as lake:
        lake.execute("delete from lake.audiences.candidates")
        for name, verdict in verdicts.items():
            lake.execute(
                "insert into lake.audiences.candidates values ('hook', ?, ?)",
                [f"p_{name}", verdict],
            )


def answer(shop: Shop, who: str) -> str:
    found = explain.person(shop.settings, "hook", who)
    assert "@" not in found["answer"], "the sentence repeats no identifier"
    return str(found["answer"])


def test_to_be_sent_then_sent_then_to_be_removed(asked: Shop, receiver: Receiver) -> None:
    consent(asked, "ann")
    fill(asked, "hook", {"ann": "Ann"})
    judged(asked, ann="eligible", bob="unknown_consent")
    assert answer(asked, "email:ann@example.com").startswith("to be sent")
    assert answer(asked, "p_bob") == "not sent: no consent is known, and this sync needs one"
    engine.run_sync(asked.settings, "hook")
    found = explain.person(asked.settings, "hook", "p_ann")
    assert found["answer"] == "sent: the destination has the person"
    assert [(c["operation"], c["status"]) for c in found["changes"]] == [("add", "sent")]
    assert [(s["segment"], s["is_in"]) for s in found["segments"]] == [
        ("loyal", True),
        ("big", False),
    ]
    fill(asked, "hook", {})
    judged(asked, ann="refused")
    assert answer(asked, "p_ann").startswith("to be removed: the person opted out")
    judged(asked)
    assert answer(asked, "p_bob") == "not sent: no segment of this sync names the person"


def test_consent_blocks_a_person_who_opted_out_after_the_build(
    asked: Shop, receiver: Receiver
) -> None:
    consent(asked, "ann")
    fill(asked, "hook", {"ann": "Ann"})
    judged(asked, ann="eligible")
    asked.put("marts.consents", [decision("ann", "withdrawn", "2026-05-02")])
    assert "consent blocks the row as it leaves: refused, withdrawn or suppressed" in answer(
        asked, "p_ann"
    )


def test_a_refusal_of_the_destination_is_reported_with_its_reason(
    asked: Shop, receiver: Receiver
) -> None:
    consent(asked, "ann")
    fill(asked, "hook", {"ann": "Ann"})
    judged(asked, ann="eligible")

    def refuse(_number: int, _rows: list[dict[str, object]]) -> None:
        raise Reply(400, {"error": "no such list"})

    receiver.script = refuse
    engine.run_sync(asked.settings, "hook")
    assert answer(asked, "p_ann").startswith("not sent: the destination refused the person: ")


def test_every_verdict_has_a_meaning() -> None:
    from activation.audience_texts import CANDIDATES_YML

    listed = CANDIDATES_YML.partition("[eligible")[2].partition("]")[0]
    assert {"eligible", *(word.strip() for word in listed.split(",") if word.strip())} == set(
        explain.MEANINGS
    )


def test_unknown_people_syncs_and_a_home_without_audiences(asked: Shop) -> None:
    for words in (("hook", "p_nobody"), ("hook", "email:nobody@example.com"), ("no_sync", "p_ann")):
        with pytest.raises(UsageError):
            explain.person(asked.settings, *words)
    asked.run("drop table lake.audiences.candidates")
    with pytest.raises(NotReadyError, match="candidates"):
        explain.person(asked.settings, "hook", "p_ann")
