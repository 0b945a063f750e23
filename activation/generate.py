"""Makes the audience models of the dbt project from config/syncs: the same configuration gives the
same text.

They exist in the home's copy of the project alone (``segmentry.generated``): no copy of them can be
out of date.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from activation import audience_texts, consent_policy
from activation.audience_sql import audience_sql, candidate_arguments
from activation.consent_policy import ConsentPolicy
from segmentry import generated, row_profile, sync_files
from segmentry.errors import ConfigError
from segmentry.generated import GeneratedFile
from segmentry.settings import Settings
from segmentry.sync_config import SyncConfig
from segments import installed

FOLDER = "models/audiences"
MADE = f"{FOLDER}/{generated.FOLDER}"
MARK = "-- Made at run time from config/syncs: change the configuration, not this file."


def files(settings: Settings) -> list[GeneratedFile]:
    """The audience models the configuration gives, and those of the folder that must not be
    there.
    """
    folder = settings.dbt_project / FOLDER
    made = settings.dbt_project / MADE
    wanted = {made / name: text for name, text in texts(settings).items()}
    extra = [path for path in sorted(folder.rglob("aud_*.*")) if path not in wanted]
    return [
        *(GeneratedFile(p, t) for p, t in wanted.items()),
        *(GeneratedFile(p, None) for p in extra),
    ]


def texts(settings: Settings) -> dict[str, str]:
    """File name to text of each generated model and its yml."""
    syncs = [sync for sync in sync_files.load(settings).values() if sync.is_enabled]
    policy = consent_policy.load(settings)
    for sync in syncs:
        _check_segments(settings, sync)
    found = {
        "candidates.sql": _candidates_sql(syncs, policy),
        "candidates.yml": audience_texts.CANDIDATES_YML,
        "suppressed_contacts.sql": (
            f"{MARK}\n" + audience_texts.SUPPRESSED_SQL.replace("@bounces", str(policy.bounces))
        ),
        "suppressed_contacts.yml": audience_texts.SUPPRESSED_YML,
    }
    for sync in syncs:
        found[f"aud_{sync.name}.sql"] = (
            f"{MARK.replace('config/syncs', f'config/syncs/{sync.name}.yml')}\n{audience_sql(sync)}"
        )
        found[f"aud_{sync.name}.yml"] = _audience_yml(sync)
    return found


def _mark(sync: SyncConfig) -> str:
    return MARK.replace("config/syncs", f"config/syncs/{sync.name}.yml")


def _check_segments(settings: Settings, sync: SyncConfig) -> None:
    known = set(installed.names(settings))
    named = {*(sync.segments or []), *(c.value for c in sync.columns if c.source == "member_of")}
    if unknown := sorted(named - known):
        raise ConfigError(
            f"{sync.path}: there is no segment '{unknown[0]}'",
            allowed=", ".join(sorted(known)) or "a segment in dbt_project/models/segments",
            remedy="use one of these names, or add the segment",
        )


def _candidates_sql(syncs: Sequence[SyncConfig], policy: ConsentPolicy) -> str:
    if not syncs:
        return f"{MARK}\n{audience_texts.NO_CANDIDATES}"
    judged = ",\n        ".join(candidate_arguments(sync, policy) for sync in syncs)
    return f"{MARK}\n" + audience_texts.CANDIDATES_SQL.replace("@judged", judged)


def _audience_yml(sync: SyncConfig) -> str:
    grain = {
        "profile": "profile",
        "membership": "(profile, segment)",
        "transition": "entry into or exit from a segment",
    }
    owner = json.dumps(sync.owner)
    lines = [
        _mark(sync).replace("--", "#"),
        "models:",
        f"  - name: aud_{sync.name}",
        "    description: >",
        f"      {' '.join(sync.description.split())}",
        f"      One row per {grain[sync.grain]} that may be sent to the sync '{sync.name}'.",
        "    config:",
        "      contract: {enforced: true}",
        f"      meta: {{owner: {owner}, purpose: {sync.purpose}, channel: {sync.channel}}}",
        "    columns:",
        "      - name: row_key",
        "        description: Name of the row in plans and the ledger.",
        "        data_type: varchar",
        "        data_tests: [not_null, unique]",
    ]
    for column in sync.columns:
        lines += [
            f"      - name: {column.name}",
            f"        description: {_origin(column.source, column.value)}",
        ]
        lines += [f"        data_type: {column.type}"]
        if column.name == sync.key:
            lines += ["        data_tests: [not_null]"]
    lines += [
        f"      - name: {row_profile.COLUMN}",
        "        description: The profile of the row; it is not sent.",
        "        data_type: varchar",
        "        data_tests: [not_null]",
    ]
    return "\n".join(lines) + "\n"


def _origin(source: str, value: object) -> str:
    return {
        "from": f"profiles.{value}",
        "constant": "The same for every row.",
        "template": "Made of columns of the profile.",
        "member_of": f"Whether the person is in the segment {value}.",
        "segments": "The person's segments of this audience, comma-separated.",
        "row": f"The row's own {value}.",
    }[source]
