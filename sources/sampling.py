"""What a file contains, from its first records: columns, types, shapes of values, and findings in
the names. `segmentry sources sample` prints it, `sources new` builds on it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from segmentry.errors import SourceError
from segmentry.settings import Settings
from sources import files, guesses, readers
from sources.definitions import Source, all_sources, expand
from sources.formats import ColumnFormat
from sources.readers.csv_rows import DELIMITERS
from sources.readers.records import Records

# Enough to see what a column is; the rest of the file is not read.
MOST_RECORDS = 10_000
MOST_COLUMNS = 300
EXAMPLES = 3
# What Excel writes on a western machine, where a text is no UTF-8.
WINDOWS = "cp1252"


@dataclass(frozen=True)
class SampledColumn:
    """One column. type: that of a base model. is_unique: no value of the sample is there twice.

    words: different values of a column with few of them, for the proposals of a mapping alone; they
    are never printed.
    """

    name: str
    type: str
    form: ColumnFormat
    empty: float
    shapes: tuple[str, ...]
    identifier: str | None
    is_opt_out: bool
    is_unique: bool
    ambiguity: str = ""
    words: tuple[str, ...] = field(default=(), repr=False)

    @property
    def is_time(self) -> bool:
        """Whether it states when something happened."""
        return self.type in {"date", "timestamp"} and not guesses.is_birth(self.name)


@dataclass(frozen=True)
class Sample:
    """The file as far as it was read."""

    path: Path
    format: str
    delimiter: str | None
    encoding: str | None
    records: int
    faulty: int
    columns: tuple[SampledColumn, ...]


def sample(settings: Settings, source_or_file: str) -> Sample:
    """The sample of a file, or of a source's first file; SourceError for one without columns."""
    if not Path(source_or_file).exists():
        known = all_sources(settings)
        if source_or_file in known:
            return _of_source(settings, known[source_or_file])
    return of_file(source_or_file)


def of_file(path: str, encoding: str | None = None) -> Sample:
    """The sample of a file."""
    file, *_ = files.find([path], None, must_exist=True)
    if file.fault:
        raise _unusable(path, file.fault)
    return _read(file, None, encoding)


def _of_source(settings: Settings, source: Source) -> Sample:
    patterns = [expand(pattern, settings, as_glob=True) for pattern in source.paths]
    found = files.find([one for one in patterns if one], source.format, must_exist=False)
    usable = [file for file in found if not file.fault]
    if not usable:
        raise SourceError(
            f"no file lies where '{source.name}' is read from",
            allowed="a source with a file, or the path of a file",
            remedy=f"put a file into {source.paths[0] if source.paths else 'its place'},"
            " or name the file itself",
        )
    return _read(usable[0], source.delimiter, source.encoding)


def _read(file: files.FoundFile, delimiter: str | None, encoding: str | None) -> Sample:
    if encoding is None and _is_of_windows(file):
        encoding = WINDOWS
    if file.format != "csv":
        return _sampled(file, None, encoding, _records(file, None, encoding))
    candidates = {one: _records(file, one, encoding) for one in (delimiter or "".join(DELIMITERS))}
    # The delimiter is the one under which most rows have the header's cells, and the most of them.
    best = max(candidates, key=lambda one: _width(candidates[one]))
    if _width(candidates[best])[1] <= 1:
        best = next((one for one in candidates if _has_bad_header(candidates[one])), best)
    return _sampled(file, best, encoding, candidates[best])


def _has_bad_header(records: Records) -> bool:
    return bool(records.problems) and all(
        problem is not None and problem.startswith("missing_columns")
        for problem in records.problems
    )


def _is_of_windows(file: files.FoundFile) -> bool:
    """Whether lines are no UTF-8, and none has what Windows' code page lacks."""
    if file.format not in {"csv", "ndjson"}:
        return False
    problems = _records(file, None, None).problems
    if not any(problem and problem.startswith("invalid_encoding") for problem in problems):
        return False
    again = _records(file, None, WINDOWS).problems
    return not any(problem and problem.startswith("invalid_encoding") for problem in again)


