"""Follows the main job through Airflow's REST API, from its first DAG along the assets to its
last.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from runtime.login import AirflowToken
from runtime.processes import Service, is_running
from segmentry import jobs
from segmentry.errors import SegmentryError
from segmentry.jobs import StageOutcome
from segmentry.stages import DAGS, STAGES

POLL_SECONDS = 0.3
# From the end of one DAG to the start of the next a scheduler takes about a second; this is for a
# machine under load.
HAND_OVER_SECONDS = 60
# A fifth of it is the rule; a machine under load takes longer.
READY_SECONDS = 300
TERMINAL = {"success", "failed", "upstream_failed", "skipped", "removed"}


@dataclass
class Airflow:
    """A running Airflow at a base URL; services are the programs that must stay alive while it is
    followed.
    """

    url: str
    password: str = field(repr=False)
    services: Sequence[Service] = ()
    timeline: list[tuple[str, str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        login = AirflowToken(self.url, self.password)
        self._client = httpx.Client(
            base_url=f"{self.url}/api/v2", auth=login, timeout=30, trust_env=False
        )

    def get(
        self, path: str, *, patience_seconds: float = 15.0, **parameters: Any
    ) -> dict[str, Any]:
        """GET a JSON object. Asking again is harmless, so a fault of the server's own is given time
        to pass.
        """
        deadline = time.monotonic() + patience_seconds
        while True:
            response = self._client.get(path, params=parameters)
            if not response.is_server_error or time.monotonic() > deadline:
                return self._checked(response)
            time.sleep(POLL_SECONDS)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST a JSON object."""
        return self._checked(self._client.post(path, json=dict(body)))

    def answers(self) -> bool:
        """Whether the API answers."""
        try:
            return bool(self.get("/monitor/health"))
        except httpx.TransportError:
            return False

    def is_ready(self, *, parsed_since: float) -> bool:
        """Whether the API answers and the DAGs were read after that time (seconds since the
        epoch).
        """
        try:
            found = self.get("/dags", limit=100, tags="segmentry")["dags"]
            errors = self.get("/importErrors")["import_errors"]
        except httpx.TransportError:
            return False
        # An older one may be of a file that was fixed since.
        broken = [error for error in errors if _seconds(error["timestamp"]) >= parsed_since]
        if broken:
            raise SegmentryError(
                f"Airflow cannot read {len(broken)} DAG file(s): "
                + ", ".join(error["filename"] for error in broken),
                remedy=(
                    "run `python -m pytest tests/dags`, correct the file it names, then try again"
                ),
            )
        parsed = {
            dag["dag_id"] for dag in found if _seconds(dag["last_parsed_time"]) >= parsed_since
        }
        return parsed >= set(DAGS)

    def set_pool(self, name: str, slots: int) -> None:
        """Create the pool, or give it that many slots."""
        body = {
            "slots": slots,
            "description": "Tasks that may write to the lake at once",
            "include_deferred": False,
        }
        response = self._client.post("/pools", json={"name": name, **body})
        if response.status_code == httpx.codes.CONFLICT:
            response = self._client.patch(f"/pools/{name}", json={"pool": name, **body})
        self._checked(response)

    def warm_up(self) -> None:
        """Have the server build what it builds on its first request from a task, which takes it
        seconds.
        """
        with contextlib.suppress(httpx.HTTPError):
            httpx.get(f"{self.url}/execution/health", timeout=READY_SECONDS, trust_env=False)

    def fail_open_runs(self) -> None:
        """Mark as failed what a killed job left open, so that it neither goes on nor blocks a new
        one.
        """
        for state in ("queued", "running"):
            for run in self.get("/dags/~/dagRuns", state=state, limit=100)["dag_runs"]:
                path = f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}"
                self._checked(
                    self._client.patch(
                        path, json={"state": "failed", "note": "left by a job that was killed"}
                    )
                )
        for dag in DAGS:
            self._client.delete(f"/dags/{dag}/assets/queuedEvents")

    def run_job(self, conf: Mapping[str, Any], first: str) -> Iterator[StageOutcome]:
        """Trigger the first DAG and follow the chain to its end, giving each task's outcome as it
        comes.
        """
        for stage in STAGES:
            if not self.get(f"/dags/{stage.dag}")["is_paused"]:
                continue
            self._checked(self._client.patch(f"/dags/{stage.dag}", json={"is_paused": False}))
        run = self.post(f"/dags/{first}/dagRuns", {"logical_date": None, "conf": dict(conf)})[
            "dag_run_id"
        ]
        for dag, following in zip(
            DAGS[DAGS.index(first) :], [*DAGS[DAGS.index(first) + 1 :], None], strict=True
        ):
            started = time.monotonic()
            yield from self._watch(dag, run)
            self.timeline.append((dag, run, time.monotonic() - started))
            run = self._next_run(dag, run, following) if following else ""
            if not run:
                return

    def _watch(self, dag: str, run: str) -> Iterator[StageOutcome]:
        seen: set[tuple[str, int]] = set()
        base = f"/dags/{dag}/dagRuns/{run}"
        while True:
            # The run's state is read before its tasks': a run that has ended has no task still to
            # end.
            state = self.get(base)["state"]
            for task in self.get(f"{base}/taskInstances", limit=1000, order_by="end_date")[
                "task_instances"
            ]:
                key = (task["task_id"], task["map_index"])
                if task["state"] in TERMINAL and key not in seen:
                    seen.add(key)
                    if task["state"] in {"success", "failed"}:
                        yield from self._outcome(base, task)
            if state in {"success", "failed"}:
                return
            self._check_services()
            time.sleep(POLL_SECONDS)

    def _outcome(self, base: str, task: Mapping[str, Any]) -> Iterator[StageOutcome]:
        name = task["task_id"]
        path = f"{base}/taskInstances/{name}/xcomEntries/outcome"
        response = self._client.get(
            path, params={"map_index": task["map_index"], "stringify": False}
        )
        if response.status_code == httpx.codes.OK:
            yield StageOutcome(**response.json()["value"])
        elif task["state"] == "failed":
            # Killed from outside, out of memory or out of time: the task could not report why.
            yield StageOutcome(
                name.removesuffix("_items"),
                task["rendered_map_index"],
                jobs.FAILED,
                task["duration"] or 0.0,
                error=(
                    f"the task '{name}' was ended from outside (killed, out of memory, or over its"
                    " time limit)\nTo do: read its log in the Airflow UI (`make up`), then run the"
                    " job again"
                ),
                exit_code=1,
            )

    def _next_run(self, dag: str, run: str, following: str) -> str:
        """The run that this run's asset started; empty when it left no asset."""
        deadline = time.monotonic() + HAND_OVER_SECONDS
        while time.monotonic() < deadline:
            # Airflow 3.3 answers 500 while a run that the event has created is still queued.
            events = self.get(
                "/assets/events",
                patience_seconds=HAND_OVER_SECONDS,
                source_dag_id=dag,
                source_run_id=run,
            )["asset_events"]
            if not events:
                return ""
            for started in (started for event in events for started in event["created_dagruns"]):
                if started["dag_id"] == following:
                    return str(started["run_id"])
            self._check_services()
            time.sleep(POLL_SECONDS)
        raise SegmentryError(
            f"the DAG '{following}' did not start within {HAND_OVER_SECONDS} s of the end of"
            f" '{dag}'",
            remedy=(
                "look for a paused DAG or a running one in the Airflow UI (`make up`), then try"
                " again"
            ),
        )

    def _check_services(self) -> None:
        for service in self.services:
            if not is_running(service):
                raise SegmentryError(
                    f"the program '{service.name}' ended by itself",
                    remedy=f"read {service.log}, then try again",
                )

    @staticmethod
    def _checked(response: httpx.Response) -> dict[str, Any]:
        if response.is_error:
            raise SegmentryError(
                f"Airflow answered {response.status_code} to {response.request.method}"
                f" {response.request.url.path}",
                remedy="read the logs in the home's logs/ folder, then try again",
            )
        body: dict[str, Any] = response.json() if response.content else {}
        return body


def _seconds(text: str | None) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0
