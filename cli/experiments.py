"""``segmentry experiments``: metrics, experiments, and what they changed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli._output import Output, OutputOption, print_json, show
from experiments import definitions, exposed, metrics, pages, planning, reading
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


ExperimentArgument = Annotated[str, typer.Argument(help="a file of config/experiments")]


@app.command("list")
def list_experiments(output: OutputOption = Output.table) -> None:
    """List the experiments of config/experiments.

    Example: segmentry experiments list
    """
    rows = [
        {
            "experiment": one.name,
            "start": f"{one.start:%Y-%m-%d}",
            "end_exclusive": f"{one.end:%Y-%m-%d}",
            "variants": ", ".join(f"{name} {weight:g}" for name, weight in one.weights.items()),
            "primary": one.primary,
            "guardrails": ", ".join(one.guardrails),
            "layer": one.layer.name if one.layer else None,
            "owner": one.owner,
        }
        for one in definitions.load(Settings.from_environment()).values()
    ]
    show(rows, output, empty="no experiment: add a file to config/experiments")


@app.command()
def plan(experiment: ExperimentArgument, output: OutputOption = Output.table) -> None:
    """Print how many people an experiment needs, and how many days, before it starts.

    Example: segmentry experiments plan welcome_offer
    """
    settings = Settings.from_environment()
    chosen = definitions.one(settings, experiment)
    warehouse.prepare(settings)
    with warehouse.connect(settings, read_only=True) as lake:
        sizing = planning.plan(lake, settings, chosen)
    if output is Output.json:
        print_json({**vars(sizing), "verdict": sizing.sentence})
        return
    print(sizing.sentence)


@app.command()
def report(experiment: ExperimentArgument, output: OutputOption = Output.table) -> None:
    """Record new exposures of an experiment and print its verdict and effects.

    Example: segmentry experiments report welcome_offer
    """
    settings = Settings.from_environment()
    chosen = definitions.one(settings, experiment)
    warehouse.prepare(settings)
    with warehouse.writing(settings), warehouse.connect(settings) as lake:
        found = reading.read(lake, settings, chosen)
    place = pages.write_reading(settings, found)
    if output is Output.json:
        effects = [vars(effect) for effect in found.effects]
        segments = {name: [vars(e) for e in part] for name, part in found.by_segment.items()}
        print_json({"verdict": found.sentence, "effects": effects, "by_segment": segments})
        return
    print(found.sentence)
    if found.ratio.is_broken:
        return
    rows = [
        {
            "metric": effect.metric,
            "variant": effect.variant,
            "people": effect.people,
            "effect": effect.effect,
            "daily_low": effect.daily_low,
            "daily_high": effect.daily_high,
            "p_corrected": effect.p_adjusted,
        }
        for effect in found.effects
    ]
    show(rows, output, empty="no effects yet")
    print(f"page: {place}")


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
