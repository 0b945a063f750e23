"""Hundreds of kinds of corrupted files, each loaded: landed, refused or reported, never an error of
the program.

Their outcome in a whole job is in tests/e2e/test_corrupted_files.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segmentry import warehouse
from segmentry.settings import Settings
from sources import files, loading, readers, stages
from sources.definitions import Source, all_sources, source_named
from sources.readers.seen import Seen
from tests import corrupted
from tests.corrupted import Kind

HOME = Settings.from_environment({})
SOURCES = all_sources(HOME)


def read(path: Path, format_: str, source: Source) -> tuple[Seen, int, bool]:
    """What the columns are, how many records, and whether the file could not be read to its end."""
    seen = Seen(source.known)
    records = 0
    is_unreadable = False
    for batch in readers.read(path, format_, source, seen):
        assert len(batch.lines) == len(batch.raws) == len(batch.problems)
        for raw in batch.raws:
            raw.encode()
        records += len(batch.lines)
        is_unreadable = is_unreadable or 0 in batch.lines
    return seen, records, is_unreadable


def status(path: Path, source: Source) -> str:
    """What loading would report of the one file below the folder."""
    (file,) = files.find([str(path)], source.format, must_exist=True)
    if file.fault:
        return "skipped" if file.is_skipped else "unreadable"
    seen, records, is_unreadable = read(file.path, file.format, source)
    if is_unreadable:
        return "unreadable"
    return "empty" if not records else "landed" if seen.is_usable else "refused"


def test_there_are_enough_kinds_of_every_source() -> None:
    kinds = corrupted.all_kinds()
    assert len(kinds) > 250
    assert {kind.source for kind in kinds} == set(SOURCES)


def test_every_kind_is_reported_as_what_it_is(tmp_path: Path) -> None:
    wrong = []
    for number, kind in enumerate(corrupted.all_kinds()):
        path = kind.write(tmp_path / f"k{number}")
        # Nothing is good of some files, of which a record is landed all the same: with what is
        # wrong with it.
        found = status(path.parent, SOURCES[kind.source])
        wrong += [(kind.name, kind.status, found)] if found != kind.status else []
    assert not wrong


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGMENTRY_HOME", str(tmp_path_factory.mktemp("bytes") / "home"))
        prepared = Settings.from_environment()
        stages.ensure_raw(prepared)
        yield prepared


_PIECES = st.sampled_from([
    b"contact_id,email,updated_at\n", b"c1,a@example.org,2026-03-04T05:06:07Z\n", b'"', b",", b"\n",
    b"\r", b";",
    b"\t", b'{"contact_id": "c1", "email": "a", "updated_at": "2026-03-04"}\n', b"{", b"}", b"[",
    b"]", b'"a":', b"NaN",
    b"null", b"\\u0000", b"\\ud800", b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff\0",
    b"\x1f\x8b\x08\0", b"PAR1",
    b"PK\x03\x04", b"\xed\xa0\x80", b"9" * 5_000, b"[" * 2_000, b"1e999", b"sep=;\n",
])  # fmt: skip
CONTENTS = st.one_of(
    st.binary(max_size=300),
    st.lists(st.one_of(_PIECES, st.binary(max_size=6)), max_size=25).map(b"".join),
)


@given(
    content=CONTENTS,
    format_=st.sampled_from(sorted(readers.READERS)),
    source=st.sampled_from(sorted(SOURCES)),
)
@settings(max_examples=600, deadline=None)
def test_any_bytes_are_records_or_a_reason(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, format_: str, source: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    read(path, format_, SOURCES[source])


@pytest.mark.slow
@given(content=CONTENTS, suffix=st.sampled_from(["csv", "ndjson", "json", "parquet", "csv.gz"]))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_land_in_full_or_not_at_all(
    home: Settings, tmp_path: Path, content: bytes, suffix: str
) -> None:
    path = tmp_path / f"any.{suffix}"
    path.write_bytes(content)
    (report,) = loading.load(
        home, source_named(home, "crm_contacts"), [str(path)], refuses_faulty=True
    )
    with warehouse.connect(home, read_only=True) as lake:
        sql = (
            "select (select count(*) from lake.raw.crm_contacts), coalesce(sum(records), 0) from"
            " lake.raw._loads"
        )
        landed, accounted = lake.execute(sql).fetchone() or (-1, -2)
    assert landed == accounted
    assert report.detail or report.status in {"landed", "already loaded"}
    assert report.records == 0 or report.status in {"landed", "unreadable"}


def test_every_kind_states_which_records_are_good() -> None:
    kinds: list[Kind] = corrupted.all_kinds()
    assert all(not kind.good for kind in kinds if kind.status in {"refused", "empty", "skipped"})
    assert sum(len(kind.good) for kind in kinds) > 400
