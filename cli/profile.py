"""``segmentry profile``: all data of one person."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import _roles
from cli._output import Output, OutputOption, print_json, show
from cli._reading import published_lake
from identity import people
from runtime import profile_sections
from segmentry import roles
from segmentry.settings import Settings


def command(
    identifier: Annotated[
        str, typer.Argument(help="profile_id, or type:value such as email:ann@example.com")
    ],
    output: OutputOption = Output.table,
) -> None:
    """Show one person: identifiers with evidence, traits with provenance, scores, segments,
    consent, what was sent.

    Example: segmentry profile email:ann@example.com
    """
    settings = Settings.from_environment()
    with published_lake(settings) as lake:
        reader = roles.of_operator(settings)
        profile_id = people.profile_named(lake, identifier)
        _roles.record_view(settings, reader, "profile", profile_id)
        sections = {
            name: _roles.section(reader, name, profile_sections.read(lake, name, profile_id))
            for name in profile_sections.SECTIONS
        }
    if output is Output.json:
        print_json({"profile_id": profile_id, **sections})
        return
    print(f"profile_id {profile_id}")
    for name, content in sections.items():
        print()
        if isinstance(content, dict):
            print(f"{name}: {content['missing']}")
        else:
            show(content, output, title=name, empty=f"{name}: none")
