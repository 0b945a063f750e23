"""For any sequence of changes to the files of syncs, accounts, people and consent, when everything
is quiet, nobody who may not be there is at any place that was ever written to, and nobody who
should be at a place is missing there. ``moves`` has the town and its steps.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from segmentry.settings import Settings
from tests.properties.moves import drawn, founder, shortest
from tests.properties.town import Step, Town

Founding = Callable[[], Town]
RUN: Step = ("run", 0, 0)
ALL = 127  # bits of all people
FIRST_HALF = 15
SECOND_HALF = 120


@pytest.fixture
def found(tmp_path: Path, home: Settings, monkeypatch: pytest.MonkeyPatch) -> Founding:
    return founder(tmp_path, home, monkeypatch)


def wrong(found: Founding, steps: list[Step]) -> dict[str, set[str]]:
    """What is wrong after the steps, when all is quiet."""
    town = found()
    town.live(steps)
    return town.wrong()


def counterexamples(found: Founding, seeds: range) -> list[tuple[int, list[Step]]]:
    """The shortest sequence of each seed that goes wrong."""
    return [
        (seed, shortest(drawn(seed), lambda steps: bool(wrong(found, steps))))
        for seed in seeds
        if wrong(found, drawn(seed))
    ]


# Two syncs of one list (two files, of which the first names the place of the second).
SHARED: list[Step] = [("file", 0, ALL), ("file", 0, ALL), ("share", 0, 1), RUN]

SEQUENCES: dict[str, list[Step]] = {
    "who leaves one sync of a list stays by the other": [*SHARED, ("fill", 0, 0), RUN],
    "each sync of a list has people of its own": [
        *SHARED, ("fill", 0, FIRST_HALF), ("fill", 1, SECOND_HALF), RUN,
    ],
    "who leaves both syncs of a list leaves it": [
        *SHARED, ("fill", 0, FIRST_HALF), ("fill", 1, FIRST_HALF), RUN,
    ],
    "one sync goes to another list and the other stays": [
        *SHARED, ("fill", 1, FIRST_HALF), ("share", 1, 1), ("tool", 0, 1), RUN,
    ],
    "who opts out leaves both syncs of a list": [*SHARED, ("consent", 2, 0), RUN],
    "who is suppressed leaves both, and comes back": [
        *SHARED, ("suppress", 2, 1), RUN, ("suppress", 2, 0), ("fill", 1, ALL), RUN,
    ],
    "a file renamed without a word shares the list of the orphaned sync, which is retired": [
        ("file", 0, ALL), RUN, ("name", 0, FIRST_HALF), RUN, ("retire", 0, 0), RUN,
    ],
    "a sync is retired at a list that another sync fills": [
        *SHARED, ("delete", 0, 0), RUN, ("fill", 0, SECOND_HALF), RUN, ("retire", 0, 0),
    ],
    "two syncs of an attribute, one of another account": [
        ("file", 0, ALL), ("file", 0, ALL), ("tool", 0, 1), ("share", 1, 0), RUN,
        ("account", 1, 0), ("recall", 0, 0), ("fill", 0, FIRST_HALF), RUN,
    ],
    "a sync that shares a list is killed as it forgets its rows": [
        *SHARED, ("fill", 0, 0), ("run", 0, 12), ("run", 0, 18), ("fill", 1, 0), ("run", 0, 16),
    ],
    "a file names another segment, of other people, and another list": [
        ("file", 0, ALL), RUN, ("segment", 0, FIRST_HALF), RUN, ("relist", 0, 1), RUN,
    ],
    "a person has another address, and opts out": [
        ("file", 0, ALL), ("mode", 0, 1), RUN, ("address", 2, 0), ("fill", 0, ALL), RUN,
        ("consent", 2, 0), RUN,
    ],
}  # fmt: skip
# Those of the fast suite.
QUICK = list(SEQUENCES)[-3:]


@pytest.mark.parametrize("what", QUICK)
def test_a_sequence_comes_to_its_right_end(found: Founding, what: str) -> None:
    assert wrong(found, SEQUENCES[what]) == {}


@pytest.mark.slow
@pytest.mark.parametrize("what", [what for what in SEQUENCES if what not in QUICK])
def test_each_sequence_comes_to_its_right_end(found: Founding, what: str) -> None:
    assert wrong(found, SEQUENCES[what]) == {}


def test_nobody_is_at_a_place_who_may_not_be_there(found: Founding) -> None:
    """One sequence of changes."""
    assert wrong(found, drawn(0, changes=10)) == {}


@pytest.mark.slow
def test_more_sequences(found: Founding) -> None:
    assert counterexamples(found, range(1, 4)) == []


@pytest.mark.soak
@pytest.mark.parametrize("part", range(25))
def test_many_sequences(found: Founding, part: int) -> None:
    """Five hundred sequences in all."""
    assert counterexamples(found, range(100 + part * 20, 120 + part * 20)) == []
