"""What Prometheus scrapes: every metric that the rules and the dashboard name, and no person."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from cli.main import run
from runtime import login
from runtime.alerts import history, watch
from runtime.alerts.evidence import Evidence
from runtime.metrics import collect, parts
from runtime.metrics.families import BY_NAME
from runtime.processes import free_port
from segmentry import releases, warehouse
from segmentry.jobs import FAILED, StageOutcome
from segmentry.settings import ROOT, Settings

DEPLOY = ROOT / "deploy"
NAME = re.compile(r"segmentry_[a-z_]+")


def values(settings: Settings) -> dict[tuple[str, tuple[str, ...]], float]:
    return {(name, labels): value for name, labels, value in collect.read(settings)}


def test_every_sample_is_of_a_family_with_its_labels(home: Settings) -> None:
    history.record(home, "run_1", "run", StageOutcome("sync", "hook", FAILED, 2.0, error="down"))
    history.record(home, "run_1", "run", StageOutcome("marts", seconds=3.5, rows={"a": 5, "b": 2}))
    releases.record_stop(home, "clock", "observability.clock", "moves too far", "2026-11-03")
    watch.check(home, sends=False)
    with warehouse.connect(home) as lake:
        lake.execute(
            "create table lake.observability.drift as select 'churn' as model,"
            " timestamp '2026-01-01' as as_of, '(score)' as feature, 0.3 as psi, 'alarm' as verdict"
        )
    found = values(home)
    for name, labels in found:
        assert len(labels) == len(BY_NAME[name].labels), name
    assert found["segmentry_stage_ok", ("sync", "hook")] == 0
    assert found["segmentry_stage_seconds", ("marts", "")] == 3.5
    assert found["segmentry_stage_rows", ("marts", "")] == 7
    assert found["segmentry_gate_passed", ("clock",)] == 0
    assert found["segmentry_incidents", ("gate", "critical")] == 1
    assert found["segmentry_drift_alarm", ("churn", "score")] == 1
    assert found["segmentry_erasures", ("overdue",)] == 0
    assert {v for (name, _), v in found.items() if name == "segmentry_scrape_failed"} == {0.0}


def test_a_part_that_fails_stops_no_other_and_series_are_limited(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Evidence) -> Iterator[parts.Sample]:
        raise ValueError

    def many(_: Evidence) -> Iterator[parts.Sample]:
        for number in range(30):
            yield "segmentry_segment_people", (f"s{number}",), float(number)

    monkeypatch.setattr(collect, "PARTS", {"gates": broken, "segments": many})
    found = {(name, labels): v for name, labels, v in collect.read(home, most_series=10)}
    assert found["segmentry_scrape_failed", ("gates",)] == 1
    assert found["segmentry_scrape_failed", ("segments",)] == 0
    assert found["segmentry_series_dropped", ("segmentry_segment_people",)] == 20
    assert sum(name == "segmentry_segment_people" for name, _ in found) == 10


def test_scrapes_that_follow_each_other_read_once(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Settings] = []

    def reading(settings: Settings, _: int) -> Sequence[parts.Sample]:
        reads.append(settings)
        return []

    monkeypatch.setattr(collect, "read", reading)
    collector = collect.HomeCollector(home)
    for _ in range(3):
        list(collector.collect())
    assert len(reads) == 1


def test_the_command_prints_what_prometheus_parses(
    home: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["metrics", "show"]) == 0
    families = list(text_string_to_metric_families(capsys.readouterr().out))
    assert {family.name for family in families} == set(BY_NAME)
    assert all(family.type == "gauge" for family in families)


def expressions() -> Iterator[str]:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "segmentry_rules.yml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]
    dashboard = json.loads((DEPLOY / "grafana" / "segmentry.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
            labels = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            (name,) = NAME.findall(target["expr"])
            assert labels <= set(BY_NAME[name].labels), panel["title"]


def test_rules_and_dashboard_name_metrics_and_labels_that_exist() -> None:
    found = list(expressions())
    assert len(found) > 10
    for text in found:
        for name in NAME.findall(text):
            assert name in BY_NAME, text
            for labels in re.findall(rf"{name}\{{([^}}]*)\}}", text):
                named = {part.partition("=")[0].strip() for part in labels.split(",")}
                assert named <= set(BY_NAME[name].labels), text


@contextmanager
def serving(settings: Settings) -> Iterator[int]:
    port = free_port()
    words = [sys.executable, "-m", "runtime.pages", "metrics", "--port", str(port)]
    env = {**os.environ, "SEGMENTRY_HOME": str(settings.home), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, env=env, cwd=settings.home) as server:
        try:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                try:
                    httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield port
        finally:
            server.terminate()


@pytest.mark.slow
def test_the_end_point_needs_the_password(home: Settings) -> None:
    history.record(home, "run_1", "run", StageOutcome("marts", seconds=3.5))
    with serving(home) as port:
        url = f"http://127.0.0.1:{port}/metrics"
        assert httpx.get(url, trust_env=False).status_code == 401
        sign_in = (login.USER, login.password(home))
        answer = httpx.get(url, auth=sign_in, trust_env=False)
        assert answer.status_code == 200
        assert 'segmentry_stage_seconds{item="",stage="marts"} 3.5' in answer.text


@pytest.mark.cluster
@pytest.mark.slow
def test_a_prometheus_scrapes_it_and_takes_the_rules(home: Settings, tmp_path: Path) -> None:
    """Needs Debian's package prometheus on this machine."""
    history.record(home, "run_1", "run", StageOutcome("marts", seconds=3.5))
    folder = DEPLOY / "prometheus"
    rules = folder / "segmentry_rules.yml"
    subprocess.run(["promtool", "check", "rules", str(rules)], check=True, capture_output=True)
    with serving(home) as port:
        config: dict[str, Any] = yaml.safe_load((folder / "prometheus.yml").read_text())
        config["global"]["scrape_interval"] = "1s"
        config["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{port}"]
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
        (tmp_path / "segmentry_rules.yml").write_bytes(rules.read_bytes())
        (tmp_path / "pages.password").write_text(login.password(home))
        own = free_port()
        words = [
            "prometheus",
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{own}",
        ]
        with subprocess.Popen(words, stderr=subprocess.DEVNULL) as prometheus:
            try:
                assert _scraped(own) == "3.5"
            finally:
                prometheus.terminate()


def _scraped(port: int) -> str | None:
    query = {"query": 'segmentry_stage_seconds{stage="marts"}'}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(
                f"http://127.0.0.1:{port}/api/v1/query", params=query, trust_env=False
            )
            if found := answer.json()["data"]["result"]:
                return str(found[0]["value"][1])
        except (httpx.TransportError, ValueError, KeyError):
            pass
        time.sleep(0.5)
    return None
