"""``segmentry ci``: what a change of the definitions would do, for a pull request."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli._output import Output, OutputOption, print_json, progress
from runtime.ci import report as reports
from segmentry.errors import GuardrailTriggered, UsageError
from segmentry.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Report what a change of the definitions does, for a pull request."
)


@app.callback()
def _group() -> None:
    """Keep `report` a verb of its own."""


@app.command("report")
def report(
    base: Annotated[
        str, typer.Option("--base", help="branch, tag or commit to compare the working tree with")
    ] = "HEAD",
    out: Annotated[
        Path | None, typer.Option("--out", help="write the Markdown to this file too")
    ] = None,
    fail_above: Annotated[
        float | None,
        typer.Option(
            "--fail-above",
            min=0,
            help="exit 3 if a larger share of a segment or of a sync's rows would move: 0.2 is a"
            " fifth",
        ),
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Print as Markdown how segments, sync rows and models change from a commit to the working
    tree.

    Both versions are evaluated on the lake of the home. Nothing is sent, and nothing is written to
    the lake or the ledger. Exit 0: the report is made. 1: the lake is not ready, or dbt cannot
    compile the audiences. 2: wrong use, or a definition that is refused. 3: more moves than
    --fail-above allows.

    Example: segmentry ci report --base origin/main --out report.md
    """
    with progress(f"Comparing the working tree with {base} ..."):
        made = reports.make(Settings.from_environment(), base)
    text = reports.markdown(made)
    if out is not None:
        _write(out, text)
    if output is Output.json:
        print_json(made.as_json())
    else:
        print(text, end="")
    if fail_above is not None and made.largest_share > fail_above:
        raise GuardrailTriggered(
            f"{made.largest_share:.0%} of a segment or of a sync's rows would move",
            allowed=f"at most {fail_above:.0%}, as --fail-above states",
            remedy="review the report, then merge without the limit or make the change smaller",
        )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}",
            allowed="a file in a folder that exists",
            remedy="choose another path with --out",
        ) from None
