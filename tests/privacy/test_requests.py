"""A request may wait and be cancelled; what is open past its deadline is overdue."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from cli.main import run
from privacy import erasure, open_requests, policies, record
from privacy.policies import PrivacyPolicy
from segmentry import tombstones, warehouse
from segmentry.settings import Settings
from tests.privacy import small_home
from tests.privacy.small_home import ANN
from tests.privacy.test_forget import built, template

__all__ = ["built", "template"]

ASKED = f"email:{ANN['email']}"


@pytest.fixture
def grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "load", lambda _: PrivacyPolicy(30, 7))


def _suppressions(home: Settings) -> int:
    with warehouse.connect(home, read_only=True) as lake:
        if not warehouse.relation_exists(lake, "activation.suppressions"):
            return 0
        row = lake.execute("select count(*) from activation.suppressions").fetchone()
    return int(row[0]) if row else 0


@pytest.mark.parametrize("text", ["[erased]", "[sale] 20 % off", "{name}, hello", "[", "[[[x"])
def test_a_text_that_begins_like_json_is_a_text(home: Settings, text: str) -> None:
    tombstones.add(home, [("email", ANN["email"])])
    graves = tombstones.Tombstones(home)
    assert not graves.names_forgotten(json.dumps({"anonymousId": text}))
    assert not graves.names_forgotten(text)
    assert graves.names_forgotten(json.dumps({"note": text, "email": ANN["email"]}))
    assert graves.names_forgotten(json.dumps({"row": json.dumps({"email": ANN["email"]})}))


@pytest.mark.slow
@pytest.mark.usefixtures("grace")
def test_in_the_grace_period_nothing_is_erased_and_the_request_can_be_cancelled(
    built: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    before = small_home.hits(built.home, ANN)
    assert run(["privacy", "forget", ASKED, "--yes"]) == 0
    assert run(["privacy", "status"]) == 0
    (one,) = record.opened(built)
    assert open_requests.state(one) == open_requests.WAITING
    assert set(before) <= set(small_home.hits(built.home, ANN))
    assert _suppressions(built) > 0
    assert run(["privacy", "cancel", "other"]) == 2
    assert run(["privacy", "cancel", one.name]) == 0
    assert (record.opened(built), _suppressions(built)) == ([], 0)
    assert ANN["email"] not in "".join(capsys.readouterr())


@pytest.mark.slow
@pytest.mark.usefixtures("grace")
def test_after_the_grace_period_the_person_is_erased(
    built: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["privacy", "forget", ASKED, "--yes"]) == 0
    later = record.now() + timedelta(days=8)
    monkeypatch.setattr(record, "now", lambda: later)
    assert run(["privacy", "forget"]) == 0
    assert record.opened(built) == []
    assert small_home.hits(built.home, ANN) == {}


def test_past_its_deadline_an_open_erasure_is_overdue(
    home: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = record.begin(home, "e1", erasure.Subject(), ["email:x@example.com"])
    assert open_requests.state(one) == open_requests.OPEN
    later = record.now() + timedelta(days=31)
    monkeypatch.setattr(record, "now", lambda: later)
    assert open_requests.described(home, one)["state"] == open_requests.OVERDUE
    assert run(["privacy", "status"]) == 1
