"""Stages that do nothing but record that they ran, and fail where double.json in the home demands
so.

double.json: {"fail": {"<stage or stage[item]>": "gate" | "fault" | "usage" | "bug" | "kill"},
"items": {"<stage>": [...]}, "seconds": {"<stage or stage[item]>": 1.5},
"real": {"<stage[item]>": "<module:function> that does the work after all"}}
"""

from __future__ import annotations

import inspect
import json
import os
import signal
import time

from segmentry.errors import GateFailed, SegmentryError, UsageError
from segmentry.stages import RunContext, StageReport, resolve

ERRORS = {
    "gate": GateFailed("the double's gate is shut", remedy="open it"),
    "fault": SegmentryError("the double broke", remedy="fix it"),
    "usage": UsageError("the double was called wrongly", allowed="the other way round"),
    "bug": ValueError("ann@example.com is in this text"),
}


def _script(context: RunContext) -> dict[str, dict[str, object]]:
    path = context.settings.home / "double.json"
    return json.loads(path.read_text()) if path.exists() else {}


def _stage_name() -> str:
    frame = inspect.currentframe()
    while frame is not None:
        stage = frame.f_locals.get("self")
        if type(stage).__name__ == "Stage":
            return str(stage.name)
        frame = frame.f_back
    raise LookupError("called from outside a stage")


def _work(context: RunContext, name: str) -> StageReport:
    record = {
        "name": name,
        "as_of": str(context.as_of),
        "retrain": context.retrain,
        "at": time.time(),
        "pid": os.getpid(),
    }
    with (context.settings.home / "double.jsonl").open("a") as log:
        log.write(json.dumps(record) + "\n")
    script = _script(context)
    time.sleep(float(script.get("seconds", {}).get(name, 0)))
    kind = script.get("fail", {}).get(name)
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind:
        raise ERRORS[str(kind)]
    return StageReport(rows={f"double.{name}": 3}, notes=["pretended"])


def plain(context: RunContext) -> StageReport:
    return _work(context, _stage_name())


def item(context: RunContext, name: str) -> StageReport:
    place = f"{_stage_name()}[{name}]"
    pretended = _work(context, place)
    real = _script(context).get("real", {}).get(place)
    return resolve(str(real))(context, name) if real else pretended


def items(context: RunContext) -> list[str]:
    return list(_script(context).get("items", {}).get(_stage_name(), ["one", "two"]))
