"""Following the collector's files: each whole line once, whatever happens to the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from live.inbox import FilePosition, Follower


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "events").mkdir()
    (tmp_path / ".collector").mkdir()
    return tmp_path


def _open(inbox: Path) -> Path:
    return inbox / ".collector" / "open.ndjson"


def _read(follower: Follower, places: dict[str, FilePosition], most: int = 1 << 20) -> list[str]:
    found = follower.arrivals(places, most)
    places |= found.places
    return [line for _, line in found.lines]


def test_a_file_that_was_moved_is_read_on_where_it_was(inbox: Path) -> None:
    places: dict[str, FilePosition] = {}
    follower = Follower(inbox)
    _open(inbox).write_bytes(b'{"a":1}\n{"a":2}\n{"a":')
    assert _read(follower, places) == ['{"a":1}', '{"a":2}']
    with _open(inbox).open("ab") as file:
        file.write(b"3}\n")
    _open(inbox).rename(inbox / "events" / "collected-1.ndjson")
    _open(inbox).write_bytes(b'{"b":1}\n')
    assert _read(follower, places) == ['{"a":3}', '{"b":1}']
    assert _read(follower, places) == []
    # Another process that begins with the same places reads nothing again.
    assert _read(Follower(inbox), places) == []


def test_a_line_keeps_separators_that_are_no_line_ends(inbox: Path) -> None:
    line = '{"name":"a\u2028b\x0bc"}'
    _open(inbox).write_bytes(f"{line}\n".encode())
    assert _read(Follower(inbox), {}) == [line]


def test_a_file_that_was_cut_is_read_again(inbox: Path) -> None:
    places: dict[str, FilePosition] = {}
    follower = Follower(inbox)
    _open(inbox).write_bytes(b'{"a":1}\n{"a":22222}\n')
    assert len(_read(follower, places)) == 2
    _open(inbox).write_bytes(b'{"a":1}\n{"a":3}\n')
    # Lines are read twice rather than missed: events are known by their id.
    assert _read(follower, places) == ['{"a":1}', '{"a":3}']


@pytest.mark.parametrize("removed", [1, 2, 5])
@pytest.mark.parametrize("is_started_again", [False, True])
@pytest.mark.parametrize("read", [3, 6, 12])
def test_lines_behind_those_that_an_erasure_removed_are_not_missed(
    inbox: Path, removed: int, is_started_again: bool, read: int
) -> None:
    lines = [f'{{"number":{n:04d}}}' for n in range(12)]
    file = inbox / "events" / "collected-1.ndjson"
    file.write_text("".join(f"{line}\n" for line in lines))
    places: dict[str, FilePosition] = {}
    follower = Follower(inbox)
    taken = _read(follower, places, most=read * (len(lines[0]) + 1))
    assert taken == lines[:read]
    # The place may be inside, at the end of, or behind the file as it is afterwards.
    kept = [lines[0], *lines[1 + removed :]]
    file.with_suffix(".partial").write_text("".join(f"{line}\n" for line in kept))
    file.with_suffix(".partial").rename(file)
    if is_started_again:
        follower = Follower(inbox)
    taken += _read(follower, places)
    assert set(taken) == {*lines[:read], *kept}
    assert _read(follower, places) == []


def test_a_look_takes_no_more_than_it_may_and_reports_the_rest(inbox: Path) -> None:
    lines = [f'{{"number":{n}}}' for n in range(100)]
    _open(inbox).write_bytes("".join(f"{line}\n" for line in lines).encode())
    places: dict[str, FilePosition] = {}
    follower = Follower(inbox)
    taken = []
    while found := follower.arrivals(places, most=64):
        places |= found.places
        taken += [line for _, line in found.lines]
        if not found.bytes_behind:
            break
    assert taken == lines


@pytest.mark.parametrize("content", [b"", b'{"a":1}'])
def test_a_file_without_a_whole_line_gives_nothing(inbox: Path, content: bytes) -> None:
    _open(inbox).write_bytes(content)
    assert _read(Follower(inbox), {}) == []
