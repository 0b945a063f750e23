"""What `segmentry up` serves: real programs, of which some are killed, left out and stopped."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from runtime import services
from runtime.processes import Registry, Service, free_port, members, start
from segmentry.errors import ConfigError, UsageError
from segmentry.settings import Settings
from tests.e2e._job import Installation

LEFT_OUT = ("console", "data-docs", "dbt-docs", "metrics", "mlflow")


def without(*names: str) -> list[str]:
    return [word for name in names for word in ("--without", name)]


def sleeper(settings: Settings, name: str) -> Service:
    words = [sys.executable, "-c", "import time; time.sleep(60)"]
    log = settings.home / "logs" / "sleeper.log"
    return start(Registry(settings, "up"), name, words, environment=os.environ, log=log)


def test_what_cannot_be_left_out_is_refused(home: Settings) -> None:
    with pytest.raises(UsageError, match="live-engine"):
        services.up(home, ["airflow"])


def test_a_collector_without_a_key_is_refused_before_anything_starts(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "collector.yml").write_text(
        "write_keys: []\nmost_bytes: 1000\nfile_bytes: 1000000\nfile_seconds: 30\nip: none\n"
        "kept_when_refused: []\n",
        encoding="utf-8",
    )
    for page in services.ALL:
        if page.variable:
            monkeypatch.setenv(page.variable, str(free_port()))
    settings = Settings.from_environment({
        "SEGMENTRY_HOME": str(home.home), "SEGMENTRY_CONFIG": str(tmp_path)
    })  # fmt: skip
    with pytest.raises(ConfigError, match="--without collector"):
        services.up(settings)
    assert Registry(settings, "up").read() == []


def test_one_program_is_stopped_and_the_others_go_on(home: Settings) -> None:
    first = sleeper(home, "Collector")
    second = sleeper(home, "Profile API")
    registry = Registry(home, "up")
    try:
        assert [one.name for one in registry.stop({"Collector"})] == ["Collector"]
        assert (members(first), bool(members(second))) == ([], True)
        assert [one.name for one in registry.read()] == ["Profile API"]
    finally:
        registry.stop()
    assert not registry.path.exists()


def test_what_ended_is_down_and_what_was_never_started_is_not(home: Settings) -> None:
    ended = sleeper(home, "Live engine")
    os.kill(ended.pid, signal.SIGKILL)
    os.waitpid(ended.pid, 0)
    found = {row["service"]: row["state"] for row in services.states(home)}
    assert found["Live engine"] == "down"
    assert set(found.values()) == {"down", "not started"}


class Up:
    """An installation with its programs on ports of their own."""

    def __init__(self, home: Path) -> None:
        self.installed = Installation(home)
        self.ports = {page.variable: str(free_port()) for page in services.ALL if page.variable}
        self.ports |= {"SEGMENTRY_LIVE_EVERY": "0.2"}

    def call(self, *words: str, expect: int = 0) -> str:
        return self.installed.call(*words, expect=expect, **self.ports)

    def states(self, expect: int = 0) -> dict[str, str]:
        rows: list[dict[str, Any]] = json.loads(self.call("status", "-o", "json", expect=expect))
        return {row["service"]: row["state"] for row in rows}

    def send(self, number: int) -> None:
        """One event, acknowledged."""
        event = {"event": "Product Viewed", "anonymousId": f"browser-{number}-c0ffee"}
        answer = httpx.post(
            f"http://127.0.0.1:{self.ports['SEGMENTRY_COLLECTOR_PORT']}/v1/track",
            json={"writeKey": "local-shop", "messageId": f"m-{number}", **event},
            trust_env=False,
        )
        assert answer.status_code == 200

    def kill(self, *names: str) -> None:
        path = self.installed.home / "up.services.json"
        for service in json.loads(path.read_text(encoding="utf-8")):
            if service["name"] in names:
                os.killpg(service["pid"], signal.SIGKILL)

    def landed(self) -> list[str]:
        """Ids of the events in the inbox."""
        inbox = self.installed.home / "inbox"
        files = [*(inbox / "events").glob("*.ndjson"), *(inbox / ".collector").glob("*.ndjson")]
        return [
            json.loads(line)["messageId"]
            for file in files
            for line in file.read_text(encoding="utf-8").splitlines()
        ]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    made = Up(tmp_path / "home")
    try:
        yield made
    finally:
        made.call("down")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_programs_are_started_again_and_nothing_acknowledged_is_lost(up: Up) -> None:
    up.call("up", *without(*LEFT_OUT))
    expected = dict.fromkeys(("Airflow", "Collector", "Profile API", "Live engine"), "up")
    assert {k: v for k, v in up.states().items() if v != "not started"} == expected
    sent = 0
    for killed in (("Collector",), ("Collector", "Live engine", "Profile API")):
        for _ in range(20):
            sent += 1
            up.send(sent)
        up.kill(*killed)
        found = up.states(expect=1)
        assert {k for k, v in found.items() if v == "down"} == set(killed)
        up.call("up", *without(*LEFT_OUT))
        assert {k: v for k, v in up.states().items() if v != "not started"} == expected
    assert sorted(up.landed()) == sorted(f"m-{number}" for number in range(1, sent + 1))
    up.call("up", *without(*LEFT_OUT, "live-engine"))
    assert up.states()["Live engine"] == "not started"
    up.call("down")
    assert set(up.states().values()) == {"not started"}
