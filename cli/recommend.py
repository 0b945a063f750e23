"""``segmentry recommend``: what a person is recommended, and how good the lists are."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any

import typer

from cli import _roles
from cli._output import Output, OutputOption, print_json, show
from cli._reading import lake_of
from identity import people
from ml.recommend import evaluation, shown, stages
from ml.recommend.policy import RecommendationPolicy
from segmentry import clock, roles, warehouse
from segmentry.errors import NotReadyError
from segmentry.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Show and evaluate the products recommended to people."
)


@app.command("show")
def show_list(
    identifier: Annotated[
        str | None,
        typer.Argument(
            help="profile_id, or type:value such as email:ann@example.com; none: a new visitor"
        ),
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Show the list of one person, or what a new visitor sees.

    Example: segmentry recommend show email:ann@example.com
    """
    settings = Settings.from_environment()
    with lake_of(settings) as lake:
        profile_id = None
        if identifier is not None:
            profile_id = people.profile_named(lake, identifier)
            _roles.record_view(settings, roles.of_operator(settings), "recommendations", profile_id)
        rows = shown.of(lake, profile_id)
    show(rows, output, empty="no product has been bought yet")


@app.command()
def pairs(
    product_id: Annotated[str, typer.Argument(help="a product_id of marts.order_items")],
    output: OutputOption = Output.table,
) -> None:
    """Show what is bought and viewed together with a product.

    Example: segmentry recommend pairs P0001
    """
    with lake_of(Settings.from_environment()) as lake:
        rows = shown.pairs(lake, product_id)
    show(rows, output, empty="nothing is bought or viewed together with it often enough")


@app.command()
def evaluate(
    days: Annotated[
        int | None, typer.Option(min=1, help="days of the test; else trending_days of the policy")
    ] = None,
    size: Annotated[int | None, typer.Option(min=1, help="products per list")] = None,
    output: OutputOption = Output.table,
) -> None:
    """Compare collaborative filtering with popularity on the newest purchases; it writes nothing.

    Example: segmentry recommend evaluate --days 60
    """
    settings = Settings.from_environment()
    policy = RecommendationPolicy.read(settings)
    given: dict[str, Any] = {"trending_days": days, "size": size}
    policy = replace(policy, **{name: one for name, one in given.items() if one is not None})
    warehouse.prepare(settings)
    behaviour = stages.read(settings, clock.read(settings), policy)
    judged = stages.evaluate(behaviour, policy)
    if judged is None:
        since = behaviour.as_of - timedelta(days=policy.trending_days)
        raise NotReadyError(
            f"fewer than {evaluation.LEAST_PEOPLE} people with an earlier purchase bought"
            f" something from {since:%Y-%m-%d} on",
            remedy="wait for more purchases, or give more --days",
        )
    if output is Output.json:
        print_json({"verdict": judged.sentence, **stages.figures(judged)})
        return
    show(stages.table(judged), output)
    print(judged.sentence)
