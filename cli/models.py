"""``segmentry models``: train, score, compare, promote and roll back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer

from cli._output import Output, OutputOption, progress, show
from segmentry import clock, warehouse
from segmentry.settings import Settings
from segmentry.stages import RunContext, StageReport, stage_named

app = typer.Typer(no_args_is_help=True, help="Train, score, compare, promote and roll back models.")

ModelArgument = Annotated[str, typer.Argument(help="a file of ml/models/, such as churn")]
ModelsArgument = Annotated[
    list[str] | None, typer.Argument(help="files of ml/models/; none names all")
]
AsOfOption = Annotated[
    str | None, typer.Option("--as-of", help="time to work at, ISO 8601; else the lake's clock")
]
VersionOption = Annotated[
    str | None, typer.Option("--version", help="a registered version; else the newest challenger")
]


def _context(as_of: str | None = None) -> RunContext:
    settings = Settings.from_environment()
    warehouse.prepare(settings)
    return RunContext(settings, clock.parse(as_of) if as_of else None)


def _row(model: str, report: StageReport) -> dict[str, Any]:
    return {
        "model": model,
        "status": report.status,
        "notes": " ".join(report.notes),
        "seconds": round(report.seconds, 1),
    }


def _each(stage: str, models: Sequence[str] | None, context: RunContext, output: Output) -> None:
    step = stage_named(stage)
    rows = []
    for model in models or step.item_names(replace(context, retrain=True)):
        with progress(f"{stage} {model}"):
            rows.append(_row(model, step.run(context, model)))
    show(rows, output)


@app.command("list")
def list_models(output: OutputOption = Output.table) -> None:
    """List models with their champions.

    Example: segmentry models list
    """
    from ml import lifecycle

    show(lifecycle.listing(Settings.from_environment()), output)


@app.command("show")
def show_model(model: ModelArgument, output: OutputOption = Output.table) -> None:
    """Show a model's versions and how each did at the gates.

    Example: segmentry models show churn
    """
    from ml import lifecycle

    show(
        lifecycle.show(Settings.from_environment(), model),
        output,
        empty=f"{model} has no version yet",
    )


@app.command()
def train(
    models: ModelsArgument = None, as_of: AsOfOption = None, output: OutputOption = Output.table
) -> None:
    """Train models now, due or not; a challenger becomes champion only through the gates.

    Example: segmentry models train churn
    """
    _each("train", models, _context(as_of), output)


@app.command()
def score(
    models: ModelsArgument = None, as_of: AsOfOption = None, output: OutputOption = Output.table
) -> None:
    """Score every profile with the champions.

    Example: segmentry models score churn upsell
    """
    _each("score", models, _context(as_of), output)


@app.command()
def compare(
    model: ModelArgument, version: VersionOption = None, output: OutputOption = Output.table
) -> None:
    """Compare a challenger with the champion: metrics, members each segment would gain and lose,
    rows of syncs.

    Example: segmentry models compare churn --version 3
    """
    from ml import impact, lifecycle

    context = _context()
    figures = lifecycle.measures(context, model, version)
    moves = asdict(impact.of_promotion(context, model, version))
    if output is Output.json:
        from cli._output import print_json

        print_json({"metrics": figures, **moves})
        return
    show(figures, output, title=f"{model}: newest test window, 90% intervals")
    title = "If the challenger were promoted"
    show(
        moves["segments"],
        output,
        title=f"{title}: members",
        empty="no segment reads this model's scores",
    )
    show(
        moves["syncs"],
        output,
        title=f"{title}: rows of syncs",
        empty="no sync would send anything else",
    )


@app.command()
def performance(
    model: Annotated[
        str | None, typer.Argument(help="a file of ml/models/; none names all")
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Show how the scores of past months turned out, next to what the back-test promised.

    Example: segmentry models performance churn
    """
    from ml.evaluate import performance as turned_out
    from ml.registry import catalogue

    if model is not None:
        catalogue.spec_named(model)
    with warehouse.connect(Settings.from_environment(), read_only=True) as lake:
        rows = turned_out.table(lake, model)
    show(
        rows,
        output,
        title="First scoring of each month, 90% intervals",
        empty="no scoring is old enough that its outcomes are known",
    )


@app.command()
def target(
    model: Annotated[str, typer.Argument(help="a model of uplift, such as uplift")],
    budget: Annotated[float, typer.Option("--budget", help="money to spend on sending")],
    cost: Annotated[float, typer.Option("--cost", help="money that sending to one person costs")],
    write: Annotated[
        bool, typer.Option("--write", help="write the segments' files into the dbt project")
    ] = False,
    output: OutputOption = Output.table,
) -> None:
    """Show which people a budget should be spent on and the gain, and write the segments.

    Example: segmentry models target uplift --budget 5000 --cost .08
    """
    from ml import targets

    settings = Settings.from_environment()
    found = targets.choose(settings, model, budget, cost)
    rows = [
        {
            "segment": one.name,
            "rule": one.condition,
            "people": one.people,
            "cost": round(one.cost, 2),
            "effect_per_person": str(one.effect),
            "gain": round(one.gain.value, 2),
            "gain_low": round(one.gain.low, 2),
            "gain_high": round(one.gain.high, 2),
        }
        for one in found
    ]
    show(rows, output, title="Expected by the trial, 95% intervals")
    if write:
        for path in targets.write(settings, found):
            typer.echo(f"written: {path}", err=True)


@app.command()
def promote(
    model: ModelArgument, version: VersionOption = None, output: OutputOption = Output.table
) -> None:
    """Make a version champion if it passes every gate today, and score with it.

    Example: segmentry models promote churn --version 3
    """
    from ml import lifecycle

    show([_row(model, lifecycle.promote(_context(), model, version))], output)


@app.command()
def rollback(model: ModelArgument, output: OutputOption = Output.table) -> None:
    """Go back to the former champion and restore its scores.

    Example: segmentry models rollback churn
    """
    from ml import lifecycle

    show([_row(model, lifecycle.rollback(_context(), model))], output)
