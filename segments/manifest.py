"""Files of the dbt project that follow from others: the contract of profiles, and the definitions
of the segments.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from segmentry import configuration, registry
from segmentry.generated import FOLDER, GeneratedFile
from segmentry.settings import Settings
from segments import families, installed
from segments.installed import Segment

COMMAND = "segmentry check generated --write"
LINE_COLUMNS = 100
_SUBJECT = "features__"


def generated_files(settings: Settings) -> list[GeneratedFile]:
    """The contract of profiles."""
    return [
        GeneratedFile(settings.dbt_project / "models/profiles/profiles.yml", profiles_yml(settings))
    ]


def run_time_files(settings: Settings) -> list[GeneratedFile]:
    """The segments of families, and what the evaluation loops over; segments that are refused are
    left out.

    The stage that evaluates segments loads them all first, and stops at one that is refused.
    """
    accepted, refused = installed.readable(settings)
    left_out = [GeneratedFile(path, None) for path in refused]
    macro = GeneratedFile(
        settings.dbt_project / "macros/segments" / FOLDER / "segment_definitions.sql",
        definitions_macro(accepted.values()),
    )
    return [*left_out, *families.files(settings), macro]


def profiles_yml(settings: Settings) -> str:
    """The contract of profiles.profiles: key, traits, every feature's column, scores, consent
    flags.
    """
    lines = [
        f"# Made by `{COMMAND}` from the yml of traits and features. A new column",
        "# there appears here.",
        "models:",
        "  - name: profiles",
        "    description: >",
        (
            "      Everything known of each profile at the run's clock; the vocabulary of segments."
            " One row per"
        ),
        "      profile.",
        "    config: {contract: {enforced: true}}",
        "    columns:",
    ]
    for column in _columns(settings):
        lines += [
            f"      - name: {column['name']}",
            *_description(column["description"]),
            f"        data_type: {column['data_type']}",
        ]
        if column["name"] == "profile_id":
            lines.append("        data_tests: [unique, not_null]")
        if unknown := column.get("unknown"):
            lines.append(f"        config: {{meta: {{unknown: {_quoted(unknown)}}}}}")
    return "\n".join(lines) + "\n"


def _description(text: str) -> list[str]:
    """Lines of a column's description; a text that is too long for one line is folded."""
    line = f"        description: {_quoted(text)}"
    if len(line) <= LINE_COLUMNS:
        return [line]
    return [
        "        description: >-",
        *textwrap.wrap(
            text,
            LINE_COLUMNS,
            initial_indent=" " * 10,
            subsequent_indent=" " * 10,
            break_long_words=False,
            break_on_hyphens=False,
        ),
    ]


def _columns(settings: Settings) -> Iterator[dict[str, Any]]:
    models = settings.dbt_project / "models"
    yield {"name": "profile_id", "description": "Profile.", "data_type": "varchar"}
    yield {
        "name": "as_of",
        "description": "The run's clock; facts before it count.",
        "data_type": "timestamp",
    }
    yield from _described(models / "identity" / "traits" / "traits.yml")
    for subject in registry.feature_subjects(settings):
        yield from _described(_features(settings) / f"{_SUBJECT}{subject}.yml")
    scored = registry.scored_models()
    for model in scored:
        description = f"Newest score of the model {model}, {_UNITS.get(model, '0 to 1')}."
        yield {
            "name": f"{model}_score", "description": description, "data_type": "double",
            "unknown": "NULL: not scored"
        }  # fmt: skip
    for model in (name for name, is_choice in scored.items() if is_choice):
        description = f"Most likely choice by the model {model}."
        yield {
            "name": model,
            "description": description,
            "data_type": "varchar",
            "unknown": "NULL: not scored",
        }
    for name, (data_type, description) in _CLUSTER.items():
        yield {
            "name": name,
            "description": description,
            "data_type": data_type,
            "unknown": "NULL: not scored",
        }
    for name, description in _CONSENTS.items():
        text = f"Consent to {description}; to read, not to send by."
        yield {
            "name": name,
            "description": text,
            "data_type": "boolean",
            "unknown": "NULL: never decided",
        }


# What the scores are in that are no probabilities of the model's own event.
_UNITS: Mapping[str, str] = {
    "clv": "revenue expected in the coming 90 days",
    "next_order": "days until the next order, 90 at most",
    "uplift": "revenue that sending adds in 30 days, below 0 where it costs sales",
}
_CLUSTER: Mapping[str, tuple[str, str]] = {
    "cluster_id": ("integer", "Number of the persona's cluster."),
    "persona": ("varchar", "Name of the persona."),
    "persona_confidence": ("double", "How clearly the profile belongs to it, 0 to 1."),
}
_CONSENTS: Mapping[str, str] = {
    "consent_email_marketing": "marketing by e-mail",
    "consent_sms_marketing": "marketing by text message",
    "consent_push_marketing": "marketing by push message",
    "consent_advertising": "advertising with its data",
    "consent_analytics": "analytics of its behaviour",
    "consent_personalization": "personalization",
}


def _described(path: Path) -> Iterator[dict[str, Any]]:
    entry = configuration.read(path)["models"][0]
    for column in entry["columns"]:
        if column["name"] in {"profile_id", "as_of"}:
            continue
        meta = column.get("config", {}).get("meta", {})
        yield {
            "name": column["name"],
            "description": " ".join(column["description"].split()),
            "data_type": column.get("data_type", "varchar"),
            "unknown": meta.get("unknown"),
        }


def _features(settings: Settings) -> Path:
    return settings.dbt_project / "models" / "features"


def columns(settings: Settings, subject: str) -> set[str]:
    """The columns of profiles that the subject's features give."""
    return {
        column["name"] for column in _described(_features(settings) / f"{_SUBJECT}{subject}.yml")
    }


def definitions_macro(found: Iterable[Segment]) -> str:
    """What the evaluation of all segments in one scan loops over."""
    lines = [
        "{#- Made at run time from the segments. One entry per segment; seconds. -#}",
        "{% macro segment_definitions() -%}",
        "    {{ return([",
    ]
    for segment in found:
        pairs = ", ".join(
            f"'{key}': {_literal(value)}" for key, value in _definition(segment).items()
        )
        lines.append(f"        {{{pairs}}},")
    return "\n".join([*lines, "    ]) }}", "{%- endmacro %}"]) + "\n"


def _definition(segment: Segment) -> dict[str, Any]:
    return {
        "segment": segment.name,
        "version": segment.definition_version,
        "predicate": segment.predicate.to_sql() if segment.predicate else None,
        "stay_while": segment.stay.to_sql() if segment.stay else None,
        "enter_after": int(segment.enter_after.total_seconds()),
        "exit_after": int(segment.exit_after.total_seconds()),
        "min_stay": int(segment.min_stay.total_seconds()),
        "priority": segment.priority,
        "exclusive_group": segment.exclusive_group,
        "min_size": int(segment.meta.get("min_size", 0)),
        "merge_into": segment.meta.get("merge_into"),
        "max_changed_share": segment.meta.get("max_changed_share"),
        "action": segment.meta.get("action"),
        "purpose": segment.meta["purpose"],
        "owner": segment.meta["owner"],
    }


def _literal(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, int | float):
        return str(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
