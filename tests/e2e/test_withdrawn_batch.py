"""A home from which batches were withdrawn publishes what a home publishes that never had them, but for opt-outs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import poison
from tests.e2e._job import Installation

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("withdrawn"), pytest.mark.timeout(1500)]

AS_OF = "2026-06-29T00:00:00Z"
LATER = "2026-06-28T12:00:00Z"
# What a model says depends on when it was trained, and ids of profiles on what was first known of them.
_PEOPLE = """
    select email, user_id, country, first_name, orders_lifetime, revenue_lifetime, last_order_at, consent_email
    from profiles.profiles order by all
"""
_MEMBERSHIPS = """
    select profiles.email, memberships.segment from segments.segment_memberships as memberships
    inner join profiles.profiles as profiles using (profile_id)
    where memberships.segment in ({}) order by all
"""
_IN_AUDIENCE = """
    select profiles.email, candidates.verdict from audiences.candidates as candidates
    inner join profiles.profiles as profiles using (profile_id)
    where candidates.sync = 'newsletter_file' order by all
"""


def order(number: int, **changed: Any) -> dict[str, Any]:
    return {**poison.good("orders", number), "order_id": f"extra-{number}", "ordered_at": LATER, **changed}


def extras() -> dict[str, list[dict[str, Any]]]:
    """Batches of which each changes what is known: an amount, who is who, an address, and a refusal."""
    contact = {**poison.good("crm_contacts", 7), "email": "moved7@shop.example.org", "updated_at": LATER}
    refusal = {**poison.good("consents", 8), "consent_id": "no8", "status": "denied", "occurred_at": LATER}
    return {
        "orders": [
            order(5, subtotal=990, total=990),
            order(3, email=poison.good("orders", 4)["email"]),
        ],
        "crm_contacts": [contact],
        "consents": [refusal],
    }


def load_extras(installed: Installation, folder: Path) -> list[str]:
    """Load them, and give the ids of their batches."""
    for source, records in extras().items():
        path = folder / f"{source}.ndjson"
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        installed.call("load", source, str(path), "--force")
    return [row["batch_id"] for row in installed.query(
        f"select batch_id from raw._loads where file like '{folder}/%' and withdrawn_at is null"
    )]  # fmt: skip


def run(installed: Installation) -> None:
    installed.call("run", "--no-airflow", "--no-send", "--as-of", AS_OF)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Installation, Path]]:
    """A home that gets extra batches, one that never has them, and the folder of the extra files."""
    folder = tmp_path_factory.mktemp("withdrawn")
    poison.write(folder / "files", with_bad=False)
    (folder / "extra").mkdir()
    both = Installation(folder / "with"), Installation(folder / "without")
    for installed in both:
        installed.call("load", "--from", str(folder / "files"))
    yield *both, folder / "extra"


def test_what_followed_from_a_withdrawn_batch_is_gone(homes: tuple[Installation, Installation, Path]) -> None:
    had, never, extra = homes
    batches = load_extras(had, extra)
    run(had)
    with_extras = had.query(_PEOPLE)
    for batch in batches:
        had.call("sources", "withdraw", batch, "--reason", "an export of the test shop")
    run(had)
    run(never)
    assert len(batches) == 3
    assert with_extras != never.query(_PEOPLE), "the batches change what is published"
    assert had.query(_PEOPLE) == never.query(_PEOPLE)
