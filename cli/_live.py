"""What the commands of ``segmentry live`` do and print."""

from __future__ import annotations

from contextlib import closing

import typer

from cli import _output
from cli._output import Output
from live import checking, running, service
from live.engine import Turn
from live.publishing import StorePublisher
from live.store import opened
from runtime.console import errors
from segmentry import clock
from segmentry.settings import Settings


def run(once: bool, every: float, as_of: str | None, output: Output) -> None:
    """Take turns, and print those that did something."""
    settings = Settings.from_environment()
    at = clock.parse(as_of) if as_of else None
    with closing(opened.open_store(settings)) as store, service.stopped_by_signals() as stop:
        publisher = StorePublisher(store)
        if once:
            turns = list(running.once(settings, at, publisher, errors.print))
            rows = [_row(turn) for turn in turns if _is_any(turn)]
            _output.show(rows, output, empty="nothing new")
            return
        running.follow(
            settings,
            stop,
            _report,
            every=every,
            as_of=at,
            publisher=publisher,
            reports=errors.print,
        )


def status(output: Output) -> None:
    """Print how far the engine is."""
    found = running.status(Settings.from_environment())
    if output is Output.json:
        _output.print_json(found)
        return
    _output.show([{"what": name, "value": str(value)} for name, value in found.items()], output)


def check(output: Output) -> None:
    """Print each difference with its cause; exit status 1 if one has none."""
    found = checking.compare(Settings.from_environment())
    rows = [
        {
            "profile_id": one.profile_id,
            "segment": one.segment,
            "member": "live" if one.is_live else "batch",
            "cause": one.cause,
        }
        for one in found.differences
    ]
    if output is Output.json:
        _output.print_json({"as_of": found.as_of, "compared": found.compared, "differences": rows})
    else:
        _output.show(rows, output, empty="no difference")
        print(f"{found.compared:,} memberships compared at {found.as_of.isoformat()}")
    raise typer.Exit(1 if found.unexplained else 0)


def _row(turn: Turn) -> dict[str, int | bool]:
    return {
        "lines": turn.lines,
        "events": turn.events,
        "profiles": turn.evaluated,
        "entered": sum(change.change == "entered" for change in turn.changes),
        "left": sum(change.change == "left" for change in turn.changes),
        "new_batch": turn.is_reloaded,
    }


def _is_any(turn: Turn) -> bool:
    return bool(turn.lines or turn.evaluated or turn.is_reloaded)


def _report(turn: Turn) -> None:
    if _is_any(turn):
        words = ", ".join(f"{value} {name}" for name, value in _row(turn).items())
        print(words, flush=True)
