"""What the main job, and so Airflow, receives of a sync that fails in every way: no person, no
secret.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from activation import operate
from segmentry import jobs
from segmentry.settings import ROOT
from segmentry.stages import RunContext, stage_named
from tests.activation.engine_shop import (
    SECRET,
    Receiver,
    Reply,
    consent,
    fill,
    open_lake,
    receiver,
    webhook,
)
from tests.activation.shop import Shop

__all__ = ["open_lake", "receiver"]

pytestmark = pytest.mark.usefixtures("open_lake")


FORBIDDEN = ("example.com", "%40", SECRET[6:], "hook?token=")


@pytest.mark.slow
def test_outcomes_handed_to_airflow_and_what_is_published(
    shop: Shop,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A task of Airflow pushes this record to XCom and raises this message: there is nothing
    else.
    """
    caplog.set_level(0)
    name = webhook(shop, limits={"batch_rows": 2})
    consent(shop, "ann", "bob", "cid")
    reported: list[Any] = []
    for number, status in enumerate((403, 404, 500, 400, 200)):
        fill(shop, name, {"ann": str(number), "bob": str(number), "cid": None})

        def script(_: int, rows: list[dict[str, Any]], status: int = status) -> None:
            raise Reply(
                status,
                {
                    "message": f"{SECRET} {rows[0]['key']} hook?token=1",
                    "results": [
                        {
                            "row_key": rows[0]["row_key"],
                            "status": "error",
                            "message": f"'{rows[0]['key']}' and {SECRET}",
                        }
                    ],
                },
            )

        receiver.script = script
        outcome = jobs.attempt(stage_named("sync"), RunContext(shop.settings), name)
        reported.append(outcome.as_record())
        shop.clear_breakers()
    assert {record["state"] for record in reported} == {"failed", "done"}
    published = operate.apply(shop.settings, [])
    reported += [
        published[0],
        [str(error) for error in published[1]],
        operate.status(shop.settings, []),
    ]
    reported += operate.plan(shop.settings, [])
    for relation in ("sync_runs", "sync_changelog", "sync_snapshot", "dead_letters", "reviews"):
        reported.append(shop.rows(f"select * from activation.{relation}"))
    printed = capfd.readouterr()
    text = json.dumps(reported, default=str) + printed.out + printed.err + caplog.text
    assert "rejected" in text
    assert [word for word in FORBIDDEN if word in text] == []


def test_what_airflow_renders_of_the_tasks(tmp_path: Path) -> None:
    """Templates and arguments of every task, with the secrets in the environment in which the DAGs
    are read.
    """
    program = """
import sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
for dag in bag.dags.values():
    for task in dag.tasks:
        fields = {name: getattr(task, name, None) for name in task.template_fields}
        partial = getattr(task, "partial_kwargs", {})
        print(dag.dag_id, task.task_id, fields, partial, dag.params.dump())
"""
    secrets = {
        "SEGMENTRY_WEBHOOK_SECRET": SECRET,
        "KLAVIYO_API_KEY": "pk_5ecret5ecret",
        "AIRFLOW_HOME": str(tmp_path),
    }
    quiet = {"AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
    environment = {
        **os.environ,
        **secrets,
        **quiet,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "dags")]),
    }
    words = [sys.executable, "-c", program, str(ROOT / "dags")]
    done = subprocess.run(
        words, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "activate sync" in done.stdout
    for secret in (SECRET[6:], "pk_5ecret5ecret", "@"):
        assert secret not in done.stdout + done.stderr
