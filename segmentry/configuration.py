"""Reads what an operator edits: YAML under config/, each kind checked against a JSON Schema of
config/schemas/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml

from segmentry.errors import ConfigError, UsageError
from segmentry.settings import ROOT, Settings

T = TypeVar("T")
# As the schema of the policies has it.
_COUNTRY = re.compile("[A-Z]{2}")
SCHEMA_FOLDER = ROOT / "config" / "schemas"


class _Loader(yaml.CSafeLoader):
    """Reads a date such as 2026-07-01 as the text it is, as the schemas expect it.

    libyaml's loader: a thousand segments are read in seconds and not in a minute.
    """


_Loader.yaml_implicit_resolvers = {
    start: [entry for entry in found if entry[0] != "tag:yaml.org,2002:timestamp"]
    for start, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def load_file(path: Path, kind: str) -> dict[str, Any]:
    """One YAML file, valid against config/schemas/<kind>.schema.json, or ConfigError naming file,
    place and remedy.
    """
    content = read(path)
    check(content, path, kind)
    result: dict[str, Any] = content
    return result


def read(path: Path) -> Any:
    """The content of a YAML file, or ConfigError that names the file and the fault."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - it is a safe one
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}", remedy="create it or name another"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} is not YAML: {' '.join(str(error).split())[:200]}",
            allowed="a YAML mapping in UTF-8",
            remedy="correct the line it names",
        ) from None


def load_folder(settings: Settings, kind: str, folder: str) -> dict[str, dict[str, Any]]:
    """Every ``config/<folder>/*.yml`` by its ``name``, which must equal the file's stem."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((settings.config / folder).glob("*.y*ml")):
        content = load_file(path, kind)
        if content["name"] != path.stem:
            raise ConfigError(
                f"{path} has the name '{content['name']}'",
                allowed=f"the file's own stem, '{path.stem}'",
                remedy="rename the file or change the name",
            )
        found[path.stem] = content
    return found


def named(found: Mapping[str, T], name: str, kind: str, folder: str) -> T:
    """The one of that name, or UsageError naming those there are. folder: below config/."""
    if name not in found:
        raise UsageError(
            f"there is no {kind} '{name}'",
            allowed=", ".join(found) or f"a file in config/{folder}",
            remedy=f"use one of these names, or add config/{folder}/<name>.yml",
        )
    return found[name]


def policies(settings: Settings) -> dict[str, Any]:
    """config/policies.yml."""
    return load_file(settings.config / "policies.yml", "policies")


def shop_country(settings: Settings) -> str | None:
    """The country by which national phone numbers of records without one are read; None without
    one, or a policy.
    """
    path = settings.config / "policies.yml"
    try:
        found = path.stat()
    except OSError:
        return None
    return _shop_country(path, found.st_mtime_ns, found.st_size)


@cache
def _shop_country(path: Path, written: int, size: int) -> str | None:
    # Every connection asks; that the file is faulty is reported by who needs its rules.
    try:
        country = read(path)["identity"]["default_country"]
    except (ConfigError, LookupError, TypeError):
        return None
    return country if isinstance(country, str) and _COUNTRY.fullmatch(country) else None


def check(content: object, path: Path, kind: str) -> None:
    """ConfigError where the content of a file does not satisfy the schema of its kind."""
    import jsonschema  # slow to import, and not every command reads a file that it checks

    error = jsonschema.exceptions.best_match(_validator(kind).iter_errors(content))
    if error is None:
        return
    place = "/".join(str(part) for part in error.absolute_path) or "the top level"
    raise ConfigError(
        f"{path}: {place}: {error.message[:300]}",
        allowed=f"what config/schemas/{kind}.schema.json describes",
        remedy="correct that place in the file",
    )


@cache
def _validator(kind: str) -> Any:
    import jsonschema

    path = SCHEMA_FOLDER / f"{kind}.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    return jsonschema.validators.validator_for(schema)(schema)
