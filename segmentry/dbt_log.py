"""dbt's log, written by us: dbt's own files would quote values of records."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segmentry.redaction import without_values

# One file before this one is kept: together they cover months of runs.
MOST_BYTES = 10_000_000
_LEVELS = frozenset(("info", "warn", "error"))


def writer(path: Path) -> Callable[[Any], None]:
    """A callback for dbt's runner that appends each event from the level info to the file, without
    values.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if path.stat().st_size > MOST_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))

    def write(event: Any) -> None:
        if str(event.info.level) in _LEVELS:
            time = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{time} [{event.info.level:<5}] {without_values(event.info.msg)}\n")

    return write


def redact_results(path: Path) -> None:
    """Take values out of the messages in dbt's run_results.json, where it was written."""
    with suppress(FileNotFoundError, ValueError):
        content = json.loads(path.read_text(encoding="utf-8"))
        for result in content.get("results", []):
            if result.get("message"):
                result["message"] = without_values(result["message"])
            result.pop("adapter_response", None)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(content), encoding="utf-8")
        partial.replace(path)
