"""A home without a run, into which a test lands files of contacts, and what was landed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from segmentry import warehouse
from segmentry.settings import Settings
from sources import landing, loading, readers, stages
from sources.definitions import source_named
from sources.readers.records import Records

CONTACT = {
    "contact_id": "q1",
    "email": "ute@example.org",
    "phone": "+4915550101",
    "updated_at": "2026-03-04T05:06:07Z",
}
HEADER = ",".join(CONTACT)
ROW = ",".join(CONTACT.values())


@pytest.fixture(scope="module")
def one_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A home for all tests here: to prepare one takes longer than what they do in it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("SEGMENTRY_")]:
            patch.delenv(name)
        patch.setenv("SEGMENTRY_HOME", str(tmp_path_factory.mktemp("odd") / "home"))
        settings = Settings.from_environment()
        stages.ensure_raw(settings)
        yield settings


@pytest.fixture
def home(one_home: Settings) -> Settings:
    """The home with nothing landed."""
    with warehouse.connect(one_home) as lake:
        lake.execute("begin")
        for relation in ("raw.crm_contacts", "raw.events", landing.LOADS, landing.COLUMNS):
            lake.execute(f"delete from lake.{relation}")
        lake.execute("commit")
    return one_home


def load(
    home: Settings, source: str, *paths: Path | str, **options: bool
) -> list[loading.FileReport]:
    """Land files of a source."""
    places_ = [os.fspath(path) for path in paths]
    return loading.load(home, source_named(home, source), places_, refuses_faulty=True, **options)


def rows(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    """What a query of the lake returns."""
    with warehouse.connect(settings, read_only=True) as lake:
        return lake.execute(sql).fetchall()


def landed(home: Settings, source: str = "crm_contacts") -> list[dict[str, Any]]:
    """Records of the source in the order of their lines."""
    return [
        json.loads(raw)
        for (raw,) in rows(home, f"select _raw from raw.{source} order by _file, _line")
    ]


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, format_: str, source: str = "crm_contacts") -> Records:
    whole = Records()
    for batch in readers.read(path, format_, source_named(Settings.from_environment({}), source)):
        for line, raw, problem in zip(batch.lines, batch.raws, batch.problems, strict=True):
            whole.add(line, raw, problem)
    return whole
