"""Models that are scored side by side write the same relations of a catalog on a server."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from ml.registry import store
from segmentry import jobs, warehouse
from segmentry.settings import Settings
from segmentry.stages import RunContext, StageReport
from tests.cluster import _servers

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]
MODELS = [f"model_{n}" for n in range(6)]
ROUNDS = 3
AS_OF = datetime(2026, 6, 30)


@pytest.fixture
def settings(home: Settings, tmp_path: Path) -> Iterator[Settings]:
    with _servers.postgres(tmp_path) as port:
        address = f"postgres:host=127.0.0.1 port={port} dbname=lake user=lake password=lake"
        yield replace(home, catalog=address)


def _score(context: RunContext, model: str | None) -> StageReport:
    rows = pd.DataFrame({"profile_id": [f"{model}-{n}" for n in range(50)], "model": model})
    rows["as_of"] = AS_OF
    where = "model = ? and as_of = ?"
    with warehouse.connect(context.settings) as lake:
        store.ensure(context.settings, lake)
        writes = [("ml.scores", where, [model, AS_OF], rows)]
        store.replace_rows(context.settings, lake, writes)
    return StageReport({"ml.scores": len(rows)})


def _run(settings: Settings, model: str, ended: multiprocessing.Queue[tuple[str, int]]) -> None:
    stage = SimpleNamespace(name="score", is_optional=True, run=_score)
    for _ in range(ROUNDS):
        outcome = jobs.attempt(stage, RunContext(settings), model)  # type: ignore[arg-type]
        ended.put((outcome.state, outcome.exit_code))


def test_models_that_are_scored_side_by_side_all_end_well(settings: Settings) -> None:
    assert not settings.is_embedded
    warehouse.prepare(settings)
    fresh = multiprocessing.get_context("spawn")
    ended: multiprocessing.Queue[tuple[str, int]] = fresh.Queue()
    processes = [fresh.Process(target=_run, args=(settings, model, ended)) for model in MODELS]
    for process in processes:
        process.start()
    outcomes = [ended.get(timeout=240) for _ in range(len(MODELS) * ROUNDS)]
    for process in processes:
        process.join()
    assert outcomes == [("done", 0)] * len(outcomes)
    with warehouse.connect(settings, read_only=True) as lake:
        found = lake.execute(
            "select model, count(*), count(distinct profile_id) from ml.scores group by model"
            " order by model"
        ).fetchall()
    assert found == [(model, 50, 50) for model in MODELS]
