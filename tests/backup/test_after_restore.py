"""After a restore nobody who is forgotten is there, and nothing leaves until an operator releases
it.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from activation import engine, operate
from activation.ledger.database import Ledger
from cli.main import run
from privacy import record
from runtime.backup import creating, restoring
from segmentry import tombstones, warehouse
from segmentry.errors import GuardrailTriggered
from segmentry.settings import Settings
from tests.activation.engine_shop import Receiver, consent, fill, receiver, webhook
from tests.activation.shop import Shop, decision
from tests.backup import stocked
from tests.privacy import small_home
from tests.privacy.small_home import ANN, BOB

__all__ = ["receiver"]
KEY = "a key of a test, long enough"


@pytest.fixture
def shop(home: Settings, tmp_path: Path) -> Shop:
    return Shop(home, tmp_path / "shop")


@pytest.fixture
def people(home: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The home of Ann and Bob, whose backups are encrypted: they have the key of tombstones."""
    small_home.build(home)
    monkeypatch.setenv("SEGMENTRY_BACKUP_KEY", KEY)
    return home


def forget(name: str) -> None:
    assert run(["privacy", "forget", name, "--yes"]) == 0


def test_who_is_forgotten_after_the_backup_is_erased_again(
    people: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = str(tmp_path / "place")
    assert run(["backup", "create", place]) == 0
    forget(f"email:{ANN['email']}")
    others = small_home.others(people)
    shutil.rmtree(people.home)
    monkeypatch.setenv("SEGMENTRY_HOME", str(tmp_path / "new"))
    new = stocked.at(tmp_path / "new")
    assert run(["restore", place]) == 0
    assert small_home.hits(new.home, ANN) == {}
    assert small_home.others(new) == others
    assert record.opened(new) == []
    assert list((new.home / "privacy" / "certificates").iterdir())


@pytest.mark.slow
def test_a_list_of_erasures_that_was_kept_elsewhere_counts(
    people: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    assert run(["backup", "create", str(place)]) == 0
    forget(f"user_id:{BOB['user_id']}")
    shutil.copyfile(people.home / "privacy" / "tombstones", tmp_path / "kept")
    shutil.rmtree(place / "erasures")
    monkeypatch.setenv("SEGMENTRY_HOME", str(tmp_path / "new"))
    new = stocked.at(tmp_path / "new")
    assert run(["restore", str(place), "--erasures", str(tmp_path / "kept")]) == 0
    assert small_home.hits(new.home, BOB) == {}
    assert small_home.hits(new.home, ANN)


@pytest.mark.slow
def test_a_browser_of_two_people_erases_nobody_else(
    people: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with warehouse.connect(people) as lake:  # at the time of the backup it is Bob's
        lake.execute(
            "update identity.identifier_mapping set profile_id = ? where identifier = ?",
            [BOB["profile"], ANN["cookie"]],
        )
    before = small_home.others(people)
    assert run(["backup", "create", str(tmp_path / "place")]) == 0
    with warehouse.connect(people) as lake:
        lake.execute(
            "update identity.identifier_mapping set profile_id = ? where identifier = ?",
            [ANN["profile"], ANN["cookie"]],
        )
    forget(f"email:{ANN['email']}")
    monkeypatch.setenv("SEGMENTRY_HOME", str(tmp_path / "new"))
    new = stocked.at(tmp_path / "new")
    assert run(["restore", str(tmp_path / "place")]) == 0
    after = small_home.others(new)
    assert after["orders"] == before["orders"]
    assert after["members"] == before["members"]
    assert (BOB["profile"] in str(after["mapping"])) is True


@pytest.mark.slow
def test_without_the_key_of_tombstones_the_restore_does_not_end(
    people: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.delenv("SEGMENTRY_BACKUP_KEY")
    place = str(tmp_path / "place")
    assert run(["backup", "create", place]) == 0
    forget(f"email:{ANN['email']}")
    key = (people.home / "secrets" / "tombstones.key").read_text()
    monkeypatch.setenv("SEGMENTRY_HOME", str(tmp_path / "new"))
    new = stocked.at(tmp_path / "new")
    assert run(["restore", place]) == 2
    assert "the key of the tombstones is missing" in capsys.readouterr().err
    assert run(["backup", "release", "--reason", "a test"]) == 3
    assert "not at its end" in capsys.readouterr().err
    stocked.write(new, "secrets/tombstones.key", key.encode())
    assert run(["restore", place]) == 0
    assert small_home.hits(new.home, ANN) == {}


@pytest.mark.slow
def test_an_erasure_reports_a_place_that_it_cannot_reach(
    people: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "place"
    assert run(["backup", "create", str(place)]) == 0
    shutil.rmtree(place)
    place.write_text("no folder", encoding="utf-8")
    assert run(["privacy", "forget", f"email:{ANN['email']}", "--yes"]) == 1
    assert "list of erasures could not be copied" in capsys.readouterr().err
    place.unlink()
    assert run(["backup", "erasures"]) == 0
    assert (place / "erasures" / "tombstones").read_text().split() == tombstones.lines(people)


def restored(shop: Shop, place: Path, home: Path) -> Settings:
    creating.create(shop.settings, str(place), None)
    new = replace(
        stocked.at(home), config=shop.settings.config, dbt_project=shop.settings.dbt_project
    )
    restoring.restore(new, str(place), None)
    restoring.finish(new)
    return new


def status(settings: Settings) -> str:
    return engine.run_sync(settings, "hook").status


def test_every_sync_stops_until_an_operator_releases_it(
    shop: Shop, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    webhook(shop)
    consent(shop, "ann", "bob", "eve")
    fill(shop, "hook", {"ann": "Ann", "bob": "Bob"})
    assert status(shop.settings) == "done"
    new = restored(shop, tmp_path / "place", tmp_path / "new")
    sent = len(receiver.requests)
    assert status(new) == "unchanged"
    assert len(receiver.requests) == sent, "nothing is sent twice"
    there = replace_lake(shop, new)
    fill(there, "hook", {"ann": "Ann", "bob": "Bob", "eve": "Eve"})
    with pytest.raises(GuardrailTriggered, match="restored from a backup"):
        engine.run_sync(new, "hook")
    assert "restored" in operate.plan(new, ["hook"])[0]["guardrails"]
    assert len(receiver.requests) == sent
    # People who opt out leave at once all the same.
    there.put("marts.consents", [decision("bob", "withdrawn", "2026-05-20")])
    with pytest.raises(GuardrailTriggered):
        engine.run_sync(new, "hook")
    assert set(receiver.people) == {"ann@example.com"}
    monkeypatch.setenv("SEGMENTRY_HOME", str(new.home))
    monkeypatch.setenv("SEGMENTRY_CONFIG", str(new.config))
    assert run(["backup", "release"]) == 2
    assert run(["backup", "release", "--reason", "opt-outs are in"]) == 0
    assert run(["backup", "release", "--reason", "once more"]) == 2
    assert status(new) == "done"
    assert set(receiver.people) == {"ann@example.com", "eve@example.com"}
    found = stocked.rows(new.home / "ledger.sqlite", "select reason, released_by from restores")
    assert found[0][0] == "opt-outs are in"
    assert found[0][1]


def replace_lake(shop: Shop, settings: Settings) -> Shop:
    """The shop of another home."""
    made = object.__new__(Shop)
    made.folder = shop.folder
    made.settings = settings
    return made


@pytest.mark.slow
def test_one_sync_may_be_released_by_its_guardrail(
    shop: Shop, receiver: Receiver, tmp_path: Path
) -> None:
    webhook(shop)
    consent(shop, "ann")
    fill(shop, "hook", {"ann": "Ann"})
    new = restored(shop, tmp_path / "place", tmp_path / "new")
    with pytest.raises(GuardrailTriggered):
        engine.run_sync(new, "hook")
    assert engine.run_sync(new, "hook", release=["restored"]).status == "done"
    assert set(receiver.people) == {"ann@example.com"}


def test_a_release_needs_opt_outs_and_lists_that_were_read_since(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shop.settings.config / "policies.yml"
    policies = yaml.safe_load(path.read_text(encoding="utf-8"))
    policies["consent"]["opt_outs"] = [
        {
            "name": "news",
            "tool": "klaviyo",
            "connection": {"api_key": "TEST_KEY", "url": "TEST_URL"},
        }
    ]
    policies["consent"]["suppression_lists"] = [{"name": "never", "file": "never.csv"}]
    path.write_text(yaml.safe_dump(policies), encoding="utf-8")
    new = restored(shop, tmp_path / "place", tmp_path / "new")
    monkeypatch.setenv("SEGMENTRY_HOME", str(new.home))
    monkeypatch.setenv("SEGMENTRY_CONFIG", str(new.config))
    assert run(["backup", "release", "--reason", "too early"]) == 3
    fault = capsys.readouterr().err
    assert "the account 'news'" in fault
    assert "the suppression list 'never'" in fault
    (new.config / "never.csv").write_text("email\nann@example.com\n", encoding="utf-8")
    with closing(Ledger(new)) as ledger, ledger.begin() as c:
        c.exec_driver_sql(
            "insert into opt_out_cursors (account, reached, pulled_at) values ('klaviyo/news',"
            " '{}', '2999-01-01 00:00:00.000000')"
        )
    assert run(["backup", "release", "--reason", "all is in"]) == 0
