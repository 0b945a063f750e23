"""Writes what a new source needs, from a sample of its file. `segmentry sources new` calls it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from segmentry import generated
from segmentry.errors import SourceError, UsageError
from segmentry.settings import ROOT, Settings
from sources import own_files, recognition, sampling
from sources.definitions import all_sources
from sources.recognition import KINDS, Recognized
from sources.sampling import Sample


@dataclass(frozen=True)
class NewSource:
    """What was written. kind: the shipped source it maps to, None for an own source. notes: what a
    person should look at.
    """

    name: str
    kind: str | None
    files: tuple[str, ...]
    notes: tuple[str, ...]
    commands: tuple[str, ...]


def new_source(
    settings: Settings, file: str, name: str | None = None, kind: str | None = None
) -> NewSource:
    """Sample the file and write the source. Nothing is written unless all of it can be."""
    mapped_to = _kind(kind)
    name = _name(name, file)
    _check_free(settings, name)
    sample = sampling.of_file(file)
    found = recognition.recognized(settings.dbt_project, sample, mapped_to)
    if mapped_to is not None and found is None:
        missing = recognition.lacking(settings.dbt_project, sample, mapped_to, is_stated=True)
        raise SourceError(
            f"the file has no column for {', '.join(missing)} of '{mapped_to}'",
            allowed="a header that names what the column is, with values of its type",
            remedy="leave --as out for a source of its own, or write the mapping by hand"
            " (docs/how-to/add-a-source.md)",
        )
    if found is not None:
        texts = _mapped(settings, name, sample, found)
        notes = list(found.remarks)
        if found.kind != "products":
            notes.append(
                f"its keys begin with {name}: give all sources of one system the same keys"
            )
    else:
        texts, notes = _own(settings, name, sample)
    _write(texts)
    paths = [*texts, *_generated(settings)]
    notes += _opt_outs(sample, found)
    return NewSource(
        name, found.kind if found else None, tuple(_shown(path) for path in paths), tuple(notes),
        _commands(name, file),
    )  # fmt: skip


def _kind(kind: str | None) -> str | None:
    if kind is None or kind in KINDS:
        return KINDS[kind] if kind else None
    raise UsageError(
        f"--as is '{kind}'", allowed=", ".join(KINDS), remedy="use one of these, or leave --as out"
    )


def _name(name: str | None, file: str) -> str:
    if name is None:
        stem = Path(file).name.partition(".")[0].lower()
        name = re.sub(r"[^a-z0-9]+", "_", stem).strip("_")
    if re.fullmatch(r"[a-z][a-z0-9_]{0,59}", name):
        return name
    raise UsageError(
        f"the name '{name}'",
        allowed="lower-case letters, digits and _, a letter first, at most 60 characters",
        remedy="give another one with --name",
    )


def _check_free(settings: Settings, name: str) -> None:
    folder = settings.dbt_project / "models"
    taken = [folder / "staging" / name, *(folder / "identity").rglob(f"claims__{name}.sql")]
    if name in all_sources(settings) or name == "raw" or any(path.exists() for path in taken):
        raise UsageError(
            f"the name '{name}' is taken",
            allowed="a name without a file in config/sources/ and a folder in models/staging/",
            remedy="choose another one with --name",
        )


def _mapped(settings: Settings, name: str, sample: Sample, found: Recognized) -> dict[Path, str]:
    content: dict[str, Any] = {
        "name": name,
        "description": f"A file like {sample.path.name}, read as {found.kind}.",
        "paths": [f"${{SEGMENTRY_INBOX}}/{name}"],
        "maps_to": found.kind,
    }
    if sample.delimiter not in {None, ","}:
        content["delimiter"] = sample.delimiter
    if sample.encoding:
        content["encoding"] = sample.encoding
    if found.kind != "products":
        content["keys"] = name
    content["columns"] = dict(found.headers)
    if found.constants:
        content["constants"] = dict(found.constants)
    if found.formats:
        content["formats"] = {column: dict(form) for column, form in found.formats.items()}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    return {settings.config / "sources" / f"{name}.yml": text}


def _own(settings: Settings, name: str, sample: Sample) -> tuple[dict[Path, str], list[str]]:
    plan = own_files.planned(name, sample)
    if not plan.identifiers:
        raise SourceError(
            f"no column of {sample.path.name} names a person",
            allowed="a column of e-mail addresses, telephone numbers, or ids that is called so:"
            " customer_id, user_id, contact_id, loyalty_id, anonymous_id, device_id",
            remedy="see `segmentry sources sample FILE`, and rename the column in the export; for"
            " products use --as products",
        )
    staging = settings.dbt_project / "models" / "staging" / name
    claims = settings.dbt_project / "models" / "identity" / "claims"
    texts = {
        settings.config / "sources" / f"{name}.yml": own_files.config_yml(
            plan, sample, f"Records like those of {sample.path.name}, one row per record."
        ),
        staging / f"base_{name}.sql": own_files.base_sql(plan),
        staging / f"base_{name}.yml": own_files.base_yml(plan),
        staging / f"{plan.relation}.sql": own_files.staging_sql(plan),
        staging / f"{plan.relation}.yml": own_files.staging_yml(plan),
        claims / f"claims__{name}.sql": own_files.claims_sql(plan),
        claims / f"claims__{name}.yml": own_files.claims_yml(plan),
    }
    return texts, list(_notes(plan))


def _notes(plan: own_files.Plan) -> list[str]:
    named = {kind: field.header for kind, field in plan.identifiers}
    found = [f"{header} is taken for {kind}" for kind, header in named.items()]
    if plan.key is None:
        found.append("no column is unique and called as a key: a record is itself by its content")
    if plan.observed_at == "_loaded_at":
        found.append("no column states a time: a record counts from when it was loaded")
    found += [
        f"{field.header}: {field.column.ambiguity}"
        for field in plan.fields
        if field.column.ambiguity
    ]
    return found + [
        f"the column {name} is not read: its name does not fit" for name in plan.left_out
    ]


def _opt_outs(sample: Sample, found: Recognized | None) -> list[str]:
    if found is not None and found.kind == "consents":
        return []
    return [
        f"{column.name} may be an opt-out, which only consents state: load it as --as consents"
        " (docs/how-to/consent.md)"
        for column in sample.columns
        if column.is_opt_out
    ]


def _write(texts: Mapping[Path, str]) -> None:
    for path in texts:
        if path.exists():
            raise UsageError(
                f"{_shown(path)} is there already",
                allowed="files that are not there yet",
                remedy="choose another name with --name, or remove the file",
            )
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _generated(settings: Settings) -> list[Path]:
    """Pages of the repository that the new files make stale, written again."""
    if settings.dbt_project != ROOT / "dbt_project":
        return []
    stale = [file for file in generated.all_files(settings) if not file.is_current()]
    for file in stale:
        file.write()
    return [file.path for file in stale]


def _commands(name: str, file: str) -> tuple[str, ...]:
    return (
        f"segmentry sources check {_quoted(file)} --source {name}",
        f"segmentry load {name} {_quoted(file)}",
        "segmentry run",
    )


def _quoted(file: str) -> str:
    return f"'{file}'" if re.search(r"[^\w./-]", file) else file


def _shown(path: Path) -> str:
    return os.path.relpath(path)
