"""``segmentry segments``: list, show, preview, explain, history, audit, simulate, new."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import _roles
from cli._output import Output, OutputOption, print_json, progress, show
from cli._reading import published_lake
from identity import people
from segmentry import clock, roles, warehouse
from segmentry.errors import UsageError
from segmentry.settings import Settings
from segments import (
    audit,
    audit_page,
    deployed,
    installed,
    limits,
    membership,
    predicates,
    preview,
    replay,
    scaffold,
)

if TYPE_CHECKING:
    import duckdb

# Past weeks that the preview of a file shows without --weeks.
PREVIEWED_WEEKS = 12

app = typer.Typer(no_args_is_help=True, help="Segments: what they are, who is in them, and why.")
SegmentName = Annotated[
    str, typer.Argument(help="name of a segment, as `segmentry segments list` shows it")
]
Person = Annotated[
    str, typer.Argument(help="profile_id, or type:value such as email:ann@example.com")
]


@app.command("list")
def list_segments(output: OutputOption = Output.table) -> None:
    """List the segments as they are deployed, with their sizes, and whether their files differ.

    Example: segmentry segments list
    """
    settings = Settings.from_environment()
    with published_lake(settings) as lake:
        found = deployed.load_all(settings, lake)
        sizes = membership.sizes(lake)
    rows = [
        {
            "segment": name,
            "members": sizes.get(name, 0),
            "priority": one.known.priority,
            "group": one.known.exclusive_group,
            "purpose": one.known.meta["purpose"],
            "owner": one.known.meta["owner"],
            "version": one.version,
            "state": one.state,
            "description": (
                " ".join(one.known.description.split()).removesuffix(" One row per profile.")
            ),
        }
        for name, one in found.items()
    ]
    show(rows, output)


@app.command("show")
def show_segment(name: SegmentName, output: OutputOption = Output.table) -> None:
    """Show a segment's rule and meta as they are deployed, its size, and whether its file differs.

    Example: segmentry segments show loyal_customers
    """
    settings = Settings.from_environment()
    with published_lake(settings) as lake:
        found = deployed.named(settings, lake, name)
        size = membership.sizes(lake).get(name, 0)
    segment = found.known
    facts = {
        "segment": name,
        "state": found.state,
        "description": " ".join(segment.description.split()),
        "predicate": segment.predicate.to_sql() if segment.predicate else segment.sql or "free SQL",
        **segment.meta,
        "definition_version": found.version,
        "members": size,
    }
    if found.state == deployed.CHANGED and found.file is not None:
        facts |= _of_the_file(found.file)
    if output is Output.json:
        print_json(facts)
    else:
        show([{"property": key, "value": str(value)} for key, value in facts.items()], output)


def _of_the_file(file: installed.Segment) -> dict[str, Any]:
    return {
        "predicate_in_the_file": file.predicate.to_sql() if file.predicate else file.sql,
        "meta_in_the_file": dict(file.meta),
        "version_in_the_file": file.definition_version,
    }


@app.command("preview")
def preview_segment(
    file: Annotated[
        Path | None, typer.Argument(help="a segment's SQL file, in the project or not")
    ] = None,
    where: Annotated[
        str | None, typer.Option("--where", help="a predicate instead of a file")
    ] = None,
    contacts: Annotated[
        Path | None,
        typer.Option("--contacts", help="a file with one profile_id or type:value per line"),
    ] = None,
    sample: Annotated[int, typer.Option("--sample", min=0, help="members to show")] = 5,
    weeks: Annotated[
        int | None,
        typer.Option(
            "--weeks",
            min=0,
            max=limits.MOST_WEEKS,
            help="past weeks to show the size of: dbt builds the features of each, which takes"
            f" longer than the rest; default: {PREVIEWED_WEEKS} for a file, none for --where",
        ),
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Show what a segment would be before it is deployed, and what it would have been in the past
    weeks.

    Example: segmentry segments preview --where "orders_lifetime >= 3 and country = 'DE'"
    """
    settings = Settings.from_environment()
    segment, predicate = _to_preview(settings, file, where)
    reader = _roles.reader_of(settings, predicates.columns_of(predicate))
    weeks = PREVIEWED_WEEKS if weeks is None and file else weeks or 0
    with _lake_for(settings, contacts) as lake:
        found: dict[str, Any] = {
            "size": [preview.size(lake, segment.name, predicate)],
            "overlaps": preview.overlaps(lake, segment.name, predicate),
            "sample": reader.rows(preview.sample(lake, predicate, sample), "profiles.profiles"),
        }
        if contacts is not None:
            found["contacts"] = preview.contacts(lake, predicate, _lines(contacts))
    if weeks:
        with progress(f"building what the predicate reads, {weeks} week(s) back"):
            found["weeks"] = replay.sizes(settings, segment, weeks)
    if output is Output.json:
        print_json(found)
        return
    for title, rows in found.items():
        show(rows, output, title=title, empty=f"{title}: none")


