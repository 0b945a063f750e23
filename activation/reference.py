"""The reference of the destinations, made from their own files."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable

from activation import deletion
from activation.client import Rate
from activation.destination import Destination, all_destinations
from activation.differences import DIFFERENCES
from activation.tokens.flows import PASTED, TOKEN, SignIn
from segmentry.generated import GeneratedFile
from segmentry.settings import ROOT, Settings

_HEAD = """# Destinations

Made by `make generate` from `activation/destinations`. `connection:` of a sync names where
each setting comes from ([a sync](../how-to/add-a-sync.md)); a setting in brackets may be left out.
"""


_DIFFERENCES = """
## Differences from other clients

Public test cases of another client (rudder-transformer) and the vendors' documents give the
requests of `tests/contracts/test_public_cases.py`. Where Segmentry differs, it does so on purpose:

| destination | what | others | Segmentry | reason |
|---|---|---|---|---|
"""


def generated_files(_settings: Settings) -> list[GeneratedFile]:
    """docs/reference/destinations.md."""
    text = _HEAD + "".join(
        _section(name, found) for name, found in sorted(all_destinations().items())
    )
    text += _DIFFERENCES + "".join(
        f"| `{d.destination}` | {d.what} | {d.others} | {d.ours} | {d.reason} |\n"
        for d in DIFFERENCES
    )
    return [GeneratedFile(ROOT / "docs" / "reference" / "destinations.md", text)]


def _section(name: str, destination: Destination) -> str:
    words = destination.manual or inspect.cleandoc(
        sys.modules[type(destination).__module__].__doc__ or ""
    )
    needed = [
        name
        for name in destination.settings
        if name in destination.needed_settings(()) and (name != TOKEN or not destination.sign_in)
    ]
    others = [name for name in destination.known_settings if name not in needed]
    settings = [*needed, *(f"[{name}]" for name in others)]
    rows = [
        ("connection", _listed(settings)),
        *([("signs in by", _flows(destination.sign_in))] if destination.sign_in else []),
        ("options", _listed(destination.options)),
        ("purposes", _listed(destination.purposes)),
        ("channels", _listed(destination.channels)),
        (
            "rows of a request",
            "all" if destination.is_snapshot else f"at most {destination.batch_rows:,}",
        ),
        ("values", destination.forms),
        ("rate", _rate(destination.rate)),
        ("charged by", destination.cost_unit),
        ("grains", _listed(destination.grains)),
        ("modes", _modes(destination)),
        ("a person is deleted", _deletion(name)),
    ]
    table = "".join(f"| {word} | {meaning} |\n" for word, meaning in rows)
    return f"\n## `{name}`\n\n{words}\n\n| | |\n|---|---|\n{table}"


def _deletion(name: str) -> str:
    way = deletion.of(name)
    if name not in deletion.all_deletions():
        return f"by hand: no file states how. Proof: {way.proof}."
    by = inspect.cleandoc(sys.modules[type(way).__module__].__doc__ or "")
    if type(way).__module__ == "activation.deletion":  # a way of several destinations
        by = inspect.cleandoc(sys.modules[f"activation.deletions.{name}"].__doc__ or "")
    first = " ".join(by.partition("\n\n")[0].split()).partition(": ")[2]
    return f"{first} Proof: {way.proof}."


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words) or "none"


def _flows(sign_in: SignIn) -> str:
    found = [
        f"{flow.name} ({_listed((*flow.settings, *(() if flow is PASTED else sign_in.named_by)))})"
        for flow in sign_in.flows
    ]
    return ", or ".join(found)


def _rate(rate: Rate | None) -> str:
    return f"{rate.requests:,} requests in {rate.seconds:g} s" if rate else "none of its own"


def _modes(destination: Destination) -> str:
    if destination.is_snapshot:
        return "the whole audience each time"
    if not destination.is_repeatable:
        return "all but `update`; nothing is ever sent twice"
    return "all" if destination.updates_only else "all but `update`"
