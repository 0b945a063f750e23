"""A home from which batches were withdrawn publishes the same as a home that never had them, except
for opt-outs.
"""

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
REFUSED = 8
# Scores depend on when a model was trained, and ids of profiles on what was first known of
# people.
_OWN = """profile_id, churn_score, upsell_score, clv_score, next_order_score,
    next_category_score, next_category, uplift_score,
    cluster_id, persona, persona_confidence"""
_PUBLISHED = {
    "profiles": (
        f"select * exclude ({_OWN}) from profiles.profiles where user_id <> 'user-{REFUSED}' order"
        " by all"
    ),
    "orders": "select order_id, net_revenue, status from marts.orders order by all",
    "segments": (
        """
        select profiles.user_id, memberships.segment from segments.segment_memberships
            as memberships
        inner join profiles.profiles as profiles using (profile_id)
        where memberships.segment not like 'persona%' order by all"""
    ),
    "audience": (
        f"""
        select profiles.user_id, profiles.email, candidates.verdict
            from audiences.candidates as candidates
        inner join profiles.profiles as profiles using (profile_id)
        where candidates.sync = 'marketing_webhook' and profiles.user_id <> 'user-{REFUSED}'
            order by all"""
    ),
    "identifiers": (
        """
        select identifier_type, identifier, count(*) over (partition by profile_id) as of_the_person
        from identity.identifier_mapping order by all"""
    ),
}


def order(number: int, **changed: Any) -> dict[str, Any]:
    return {
        **poison.good("orders", number),
        "order_id": f"extra-{number}",
        "ordered_at": LATER,
        **changed,
    }


def extras() -> dict[str, list[dict[str, Any]]]:
    """Batches that each change something: an amount, the links of a person, an address, and a
    refusal.
    """
    contact = {
        **poison.good("crm_contacts", 7),
        "email": "moved7@shop.example.org",
        "updated_at": LATER,
    }
    refusal = {
        **poison.good("consents", REFUSED),
        "consent_id": "no8",
        "status": "denied",
        "occurred_at": LATER,
    }
    return {
        "orders": [
            order(5, subtotal=990, total=990),
            order(3, email=poison.good("orders", 4)["email"]),
        ],
        "crm_contacts": [contact],
        "consents": [refusal],
    }


def load_extras(installed: Installation, folder: Path) -> list[str]:
    """Load them, and return the ids of their batches."""
    batches = []
    for source, records in extras().items():
        path = folder / f"{source}.ndjson"
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        installed.call("load", source, str(path), "--force")
        batches.append(installed.value(
            f"select batch_id from raw._loads where file = '{path}' order by loaded_at desc limit 1"
        ))  # fmt: skip
    return batches


def published(installed: Installation) -> dict[str, list[dict[str, Any]]]:
    return {name: installed.query(sql) for name, sql in _PUBLISHED.items()}


def verdict_of_the_refused(installed: Installation) -> str:
    return str(installed.value(
        "select candidates.verdict from audiences.candidates as candidates"
        " inner join profiles.profiles as profiles using (profile_id)"
        f" where candidates.sync = 'marketing_webhook' and profiles.user_id = 'user-{REFUSED}'"
    ))  # fmt: skip


def run(installed: Installation) -> None:
    installed.call("run", "--no-airflow", "--no-send", "--as-of", AS_OF)


@pytest.fixture(scope="module")
def homes(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Installation, Installation, Path]]:
    """A home that gets extra batches, one that never has them, and the folder of the extra
    files.
    """
    folder = tmp_path_factory.mktemp("withdrawn")
    poison.write(folder / "files", with_bad=False)
    (folder / "extra").mkdir()
    both = Installation(folder / "with"), Installation(folder / "without")
    for installed in both:
        installed.call("load", "--from", str(folder / "files"))
    yield *both, folder / "extra"


def test_the_effects_of_a_withdrawn_batch_are_removed(
    homes: tuple[Installation, Installation, Path],
) -> None:
    had, never, extra = homes
    batches = load_extras(had, extra)
    run(had)
    with_extras = published(had)
    for batch in batches:
        had.call("sources", "withdraw", batch, "--reason", "an export of the test shop")
    run(had)
    run(never)
    without = published(never)
    for name, rows in without.items():
        assert with_extras[name] != rows, f"the batches change {name}"
        assert published(had)[name] == rows, name
    assert (verdict_of_the_refused(had), verdict_of_the_refused(never)) == ("refused", "eligible")

    load_extras(had, extra)
    run(had)
    for name, rows in published(had).items():
        assert rows == with_extras[name], f"{name} after the same batches have landed again"
