"""The units of extension that exist, as the folders state them: sources, claims, subjects of
features and models. The run makes dbt's lists from it, and rooms read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import jinja2
from jinja2 import nodes

from segmentry import configuration
from segmentry.errors import ConfigError, SegmentryError
from segmentry.generated import FOLDER, GeneratedFile
from segmentry.settings import Settings
from segmentry.stages import resolve

# Called when the models are asked for: the core imports no room.
_MODELS = "ml.registry.catalogue:in_profiles"
_SUBJECT = "features__"
_CLAIMS = "claims__"
_BASE = "base_"


def run_time_files(settings: Settings) -> list[GeneratedFile]:
    """The macros that models loop over."""
    macros = settings.dbt_project / "macros"
    return [GeneratedFile(macros / path, text) for path, text in texts(settings).items()]


def texts(settings: Settings) -> dict[str, str]:
    """Path below macros/ to text, of every list."""
    models = scored_models()
    return {
        f"staging/{FOLDER}/landed_sources.sql": _macro("landed_sources", landed_sources(settings)),
        f"staging/{FOLDER}/sources_with_pauses.sql": _macro(
            "sources_with_pauses", sources_with_pauses(settings)
        ),
        f"identity/{FOLDER}/claim_sources.sql": _macro("claim_sources", claim_sources(settings))
        + _macro("claim_relations", claim_relations(settings)),
        f"features/{FOLDER}/feature_subjects.sql": _macro(
            "feature_subjects", sorted(_subjects(settings, "sql"))
        ),
        f"features/{FOLDER}/scored_models.sql": _macro("scored_models", list(models))
        + _macro("choice_models", [name for name, is_choice in models.items() if is_choice]),
    }


def landed_sources(settings: Settings) -> list[str]:
    """Sources that staging accounts for: config/sources/<name>.yml without maps_to, whose base
    model is there.

    A file of config/sources/ that does not fit is reported by the stage that loads it.
    """
    models = {path.stem for path in _models(settings, "staging").rglob(f"{_BASE}*.sql")}
    return [
        name
        for name, content in _readable_sources(settings)
        if f"{_BASE}{name}" in models and "maps_to" not in content
    ]


def sources_with_pauses(settings: Settings) -> list[str]:
    """Sources whose session ids do not count (`sessions: pauses`)."""
    return [
        name for name, content in _readable_sources(settings) if content.get("sessions") == "pauses"
    ]


def _readable_sources(settings: Settings) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((settings.config / "sources").glob("*.y*ml")):
        try:
            content = configuration.read(path)
        except SegmentryError:
            continue
        yield path.stem, content if isinstance(content, dict) else {}


def claim_sources(settings: Settings) -> list[str]:
    """Sources with claims about identifiers: those with a claims__<source> below
    models/identity.
    """
    return [path.stem.removeprefix(_CLAIMS) for path in _claims(settings)]


def claim_relations(settings: Settings) -> dict[str, list[str]]:
    """Of each of them that reads a staging model: its name, and the time of a record, as the
    claims state both.
    """
    found = {path.stem.removeprefix(_CLAIMS): _stated(path) for path in _claims(settings)}
    return {source: stated for source, stated in found.items() if stated}


def feature_subjects(settings: Settings) -> list[str]:
    """Subjects of models/features, in the order of their columns in profiles.

    Raises ConfigError for one of which only the SQL or only the yml is there.
    """
    sql = _subjects(settings, "sql")
    yml = _subjects(settings, "yml")
    if odd := sorted(sql ^ yml):
        lacking = "yml" if odd[0] in sql else "sql"
        raise ConfigError(
            f"the feature subject '{odd[0]}' has no {_SUBJECT}{odd[0]}.{lacking}",
            allowed=f"a pair of files models/features/{_SUBJECT}<subject>.sql and .yml",
            remedy="add the file, or remove the other one (docs/how-to/add-a-feature.md)",
        )
    return sorted(sql)


def scored_models() -> dict[str, bool]:
    """Models whose scores are columns of profiles; true where the most likely choice is one too."""
    return cast("dict[str, bool]", resolve(_MODELS)())


def _models(settings: Settings, layer: str) -> Path:
    return settings.dbt_project / "models" / layer


def _subjects(settings: Settings, kind: str) -> set[str]:
    folder = _models(settings, "features")
    return {path.stem.removeprefix(_SUBJECT) for path in folder.glob(f"{_SUBJECT}*.{kind}")}


def _claims(settings: Settings) -> Iterable[Path]:
    found = _models(settings, "identity").rglob(f"{_CLAIMS}*.sql")
    return sorted(found, key=lambda path: path.name)


def _stated(path: Path) -> list[str]:
    """Staging model and time of a call of identifier_claims; nothing where it reads another
    relation.
    """
    environment = jinja2.Environment(autoescape=True, extensions=["jinja2.ext.do"])
    try:
        tree = environment.parse(path.read_text(encoding="utf-8"))
    except jinja2.TemplateError:  # dbt reports which file does not parse
        return []
    for call in tree.find_all(nodes.Call):
        given = {word.key: word.value for word in call.kwargs}
        relation = given.get("relation")
        time = given.get("observed_at")
        if isinstance(relation, nodes.Call) and isinstance(time, nodes.Const):
            (model,) = relation.args
            return [str(model.as_const()), str(time.value)]
    return []


def _macro(name: str, value: list[str] | Mapping[str, Any]) -> str:
    return (
        "{#- Made at run time from the folders. -#}\n"
        f"{{% macro {name}() -%}}\n    {{{{ return({value!r}) }}}}\n{{%- endmacro %}}\n"
    )
