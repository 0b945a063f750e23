"""Compares the memberships of the live engine with those of a batch of the same bytes at the same
time, for every profile.

The batch runs on a copy of the home in its scratch folder, which is removed afterwards: the stages
of a refresh up to memberships, without gates, with the events that live has read and no other file.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from live import computation, definition, facts, inbox, state
from live.inbox import FilePosition
from live.state import State
from segmentry import jobs, refresh, warehouse
from segmentry.errors import SegmentryError, UsageError
from segmentry.job_lock import only_one
from segmentry.permissions import private_folder
from segmentry.settings import Settings
from segmentry.stages import RunContext
from segments import installed
from segments.installed import Segment
from segments.predicates import columns_of

UNEXPLAINED = "unexplained"
# Parts of a home that the stages read or write. The rest has what they do not need.
_COPIED = ("dbt", "secrets", "ledger.sqlite", "great_expectations", "privacy", "duckdb_extensions")
# Variables that name parts of another home.
_OF_A_HOME = frozenset(
    f"SEGMENTRY_{name}" for name in ("HOME", "CATALOG", "LAKE_DATA", "LEDGER_URL", "INBOX")
)
_FIRST = "load"
_LAST = "memberships"


@dataclass(frozen=True)
class MembershipDifference:
    """A membership that one of the two lacks. is_live: live has it. cause: a documented exception,
    or ``unexplained``.
    """

    profile_id: str
    segment: str
    is_live: bool
    cause: str


@dataclass(frozen=True)
class BatchComparison:
    """What a check found. compared: memberships of both together."""

    as_of: datetime
    compared: int
    differences: tuple[MembershipDifference, ...]

    @property
    def unexplained(self) -> int:
        """Differences that no documented exception explains."""
        return sum(one.cause == UNEXPLAINED for one in self.differences)


def compare(settings: Settings) -> BatchComparison:
    """Compare the state of the engine with a batch; SegmentryError where the batch fails."""
    if not settings.is_embedded or "://" in settings.lake_data:
        raise UsageError(
            "the lake is on a server, or its files are not in a folder",
            allowed="a lake whose catalog and files are in the home",
            remedy="compare after the next batch: `segmentry segments history` has its changes",
        )
    path = state.file_of(settings)
    if not path.exists():
        raise state.no_engine()
    with closing(State(path)) as kept:
        clock = kept.fact(state.CLOCK)
        if clock is None:
            raise UsageError(
                "live has evaluated no profile yet",
                allowed="a home in which `segmentry live run` has found an event or a change",
                remedy="run `segmentry live run --once`",
            )
        as_of = datetime.fromisoformat(clock)
        live = set(kept.memberships())
        with _copy(settings, kept.places()) as copied:
            _run_batch(copied, as_of)
            batch = _memberships(copied)
        found = tuple(_explained(settings, kept, live ^ batch, live))
    return BatchComparison(as_of, len(live | batch), found)


@contextmanager
def _copy(settings: Settings, places: Mapping[str, FilePosition]) -> Iterator[Path]:
    """A copy of the home whose inbox has what live has read."""
    folder = settings.scratch / "live_check"
    shutil.rmtree(folder, ignore_errors=True)  # of a check that was killed
    private_folder(folder)
    try:
        with only_one(settings, "live check"), warehouse.writing(settings):
            _copy_lake(settings, folder)
        for name in _COPIED:
            _copy_part(settings.home / name, folder / name)
        events = folder / "inbox" / "events"
        events.mkdir(parents=True)
        for number, (key, place) in enumerate(sorted(places.items(), key=lambda one: one[1].path)):
            target = events / f"collected-{number:06}.ndjson"
            _copy_events(key, place, inbox.folder(settings), target)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy_lake(settings: Settings, folder: Path) -> None:
    catalog = warehouse.catalog_file(settings)
    target = folder / "lake"
    # A file of the lake is never changed: another name for it is as good as a copy.
    shutil.copytree(settings.lake_data, target / "data", copy_function=os.link)
    for path in catalog.parent.glob(f"{catalog.name}*"):
        shutil.copy2(path, target / path.name)


def _copy_part(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    elif source.exists():
        shutil.copy2(source, target)


def _copy_events(key: str, place: FilePosition, folder: Path, target: Path) -> None:
    """The part of a file that live has read. The open file may have been moved since it looked."""
    for path in (Path(place.path), *sorted((folder / "events").glob(inbox.MOVED))):
        if inbox.key_of(path) == key:
            with path.open("rb") as source:
                target.write_bytes(source.read(place.offset))
            return


def _run_batch(folder: Path, as_of: datetime) -> None:
    """In a process of its own: a connection to the lake depends on the environment."""
    environment = {name: value for name, value in os.environ.items() if name not in _OF_A_HOME}
    environment["SEGMENTRY_HOME"] = str(folder)
    program = f"from live import checking; checking.run_stages('{as_of.isoformat()}')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SegmentryError(
            f"the batch to compare with failed: {done.stdout.strip()[-800:] or done.returncode}",
            remedy="run `segmentry refresh --no-send`, and correct what it reports",
        )


def run_stages(as_of: str) -> None:
    """The batch of the copy that the environment names; ends the process at a failure."""
    settings = Settings.from_environment()
    context = RunContext(settings, as_of=datetime.fromisoformat(as_of))
    names = [stage.name for stage in refresh.stages(sends=False)]
    chosen = [
        stage
        for stage in refresh.stages(sends=False)[: names.index(_LAST) + 1]
        if not stage.name.startswith("gate_") and stage.name != _FIRST
    ]
    (load,) = (stage for stage in refresh.stages(sends=False) if stage.name == _FIRST)
    outcomes = [jobs.attempt(load, context, "events"), *jobs.run(chosen, context)]
    if failed := [one.error for one in outcomes if one.state != jobs.DONE]:
        print(failed[0])
        sys.exit(1)


def _memberships(folder: Path) -> set[tuple[str, str]]:
    copied = Settings.from_environment({"SEGMENTRY_HOME": str(folder)})
    with warehouse.connect(copied, read_only=True) as lake:
        rows = lake.execute(f"select profile_id, segment from lake.{facts.MEMBERSHIPS}").fetchall()
    return set(rows)


def _explained(
    settings: Settings, kept: State, differing: set[tuple[str, str]], live: set[tuple[str, str]]
) -> Iterator[MembershipDifference]:
    """Each difference with its cause."""
    found = installed.load_all(settings)
    provisional = {p for _, one, other, _ in kept.provisional() for p in (one, other) if p}
    with warehouse.connect(settings, read_only=True) as lake:
        rows = lake.execute(f"select distinct profile_id from lake.{definition.MAPPING}").fetchall()
    known = {profile_id for (profile_id,) in rows}
    for profile_id, segment in sorted(differing):
        if profile_id in provisional or profile_id not in known:
            cause = "identity: the batch decides on provisional profiles and links"
        else:
            cause = _cause(found.get(segment))
        yield MembershipDifference(profile_id, segment, (profile_id, segment) in live, cause)


def _cause(segment: Segment | None) -> str:
    if segment is None or segment.predicate is None:
        return "rule: only the batch evaluates it"
    if segment.enter_after or segment.exit_after or segment.min_stay:
        return "dwell: live evaluates more often, so its timers began earlier"
    read = {c for p in (segment.predicate, segment.stay) if p for c in columns_of(p)}
    if read & set(computation.FROM_BATCH):
        return "place: the batch ranks all buyers again"
    if any(column.startswith("consent_") for column in read):
        return "consent: a grant waits for the batch"
    return UNEXPLAINED
