"""A forgotten person is in no store of the home, stays out, and is never reached; others keep all
of theirs.
"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from cli.main import run
from privacy import databases, erasure, record
from privacy.values import Matcher
from segmentry import tombstones, warehouse
from segmentry.errors import UsageError
from segmentry.settings import Settings
from sources import decisions, loading
from tests.privacy import small_home
from tests.privacy.small_home import ANN, BOB


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that is built once; each test has a copy."""
    place = tmp_path_factory.mktemp("privacy") / "home"
    settings = Settings.from_environment({"SEGMENTRY_HOME": str(place)})
    warehouse.prepare(settings)
    small_home.build(settings)
    return place


@pytest.fixture
def built(template: Path, home: Settings) -> Settings:
    shutil.rmtree(home.home)
    shutil.copytree(template, home.home, symlinks=True)
    return home


def forget(home: Settings) -> erasure.ErasureReport:
    subject, _ = erasure.plan(home, [f"email:{ANN['email']}"])
    return erasure.forget(home, subject, [f"email:{ANN['email']}"])


def test_nothing_is_left_of_the_person_and_all_of_others(built: Settings) -> None:
    places = small_home.hits(built.home, ANN)
    kinds = {place.split("/")[0] for place in places}
    assert {
        "lake",
        "inbox",
        "outbox",
        "airflow",
        "data_docs",
        "dbt",
        "logs",
        "ledger.sqlite",
    } <= kinds
    before = small_home.others(built)
    report = forget(built)
    assert report.erasure.left == []
    assert small_home.hits(built.home, ANN) == {}
    after = small_home.others(built)
    changed = [row for row in after.pop("raw") if row not in before["raw"]]
    before.pop("raw")
    assert after == before
    # Bob's event on Ann's browser stays, without the browser.
    assert [json.loads(raw)["anonymousId"] for (raw,) in changed] == ["[erased]"]
    assert set(small_home.hits(built.home, BOB)) >= {"airflow/airflow.db", "airflow/logs/task.log"}


def test_the_certificate_names_nobody_and_every_step(built: Settings) -> None:
    report = forget(built)
    assert report.certificate is not None
    content = json.loads(report.certificate.read_text())
    assert list(content["steps"]) == erasure.steps()
    assert content["identifiers"] == {
        "cookie": 1,
        "crm_id": 1,
        "email": 1,
        "phone": 1,
        "user_id": 1,
    }
    assert record.opened(built) == []


def test_reloaded_and_late_records_stay_out_and_are_counted(built: Settings) -> None:
    late = built.home / "late.ndjson"
    forget(built)
    lines = [*small_home.events(), {"messageId": "m8", "properties": {"text": ANN["email"]}}]
    late.write_text("".join(json.dumps(event) + "\n" for event in lines))
    (found,) = loading.load(built, small_home.source(built), [str(late)])
    late.unlink()
    assert found.records == 2
    assert "6 record(s) of forgotten people left out" in found.detail
    assert "m8" not in str(small_home.others(built))
    with warehouse.connect(built, read_only=True) as lake:
        counted = lake.execute(
            "select sum(records) from observability.forgotten_records"
        ).fetchone()
    assert counted == (6,)
    # Bob's event on the browser that was Ann's too is kept as it arrived.
    assert set(small_home.hits(built.home / "privacy", ANN)) == set()


@pytest.mark.parametrize("kind", ["email", "phone", "user_id"])
def test_a_refusal_of_a_forgotten_person_brings_nothing_back(built: Settings, kind: str) -> None:
    forget(built)
    refusal = decisions.Decision("withdrawn", "any", "any")
    assert decisions.record(built, f"{kind}:{ANN[kind]}", refusal)["match"] == "forgotten"
    assert small_home.hits(built.home, ANN) == {}
    grant = decisions.Decision("granted", "marketing", "email", "a form")
    with pytest.raises(UsageError, match="forgotten"):
        decisions.record(built, f"{kind}:{ANN[kind]}", grant)


def test_the_shortened_file_of_the_inbox_does_not_land_again(built: Settings) -> None:
    forget(built)
    path = small_home.inbox_file(built)
    (found,) = loading.load(built, small_home.source(built), [str(path)])
    assert found.status == "already loaded"


