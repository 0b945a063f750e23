"""``segmentry consent``: record a decision, and list the refusals without a match."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from cli._output import Output, OutputOption, show
from segmentry import withdrawals
from segmentry.settings import Settings
from sources import decisions

app = typer.Typer(
    no_args_is_help=True, help="Record opt-outs and opt-ins, and see refusals that match nobody."
)


class Purpose(StrEnum):
    """Purposes; any for all of them."""

    marketing = "marketing"
    advertising = "advertising"
    personalization = "personalization"
    analytics = "analytics"
    any = "any"


class Channel(StrEnum):
    """Channels; any for all of them."""

    email = "email"
    sms = "sms"
    push = "push"
    ads = "ads"
    any = "any"


ChannelOption = Annotated[
    Channel, typer.Option("--channel", "-c", help="by which channel; any for all of them")
]


@app.command("withdraw")
def withdraw(
    identifier: Annotated[
        str, typer.Argument(help="type:value such as email:ann@example.com, or a profile_id")
    ],
    purpose: Annotated[
        Purpose, typer.Option("--purpose", "-p", help="what is refused; any for all")
    ] = Purpose.any,
    channel: ChannelOption = Channel.any,
    output: OutputOption = Output.table,
) -> None:
    """Record that a person opted out. It counts for every request that starts from now on, with
    everything that the identifier may mean.

    Example: segmentry consent withdraw email:ann@example.com --purpose marketing
    """
    settings = Settings.from_environment()
    refusal = decisions.Decision("withdrawn", purpose.value, channel.value)
    show([decisions.record(settings, identifier, refusal)], output)


@app.command("grant")
def grant(
    identifier: Annotated[
        str, typer.Argument(help="type:value; a grant counts for the identifier it was given for")
    ],
    proof: Annotated[
        str, typer.Option("--proof", help="what shows it: a form, a letter, a recording")
    ],
    purpose: Annotated[
        Purpose, typer.Option("--purpose", "-p", help="what is granted")
    ] = Purpose.marketing,
    channel: ChannelOption = Channel.any,
    output: OutputOption = Output.table,
) -> None:
    """Record that a person opted in, with the proof of it. It lifts earlier refusals that are no
    more specific.

    Example: segmentry consent grant email:ann@example.com --proof "signed form of 3 May" --channel
    email
    """
    settings = Settings.from_environment()
    given = decisions.Decision("granted", purpose.value, channel.value, proof)
    show([decisions.record(settings, identifier, given)], output)


@app.command("unmatched")
def unmatched(output: OutputOption = Output.table) -> None:
    """Count the refusals that match no known identifier, and those that count for all that they may
    mean.

    Example: segmentry consent unmatched --output json
    """
    rows = withdrawals.unmatched(Settings.from_environment())
    show(rows, output, empty="every refusal matches a known identifier")
