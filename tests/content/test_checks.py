"""What `content check` finds, and what its command line and pages do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cli.main import run
from experiments import definitions
from experiments.content import checks, fields, files, samples
from experiments.content.checks import ContentFinding
from experiments.decide import pages
from segmentry.settings import Settings
from tests.content.small_content import BANNER, EXPERIMENT, NOW, content_with, settings_with

VARIANTS = {name: {"template": name} for name in ("a", "b")}


def found(
    place: Path, shared: int | None = 3, sizes: dict[str, int] | None = None, **changes: Any
) -> list[ContentFinding]:
    slot = {**BANNER, "variants": VARIANTS, **changes}
    settings = settings_with(place, slot, experiments=(EXPERIMENT,))
    return checks.check(
        files.load(settings)["banner"],
        sizes or {},
        definitions.load(settings),
        lambda one, other: shared,
        NOW,
    )


def kinds(findings: list[ContentFinding]) -> set[str]:
    return {one.kind for one in findings}


LOYAL = {"segment": "loyal_customers"}
NEW = {"segment": "new_visitors"}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([{**LOYAL, "show": "a"}, {**NEW, "show": "b", "priority": 2}], {"overlap"}),
        ([{**LOYAL, "show": "a"}], {"unreachable_variant"}),
        ([{"segment": "all", "show": "a"}, {**NEW, "show": "b"}],
         {"unreachable_rule", "unreachable_variant", "overlap"}),
        ([{**LOYAL, "show": "a", "where": "city = 'x'"},
          {**LOYAL, "show": "b", "where": "city = 'x'"}],
         {"unreachable_rule", "unreachable_variant", "overlap"}),
        ([{**LOYAL, "show": "a", "where": "city = 'x'", "priority": 1}, {**LOYAL, "show": "b"}],
         {"overlap"}),
        ([{**LOYAL, "show": "a", "ends_at": "2026-05-01"},
          {**LOYAL, "show": "b", "starts_at": "2026-05-01"}], {"ended"}),
        ([{**LOYAL, "show": {"a": 1, "b": 0}}], {"unreachable_variant"}),
        ([], {"unreachable_variant", "no_rules"}),
        ([{**LOYAL, "experiment": "hero_test", "show": {"plain": "a", "bold": "b"}}], set()),
    ],
)  # fmt: skip
def test_what_is_found(tmp_path: Path, rules: list[Any], expected: set[str]) -> None:
    assert kinds(found(tmp_path, rules=rules)) == expected


def test_segments_without_a_common_member_do_not_overlap(tmp_path: Path) -> None:
    rules = [{**LOYAL, "show": "a"}, {**NEW, "show": "b"}]
    assert not found(tmp_path, shared=0, rules=rules)


def test_how_an_overlap_is_decided(tmp_path: Path) -> None:
    rules = [{**LOYAL, "show": "a"}, {**NEW, "show": "b"}]
    (tied,) = found(tmp_path / "1", shared=1234, rules=rules)
    assert (tied.severity, "(1,234 profiles)" in tied.detail) == (checks.WARNING, True)
    assert tied.detail.endswith("the first wins by its place in the file")
    sizes = {"loyal_customers": 90, "new_visitors": 8}
    (by_size,) = found(tmp_path / "2", sizes=sizes, rules=rules, policy="most_specific")
    assert by_size.severity == checks.NOTE
    assert "rule 2 for new_visitors and rule 1 for loyal_customers" in by_size.detail
    assert by_size.detail.endswith("its smaller segment")


def test_a_value_without_a_default_is_found(tmp_path: Path) -> None:
    variants = {"a": {"template": "{{ city }}"}, "b": {"template": "{{ city | default: 'x' }}"}}
    rules = [{**LOYAL, "show": {"a": 1, "b": 1}}]
    (gap,) = found(tmp_path, variants=variants, rules=rules)
    assert (gap.kind, "variant a prints city" in gap.detail) == ("no_default", True)


def test_an_experiment_that_cannot_be_measured_is_found(tmp_path: Path) -> None:
    rules = [{**LOYAL, "experiment": "mailing", "show": {"plain": "a", "bold": "b"}}]
    mailing = {**EXPERIMENT, "name": "mailing", "exposure": {"sync": "newsletter_file"},
               "end": "2026-05-02"}  # fmt: skip
    slot = {**BANNER, "variants": VARIANTS, "rules": rules}
    settings = settings_with(tmp_path, slot, experiments=(mailing,))
    (slot_found,) = files.load(settings).values()
    all_found = checks.check(
        slot_found, {}, definitions.load(settings), lambda one, other: None, NOW
    )
    assert kinds(all_found) == {"not_measured", "ended"}


def test_the_matrix(tmp_path: Path) -> None:
    rules = [
        {"segment": "loyal_customers", "show": {"a": 1, "b": 3}},
        {"segment": "all", "show": "b", "where": "city = 'Bonn'"},
        {"segment": "new_visitors", "show": "a", "override": True},
    ]
    content = content_with(tmp_path, {**BANNER, "variants": VARIANTS, "rules": rules})
    rows = {row["segment"]: row["banner"] for row in pages.matrix(content)}
    assert rows == {
        "loyal_customers": "a 25% / b 75%",
        "new_visitors": "a (override)",
        "all": "b if city = 'Bonn', else fallback",
        pages.NOBODY: "fallback",
    }


def test_the_preview_shows_every_variant_of_made_up_people(home: Settings) -> None:
    slots = list(files.load(home).values())
    made_up = samples.profiles(fields.vocabulary(home))
    place = pages.write_preview(home, slots, made_up, fields.request_context({}), NOW)
    text = place.read_text(encoding="utf-8")
    for slot in slots:
        for name in slot.variants:
            assert f"<h3>{name}</h3>" in text
    frames = re.findall(r"<iframe [^>]*>", text)
    variants = [len(slot.variants) for slot in slots if slot.is_html]
    assert len(frames) == sum(variants) * len(made_up) + len(variants)
    assert all('sandbox=""' in frame for frame in frames)
    assert "Robin" in text
    assert samples.HOSTILE not in text


def test_commands_of_a_lake_that_is_empty(
    home: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["content", "check", "--strict", "--at", "2026-05-01"]) == 0
    assert run(["content", "list"]) == 0
    assert run(["content", "matrix", "-o", "json"]) == 0
    assert run(["content", "preview", "home_hero", "--at", "2026-05-01"]) == 0
    assert (home.home / "content" / "preview.html").exists()
    assert run(["content", "preview", "attic"]) == 2
    assert run(["content", "check", "--at", "soon"]) == 2
    assert "ISO 8601" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "arguments", "code"),
    [
        ({"variants": VARIANTS, "rules": [{**LOYAL, "show": "a"}]}, [], 0),
        ({"variants": VARIANTS, "rules": [{**LOYAL, "show": "a"}]}, ["--strict"], 3),
        ({"zone": "nowhere"}, [], 2),
    ],
)
def test_exit_codes_of_the_check(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any],
    arguments: list[str], code: int,
) -> None:  # fmt: skip
    changed = settings_with(tmp_path, {**BANNER, **change})
    monkeypatch.setenv("SEGMENTRY_CONFIG", str(changed.config))
    assert run(["content", "check", "--at", "2026-05-01", *arguments]) == code
