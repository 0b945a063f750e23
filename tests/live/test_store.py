"""Every store keeps the newest record, logs each change once, and answers by any identifier."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from live.store.base import ProfileStore
from live.store.records import Identifier, OptOutMark, ProfileRecord, StoredProfile, Version
from tests.live import stores
from tests.live.stores import record


@pytest.fixture(params=stores.KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ProfileStore]:
    with stores.opened(request.param, tmp_path) as found, closing(found):
        yield found


def one(store: ProfileStore, kind: str, value: str) -> StoredProfile:
    (found,) = store.find_many([(kind, value)])
    assert found is not None
    return found


def log(store: ProfileStore, after: str | None = None) -> list[tuple[str, str, str]]:
    found = store.changes(after, 1000)
    assert found is not None
    return [(item.profile_id, item.segment, item.change) for item in found]


def test_a_profile_is_found_by_each_identifier_in_any_spelling(store: ProfileStore) -> None:
    known: tuple[Identifier, ...] = (("email", "ann@example.org"), ("cookie", "c-17b"))
    store.put([record("p1", 5, segments=("loyal",), identifiers=known), record("p2", 5)])
    found = one(store, "email", " Ann@Example.ORG ")
    assert (found.profile_id, found.version) == ("p1", Version(5))
    assert found.segments == {"loyal": "2026-03-01T12:30:00Z"}
    assert found.traits["orders_lifetime"] == 5
    assert one(store, "cookie", "c-17b") == found == one(store, "profile_id", "p1")
    assert store.find_many([("email", "c-17b"), ("phone", "1"), ("profile_id", "p2")])[:2] == [
        None,
        None,
    ]


def test_an_older_write_never_overwrites(store: ProfileStore) -> None:
    assert store.put([record("p1", 7, 2, segments=("b",))]) == 1
    assert store.put([record("p1", 7, 1, segments=("a",)), record("p1", 6, 9)]) == 0
    assert one(store, "profile_id", "p1").segments.keys() == {"b"}
    assert store.put([record("p1", 8, 0, segments=("c",))]) == 1
    assert log(store) == [("p1", "b", "entered"), ("p1", "b", "left"), ("p1", "c", "entered")]


def test_a_repeated_write_logs_nothing_twice(store: ProfileStore) -> None:
    records = [record(f"p{n}", 3, segments=("a", "b")) for n in range(20)]
    store.put(records)
    store.put(records[:7])
    store.put(records)
    assert len(log(store)) == 40


def test_a_part_that_is_none_stays(store: ProfileStore) -> None:
    store.put([record("p1", 3, segments=("a",), identifiers=(("email", "ann@example.org"),))])
    store.put([ProfileRecord("p1", Version(3, 1), segments={"b": stores.AT})])
    found = one(store, "email", "ann@example.org")
    assert found.traits == {"orders_lifetime": 3, "journey_stage": "active"}
    assert found.segments.keys() == {"b"}
    assert found.consent == {"marketing/email": "granted"}


@pytest.mark.parametrize("first", ["gains", "loses"])
def test_an_identifier_moves_to_another_profile(store: ProfileStore, first: str) -> None:
    address = (("email", "shared@example.org"),)
    store.put([record("p1", 1, identifiers=(*address, ("cookie", "c-1a"))), record("p2", 1)])
    moved = [
        record("p2", 2, identifiers=address),
        record("p1", 2, identifiers=(("cookie", "c-1a"),)),
    ]
    store.put(moved if first == "gains" else moved[::-1])
    assert one(store, *address[0]).profile_id == "p2"
    assert one(store, "cookie", "c-1a").profile_id == "p1"


def test_a_deleted_profile_is_not_brought_back_by_an_older_write(store: ProfileStore) -> None:
    store.put([record("p1", 4, segments=("a",), identifiers=(("email", "ann@example.org"),))])
    assert store.delete(["p1", "unknown"], Version(3)) == 0
    assert store.delete(["p1"], Version(5)) == 1
    assert store.put([record("p1", 4, 9)]) == 0
    assert store.find_many([("email", "ann@example.org"), ("profile_id", "p1")]) == [None, None]
    assert log(store)[-1] == ("p1", "a", "left")
    assert store.put([record("p1", 6)]) == 1
    assert one(store, "profile_id", "p1").version == Version(6)


def test_an_opt_out_is_in_the_next_answer_and_outlives_newer_records(store: ProfileStore) -> None:
    store.put([record("p1", 4)])
    marks = [OptOutMark("p1", "marketing", "email", 5), OptOutMark("p1", "analytics", "any")]
    assert store.opt_out(marks) == 2
    assert store.opt_out(marks) == 0
    store.put([record("p1", 6, consent={"marketing/email": "granted"})])
    assert one(store, "profile_id", "p1").consent == {
        "marketing/email": "refused",
        "analytics/any": "refused",
    }
    assert store.lift(["p1"], 4) == 0
    assert store.lift(["p1"], 5) == 1
    assert one(store, "profile_id", "p1").consent == {
        "marketing/email": "granted",
        "analytics/any": "refused",
    }
    assert list(store.marked()) == [OptOutMark("p1", "analytics", "any", None)]


def test_a_forgotten_person_leaves_no_trace_and_stays_out(store: ProfileStore) -> None:
    known = (("email", "left@example.org"),)
    store.put([record("p1", 4, segments=("a",), identifiers=known), record("p2", 4)])
    store.opt_out([OptOutMark("p1", "marketing", "email")])
    store.forget(["p1"], known)
    assert store.put([record("p1", 9, segments=("a",), identifiers=known)]) == 0
    assert store.find_many([("profile_id", "p1"), known[0]]) == [None, None]
    assert log(store) == []
    assert list(store.marked()) == []
    assert store.forget(["p1"], known) == 0


def test_changes_resume_behind_a_cursor_and_end_with_a_generation(store: ProfileStore) -> None:
    start = store.newest()
    store.put([record(f"p{n}", 2, segments=("a",)) for n in range(5)])
    first = store.changes(start, 2)
    assert first is not None
    assert [item.profile_id for item in first] == ["p0", "p1"]
    rest = store.changes(first[-1].cursor, 100)
    assert rest is not None
    assert [item.profile_id for item in rest] == ["p2", "p3", "p4"]
    assert store.changes(store.newest(), 100) == []
    store.begin_generation()
    assert store.changes(first[-1].cursor, 100) is None
    assert store.changes("no cursor", 100) is None
    assert store.state().snapshot is None


def test_the_state_and_what_is_older(store: ProfileStore) -> None:
    generation = store.state().generation
    store.put([record("p1", 2), record("p2", 3), record("p3", 3, 4)], is_logged=False)
    store.keep_state(3, "abc")
    assert store.state() == (generation, 3, "abc")
    assert sorted(store.older_than(Version(3, 1))) == ["p1", "p2"]
    assert dict(store.consents()) == {
        name: {"marketing/email": "granted"} for name in ("p1", "p2", "p3")
    }
    assert log(store) == []
    assert store.stats()[:4] == (3, 0, 0, 0)


def test_writers_at_once_leave_the_newest_of_each_profile(store: ProfileStore) -> None:
    chosen = random.Random(5)
    versions = [(f"p{n % 10}", n) for n in range(1, 201)]
    chosen.shuffle(versions)

    def write(part: list[tuple[str, int]]) -> None:
        for profile_id, snapshot in part:
            store.put([record(profile_id, snapshot)])

    threads = [threading.Thread(target=write, args=(versions[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = store.find_many([("profile_id", f"p{n}") for n in range(10)])
    assert [item.version.snapshot for item in found if item] == [200, *range(191, 200)]


def test_no_identifier_is_in_the_files(tmp_path: Path) -> None:
    with closing(stores.embedded(tmp_path)) as store:
        store.put(
            [
                record(
                    "p1", 4, identifiers=(("email", "xavier@example.org"), ("user_id", "xavier-1"))
                )
            ]
        )
    content = b"".join(path.read_bytes() for path in (tmp_path / "store").iterdir())
    assert b"p1" in content
    assert b"xavier" not in content


def test_a_forgotten_person_is_in_no_page_of_the_file(tmp_path: Path) -> None:
    with closing(stores.embedded(tmp_path)) as store:
        people = [record(f"profile-{n:04}", 4, segments=("a", "b")) for n in range(500)]
        store.put(people)
        store.put([replace(one, version=Version(5)) for one in people])
        store.forget([f"profile-{n:04}" for n in range(0, 500, 7)], [])
        content = b"".join(path.read_bytes() for path in (tmp_path / "store").iterdir())
    assert b"profile-0006" in content
    assert not [n for n in range(0, 500, 7) if f"profile-{n:04}".encode() in content]


def test_a_killed_writer_leaves_whole_batches(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.live import stores\n"
        "store = stores.embedded(Path(sys.argv[1]))\n"
        "n = 0\n"
        "while True:\n"
        "    n += 1\n"
        "    store.put([stores.record(f'p{i}', n, segments=(f's{n}',)) for i in range(50)])\n"
        "    print(n, flush=True)\n"
    )
    seen = 0
    for lines in (3, 1, 4):
        writer = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for _ in range(lines):
            seen = max(seen, int(writer.stdout.readline()))
        writer.kill()
        writer.communicate()
        with closing(stores.embedded(tmp_path)) as store:
            found = store.find_many([("profile_id", f"p{i}") for i in range(50)])
            versions = {item.version.snapshot for item in found if item}
            assert len(versions) == 1
            assert versions.pop() >= lines
            changes = store.changes(None, 1_000_000)
            assert changes is not None
            inside = {(c.profile_id, c.segment) for c in changes if c.change == "entered"}
            inside -= {(c.profile_id, c.segment) for c in changes if c.change == "left"}
            assert inside == {
                (item.profile_id, name) for item in found if item for name in item.segments
            }
