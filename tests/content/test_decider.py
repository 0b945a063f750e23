"""Decisions for people of the real-time store: what is answered, logged, and remembered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from api.decider import Decider
from collector.journal import Journal
from experiments.content.fields import RequestContext
from experiments.decide.decisions import Content
from live.store.records import Identifier, StoredProfile, Version
from segmentry.errors import UsageError
from segmentry.settings import Settings
from tests.content.small_content import BANNER, EXPERIMENT, content_with

COOKIE = ("cookie", "c-1")
GRANTED = {"personalization/any": "granted"}
DATED = "{{ last_order_at | date: '%d.%m.' | default: 'no day' }}"
DRAWN = {
    **BANNER,
    "variants": {"a": {"template": f"a {DATED}"}, "b": {"template": f"b {DATED}"}},
    "rules": [{"segment": "all", "experiment": "hero_test", "show": {"plain": "a", "bold": "b"}}],
}
CAPPED = {
    **BANNER,
    "variants": {"loyal": {"template": "x", "cap": {"times": 2, "per": "1 day"}}},
}


class FewPeople:
    """A store of one person."""

    def __init__(self, **changes: Any) -> None:
        self.person = replace(
            StoredProfile(
                "p1", Version(1), {"last_order_at": "2026-04-03T10:00:00Z"},
                {"loyal_customers": "2026-01-01T00:00:00Z"}, {}, GRANTED,
            ),
            **changes,
        )  # fmt: skip

    def find_many(self, identifiers: Sequence[Identifier]) -> list[StoredProfile | None]:
        return [self.person if value == "c-1" else None for _, value in identifiers]


class Place:
    """Deciders of one home, opened one after the other."""

    def __init__(self, home: Settings) -> None:
        self.home = home
        self.opened: list[Decider] = []

    def open(self, content: Content, **person: Any) -> Decider:
        store: Any = FewPeople(**person)
        self.opened.append(Decider(self.home, store, content))
        return self.opened[-1]

    def end(self) -> None:
        while self.opened:
            self.opened.pop().close()

    def events(self) -> list[dict[str, Any]]:
        self.end()
        files = sorted((self.home.home / "inbox" / "events").glob("decided-*.ndjson"))
        return [orjson.loads(line) for file in files for line in file.read_bytes().splitlines()]


@pytest.fixture
def place(home: Settings) -> Iterator[Place]:
    found = Place(home)
    yield found
    found.end()


def ask(
    decider: Decider, who: Identifier = COOKIE, may_print: Any = bool, *, is_shown: bool = False
) -> dict[str, Any]:
    found = decider.decide([who], ["banner"], RequestContext(), may_print)
    return decider.record(found, is_shown=is_shown)


def test_a_decision_is_an_event_with_its_propensity(place: Place, tmp_path: Path) -> None:
    lasting = {**EXPERIMENT, "start": "2020-01-01", "end": "2099-01-01"}
    decider = place.open(content_with(tmp_path, DRAWN, experiments=(lasting,)))
    found = ask(decider, is_shown=True)
    one = found["slots"]["banner"]
    assert one["content"] == f"{one['variant']} 03.04."
    assert found["is_logged"]
    made, viewed = place.events()
    assert (made["event"], viewed["event"]) == ("Decision Made", "Experiment Viewed")
    assert made["properties"]["propensity"] == {"a": 0.3, "b": 0.7}[one["variant"]]
    assert made["messageId"] == f"decided-{found['decision_id']}-banner"
    assert viewed["properties"]["experiment_id"] == "hero_test"
    assert viewed["properties"]["variation_id"] == one["arm"]
    for event in (made, viewed):
        assert (event["anonymousId"], event["type"], "userId" in event) == ("c-1", "track", False)


@pytest.mark.parametrize(
    ("who", "changes"),
    [
        (("cookie", "nobody"), {}),
        (("email", "c-1"), {}),
        (COOKIE, {"consent": {**GRANTED, "analytics/any": "refused"}}),
        (COOKIE, {"strict": ("analytics",)}),
    ],
)
def test_who_is_not_logged(
    place: Place, tmp_path: Path, who: Identifier, changes: dict[str, Any]
) -> None:
    lasting = {**EXPERIMENT, "start": "2020-01-01", "end": "2099-01-01"}
    decider = place.open(content_with(tmp_path, DRAWN, experiments=(lasting,)), **changes)
    found = ask(decider, who)
    assert not found["is_logged"]
    if changes:
        assert found["slots"]["banner"]["experiment"] is None
    assert place.events() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"consent": {"personalization/any": "refused"}},
        {"consent": {}},
        {"consent": {}, "strict": ("personalization",)},
        {"traits": {"last_order_at": "2026-04-03"}, "segments": {}},
    ],
)
def test_the_fallback_without_consent_or_segment(
    place: Place, tmp_path: Path, changes: dict[str, Any]
) -> None:
    found = ask(place.open(content_with(tmp_path, BANNER), **changes))
    assert found["is_fallback"]
    assert found["slots"]["banner"]["content"] == "<p>Welcome</p>"


def test_a_caller_is_shown_no_trait_that_it_does_not_get(place: Place, tmp_path: Path) -> None:
    decider = place.open(content_with(tmp_path, BANNER))
    assert ask(decider, may_print=lambda name: name == "first_name")["slots"]["banner"]["variant"]
    found = ask(decider, may_print=lambda name: name != "first_name")
    assert found["is_fallback"]
    assert "prints first_name" in found["slots"]["banner"]["reasons"][0]


def test_a_cap_survives_a_restart(place: Place, tmp_path: Path) -> None:
    content = content_with(tmp_path, CAPPED)
    first = place.open(content)
    assert [ask(first)["is_fallback"] for _ in range(3)] == [False, False, True]
    place.end()
    assert ask(place.open(content))["is_fallback"]


def test_an_exposure_is_of_the_person_s_own_arm(place: Place, tmp_path: Path) -> None:
    lasting = {**EXPERIMENT, "start": "2020-01-01", "end": "2099-01-01"}
    decider = place.open(content_with(tmp_path, DRAWN, experiments=(lasting,)))
    arm = ask(decider)["slots"]["banner"]["arm"]
    assert decider.shown([COOKIE], "d1", {"hero_test": arm})
    assert not decider.shown([("cookie", "nobody")], "d1", {"hero_test": arm})
    other = {"plain": "bold", "bold": "plain"}[arm]
    for wrong in ({"hero_test": other}, {"nix": arm}):
        with pytest.raises(UsageError, match="not that of the decision"):
            decider.shown([COOKIE], "d1", wrong)
    assert [event["event"] for event in place.events()] == ["Decision Made", "Experiment Viewed"]


def test_fallbacks_need_no_store(place: Place, tmp_path: Path) -> None:
    found = place.open(content_with(tmp_path, BANNER)).fallbacks(["banner", "attic"], "late")
    assert list(found["slots"]) == ["banner"]
    assert found["slots"]["banner"]["reasons"] == ["late"]


def test_decisions_and_collector_write_side_by_side(place: Place, tmp_path: Path) -> None:
    place.open(content_with(tmp_path, BANNER))
    Journal(place.home.home / "inbox", 1000, 600).close()
    with pytest.raises(UsageError, match="another decider writes"):
        place.open(content_with(tmp_path / "again", BANNER))
