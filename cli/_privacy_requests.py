"""Verbs of ``segmentry privacy`` for what a person may ask besides erasure and a copy: correction,
restriction, objection.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from cli._output import Output, OutputOption, show
from identity import corrections
from privacy import restricting
from segmentry import restrictions, warehouse
from segmentry.errors import UsageError
from segmentry.operators import current_operator, stated_reason
from segmentry.restrictions import Request
from segmentry.settings import Settings

Identifier = Annotated[str, typer.Argument(help="type:value, or a profile_id")]
Reason = Annotated[str | None, typer.Option(help="why; recorded with your name and the time")]


class ObjectedPurpose(StrEnum):
    """What a person may object to."""

    profiling = "profiling"
    marketing = "marketing"
    advertising = "advertising"
    personalization = "personalization"
    analytics = "analytics"


def correct(
    identifier: Identifier,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", help="trait=value; trait= for no value; several are allowed"),
    ] = None,
    undo: Annotated[
        str | None, typer.Option("--undo", help="the trait whose newest correction ends")
    ] = None,
    reason: Reason = None,
    output: OutputOption = Output.table,
) -> None:
    """Correct what the profile states of a person; it wins over every source, also when they are
    loaded again.

    Example: segmentry privacy correct email:ann@example.com --set city=Bonn --reason "her letter of
    3 May"
    """
    settings = Settings.from_environment()
    warehouse.prepare(settings)
    if (undo is None) == (not values):
        given = "--set and --undo" if values else "neither --set nor --undo"
        raise UsageError(
            f"{given} was given",
            allowed="--set trait=value, or --undo trait",
            remedy="name the trait and its value, such as --set city=Bonn",
        )
    if undo is not None:
        show(corrections.undo(settings, identifier, undo, current_operator()), output)
        return
    wanted = dict(_pair(text) for text in values or [])
    decided = corrections.Decided(current_operator(), stated_reason(reason, "a correction"))
    show(corrections.correct(settings, identifier, wanted, decided), output)


def restrict(
    identifier: Identifier, reason: Reason = None, output: OutputOption = Output.table
) -> None:
    """Keep a person's data and use them for nothing, until `segmentry privacy lift`.

    Every request that starts from now on leaves the person out; the next sync removes them from
    destinations, the next run from features, training, scores, segments and experiments.

    Example: segmentry privacy restrict email:ann@example.com --reason "disputes her data"
    """
    _record(identifier, restrictions.RESTRICTION, "any", reason, output)


def object_to(
    identifier: Identifier,
    purpose: Annotated[
        ObjectedPurpose, typer.Option("--purpose", "-p", help="what is objected to")
    ],
    reason: Reason = None,
    output: OutputOption = Output.table,
) -> None:
    """Record that a person objects to a purpose: their data are not used for it, until `segmentry
    privacy lift`. No later grant ends it.

    Example: segmentry privacy object email:ann@example.com --purpose profiling --reason "letter"
    """
    _record(identifier, restrictions.OBJECTION, purpose.value, reason, output)


def lift(
    identifier: Identifier,
    purpose: Annotated[
        ObjectedPurpose | None,
        typer.Option("--purpose", "-p", help="the objection to this; without it, all of them"),
    ] = None,
    reason: Reason = None,
    output: OutputOption = Output.table,
) -> None:
    """End restrictions and objections of a person. It grants nothing: who opted out stays so.

    Example: segmentry privacy lift email:ann@example.com --reason "the dispute is settled"
    """
    rows = restricting.lift(
        Settings.from_environment(),
        identifier,
        purpose.value if purpose else None,
        current_operator(),
        stated_reason(reason, "the end of a restriction"),
    )
    show(rows, output)


def list_restrictions(
    is_all: Annotated[bool, typer.Option("--all", help="those that are lifted too")] = False,
    output: OutputOption = Output.table,
) -> None:
    """List restrictions and objections, with the profiles that they name.

    Example: segmentry privacy restrictions --all
    """
    rows = restricting.listed(Settings.from_environment(), is_all=is_all)
    show(rows, output, empty="no restriction and no objection is in force")


def _record(identifier: str, kind: str, purpose: str, reason: str | None, output: Output) -> None:
    what = "a restriction" if kind == restrictions.RESTRICTION else "an objection"
    request = Request(kind, purpose, stated_reason(reason, what), current_operator())
    show([restricting.record(Settings.from_environment(), identifier, request)], output)


def _pair(text: str) -> tuple[str, str]:
    trait, sign, value = text.partition("=")
    if not sign or not trait.strip():
        raise UsageError(
            "what was given behind --set has no trait, or no =",
            allowed="trait=value, such as city=Bonn",
            remedy="write the trait, = and its value",
        )
    return trait.strip(), value


def add_to(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("correct")(correct)
    app.command("restrict")(restrict)
    app.command("object")(object_to)
    app.command("lift")(lift)
    app.command("restrictions")(list_restrictions)