@pytest.mark.slow
def test_an_erasure_that_dies_at_any_step_goes_on_to_the_same_end(
    built: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = list(erasure._STEPS)
    for name, _ in random.Random(7).sample(steps, len(steps)):

        def killed(_: erasure.Work) -> erasure.Outcome:
            raise KeyboardInterrupt

        one = [(n, killed if n == name else step) for n, step in steps]
        monkeypatch.setattr(erasure, "_STEPS", one)
        with pytest.raises(KeyboardInterrupt):
            if opened := record.opened(built):
                erasure.finish(built, opened[0])
            else:
                forget(built)
        monkeypatch.setattr(erasure, "_STEPS", steps)
        if name != steps[0][0] and tombstones.Tombstones(built):
            break
    (opened_one,) = record.opened(built)
    assert erasure.finish(built, opened_one).erasure.left == []
    assert small_home.hits(built.home, ANN) == {}


@pytest.mark.slow
def test_what_cannot_be_reached_keeps_the_erasure_open(
    built: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "privacy.destinations.remove", lambda *_: ({}, ["news: the destination does not answer"])
    )
    assert run(["privacy", "forget", f"email:{ANN['email']}", "--yes"]) == 1
    assert run(["privacy", "status"]) == 1
    assert ANN["email"] not in "".join(capsys.readouterr())
    assert "ledger.sqlite" in small_home.hits(built.home, ANN)
    monkeypatch.undo()
    monkeypatch.setenv("SEGMENTRY_HOME", str(built.home))
    assert run(["privacy", "forget"]) == 0
    assert run(["privacy", "status"]) == 0
    assert small_home.hits(built.home, ANN) == {}


def test_without_yes_nothing_is_erased(built: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    before = small_home.hits(built.home, ANN)
    assert run(["privacy", "forget", f"email:{ANN['email']}"]) == 2
    assert ANN["email"] not in "".join(capsys.readouterr())
    assert small_home.hits(built.home, ANN) == before


WRONG = (
    ["forget"],
    ["forget", "email:"],
    ["forget", "shoe:9"],
    ["forget", "--file", "missing.txt"],
    ["export", "email:nobody@example.org", "--to", "x"],
)


def test_wrong_use_ends_with_two(built: Settings) -> None:
    for words in WRONG:
        assert run(["privacy", *words]) == 2, words


def test_the_export_has_the_data_of_the_person_alone(built: Settings) -> None:
    to = built.home / "scratch" / "ann"
    assert run(["privacy", "export", f"user_id:{ANN['user_id']}", "--to", str(to)]) == 0
    data = json.loads((to / "data.json").read_text())
    assert len(data["relations"]["raw.events"]) == 5
    assert [row["order_id"] for row in data["relations"]["marts.orders"]] == ["o1"]
    assert ANN["phone"] in (to / "index.html").read_text()
    assert BOB["profile"] not in (to / "data.json").read_text()
    assert (to / "identity.identifier_mapping.csv").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        (f"to {ANN['email']}.", True),
        (f'{{"a": "x\\n{ANN["email"]}"}}', True),
        ("?m=zeb.quixwort%40mail.example.com&", True),
        (BOB["email"], False),
        (f"{ANN['email']}.au", False),
        ("ZEBULONIA QUIXWÖRT", True),
        ("zebulonia quixw\\u00f6rt", True),
        (BOB["user_id"], False),
        ("call 4917655501234", True),
    ],
)
def test_a_value_is_found_as_it_is_written_and_not_in_longer_ones(
    text: str, is_found: bool
) -> None:
    matcher = Matcher(ANN.values())
    assert matcher.is_in(text) is is_found
    assert not matcher.is_in(matcher.cleaned(text))


def test_short_ids_are_recognized_by_their_field_alone(home: Settings) -> None:
    tombstones.add(home, [("user_id", "1042")])
    graves = tombstones.Tombstones(home)
    assert graves.names_forgotten('{"userId": "1042"}')
    assert graves.names_forgotten('{"customer_id": 1042}')
    assert not graves.names_forgotten('{"order_id": "1042", "total": 1042}')
    assert not graves.names_forgotten('{"userId": "10420"}')


def test_the_key_is_private_and_needed(home: Settings) -> None:
    tombstones.add(home, [("email", ANN["email"])])
    key = home.home / "secrets" / "tombstones.key"
    assert key.stat().st_mode & 0o077 == 0
    assert ANN["email"] not in (home.home / "privacy" / "tombstones").read_text()
    key.unlink()
    with pytest.raises(tombstones.ConfigError, match="key of the tombstones"):
        tombstones.Tombstones(home)


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("MLFLOW_TRACKING_URI", "http://mlflow.example.com:5000", "MLflow's server"),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://db/airflow", "Airflow's server"),
        ("SEGMENTRY_LAKE_DATA", "s3://shop/lake", "the object store of the lake"),
    ],
)
def test_what_lies_on_a_server_is_named_as_not_searched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, named: str
) -> None:
    monkeypatch.delenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", raising=False)
    local = {"SEGMENTRY_HOME": str(tmp_path)}
    assert databases.servers(Settings.from_environment(local)) == []
    monkeypatch.setenv(name, value)
    (found,) = databases.servers(Settings.from_environment({**local, name: value}))
    assert found.startswith(named)
