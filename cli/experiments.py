"""``segmentry experiments``: metrics, experiments, and what they changed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli._output import Output, OutputOption, print_json, show
from experiments import exposed, metrics, pages
from experiments import lift as lifts
from segmentry import clock, warehouse
from segmentry.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Measure what syncs and experiments changed, with intervals."
)


@app.command("metrics")
def list_metrics(output: OutputOption = Output.table) -> None:
    """List the metrics of config/metrics.

    Example: segmentry experiments metrics
    """
    found = metrics.load(Settings.from_environment())
    rows = [
        {
            "metric": metric.name,
            "unit": metric.unit,
            "per": "person" if metric.denominator is None else metric.denominator.relation,
            "window_days": metric.window_days,
            "good": metric.direction,
            "guardrail": metric.is_guardrail,
            "description": metric.description,
        }
        for metric in found.values()
    ]
    show(rows, output, empty="no metric: add a file to config/metrics")


@app.command()
def lift(
    syncs: Annotated[
        list[str] | None, typer.Argument(help="syncs with a hold-out; none names all")
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Print what each sync has earned: people sent against people held out, in one sentence.

    Example: segmentry experiments lift
    """
    settings = Settings.from_environment()
    selected = lifts.select(settings, syncs or [])
    warehouse.prepare(settings)
    with warehouse.writing(settings), warehouse.connect(settings) as lake:
        exposed.record(lake, lifts.select(settings, []), clock.read_from(lake))
        found = lifts.measure(lake, settings, selected)
        if not syncs:
            lifts.write(lake, found)
    if not syncs:
        pages.write_lifts(settings, found)
    if output is Output.json:
        print_json([_as_json(one) for one in found])
        return
    for one in found:
        print(f"{one.kind} {one.name}: {one.sentence}")
    if not found:
        print("no sync has a hold-out: add hold_out to a file of config/syncs")


def _as_json(one: lifts.SyncLift) -> dict[str, Any]:
    sent, held_out = one.people
    return {
        "kind": one.kind,
        "name": one.name,
        "people_sent": sent,
        "people_held_out": held_out,
        "ratio_p_value": one.ratio.p_value,
        "is_ratio_broken": one.ratio.is_broken,
        "currency": one.currency,
        "as_of": one.as_of,
        "verdict": one.sentence,
        "effects": [vars(effect) for effect in one.effects],
    }
