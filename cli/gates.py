"""``segmentry gates``: the checks between the layers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from cli._output import Output, OutputOption, progress, show
from cli._reading import lake_of
from expectations import record, runner, suite
from segmentry import clock, releases, warehouse
from segmentry.errors import UsageError
from segmentry.settings import Settings

app = typer.Typer(no_args_is_help=True, help="List the gates, run one, and read what failed.")
Gate = Annotated[str, typer.Argument(help="raw, features or audiences")]


@app.command("list")
def list_gates(output: OutputOption = Output.table) -> None:
    """List the gates with their suites.

    Example: segmentry gates list
    """
    show(
        [
            {"gate": gate, "suite": name, "description": found.description}
            for gate in suite.GATES
            for name, found in suite.suites(gate).items()
        ],
        output,
    )


@app.command("run")
def run_gate(gate: Gate) -> None:
    """Check one gate on the lake as it is; exit 3 where it does not pass.

    Example: segmentry gates run features
    """
    settings = Settings.from_environment()
    name = _known(gate)
    warehouse.prepare(settings)
    with progress(f"checking the gate '{name}'"):
        as_of = clock.read(settings) if clock.is_decided(settings) else None
        report = runner.run(settings, name, as_of, is_forced=True)
    print(
        "\n".join(
            [
                f"the gate '{name}' passed {report.rows.get('expectations', 0)} expectation(s)",
                *report.notes,
            ]
        )
    )


@app.command("show")
def show_gate(gate: Gate, output: OutputOption = Output.table) -> None:
    """Show what a gate's newest check found, with the keys of failing rows.

    Example: segmentry gates show raw
    """
    settings = Settings.from_environment()
    name = _known(gate)
    with lake_of(settings) as lake:
        if not all(warehouse.relation_exists(lake, relation) for relation in record.TABLES):
            raise UsageError("no gate has been checked in this lake", remedy="run `segmentry run`")
        rows = warehouse.records(
            lake,
            """
            select relation, expectation, severity, failing_rows, row_key
                from lake.observability.gate_failures
            where gate = ? and snapshot_id = (
                select max_by(snapshot_id, checked_at) from lake.observability.gate_results
                    where gate = ?
            )
            order by severity, relation, expectation, row_key
            """,
            [name, name],
        )
    show(rows, output, empty=f"the newest check of '{name}' found nothing")


@app.command("release")
def release_gate(
    gate: Annotated[str, typer.Argument(help="the gate that stopped the run")],
    reason: Annotated[
        str | None, typer.Option(help="why; recorded with your name and the time")
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Let through the failing rows that a gate's newest check named; a row that fails later stops
    the gate again.

    Example: segmentry gates release raw --reason "the supplier confirms the empty rows"
    """
    settings = Settings.from_environment()
    warehouse.prepare(settings)
    show([asdict(released) for released in releases.release(settings, gate, reason)], output)


def _known(gate: str) -> str:
    if gate not in suite.GATES:
        raise UsageError(
            f"there is no gate '{gate}'", allowed=", ".join(suite.GATES), remedy="name one of these"
        )
    return gate
