"""``segmentry identity``: why two identifiers are one person, what a rule would change, and undoing
a merge.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import _roles
from cli._output import Output, OutputOption, print_json, progress, show
from cli._reading import lake_of
from identity import audit, evidence, linking, people, policy
from identity.what_if import compare
from runtime import job
from runtime.console import errors
from segmentry import roles, warehouse
from segmentry.errors import UsageError
from segmentry.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Explain, try out and undo who is one person.")


class PairDecision(StrEnum):
    """What a reviewer may decide about a pair."""

    accepted = "accepted"
    refused = "refused"


First = Annotated[str, typer.Argument(help="type:value, such as email:ann@example.com")]
Second = Annotated[str, typer.Argument(help="type:value, such as cookie:c-1042")]


@app.command()
def explain(one: First, other: Second, output: OutputOption = Output.table) -> None:
    """Print the chain of evidence that joins two identifiers, or why they are two people.

    Example: segmentry identity explain email:ann@example.com cookie:c-1042
    """
    settings = Settings.from_environment()
    with lake_of(settings) as lake:
        left = people.profile_named(lake, one)
        right = people.profile_named(lake, other)
        start, end = (people.spelled(lake, *_parts(text)) for text in (one, other))
        steps = evidence.chain(evidence.links_of(lake, left), start, end) if left == right else []
        refused = [] if left == right else evidence.refusals(lake, left, right)
    reader = roles.of_operator(settings)
    _roles.record_view(settings, reader, "identity explain", left, right)
    steps, refused = (_roles.links(reader, rows) for rows in (steps, refused))
    if output is Output.json:
        print_json(
            {
                "is_one_person": left == right,
                "profile_ids": [left, right],
                "chain": steps,
                "refused": refused,
            }
        )
        return
    if left == right:
        show(
            steps,
            output,
            title=f"One person, {left}",
            empty=f"One person, {left}: the two are one identifier",
        )
        return
    print(f"Two people: {left} and {right}")
    show(refused, output, title="Links between them that were refused", empty="No link joins them.")


@app.command()
def unmerge(one: First, other: Second) -> None:
    """Separate two identifiers permanently; each side keeps or gets back its own profile.

    Facts, features, scores, segments and audiences follow at once. Nothing is sent: the next sync
    plan carries the corrections.

    Example: segmentry identity unmerge email:ann@example.com cookie:c-1042
    """
    settings = Settings.from_environment()
    warehouse.prepare(settings)
    with warehouse.connect(settings, read_only=True) as lake:
        before = people.profile_named(lake, one)
        if before != people.profile_named(lake, other):
            raise UsageError(
                "the two are two people already", remedy="`segmentry identity explain` shows why"
            )
        start, end = (people.spelled(lake, *_parts(text)) for text in (one, other))
        cuts = evidence.cut_between(evidence.links_of(lake, before), start, end)
    if not cuts:
        raise UsageError(
            "the two are one identifier",
            allowed="two identifiers of one profile",
            remedy="`segmentry profile` lists them",
        )
    result = job.recompute(settings, first=lambda: policy.separate(settings, cuts))
    if result.exit_code:
        print(
            f"{len(cuts)} link(s) cut for good. What depends on them did not follow: `segmentry"
            " run` takes it up."
        )
        raise typer.Exit(result.exit_code)
    with warehouse.connect(settings, read_only=True) as lake:
        after = [people.profile_named(lake, text) for text in (one, other)]
    print(f"{len(cuts)} link(s) cut. {one} is {after[0]}, {other} is {after[1]}.")
    print("Next: `segmentry sync plan` shows the corrections, `segmentry run` sends them.")


class AuditVerdict(StrEnum):
    """What an operator may decide about a profile."""

    fine = "fine"
    wrong = "wrong"


@app.command("audit")
def audit_profiles(
    limit: Annotated[int, typer.Option(min=1, help="most profiles to print")] = 20,
    output: OutputOption = Output.table,
) -> None:
    """List the profiles that are most likely two people, with what is odd about each.

    Signals: size, contacts with different names or birth dates, visits from two countries at once,
    sudden growth, identifiers that changed places, one weak link that joins two parts. Nothing is
    changed. A profile that `segmentry identity verdict` found fine is left out until it changes.

    Example: segmentry identity audit --limit 50
    """
    settings = Settings.from_environment()
    with progress("looking for profiles of two people"), lake_of(settings) as lake:
        found = audit.suspicious(lake, limit, errors.print)
    rows = [
        {
            "profile_id": one.profile_id,
            "points": one.points,
            "signals": ", ".join(one.signals),
            "evidence": "; ".join(one.evidence),
            "verdict": one.verdict or "",
        }
        for one in found
    ]
    show(rows, output, title="Likely two people", empty="No profile looks like two people.")
    if rows and output is Output.table:
        print("Next: `segmentry profile ID`, then `segmentry identity unmerge` or `... verdict`.")


@app.command("verdict")
def judge_profile(
    profile_id: Annotated[str, typer.Argument(help="as `segmentry identity audit` lists it")],
    verdict: Annotated[AuditVerdict, typer.Argument(help="fine or wrong")],
    reason: Annotated[
        str | None, typer.Option(help="why; recorded with your name and the time")
    ] = None,
) -> None:
    """Record whether a profile that the audit lists is one person.

    Example: segmentry identity verdict 6218928988b60e0b fine --reason "a family shop account"
    """
    settings = Settings.from_environment()
    with lake_of(settings) as lake:
        found = audit.profile_of(lake, people.profile_named(lake, profile_id))
    audit.decide(settings, found, verdict.value, reason)
    print(f"{found} is recorded as {verdict.value}.")
    if verdict is AuditVerdict.wrong:
        print("Next: `segmentry identity unmerge` separates two of its identifiers.")


@app.command("what-if")
def what_if(
    policies: Annotated[Path, typer.Argument(help="a changed copy of config/policies.yml")],
    output: OutputOption = Output.table,
) -> None:
    """Print what other rules would move, without changing anything: profiles, segments, rows of
    each destination.

    Example: segmentry identity what-if changed-policies.yml
    """
    settings = Settings.from_environment()
    warehouse.prepare(settings)
    with progress("building a copy of the lake by the changed rules"):
        found = compare(settings, policies, errors.print)
    if output is Output.json:
        print_json(found)
        return
    for name, rows in found.items():
        show(
            _as_rows(rows),
            output,
            title=name.replace("_", " "),
            empty=f"{name.replace('_', ' ')}: no change",
        )
        print()


@app.command()
def suggest() -> None:
    """Find pairs of contacts that are likely one person, and keep them for review. Joins nobody by
    itself.

    It searches as `identity.probabilistic` in config/policies.yml sets; by default it is off.

    Example: segmentry identity suggest
    """
    settings = Settings.from_environment()
    warehouse.prepare(settings)
    with progress("comparing contacts"):
        remarks: list[str] = []
        number = linking.suggest(settings, remarks.append)
    for remark in remarks:
        print(remark)
    print(f"{number} pair(s) wait for a review: `segmentry identity reviews`")


@app.command()
def reviews(
    limit: Annotated[int, typer.Option(help="at most this many", min=1)] = 20,
    output: OutputOption = Output.table,
) -> None:
    """List the pairs of contacts that wait for a review, the most likely first.

    Example: segmentry identity reviews --limit 50
    """
    settings = Settings.from_environment()
    with lake_of(settings) as lake:
        found = linking.waiting(lake, limit)
    show(found, output, title="Likely one person", empty="No pair waits for a review.")


@app.command()
def review(
    one: Annotated[str, typer.Argument(help="CRM id")],
    other: Annotated[str, typer.Argument(help="CRM id")],
    verdict: Annotated[PairDecision, typer.Argument(help="what you found")],
) -> None:
    """Accept or refuse a pair of contacts; it is remembered, and used from the next run of the
    identity stage on.

    Example: segmentry identity review K-1 K-2 accepted
    """
    settings = Settings.from_environment()
    warehouse.prepare(settings)
    linking.decide(settings, one, other, verdict.value)
    print(f"{verdict.value}. Next: `segmentry run --select identity+`")


def _as_rows(value: Any) -> list[dict[str, Any]]:
    return [value] if isinstance(value, dict) else list(value)


def _parts(text: str) -> tuple[str, str]:
    kind, colon, value = text.partition(":")
    if not colon:
        raise UsageError(
            "an identifier is needed here, not a profile_id",
            allowed="type:value, such as email:ann@example.com",
            remedy="`segmentry profile PROFILE_ID` lists the identifiers of a profile",
        )
    return kind, value
