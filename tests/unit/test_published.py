"""Readers see one state: that of the last run whose gates passed, all relations at once."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event

import pytest

from cli.main import run as command
from privacy import catalog
from runtime.maintenance import lake as maintenance
from segmentry import jobs, published, readonly, warehouse
from segmentry.errors import StoppedError, UsageError
from segmentry.settings import Settings
from segmentry.stages import LAST_GATE, RunContext, Stage, StageReport

pytestmark = pytest.mark.slow
RELATIONS = ("features.behaviour", "profiles.profiles", "audiences.candidates")
PUBLISHES = 100


def build(settings: Settings, number: int, relations: tuple[str, ...] = RELATIONS) -> None:
    """Write the number into the relations, one commit each, as stages do."""
    with warehouse.connect(settings, has_functions=False) as lake:
        for relation in relations:
            lake.execute(f"create or replace table lake.{relation} as select {number} as number")


def seen(settings: Settings) -> list[int]:
    with published.reading(settings, has_functions=False) as lake:
        return [lake.execute(f"select number from {r}").fetchall()[0][0] for r in RELATIONS]


def queried(settings: Settings) -> int:
    sql = f"select number from {RELATIONS[0]}"
    snapshot = published.snapshot_to_read(settings)
    return int(readonly.records(settings, sql, snapshot=snapshot)[0]["number"])


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Stage]:
    """A stage of the job that runs this function."""

    def made(name: str, dag: str, function: Callable[[RunContext], StageReport]) -> Stage:
        monkeypatch.setattr("segmentry.stages.resolve", lambda _entry: function)
        return Stage(name, dag, "a:b")

    return made


def test_a_lake_that_published_nothing_has_nothing_to_pin_readers_at(home: Settings) -> None:
    build(home, 1)
    published.pin(home)
    build(home, 2)
    assert (seen(home), queried(home)) == ([2, 2, 2], 2)
    assert published.note(home) is None


def test_what_a_run_builds_is_seen_when_its_last_gate_has_passed(
    home: Settings, stage: Callable[..., Stage]
) -> None:
    context = RunContext(home)

    def passes(number: int, *relations: str) -> Callable[[RunContext], StageReport]:
        def function(_context: RunContext) -> StageReport:
            build(home, number, relations)
            return StageReport()

        return function

    def stops(_context: RunContext) -> StageReport:
        raise StoppedError("the gate failed", allowed="no failure", remedy="look")

    stage(LAST_GATE, "publish", passes(1, *RELATIONS)).run(context)
    for number, last in ((2, stops), (3, stops), (4, passes(4))):
        before = seen(home)
        for dag, relation in zip(("build", "score", "publish"), RELATIONS, strict=True):
            assert jobs.attempt(stage("one", dag, passes(number, relation)), context).exit_code == 0
            assert (seen(home), queried(home)) == (before, before[0])
            assert "--newest" in (published.note(home) or "")
        outcome = jobs.attempt(stage(LAST_GATE, "publish", last), context)
        is_stopped = last is stops
        assert outcome.exit_code == (StoppedError.exit_code if is_stopped else 0)
        assert seen(home) == (before if is_stopped else [4, 4, 4])
        assert (published.note(home) is not None) is is_stopped


@pytest.mark.parametrize("dag", ["ingest", "activate", "observe"])
def test_other_stages_pin_nobody(home: Settings, stage: Callable[..., Stage], dag: str) -> None:
    build(home, 1)
    published.publish(home)

    def function(_context: RunContext) -> StageReport:
        build(home, 2)
        return StageReport()

    stage("one", dag, function).run(RunContext(home))
    assert seen(home) == [2, 2, 2]


def test_readers_go_back_and_the_next_publication_ends_it(
    home: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2, 3):
        published.pin(home)
        build(home, number)
        published.publish(home)
    assert seen(home) == [3, 3, 3]
    for number in (2, 1):
        assert command(["publish", "rollback"]) == 0
        assert (seen(home), queried(home)) == ([number] * 3, number)
    assert command(["publish", "rollback"]) == UsageError.exit_code
    assert "no earlier publication" in capsys.readouterr().err
    assert command(["query", "--newest", f"select number from {RELATIONS[0]}", "-o", "json"]) == 0
    assert '"number":3' in capsys.readouterr().out.replace(" ", "")
    published.pin(home)  # a run that begins meanwhile keeps readers where they are
    build(home, 4)
    assert seen(home) == [1, 1, 1]
    published.publish(home)
    assert seen(home) == [4, 4, 4]
    assert command(["publish", "status", "-o", "json"]) == 0
    assert capsys.readouterr().out.count("published") == 4


def test_maintenance_keeps_the_state_that_readers_are_pinned_at(home: Settings) -> None:
    build(home, 1)
    published.publish(home)
    published.pin(home)
    for number in (2, 3, 4):
        build(home, number)
    maintenance.clean(home, 0)
    assert seen(home) == [1, 1, 1]
    published.publish(home)
    maintenance.clean(home, 0)
    assert seen(home) == [4, 4, 4]
    with pytest.raises(UsageError, match="no earlier publication"):
        published.go_back(home)  # its snapshot has expired


def test_an_erasure_removes_the_state_that_readers_are_pinned_at(home: Settings) -> None:
    build(home, 1)
    published.publish(home)
    published.pin(home)
    build(home, 2)
    catalog.clean(home)
    assert (seen(home), queried(home)) == ([2, 2, 2], 2)


def _read(settings: Settings, ended: Event, found: Queue[tuple[int, str]]) -> None:
    looks = 0
    mixed = ""
    while not ended.is_set() and not mixed:
        numbers = seen(settings)
        mixed = "" if len(set(numbers)) == 1 else str(numbers)
        looks += 1
        time.sleep(0.02)  # the writer has a turn
    found.put((looks, mixed))


def test_two_readers_during_a_hundred_publications_never_see_a_mixture(home: Settings) -> None:
    build(home, 0)
    published.publish(home)
    fresh = multiprocessing.get_context("spawn")
    ended = fresh.Event()
    found = fresh.Queue()
    readers = [fresh.Process(target=_read, args=(home, ended, found)) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(1, PUBLISHES + 1):
        published.pin(home)
        build(home, number)
        published.publish(home)
    ended.set()
    looks = [found.get(timeout=60) for _ in readers]
    for reader in readers:
        reader.join()
    print(f"{PUBLISHES} publications, looks of two readers: {[count for count, _ in looks]}")
    assert all(count > 10 and not mixed for count, mixed in looks), looks
    assert seen(home) == [PUBLISHES] * 3
