"""``segmentry content``: list, check, preview and matrix of what segments are shown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli._output import Output, OutputOption, show
from experiments import definitions
from experiments.content import checks, fields, files, samples
from experiments.decide import lake as read
from experiments.decide import pages
from identity import people
from segmentry import clock, warehouse
from segmentry.errors import ConfigError, GateFailed
from segmentry.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Check and preview what each segment is shown in each slot."
)
AtOption = Annotated[
    str | None, typer.Option("--at", help="an ISO 8601 time, UTC; none: the clock of the lake")
]


@app.command("list")
def list_slots(output: OutputOption = Output.table) -> None:
    """List the slots of config/content with their variants.

    Example: segmentry content list
    """
    rows = [
        {
            "slot": slot.name,
            "kind": "html" if slot.is_html else "text",
            "policy": slot.policy,
            "variants": ", ".join(slot.variants),
            "rules": len(slot.rules),
            "owner": slot.owner,
            "description": slot.description,
        }
        for slot in files.load(Settings.from_environment()).values()
    ]
    show(rows, output, empty="no slot: add a file to config/content")


@app.command()
def check(
    at: AtOption = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="exit with 3 if there is a warning")
    ] = False,
    output: OutputOption = Output.table,
) -> None:
    """Report overlaps, unreachable variants, missing defaults and files that do not fit.

    Exit status: 2 if a file does not fit, 3 for a warning with --strict, else 0.

    Example: segmentry content check --strict
    """
    settings = Settings.from_environment()
    slots, errors = files.load_each(settings)
    found = [
        checks.ContentFinding(name, checks.ERROR, "does_not_fit", str(error).replace("\n", " "))
        for name, error in errors.items()
    ]
    warehouse.prepare(settings)
    with warehouse.connect(settings, read_only=True) as lake:
        sizes = read.sizes(lake)
        pairs = read.shared(lake)
        now = _time(at, settings)
    for slot in slots.values():
        found += checks.check(
            slot,
            sizes,
            definitions.load(settings),
            lambda one, other: pairs.get(frozenset({one, other}), 0) if sizes else None,
            now,
        )
    show([vars(one) for one in found], output, empty=f"{len(slots)} slot(s), nothing to report")
    if errors:
        raise ConfigError(
            f"{len(errors)} of {len(slots) + len(errors)} slots do not fit",
            remedy="correct the files that the findings name",
        )
    warnings = sum(one.severity == checks.WARNING for one in found)
    if strict and warnings:
        raise GateFailed(
            f"{warnings} warning(s) about content", remedy="correct them, or leave out --strict"
        )


@app.command()
def preview(
    slots: Annotated[list[str] | None, typer.Argument(help="slots; none names all")] = None,
    person: Annotated[
        str | None, typer.Option("--person", help="add this person: profile_id, or type:value")
    ] = None,
    device: Annotated[str | None, typer.Option("--device", help="device of the request")] = None,
    country: Annotated[str | None, typer.Option("--country", help="country of it")] = None,
    at: AtOption = None,
) -> None:
    """Write a page with every variant for made-up profiles, and for one person if asked.

    Example: segmentry content preview home_hero --device mobile
    """
    settings = Settings.from_environment()
    chosen = [files.one(settings, name) for name in slots or files.load(settings)]
    request = fields.request_context({"device": device, "country": country})
    people_shown: dict[str, Any] = dict(samples.profiles(fields.vocabulary(settings)))
    if person is not None:
        with warehouse.connect(settings, read_only=True) as lake:
            found = read.read_person(lake, people.profile_named(lake, person))
        if found is not None:
            people_shown["the person asked for"] = found.traits
    place = pages.write_preview(settings, chosen, people_shown, request, _time(at, settings))
    print(f"page: {place}")


@app.command()
def matrix(output: OutputOption = Output.table) -> None:
    """Print and write which variant each segment is shown in each slot.

    Example: segmentry content matrix
    """
    settings = Settings.from_environment()
    warehouse.prepare(settings)
    with warehouse.connect(settings, read_only=True) as lake:
        content = read.content(settings, lake)
    show(pages.matrix(content), output, empty="no slot: add a file to config/content")
    place = pages.write_matrix(settings, content)
    if output is Output.table:
        print(f"page: {place}")


def _time(at: str | None, settings: Settings) -> datetime:
    if at is not None:
        found = clock.parse(at)
    elif clock.is_decided(settings):
        found = clock.read(settings)
    else:
        return datetime.now(UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
