"""A shared e-mail address through dbt on a lake: it is found, explained, and a contact point of all
who state it; an incremental run gives what a rebuild gives.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cli.main import run
from segmentry import warehouse
from segmentry.settings import Settings
from tests.identity.lake import Lake, groups

pytestmark = pytest.mark.slow

FAMILY = "huber.family@post.example"
TRAITS = "select profile_id, trait, value, source, observed_at from identity.trait_provenance"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Four contacts with one e-mail address; an agent who orders with the address of a contact."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SEGMENTRY_HOME", str(tmp_path_factory.mktemp("shared") / "home"))
        environment.delenv("SEGMENTRY_CONFIG", raising=False)
        settings = Settings.from_environment()
        warehouse.prepare(settings)
        found = Lake(settings)
        family = [{"contact_id": f"k{n}", "email": FAMILY, "day": n} for n in range(4)]
        found.add(
            "stg_crm_contacts__contacts",
            *family,
            *({"contact_id": f"c{n}", "email": f"c{n}@post.example"} for n in range(4)),
        )
        found.add(
            "stg_orders__orders",
            *(
                {"order_id": f"o{n}", "user_id": "u9", "email": f"c{n}@post.example", "day": 5}
                for n in range(4)
            ),
        )
        found.resolve()
        yield found


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command prints."""
    code = run(list(words))
    found = capsys.readouterr()
    assert code == 0, found.err
    return found.out


def test_each_person_keeps_the_shared_address_as_a_contact_point(lake: Lake) -> None:
    assert lake.groups() == groups(
        {f"email:{FAMILY}"},
        {"user_id:u9"},
        *({f"crm_id:k{n}"} for n in range(4)),
        *({f"crm_id:c{n}", f"email:c{n}@post.example"} for n in range(4)),
    )
    rows = lake.rows("select crm_id, email from identity.traits where crm_id like 'k%' order by 1")
    assert rows == [{"crm_id": f"k{n}", "email": FAMILY} for n in range(4)]
    agent = lake.rows("select email from identity.traits where user_id = 'u9'")
    assert agent == [{"email": None}], "the customers' addresses are not the agent's"


def test_explain_names_the_shared_address_and_the_limit(
    lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    out = printed(capsys, "identity", "explain", "crm_id:k0", "crm_id:k3", "--output", "json")
    found = json.loads(out)
    assert found["is_one_person"] is False
    assert {row["reason"] for row in found["refused"]} == {"shared_email"}
    assert {row["why"] for row in found["refused"]} == {
        "the email is shared by 4 people with 4 of the type crm_id, limit 3: none of its links"
        " joins people"
    }
    out = printed(capsys, "identity", "explain", "user_id:u9", "crm_id:c1", "--output", "json")
    (link,) = json.loads(out)["refused"]
    assert link["why"].startswith("the user_id is shared by 4 people")


def test_a_profile_lists_what_it_shares_and_with_which_people(
    lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    page = json.loads(printed(capsys, "profile", f"email:{FAMILY}", "--output", "json"))
    assert [row["with_identifier"] for row in page["shared"]] == [f"crm_id:k{n}" for n in range(4)]
    page = json.loads(printed(capsys, "profile", "crm_id:k2", "--output", "json"))
    assert [row["with_identifier"] for row in page["shared"]] == [f"email:{FAMILY}"]


def test_an_incremental_run_gives_the_contact_points_of_a_rebuild(lake: Lake) -> None:
    lake.add("stg_email_events__email_events", {"event_id": "m1", "email": FAMILY, "day": 30})
    lake.add(
        "stg_crm_contacts__contacts",
        {"contact_id": "k9", "email": FAMILY, "day": 31},
        {"contact_id": "c4", "email": "c0@post.example", "day": 31},
    )
    lake.resolve()
    partial = lake.rows(f"{TRAITS} order by all")
    refused = lake.rows("select * from identity.refused_links order by all")
    assert len([row for row in partial if row["value"] == FAMILY]) == 6
    lake.resolve(full_refresh=True)
    assert lake.rows(f"{TRAITS} order by all") == partial
    assert lake.rows("select * from identity.refused_links order by all") == refused
