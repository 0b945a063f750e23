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
}
# Where a word is a name that is not ours to change, or the former name that is still read.
ALLOWED: Mapping[str, frozenset[str]] = {
    "segmentry/sync_config.py": frozenset({"brakes"}),  # files of syncs may have the former key
    "config/schemas/sync.schema.json": frozenset({"brakes"}),
    "activation/ledger/tables.py": frozenset(
        {"brake"}
    ),  # a column of older ledgers, which is renamed
    "tests/activation/test_former_names.py": frozenset({"brake", "brakes"}),
    "docs/glossary.md": frozenset({"brakes"}),
    "tests/house/test_vocabulary.py": frozenset(REPLACED),
}
FILES = ("*.py", "*.sql", "*.yml", "*.md", "*.json")

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[A-Za-z]+")


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
    ],
)
def test_a_planted_word_is_found(line: str) -> None:
    assert list(faults("planted.py", f"first line\n{line}\n"))


@pytest.mark.parametrize(
    "line", ["recommended amendments", "besides", "it breaks", "guardrail", "the newest"]
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
