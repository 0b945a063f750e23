"""Fills the folder of a simulation: never mixed with another's, and complete or written again. The
commands `simulate` and `demo` call it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from segmentry.errors import UsageError
from simulator.run import SimulationRequest, simulate

# Raised with every change of what the same arguments write.
EDITION = 3
FOLDERS = (
    "consents", "crm_contacts", "email_events", "events", "orders", "products", "subscriptions",
    "support_tickets",
    "surveys", "truth",
)  # fmt: skip
MOST_PEOPLE = 2_000_000
MOST_DAYS = 3_650


def fill(
    request: SimulationRequest, report: Callable[[str], None], *, force: bool
) -> tuple[dict[str, int], bool]:
    """Simulate into the request's folder unless it contains that simulation; returns record counts
    and is_new.
    """
    _check(request)
    mark = request.out / "truth" / "simulation.json"
    wanted = _arguments(request)
    present = _read(mark)
    if present is not None and present.get("arguments") == wanted and not force:
        return dict(present["records"]), False
    begun = request.out / "truth" / "begun.json"
    unfinished = _read(begun)
    _refuse_others(request, wanted, present, unfinished, force=force)
    for name in FOLDERS:
        shutil.rmtree(request.out / name, ignore_errors=True)
    _write(begun, {"arguments": wanted})
    counts = simulate(request, report)
    _write(mark, {"arguments": wanted, "records": counts})
    begun.unlink()
    return counts, True


def _arguments(request: SimulationRequest) -> dict[str, Any]:
    return {
        "people": request.people,
        "days": request.days,
        "seed": request.seed,
        "end_date": request.end_date.isoformat(),
        "edition": EDITION,
        **({"hard": True} if request.is_hard else {}),
    }


def _check(request: SimulationRequest) -> None:
    limits = (
        ("--people", request.people, 1, MOST_PEOPLE),
        ("--days", request.days, 1, MOST_DAYS),
        ("--seed", request.seed, 0, 2**63 - 1),
    )
    for name, value, least, most in limits:
        if not least <= value <= most:
            raise UsageError(
                f"{name} is {value}",
                allowed=f"a whole number from {least} to {most}",
                remedy=f"correct {name}",
            )
    if not date(1990, 1, 1) <= request.end_date <= date(2100, 1, 1):
        raise UsageError(
            f"--end-date is {request.end_date}",
            allowed="1990-01-01 to 2100-01-01",
            remedy="correct --end-date",
        )
    if request.out.exists() and not request.out.is_dir():
        raise UsageError(
            f"--out {request.out} is a file",
            allowed="a folder, or a path where one can be made",
            remedy="choose another",
        )


def _refuse_others(
    request: SimulationRequest,
    wanted: dict[str, Any],
    present: dict[str, Any] | None,
    begun: dict[str, Any] | None,
    *,
    force: bool,
) -> None:
    if force or not request.out.exists():
        return
    if present is not None:
        raise UsageError(
            f"{request.out} contains another simulation: {_shown(present.get('arguments'))}",
            allowed=f"an empty folder, or one with {_shown(wanted)}",
            remedy="choose another --out, or replace it with --force",
        )
    if begun is None and any((request.out / name).exists() for name in FOLDERS):
        raise UsageError(
            f"{request.out} contains files that no simulation wrote",
            allowed="an empty folder",
            remedy="choose another --out, or replace them with --force",
        )


def _shown(arguments: Any) -> str:
    return (
        ", ".join(f"{name} {value}" for name, value in arguments.items())
        if isinstance(arguments, dict)
        else "unknown"
    )


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _write(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, indent=2) + "\n")
    part.replace(path)
