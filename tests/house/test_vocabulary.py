"""One word for one thing: the words that docs/glossary.md replaces stay out, and no two classes
have one name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

import pytest

from tests.house.test_budgets import relative, tracked

# Each word, or words in this order, with what is written in its place.
REPLACED: Mapping[str, str] = {
    "brake": "guardrail",
    "brakes": "guardrails",
    "anew": "again, or rebuild",
    "beside": "next to, alongside",
    "commonest": "most frequent",
    "likeliest": "most likely",
    "likelier": "more likely",
    "mend": "fix",
    "mends": "fixes",
    "mended": "fixed",
    "bury": "reject, dead letter",
    "buried": "rejected",
    "menu": "feature set",
    "taken back": "removed",
    "taken out": "removed",
    "taking back": "removing",
    "said yes": "opted in",
    "said no": "opted out",
    "never was": "simulated",
    "became of": "outcome",
    "becomes of": "outcome",
    "held": "has, contains, existing, current",
    "hold": "have, contain, keep",
    "holds": "has, contains, matches",
    "holding": "containing, row",
    "stands": "is, is written",
    "gone": "removed, deleted, missing",
    "tell": "report, print, name",
    "tells": "reports, prints, names",
    "told": "reported, printed, named",
    "say": "state, report, name",
    "says": "states, reports, names",
    "said": "stated, reported; opted in, opted out",
    "somebody": "a person, a profile",
    "everybody": "every person, every profile",
    "whoever": "people who",
    "whom": "a sentence that names the recipient",
    "moment": "timestamp, as_of, training date",
    "moments": "timestamps, training dates",
    "touched": "affected",
    "crowd": "group",
    "unfit": "invalid",
    "in doubt": "unconfirmed",
    "yielding links": "dropped links",
}
# Terms of statistics and of data protection that contain one of the words.
TERMS = ("held out", "hold out", "hold outs", "held back")
# Where a word is a name that is not ours to change, or the former name that is still read.
ALLOWED: Mapping[str, frozenset[str]] = {
    "segmentry/sync_config.py": frozenset({"brakes"}),  # the former key of files of syncs
    "config/schemas/sync.schema.json": frozenset({"brakes"}),
    "tests/activation/test_former_names.py": frozenset({"brake", "brakes"}),
    # Columns of the ledger; brake is that of older ones, which is renamed.
    "activation/ledger/tables.py": frozenset({"brake", "held", "holding"}),
    "activation/ledger/deployed.py": frozenset({"holding"}),
    "activation/ledger/destination_rows.py": frozenset({"holding"}),
    "activation/ledger/shared_rows.py": frozenset({"holding"}),
    "activation/explain.py": frozenset({"held"}),
    "benchmarks/activation.py": frozenset({"held", "holding"}),
    # A key of the JSON that sync plan, verify and status print.
    "activation/operate.py": frozenset({"held"}),
    "tests/activation/test_engine.py": frozenset({"held"}),
    "tests/activation/test_withdrawn_rows.py": frozenset({"held"}),
    # Relations of homes that exist: marts.touched_visits, features.pattern_moments and
    # staging.held_records.
    "dbt_project/macros/identity/partial.sql": frozenset({"touched"}),
    "dbt_project/macros/marts/affected_visits.sql": frozenset({"touched"}),
    "dbt_project/models/marts/events.yml": frozenset({"touched"}),
    "dbt_project/models/marts/sessions.yml": frozenset({"touched"}),
    "privacy/lake.py": frozenset({"touched"}),
    "dbt_project/models/marts/touched_visits.yml": frozenset({"touched"}),
    "dbt_project/models/features/features__patterns.sql": frozenset({"moments"}),
    "dbt_project/models/features/features__patterns.yml": frozenset({"moments"}),
    "dbt_project/models/features/pattern_moments.yml": frozenset({"moments"}),
    "docs/how-to/add-a-feature.md": frozenset({"moments"}),
    "dbt_project/models/staging/balance/landing_balance.sql": frozenset({"held"}),
    "dbt_project/models/staging/balance/quarantine.sql": frozenset({"held"}),
    "dbt_project/models/staging/money/held_records.yml": frozenset({"held"}),
    "tests/house/test_dbt_layout.py": frozenset({"held"}),
    "tests/properties/town.py": frozenset({"held"}),
    "tests/properties/test_chain.py": frozenset({"moments", "touched"}),
    "tests/properties/test_features_late.py": frozenset({"moments"}),
    "tests/properties/test_marts_affected.py": frozenset({"touched"}),
    "tests/unit/test_money_orders.py": frozenset({"held"}),
    # The subject records_held of observability.data_quality.
    "cli/_quality.py": frozenset({"held"}),
    "docs/reference/data-quality.md": frozenset({"held"}),
    "dbt_project/models/observability/data_quality.sql": frozenset({"held"}),
    "dbt_project/models/observability/data_quality.yml": frozenset({"held"}),
    "tests/unit/test_data_quality.py": frozenset({"held"}),
    # A rule that installations may have released by its text.
    "dbt_project/models/staging/events/stg_events__events.yml": frozenset({"somebody"}),
    "tests/unit/test_gates.py": frozenset({"somebody"}),
    # A segment's name.
    "dbt_project/models/segments/frequent_buyers_gone_quiet.yml": frozenset({"gone"}),
    # A verdict in observability.drift, and a state in the simulator's truth.
    "activation/guardrails.py": frozenset({"gone"}),
    "ml/evaluate/drift.py": frozenset({"gone"}),
    "ml/stages.py": frozenset({"gone"}),
    "tests/ml/test_drift.py": frozenset({"gone"}),
    "simulator/truth.py": frozenset({"gone"}),
    # A table that is dropped from older lakes.
    "identity/resolution.py": frozenset({"yielding links"}),
    # The former name of a view that specs of installations read; a metric in MLflow; Optuna's verb.
    "ml/data/frames.py": frozenset({"moments"}),
    "tests/ml/test_frames.py": frozenset({"moments"}),
    "ml/evaluate/forecasts.py": frozenset({"said"}),
    "ml/fit/search.py": frozenset({"tell"}),
    # Values of records: placeholders for a name, and what a customer writes.
    "segmentry/nobody.py": frozenset({"everybody", "somebody"}),
    "simulator/texts.py": frozenset({"tell"}),
    "docs/glossary.md": frozenset({"brakes"}),
    "tests/house/test_vocabulary.py": frozenset(REPLACED),
}
FILES = ("*.py", "*.sql", "*.yml", "*.md", "*.json")

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[A-Za-z]+")
_TERM = re.compile(rf" (?:{'|'.join(TERMS)})(?= )")


def may_have(text: str) -> list[str]:
    """The replaced words whose letters a text has in this order, perhaps within other words: quick
    to find.
    """
    letters = text.lower().replace("_", "").replace(" ", "")
    return [word for word in REPLACED if word.replace(" ", "") in letters]


def listed(line: str) -> list[str]:
    """The replaced words of a line; identifiers are split at _ and at capitals."""
    suspects = may_have(line)
    if not suspects:
        return []
    words = f" {' '.join(_WORD.findall(_CAMEL.sub(' ', line))).lower()} "
    words = _TERM.sub(" ", words)
    return [word for word in suspects if f" {word} " in words]


def faults(name: str, text: str) -> Iterator[str]:
    """One message for each replaced word of a file that the file may not have."""
    for number, line in enumerate(text.splitlines() if may_have(text) else (), 1):
        for word in listed(line):
            if word not in ALLOWED.get(name, ()):
                yield f"{name}:{number}: '{word}': write {REPLACED[word]}"


def namesakes(files: Mapping[str, str]) -> list[str]:
    """Names that two classes of these files have, with the files."""
    found = defaultdict(list)
    for name, text in files.items():
        for match in re.finditer(r"^[ \t]*class[ \t]+(\w+)", text, re.M):
            found[match[1]].append(name)
    return [
        f"{kind}: {', '.join(names)}" for kind, names in sorted(found.items()) if len(names) > 1
    ]


def read(*patterns: str) -> dict[str, str]:
    """The text of tracked files by their name."""
    return {relative(path): path.read_text(encoding="utf-8") for path in tracked(*patterns)}


def test_replaced_words_stay_out() -> None:
    found = [fault for name, text in read(*FILES).items() for fault in faults(name, text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "the brake stops it",
        "class BrakeApplied:",
        "max_brake_share = 1",
        "def resolveAnew(): ...",
        "what became_of it",
        "rows_held_before",
        "def tellWhom(): ...",
    ],
)
def test_a_planted_word_is_found(line: str) -> None:
    assert list(faults("planted.py", f"first line\n{line}\n"))


@pytest.mark.parametrize(
    "line",
    [
        "recommended amendments",
        "besides",
        "it breaks",
        "the newest",
        "hold_out: HoldOut",
        "held-out",
    ],
)
def test_a_word_that_contains_one_is_not_found(line: str) -> None:
    assert not list(faults("planted.py", line))


def test_no_two_classes_have_one_name() -> None:
    product = {
        name: text
        for name, text in read("*.py").items()
        if not name.startswith(("tests/", "benchmarks/"))
    }
    assert len(product) > 100
    assert not namesakes(product)


def test_two_planted_classes_are_found() -> None:
    assert namesakes({"a.py": "class Plan:\n", "b.py": "@dataclass\nclass Plan(Base):\n"}) == [
        "Plan: a.py, b.py"
    ]