def _lake_for(
    settings: Settings, contacts: Path | None
) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    # Identifiers of contacts are compared by functions that numpy is loaded for.
    return (
        published_lake(settings)
        if contacts is None
        else warehouse.connect(settings, read_only=True)
    )


def _to_preview(
    settings: Settings, file: Path | None, where: str | None
) -> tuple[installed.Segment, predicates.Predicate]:
    """The segment of the file, or of the predicate: exactly one of them is given."""
    if file is not None and where is None:
        return preview.read(settings, file)
    if where is not None and file is None:
        return preview.written(settings, where)
    raise UsageError(
        "a file and --where together" if file else "neither a file nor --where",
        allowed="a segment's SQL file, or --where with a predicate",
        remedy='segmentry segments preview --where "orders_lifetime > 0"',
    )


def _lines(path: Path) -> list[str]:
    try:
        return [
            line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
        ]
    except (OSError, UnicodeDecodeError):
        raise UsageError(
            f"{path} cannot be read", allowed="a text file in UTF-8", remedy="check the path"
        ) from None


@app.command("explain")
def explain(name: SegmentName, person: Person, output: OutputOption = Output.table) -> None:
    """Explain why a person is in a segment or not, condition by condition, by the rule that is
    deployed.

    Example: segmentry segments explain loyal_customers email:ann@example.com
    """
    settings = Settings.from_environment()
    with published_lake(settings) as lake:
        segment, state = deployed.evaluated(settings, lake, name)
        found = membership.explanation(lake, segment, people.profile_named(lake, person))
    reader = roles.of_operator(settings)
    _roles.record_view(settings, reader, "segments explain", found["profile_id"])
    for row in found["conditions"]:
        row["values"] = reader.named_values(row["values"])
    found["score_reasons"] = _roles.reasons(reader, found["score_reasons"])
    found["state"] = state
    if output is Output.json:
        print_json(found)
        return
    print(f"{found.pop('answer')}\n")
    show(
        found.pop("conditions"), output, title="conditions", empty="free SQL: no conditions to show"
    )
    if reasons := found.pop("score_reasons"):
        show(
            reasons,
            output,
            title="why the score: its value against the usual one, and what that changes",
        )
    facts = {
        **{k: v for k, v in found.items() if not isinstance(v, dict)},
        **(found["dwell"] or {}),
        **found["consent"],
    }
    show([{"fact": key, "value": value} for key, value in facts.items()], output)


@app.command("history")
def history(
    person: Annotated[
        str | None, typer.Argument(help="profile_id, or type:value; every stay of this person")
    ] = None,
    segment: Annotated[
        str | None, typer.Option("--segment", help="with --on: who was in this segment")
    ] = None,
    on: Annotated[str | None, typer.Option("--on", help="an ISO 8601 date or time, UTC")] = None,
    output: OutputOption = Output.table,
) -> None:
    """Show a person's stays, or who was in a segment at a time.

    Example: segmentry segments history --segment loyal_customers --on 2026-05-01
    """
    settings = Settings.from_environment()
    empty = "no stays"
    with published_lake(settings) as lake:
        if person is not None and segment is None and on is None:
            rows = membership.stays(lake, people.profile_named(lake, person))
        elif person is None and segment is not None and on is not None:
            installed.named(settings, segment)
            at = clock.parse(on)
            rows = membership.members_on(lake, segment, at)
            began = membership.began_at(lake)
            if began is not None and at < began:
                empty = f"no stays: the history begins at {began.isoformat()}"
        else:
            raise UsageError(
                "a question that is neither of the two",
                allowed="a person alone, or --segment together with --on",
                remedy=(
                    "segmentry segments history PERSON, or segmentry segments history --segment"
                    " NAME --on DATE"
                ),
            )
    show(rows, output, empty=empty)


