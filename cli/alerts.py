"""``segmentry alerts``: incidents, and the channels that they are sent to."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli._output import Output, OutputOption, print_json, progress, show
from runtime.alerts import pages, store, watch
from runtime.console import errors
from segmentry import warehouse
from segmentry.errors import UsageError
from segmentry.redaction import without_values
from segmentry.settings import Settings

if TYPE_CHECKING:
    from runtime.alerts.model import Incident

app = typer.Typer(no_args_is_help=True, help="See what is wrong, and test who is informed of it.")


@app.command("list")
def list_incidents(
    everything: Annotated[
        bool, typer.Option("--all", help="resolved incidents too, the newest first")
    ] = False,
    output: OutputOption = Output.table,
) -> None:
    """List the incidents that the last look found open; `segmentry alerts check` looks again.

    Example: segmentry alerts list --all
    """
    settings = Settings.from_environment()
    titles = watch.titles()
    rows = [
        {
            "incident": one.incident_id,
            "kind": titles.get(one.kind, one.kind),
            "severity": one.severity,
            "state": _state(settings, one),
            "opened_at": one.opened_at,
            "what": without_values(one.summary),
        }
        for one in _incidents(settings, everything)
    ]
    show(rows, output, empty="no incident is open" if not everything else "no incident is known")


@app.command("show")
def show_incident(
    incident: Annotated[str, typer.Argument(help="its id, as `segmentry alerts list` prints it")],
    output: OutputOption = Output.table,
) -> None:
    """Show an incident: what happened, what to do, and what each channel got.

    Example: segmentry alerts show inc_0123456789abcdef
    """
    settings = Settings.from_environment()
    warehouse.prepare(settings)
    known = {one.incident_id: one for one in _incidents(settings, everything=True)}
    if incident not in known:
        raise UsageError(
            f"there is no incident '{incident[:40]}'",
            allowed="an id that `segmentry alerts list --all` prints",
            remedy="copy the id from there",
        )
    record = _record(settings, known[incident])
    with closing(store.IncidentStore(settings)) as kept:
        notices = [
            {
                key: row[key]
                for key in ("channel", "event", "state", "attempts", "changed_at", "error")
            }
            for row in kept.notices([incident])
        ]
    if output is Output.json:
        print_json([{**record, "notices": notices}])
        return
    for name, value in record.items():
        print(f"{name + ':':<13}{value}")
    print()
    show(notices, output, empty="no channel is to get it")


@app.command("check")
def check(
    send: Annotated[
        bool, typer.Option("--send/--no-send", help="send what is new, or only keep it")
    ] = True,
    output: OutputOption = Output.table,
) -> None:
    """Look for incidents now, and send what is new to the channels.

    Exit status: 0 looked, whatever was found; 1 a message did not arrive; 2 config/alerts.yml is
    wrong.

    Example: segmentry alerts check --no-send
    """
    settings = Settings.from_environment()
    warehouse.prepare(settings)
    with progress("looking for incidents"):
        done = watch.check(settings, sends=send)
    for name, fault in done.faults.items():
        errors.print(f"{name}: {fault}")
    if output is Output.json:
        print_json([vars(done)])
    else:
        sent = ", ".join(f"{name} {count}" for name, count in done.sent.items()) or "none"
        print(f"new: {len(done.opened)}; resolved: {len(done.resolved)}; messages sent: {sent}")
        list_incidents(everything=False, output=output)
    if done.faults:
        raise typer.Exit(1)


@app.command("test")
def test(
    channel: Annotated[
        str | None, typer.Argument(help="a channel of config/alerts.yml; none for all")
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Send a test message, so that you see that it arrives. Exit status 1 where one did not.

    Example: segmentry alerts test
    """
    settings = Settings.from_environment()
    warehouse.prepare(settings)
    with progress("sending a test message"):
        result = watch.send_test(settings, channel)
    show([{"channel": name, "fault": fault or None} for name, fault in result.items()], output)
    if any(result.values()):
        raise typer.Exit(1)


def _incidents(settings: Settings, everything: bool) -> list[Incident]:
    warehouse.prepare(settings)
    with closing(store.IncidentStore(settings)) as kept:
        return kept.incidents(is_open=None if everything else True)


def _state(settings: Settings, incident: Incident) -> str:
    """open, notified when a channel got it, or resolved."""
    if incident.state != "open":
        return incident.state
    with closing(store.IncidentStore(settings)) as kept:
        is_sent = any(row["state"] == "sent" for row in kept.notices([incident.incident_id]))
    return "notified" if is_sent else "open"


def _record(settings: Settings, incident: Incident) -> dict[str, Any]:
    policy = watch.load_policy(settings)
    return {
        "incident": incident.incident_id,
        "kind": watch.titles().get(incident.kind, incident.kind),
        "subject": incident.subject,
        "severity": incident.severity,
        "state": _state(settings, incident),
        "what": without_values(incident.summary),
        "to do": incident.remedy,
        "page": pages.addresses(settings, policy).get(incident.page, ""),
        "opened_at": incident.opened_at,
        "resolved_at": incident.resolved_at,
    }