def _records(file: files.FoundFile, delimiter: str | None, encoding: str | None) -> Records:
    source = Source("sample", format=file.format, delimiter=delimiter, encoding=encoding)
    found = Records()
    for block in readers.read(file.path, file.format, source):
        found.lines += block.lines
        found.raws += block.raws
        found.problems += block.problems
        if len(found.lines) >= MOST_RECORDS:
            break
    return Records(
        found.lines[:MOST_RECORDS], found.raws[:MOST_RECORDS], found.problems[:MOST_RECORDS]
    )


def _width(records: Records) -> tuple[float, int]:
    good = [raw for raw, fault in zip(records.raws, records.problems, strict=True) if not fault]
    if not good:
        return 0.0, 0
    width = len(json.loads(good[0]))
    return (len(good) / len(records.raws) if width > 1 else 0.0), width


def _sampled(
    file: files.FoundFile, delimiter: str | None, encoding: str | None, records: Records
) -> Sample:
    faults = [problem for problem in records.problems if problem is not None]
    fields = [
        found
        for raw, fault in zip(records.raws, records.problems, strict=True)
        if fault is None and (found := _fields(raw)) is not None
    ]
    if not fields:
        raise _unusable(file.name, _why_nothing(records, faults))
    names = list(dict.fromkeys(itertools.chain.from_iterable(fields)))
    _check_header(file, names)
    columns = tuple(_column(name, fields) for name in names[:MOST_COLUMNS])
    faulty = len(records.raws) - len(fields)
    return Sample(file.path, file.format, delimiter, encoding, len(records.raws), faulty, columns)


def _fields(raw: str) -> dict[str, str] | None:
    """Name to text; objects and lists as their JSON."""
    try:
        record = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return dict(_texts(record)) if isinstance(record, dict) else None


def _texts(record: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in record.items():
        if value is None:
            yield name, ""
        else:
            yield name, value.strip() if isinstance(value, str) else json.dumps(value)


def _column(name: str, records: list[dict[str, str]]) -> SampledColumn:
    given = [record.get(name, "") for record in records]
    values = [value for value in given if value]
    kind, form, ambiguity = guesses.type_of(name, values)
    if values and all(value[0] in "{[" for value in values):
        kind = "object" if values[0][0] == "{" else "list"
    elif guesses.identifier(name, values) is not None:
        kind = "id"
        form = ColumnFormat()
        ambiguity = ""
    different = list(dict.fromkeys(values))
    return SampledColumn(
        name=name,
        type=kind,
        form=form,
        empty=1 - len(values) / len(given),
        shapes=tuple(dict.fromkeys(guesses.shape(value) for value in different[:50]))[:EXAMPLES],
        identifier=guesses.identifier(name, values),
        is_opt_out=guesses.is_opt_out(name),
        is_unique=len(values) == len(given) and len(different) == len(values),
        ambiguity=ambiguity,
        words=tuple(different) if len(different) <= guesses.MOST_WORDS else (),
    )


def _check_header(file: files.FoundFile, names: list[str]) -> None:
    """A CSV without a header has a record in the place of its columns' names."""
    odd = [name for name in names if guesses.is_value(name)]
    if file.format == "csv" and odd:
        raise _unusable(
            file.name, f"its first line is no header: {len(odd)} of its cells are values"
        )


def _why_nothing(records: Records, faults: list[str]) -> str:
    if not records.raws:
        return "it contains no record"
    if faults:
        code, _, detail = faults[0].partition(": ")
        return detail or code
    return "none of its records is an object with named fields"


def _unusable(path: str, why: str) -> SourceError:
    return SourceError(
        f"{files.shown(path)}: {why}",
        allowed="a CSV file with a header and rows, NDJSON, a JSON document of records, or Parquet",
        remedy="export it again with the names of the columns in the first line,"
        " or name another file",
    )
