"""Writes the pair of files a new segment begins with."""

from __future__ import annotations

import os
import re
from pathlib import Path

from segmentry.errors import UsageError
from segmentry.settings import Settings
from segments import installed
from segments.guard import parse
from segments.predicates import Predicate, columns_of

_YML = """\
models:
  - name: {name}
    description: State who is in it and why it matters. One row per profile.
    config:
      meta:
        owner: {owner}
        purpose: marketing
        priority: 100

unit_tests:
  - name: {name}_at_its_edges
    model: {name}
    given:
      - input: ref('profiles')
        rows:
          # Add a row on each side of every edge.
          # A profile whose values are unknown is not a member.
          - {{profile_id: unknown{nulls}}}
    expect:
      rows: []
"""


def texts(settings: Settings, name: str, where: str, owner: str) -> dict[Path, str]:
    """The SQL and the yml of a new segment by their paths, not yet written. UsageError for a name
    that is taken or does not fit, PredicateError for a rule that the guard refuses.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UsageError(
            f"the name '{name}'",
            allowed="lower-case letters, digits and _",
            remedy="choose another name",
        )
    predicate = parse(where, installed.vocabulary(settings))
    files = {
        installed.folder(settings) / f"{name}.sql": sql_of(predicate),
        installed.folder(settings) / f"{name}.yml": _YML.format(
            name=name,
            owner=owner,
            nulls="".join(f", {column}: null" for column in columns_of(predicate)),
        ),
    }
    for path in files:
        if path.exists():
            raise UsageError(
                f"{path.name} is there already",
                allowed="a new name",
                remedy="edit it, or choose another",
            )
    return files


def sql_of(predicate: Predicate) -> str:
    """A segment's SQL file with this rule."""
    return f"select profile_id\nfrom {{{{ ref('profiles') }}}}\nwhere\n    {predicate.to_sql()}\n"


def segment(settings: Settings, name: str, where: str, owner: str) -> list[str]:
    """Write models/segments/<name>.sql and .yml; give their paths. Refuses to overwrite."""
    files = texts(settings, name, where, owner)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return [os.path.relpath(path) for path in files]
