"""Files of config/content: what fits, and what is refused with which remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiments import definitions
from experiments.content import files
from segmentry.errors import ConfigError, UsageError
from segmentry.settings import Settings
from tests.content.small_content import BANNER, EXPERIMENT, settings_with

RULE = BANNER["rules"][0]


def test_the_product_has_the_three_slots() -> None:
    found = files.load(Settings.from_environment({}))
    assert {"home_hero", "product_carousel", "email_block"} <= set(found)
    assert not found["email_block"].is_html
    assert all(slot.fallback for slot in found.values())


def test_no_slot_is_no_fault(tmp_path: Path) -> None:
    assert files.load(settings_with(tmp_path)) == {}


def test_a_template_may_be_a_file(tmp_path: Path) -> None:
    slot = {**BANNER, "variants": {"loyal": {"file": "loyal.liquid"}}}
    settings = settings_with(tmp_path, slot)
    place = settings.config / "content" / "templates" / "loyal.liquid"
    place.write_text("Hello {{ first_name }}", encoding="utf-8")
    found = files.load(settings)["banner"].variants["loyal"]
    assert found.template.render({"first_name": "Ann"}) == "Hello Ann"


def test_a_date_without_quotes_is_read(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, BANNER, experiments=(EXPERIMENT,))
    for folder, name in (("content", "banner"), ("experiments", "hero_test")):
        path = settings.config / folder / f"{name}.yml"
        text = path.read_text(encoding="utf-8").replace("'2026-05-01'", "2026-05-01")
        if folder == "content":
            text = text.replace("show: loyal", "show: loyal\n  starts_at: 2026-05-01")
        path.write_text(text, encoding="utf-8")
    starts = files.load(settings)["banner"].rules[0].schedule.starts_at
    assert starts is not None
    assert starts.isoformat() == "2026-05-01T00:00:00+00:00"
    assert definitions.load(settings)["hero_test"].start.isoformat() == "2026-05-01T00:00:00"


@pytest.mark.parametrize(
    ("change", "received", "named"),
    [
        ({"fallback": None}, "fallback", ""),
        ({"fallback": {"template": "Hello {{ first_name }}"}}, "fallback", "'first_name'"),
        ({"rules": [{**RULE, "segment": "loyal_customer"}]}, "rule 1", "'loyal_customer'"),
        ({"rules": [RULE, {**RULE, "show": "royal"}]}, "rule 2", "'royal'"),
        ({"rules": [{**RULE, "show": {"loyal": 0}}]}, "rule 1", "weight 0"),
        ({"rules": [{**RULE, "show": {"a": "loyal"}}]}, "rule 1", "no experiment"),
        ({"rules": [{**RULE, "where": "citty = 'x'"}]}, "rule 1: where", "'citty'"),
        ({"rules": [{**RULE, "where": "now() > last_order_at"}]}, "rule 1: where", "not allowed"),
        ({"rules": [{**RULE, "where": "request_hour = 'late'"}]}, "rule 1: where", "compares"),
        ({"rules": [{**RULE, "experiment": "nix", "show": {"a": "loyal"}}]}, "rule 1", "'nix'"),
        ({"rules": [{**RULE, "experiment": "hero_test", "show": {"plain": "loyal"}}]}, "rule 1",
         "each variant"),
        ({"rules": [{**RULE, "experiment": "hero_test", "show": {"plain": 1, "bold": 2}}]},
         "rule 1", "weights"),
        ({"rules": [{**RULE, "starts_at": "2026-13-01"}]}, "rule 1", "no time"),
        ({"rules": [{**RULE, "starts_at": "2026-05-02", "ends_at": "2026-05-02"}]}, "rule 1",
         "ends_at"),
        ({"zone": "Mars/Olympus"}, "banner.yml", "time zone"),
        ({"variants": {"loyal": {"file": "missing.liquid"}}}, "variants/loyal", "missing.liquid"),
        ({"variants": {"loyal": {"file": "../policies.liquid"}}}, "variants/loyal", ""),
        ({"variants": {"loyal": {"template": "{{ email }}"}}}, "variants/loyal", "'email'"),
        ({"variants": {"loyal": {"template": "x", "cap": {"times": 0, "per": "1 day"}}}},
         "cap", ""),
        ({"variants": {"fallback": {"template": "x"}}}, "variants", ""),
        ({"policy": "random"}, "policy", ""),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_refused(
    tmp_path: Path, change: dict[str, Any], received: str, named: str
) -> None:
    content = {key: value for key, value in {**BANNER, **change}.items() if value is not None}
    with pytest.raises(ConfigError) as refused:
        files.load(settings_with(tmp_path, content, experiments=(EXPERIMENT,)))
    assert received in refused.value.received
    assert named in refused.value.received
    assert refused.value.remedy


def test_one_bad_file_does_not_hide_the_others(tmp_path: Path) -> None:
    bad = {**BANNER, "name": "worse", "zone": "nowhere"}
    found, errors = files.load_each(settings_with(tmp_path, BANNER, bad))
    assert (list(found), list(errors)) == (["banner"], ["worse"])


def test_a_name_that_is_not_a_slot(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no slot 'attic'"):
        files.one(settings_with(tmp_path, BANNER), "attic")
