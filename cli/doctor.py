"""``segmentry doctor``: checks the installation, the configuration and the connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from activation import examine, retirement
from cli._output import Output, OutputOption, show
from runtime import health
from runtime.console import errors
from runtime.maintenance import disk, running
from segmentry import configuration, faults, sync_files, warehouse
from segmentry.errors import SegmentryError
from segmentry.redaction import without_values
from segmentry.settings import Settings


def command(
    fix: Annotated[
        bool, typer.Option("--fix", help="first correct the modes of the home's files")
    ] = False,
    of_disk: Annotated[
        bool, typer.Option("--disk", help="only print what each store takes, and its growth")
    ] = False,
    output: OutputOption = Output.table,
) -> None:
    """Check the installation, config and connections; name each fault and its fix.

    Example: segmentry doctor --fix
    """
    settings = Settings.from_environment()
    if of_disk:
        show(_disk_rows(settings), output)
        return
    for done in health.fix(settings) if fix else []:
        errors.print(done)
    rows = [_verdict(name, check, settings) for name, check in _CHECKS.items()]
    show(rows, output)
    if any(row["verdict"] == "fault" for row in rows):
        raise typer.Exit(1)


def _disk_rows(settings: Settings) -> list[dict[str, object]]:
    """What each store takes, what a run adds, and what `segmentry maintain` would free at least."""
    per_run = disk.growth(settings)
    freed = {one.name: one.freed for one in running.plan(settings)}
    steps = {disk.LAKE: "lake", "logs": "logs"}
    return [
        {
            "store": name,
            "bytes": size,
            "growth_per_run": round(per_run[name]) if name in per_run else None,
            "maintain_frees": freed.get(steps.get(name, ""), 0),
        }
        for name, size in disk.usage(settings).items()
    ]


def _verdict(name: str, check: Callable[[Settings], str], settings: Settings) -> dict[str, str]:
    try:
        return {"check": name, "verdict": "fine", "detail": check(settings)}
    except SegmentryError as error:
        return {"check": name, "verdict": "fault", "detail": str(error)}
    except (OSError, warehouse.DatabaseError) as error:
        detail = faults.disk_full(error) or without_values(f"{type(error).__name__}: {error}")
        return {
            "check": name,
            "verdict": "fault",
            "detail": f"{detail}\nTo do: correct it, then try again",
        }


def _lake(settings: Settings) -> str:
    warehouse.prepare(settings)
    with warehouse.connect(settings, read_only=True) as lake:
        return f"snapshot {warehouse.current_snapshot(lake)}"


def _sources(settings: Settings) -> str:
    return f"{len(configuration.load_folder(settings, 'source', 'sources'))} source(s)"


def _syncs(settings: Settings) -> str:
    return f"{len(sync_files.load(settings))} sync(s)"


def _orphaned_syncs(settings: Settings) -> str:
    if found := retirement.orphans(settings):
        raise SegmentryError(
            "; ".join(one.warning for one in found),
            allowed="rows at destinations of enabled syncs alone",
            remedy="retire each of them, or enable it again",
        )
    return "no destination has rows of a deleted or disabled sync"


def _tools(settings: Settings) -> str:
    asked, faults = examine.faults(settings)
    if faults:
        raise SegmentryError(
            "; ".join(faults),
            allowed="syncs whose tool takes what they send",
            remedy="`segmentry sync test SYNC` shows each check",
        )
    return f"{asked} sync(s) with credentials were asked for at their tools"


def _policies(settings: Settings) -> str:
    configuration.policies(settings)
    return "valid"


_CHECKS: dict[str, Callable[[Settings], str]] = {
    "lake": _lake,
    "sources": _sources,
    "syncs": _syncs,
    "orphaned syncs": _orphaned_syncs,
    "tools": _tools,
    "policies": _policies,
    **health.CHECKS,
}
