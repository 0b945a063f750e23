"""An incident is sent once to each channel, with all that is new, and once more when it is over."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator

import pytest

from cli.main import run
from runtime import job
from runtime.alerts import history, watch
from runtime.alerts.evidence import Evidence, IncidentKind
from runtime.alerts.kinds import gate
from runtime.alerts.model import WARNING, AlertFinding
from runtime.alerts.store import IncidentStore
from segmentry import releases
from segmentry.errors import SegmentryError
from segmentry.jobs import FAILED, StageOutcome
from segmentry.settings import Settings
from segmentry.stages import select
from tests.alerts.conftest import CONNECTION, Receiver, configure

ADDRESS = "ann.smith@example.com"


def fails(settings: Settings, stage: str = "marts", error: str = "the disk is full") -> None:
    history.record(settings, "run_1", "run", StageOutcome(stage, state=FAILED, error=error))


def passes(settings: Settings, stage: str = "marts") -> None:
    history.record(settings, "run_2", "run", StageOutcome(stage))


def test_an_incident_arrives_once_and_then_that_it_is_over(
    own: Settings, receiver: Receiver
) -> None:
    configure(own)
    assert watch.check(own).sent == {}
    releases.record_stop(own, "clock", "observability.clock", "moves too far", "2026-11-03")
    assert watch.check(own).sent == {"hook": 1}
    assert watch.check(own).sent == {}
    ((_, content),) = receiver.messages
    (incident,) = content["data"]["opened"]
    assert (incident["kind"], incident["subject"], incident["severity"]) == (
        "gate",
        "clock",
        "critical",
    )
    assert "segmentry gates show clock" in incident["remedy"]
    assert incident["page"].startswith("http://127.0.0.1:")
    fails(own)  # another incident does not repeat the first
    assert watch.check(own).sent == {"hook": 1}
    passes(own)
    assert watch.check(own).sent == {"hook": 1}
    assert watch.check(own).sent == {}
    first, second = receiver.incidents("opened")
    assert first == incident["incident_id"]
    assert receiver.incidents("resolved") == [second]


def test_one_message_of_a_look_has_all_incidents(own: Settings, receiver: Receiver) -> None:
    configure(own)
    releases.record_stop(own, "clock", "observability.clock", "moves too far", "2026-11-03")
    for stage in ("marts", "features", "observe"):
        fails(own, stage)
    assert watch.check(own).sent == {"hook": 1}
    assert len(receiver.incidents("opened")) == 4
    ((_, content),) = receiver.messages
    assert content["data"]["subject"] == "Segmentry: 4 new (gate failed, 3 job failed)"


def test_what_comes_back_is_a_new_incident(own: Settings, receiver: Receiver) -> None:
    configure(own)
    for _ in range(2):
        fails(own)
        watch.check(own)
        passes(own)
        watch.check(own)
    assert len(set(receiver.incidents("opened"))) == 2
    assert receiver.incidents("resolved") == receiver.incidents("opened")


def test_a_kill_between_a_message_and_its_record_sends_the_same_message_once_more(
    own: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(own)
    fails(own)
    with monkeypatch.context() as killed:
        killed.setattr(IncidentStore, "record_sent", _killed)
        with pytest.raises(KeyboardInterrupt):
            watch.check(own)
    fails(own, "texts")  # does not change the message that may have arrived
    watch.check(own)
    watch.check(own)
    ids = [message_id for message_id, _ in receiver.messages]
    assert len(ids) == 3
    assert ids[0] == ids[1] != ids[2]
    opened = receiver.incidents("opened")
    assert opened[0] == opened[1] != opened[2]


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_message_that_was_tried_and_an_incident_that_is_over_is_not_left_open(
    own: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(own)
    fails(own)
    with monkeypatch.context() as killed:
        killed.setattr(IncidentStore, "record_sent", _killed)
        with pytest.raises(KeyboardInterrupt):
            watch.check(own)
    passes(own)
    watch.check(own)
    assert receiver.incidents("resolved") == receiver.incidents("opened")


def test_what_is_over_before_it_was_ever_sent_is_not_sent(
    own: Settings, receiver: Receiver
) -> None:
    configure(own)
    fails(own)
    watch.check(own, sends=False)
    passes(own)
    assert watch.check(own).sent == {}
    assert receiver.messages == []


def test_a_channel_that_fails_gets_it_at_the_next_look_and_stops_no_other(
    own: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOWN_URL", "http://127.0.0.1:9/secret-path")
    down = {**CONNECTION, "url": "DOWN_URL"}
    configure(
        own,
        {"name": "down", "kind": "webhook", "connection": down},
        {"name": "hook", "kind": "webhook", "connection": CONNECTION},
    )
    fails(own)
    receiver.statuses = [503]
    first = watch.check(own)
    assert set(first.faults) == {"down", "hook"}
    assert "503" in first.faults["hook"]
    assert "secret-path" not in str(first.faults)
    second = watch.check(own)
    assert (set(second.faults), second.sent) == ({"down"}, {"hook": 1})
    assert len(receiver.messages) == 1
    monkeypatch.setenv("DOWN_URL", receiver_url())
    assert watch.check(own).sent == {"down": 1}
    assert len(set(receiver.incidents("opened"))) == 1


def receiver_url() -> str:
    import os

    return os.environ["ALERTS_URL"]


def test_two_processes_that_look_at_once_send_one_message(
    own: Settings, receiver: Receiver
) -> None:
    configure(own)
    fails(own)
    threads = [threading.Thread(target=watch.check, args=[own]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.messages) == 1


def test_a_channel_gets_the_kinds_and_the_severity_that_it_asks_for(
    own: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    light = AlertFinding("events", WARNING, "late", "look")
    monkeypatch.setattr(gate, "KIND", IncidentKind("gate failed", lambda _: [light]))
    configure(
        own,
        {"name": "heavy", "kind": "webhook", "connection": CONNECTION, "from": "critical"},
        {"name": "gates", "kind": "webhook", "connection": CONNECTION, "kinds": ["gate"]},
    )
    fails(own)
    assert watch.check(own).sent == {"heavy": 1, "gates": 1}
    kinds = [[one["kind"] for one in c["data"]["opened"]] for _, c in receiver.messages]
    assert kinds == [["failed_stage"], ["gate"]]


def test_a_kind_that_cannot_look_stops_no_other_and_resolves_nothing(
    own: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(own)
    releases.record_stop(own, "clock", "observability.clock", "moves too far", "2026-11-03")
    watch.check(own)

    def blind(_: Evidence) -> Iterator[AlertFinding]:
        raise SegmentryError("the lake's catalog does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(gate, "KIND", IncidentKind("gate failed", blind))
        fails(own)
        watch.check(own)
    assert receiver.incidents("resolved") == []
    _, content = receiver.messages[-1]
    found = {one["kind"]: one["summary"] for one in content["data"]["opened"]}
    assert set(found) == {"watch", "failed_stage"}
    assert "gate" in found["watch"] and "does not answer" in found["watch"]
    watch.check(own)
    assert len(receiver.incidents("resolved")) == 1


def test_no_identifier_of_a_person_leaves(
    own: Settings, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(own)
    fails(own, error=f"the row of {ADDRESS} with the number 491701234567 does not fit")
    assert run(["alerts", "check"]) == 0
    passes(own)
    assert run(["alerts", "check"]) == 0
    assert run(["alerts", "list", "--all"]) == 0
    shown = "".join(capsys.readouterr()) + json.dumps(receiver.messages)
    assert len(receiver.messages) == 2
    assert ADDRESS not in shown and "491701234567" not in shown


def test_a_job_looks_at_its_end_also_when_a_stage_failed(
    own: Settings, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(own)
    stages = select("identity+", "texts")
    outcomes = [StageOutcome("identity"), StageOutcome("marts", state=FAILED, error="it broke")]
    result = job._followed(own, history.recorded(own, "run", outcomes), stages)
    assert len(receiver.incidents("opened")) == 1
    assert "1 new incident(s)" in capsys.readouterr().err
    assert result.log is not None and "incident" in result.log.read_text()


def test_a_job_that_is_ended_by_an_error_is_an_incident(own: Settings, receiver: Receiver) -> None:
    configure(own)

    def broken() -> Iterator[StageOutcome]:
        yield StageOutcome("identity")
        raise SegmentryError("the program 'airflow scheduler' ended by itself")

    with pytest.raises(SegmentryError):
        job._followed(own, broken(), select("identity+"))
    ((_, content),) = receiver.messages
    (incident,) = content["data"]["opened"]
    assert incident["subject"] == "job" and "scheduler" in incident["summary"]
    job._followed(own, iter([StageOutcome("identity")]), select("identity"))
    assert receiver.incidents("resolved") == [incident["incident_id"]]


def test_alerts_that_fail_leave_the_job_as_it_is(
    own: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    (own.config / "alerts.yml").write_text("channels: [{name: x}]")
    result = job._followed(own, iter([StageOutcome("identity")]), select("identity"))
    assert result.exit_code == 0
    assert "alerts.yml" in capsys.readouterr().err


def test_the_list_and_the_page_of_an_incident(
    own: Settings, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(own)
    fails(own)
    receiver.statuses = [500]
    assert run(["alerts", "check"]) == 1
    assert "500" in capsys.readouterr().err
    assert run(["alerts", "list", "--output", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["state"] == "open" and "the disk is full" in row["what"]
    assert run(["alerts", "check"]) == 0
    capsys.readouterr()
    assert run(["alerts", "show", row["incident"], "--output", "json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert shown["state"] == "notified"
    assert [(n["channel"], n["state"], n["attempts"]) for n in shown["notices"]] == [
        ("hook", "sent", 2)
    ]
    assert run(["alerts", "show", "inc_0"]) == 2


def test_a_test_message_arrives_or_its_fault_is_printed(
    own: Settings, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(own)
    assert run(["alerts", "test"]) == 0
    assert receiver.messages[0][1]["data"]["is_test"] is True
    receiver.statuses = [404]
    assert run(["alerts", "test", "hook"]) == 1
    assert "404" in capsys.readouterr().out
    assert run(["alerts", "test", "other"]) == 2


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("channels: [{name: a, kind: pigeon, connection: {}}]", "pigeon"),
        ("channels: [{name: a, kind: webhook, connection: {url: A_URL}}]", "secret"),
        ("channels: [{name: a, kind: slack, connection: {url: A_URL, key: A_KEY}}]", "key"),
        ("channels: [{name: a, kind: slack, connection: {url: 'https://x.example/s'}}]", "url"),
        ("channels: [{name: a, kind: slack, connection: {url: A}, kinds: [gates]}]", "gates"),
        ("channels: [{name: a, kind: smtp, connection: {host: A}}]", "sender"),
        (
            "channels: [{name: a, kind: slack, connection: {url: A}},"
            " {name: a, kind: slack, connection: {url: A}}]",
            "two channels",
        ),
        ("channels: []\nlimits: {freshness: {evnts: 3}}", "evnts"),
        ("channels: []\nlimits: {slow_factor: 0}", "slow_factor"),
        ("channels: []\nignored: [nothing]", "nothing"),
        ("limits: {}", "channels"),
    ],
)
def test_a_configuration_that_does_not_fit_is_wrong_use(
    own: Settings, text: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (own.config / "alerts.yml").write_text(text)
    assert run(["alerts", "check"]) == 2
    printed = capsys.readouterr().err
    assert fault in printed and "Allowed:" in printed and "To do:" in printed


def test_a_channel_without_its_variables_is_named(
    own: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALERTS_SECRET", raising=False)
    monkeypatch.setenv("ALERTS_URL", "http://127.0.0.1:9")
    configure(own)
    fails(own)
    assert run(["alerts", "check"]) == 1
    assert "ALERTS_SECRET" in capsys.readouterr().err


def test_the_file_that_is_shipped_has_the_usual_limits() -> None:
    settings = Settings.from_environment({})
    shipped = watch.load_policy(settings)
    text = (settings.config / "alerts.yml").read_text()
    assert shipped == watch.policy.AlertPolicy()
    assert set(re.findall(r"^  (\w+):", text, re.M)) == set(vars(shipped.limits))