@app.command("audit")
def audit_segments(
    name: Annotated[
        str | None, typer.Argument(help="a segment to draw members of; none: a report on all")
    ] = None,
    days: Annotated[
        int, typer.Option("--days", min=1, help="how far back the report counts moves")
    ] = 30,
    sample: Annotated[int, typer.Option("--sample", min=1, help="members to draw")] = 20,
    seed: Annotated[int, typer.Option("--seed", help="same seed and members, same sample")] = 1,
    out: Annotated[
        Path | None, typer.Option("--out", help="CSV file for people to fill in")
    ] = None,
    verdicts: Annotated[
        Path | None, typer.Option("--verdicts", help="that file, with yes and no filled in")
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Report sizes, moves, conflicts and overlaps; or draw members of one segment, and count what
    reviewers decided about them.

    Example: segmentry segments audit loyal_customers --sample 50 --out to_judge.csv
    """
    settings = Settings.from_environment()
    if name is None:
        if out or verdicts:
            raise UsageError(
                "a file without a segment",
                allowed="--out and --verdicts with NAME",
                remedy="name the segment",
            )
        _report(settings, days, output)
        return
    segment = installed.named(settings, name)
    if verdicts is not None:
        rows = audit.judged(verdicts)
        found = audit.precision(rows)
        audit_page.keep(settings, name, found, rows)
        show([{"segment": name, **found}], output)
        with warehouse.connect(settings, read_only=True) as lake:
            _write_page(settings, audit.report(lake, installed.load_all(settings), days), output)
        return
    with warehouse.connect(settings, read_only=True) as lake:
        rows = audit.sample(lake, segment, sample, seed)
    _give_sample(name, rows, out, output)


def _give_sample(name: str, rows: list[dict[str, Any]], out: Path | None, output: Output) -> None:
    if out is None:
        show(rows, output, title=name, empty=f"{name} has no members")
        return
    audit.write(rows, out)
    print(
        f"written: {out}, {len(rows)} member(s); fill the column verdict with yes or no, then"
        f" --verdicts {out}"
    )


def _report(settings: Settings, days: int, output: Output) -> None:
    with warehouse.connect(settings, read_only=True) as lake:
        report = audit.report(lake, installed.load_all(settings), days)
    if output is Output.json:
        print_json(report)
    else:
        titles = {"sizes": f"sizes, and moves of the last {days} days",
        "conflicts": "actions that must not meet",
                  "overlaps": "segments that share half of the smaller one"}  # fmt: skip
        for part, rows in report.items():
            show(rows, output, title=titles[part], empty=f"{part}: none")
    _write_page(settings, report, output)


def _write_page(settings: Settings, report: dict[str, membership.Rows], output: Output) -> None:
    page = audit_page.write(settings, report)
    if output is Output.table:
        print(f"\nas a page: {page}")


@app.command("simulate")
def simulate(
    name: SegmentName,
    weeks: Annotated[int, typer.Option("--weeks", help="how many weeks to replay, 1 to 52")] = 12,
    output: OutputOption = Output.table,
) -> None:
    """Replay a segment week by week, with and without its dwell rules.

    Example: segmentry segments simulate at_risk_of_churn --weeks 8
    """
    settings = Settings.from_environment()
    segment = replay.checked(installed.named(settings, name), weeks)
    with progress(f"building what the segment reads, {weeks} week(s) back"):
        found = replay.simulated(settings, segment, weeks)
    if output is Output.json:
        print_json(found)
        return
    show(found["weeks"], output, title=name)
    print(
        f"entries and exits: {found['moves_by_predicate']} by the predicate, {found['moves']} with"
        " the dwell rules"
    )


@app.command("new")
def new(
    name: SegmentName,
    where: Annotated[
        str, typer.Option("--where", help="the predicate to begin with")
    ] = "orders_lifetime > 0",
    owner: Annotated[str, typer.Option("--owner", help="team that answers for it")] = "marketing",
) -> None:
    """Write the SQL and yml of a new segment, to be completed.

    Example: segmentry segments new big_spenders --where "revenue_365d >= 1000"
    """
    for path in scaffold.segment(Settings.from_environment(), name, where, owner):
        print(f"written: {path}")
    print(
        "next: describe its purpose in the yml, complete its unit test, then `segmentry segments"
        " preview` it"
    )
