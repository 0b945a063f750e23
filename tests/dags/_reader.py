"""Reads the DAG files of a folder with every way out shut, and prints as JSON what it read and what
it tried to use.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import airflow
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, Asset
from sqlalchemy.engine import Engine

used: list[str] = []


def shut(name: str) -> Callable[..., NoReturn]:
    def refuse(*_arguments: Any, **_words: Any) -> NoReturn:
        used.append(name)
        raise AssertionError(f"{name} at parse")

    return refuse


def describe(task: Any) -> dict[str, Any]:
    return {
        "id": task.task_id,
        "upstream": sorted(task.upstream_task_ids),
        "pool": task.pool,
        "retries": task.retries,
        "timeout": task.execution_timeout.total_seconds() if task.execution_timeout else 0,
        "outlets": [outlet.name for outlet in task.outlets],
        "trigger_rule": str(getattr(task.trigger_rule, "value", task.trigger_rule)),
        "looks_on_failure": looks(getattr(task, "on_failure_callback", None)),
        "looks_on_success": looks(getattr(task, "on_success_callback", None)),
        "is_mapped": task.is_mapped,
        "is_teardown": task.is_teardown,
        "fails_run": getattr(task, "on_failure_fail_dagrun", False),
    }


def looks(callbacks: Any) -> bool:
    return any(type(one).__name__ == "IncidentNotifier" for one in callbacks or ())


def assets(dag: DAG) -> list[str]:
    condition = getattr(dag.timetable, "asset_condition", None)
    if condition is None:
        return []
    return (
        [condition.name]
        if isinstance(condition, Asset)
        else [part.name for part in condition.objects]
    )


def read(folder: str) -> dict[str, Any]:
    before = set(sys.modules)
    bag = DagBag(dag_folder=folder)
    dags = {
        dag.dag_id: {
            "tasks": [describe(task) for task in dag.topological_sort()],
            "assets": assets(dag),
            "cron": getattr(getattr(dag.timetable, "timetable", dag.timetable), "expression", None),
            "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs,
            "paused": dag.is_paused_upon_creation,
        }
        for dag in bag.dags.values()
    }
    imported = sorted({name.split(".")[0] for name in set(sys.modules) - before})
    return {"dags": dags, "errors": bag.import_errors, "used": used, "imported": imported}


if __name__ == "__main__":
    assert airflow.__version__
    sys.path.insert(0, sys.argv[1])
    socket.socket.connect = shut("socket")  # type: ignore[method-assign]
    socket.getaddrinfo = shut("name lookup")
    subprocess.Popen.__init__ = shut("subprocess")  # type: ignore[method-assign]
    Engine.connect = shut("database")  # type: ignore[method-assign]
    print(json.dumps(read(sys.argv[1])))
