"""Decisions: one variant for each slot, in a fixed order, by consent, dates, caps and draws."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments import assignment
from experiments.content import slots
from experiments.content.fields import RequestContext, request_context
from experiments.decide.decisions import Content, SlotDecision, decide
from experiments.decide.person import PurposeBasis, Visitor
from segmentry.errors import UsageError
from tests.content.small_content import BANNER, EXPERIMENT, NOW, content_with, person

NOTHING = RequestContext()


def banner(**changes: Any) -> dict[str, Any]:
    return {**BANNER, **changes}


def shown(
    content: Content, who: Visitor | None, now: datetime = NOW, **context: str
) -> SlotDecision:
    (found,) = decide(content, who, ["banner"], request_context(context), now)
    return found


def test_a_member_is_shown_the_variant_of_the_segment(tmp_path: Path) -> None:
    content = content_with(tmp_path, BANNER)
    found = shown(content, person("loyal_customers", first_name="<Ann>"))
    assert (found.variant, found.content) == ("loyal", "Hello &lt;Ann&gt;")
    assert found.reasons == ("rule 1 for loyal_customers",)
    assert (found.propensity, found.rule) == (1.0, 1)


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        (None, "the person is not known"),
        (person("loyal_customers", consent=False), "consent to personalization is refused"),
        (person("loyal_customers", consent=None), "consent to personalization is not given"),
        (person("new_visitors"), "no rule matches"),
    ],
)
def test_everyone_else_is_shown_the_fallback(
    tmp_path: Path, who: Visitor | None, reason: str
) -> None:
    found = shown(content_with(tmp_path, BANNER), who)
    assert (found.variant, found.content, found.reasons) == (
        "fallback",
        "<p>Welcome</p>",
        (reason,),
    )


def test_opt_out_needs_no_answer_but_a_refusal_counts() -> None:
    everywhere = PurposeBasis(is_opt_in=False)
    assert everywhere.permits(None, None)
    assert not everywhere.permits(False, "US")
    listed = PurposeBasis(is_opt_in=False, opt_in_countries=frozenset({"DE"}))
    assert listed.permits(None, "US")
    assert not listed.permits(None, "DE")
    assert listed.permits(True, "DE")


TWO = {
    "a": {"template": "a"},
    "b": {"template": "b"},
}


@pytest.mark.parametrize(
    ("policy", "rules", "expected"),
    [
        ("priority", [{"segment": "all", "show": "a"},
                      {"segment": "new_visitors", "show": "b", "priority": 5}], "b"),
        ("priority", [{"segment": "all", "show": "a", "priority": 4},
                      {"segment": "new_visitors", "show": "b", "priority": 5}], "a"),
        ("priority", [{"segment": "all", "show": "a", "priority": 4},
                      {"segment": "new_visitors", "show": "b", "override": True}], "b"),
        ("most_specific", [{"segment": "all", "show": "a", "priority": 1},
                           {"segment": "new_visitors", "show": "b"}], "b"),
        ("most_specific", [{"segment": "loyal_customers", "show": "a"},
                           {"segment": "new_visitors", "show": "b"}], "b"),
        ("most_specific", [{"segment": "loyal_customers", "show": "a", "override": True},
                           {"segment": "new_visitors", "show": "b"}], "a"),
        ("most_specific", [{"segment": "all", "show": "a"},
                           {"segment": "all", "where": "city = 'Bonn'", "show": "b"}], "b"),
    ],
)  # fmt: skip
def test_policies(tmp_path: Path, policy: str, rules: list[Any], expected: str) -> None:
    content = content_with(
        tmp_path,
        banner(policy=policy, variants=TWO, rules=rules),
        sizes={"loyal_customers": 500, "new_visitors": 20},
    )
    who = person("loyal_customers", "new_visitors", city="Bonn")
    assert shown(content, who).variant == expected


def test_conditions_read_traits_and_the_request(tmp_path: Path) -> None:
    where = "orders_lifetime >= 2 and request_device = 'mobile' and request_hour between 18 and 20"
    rules = [{"segment": "all", "where": where, "show": "loyal"}]
    content = content_with(tmp_path, banner(rules=rules, zone="Europe/Berlin"))
    who = person(orders_lifetime=2)
    assert shown(content, who, device="mobile").variant == "loyal"  # 16:30 UTC is 18:30 there
    assert shown(content, who, device="tablet").variant == "fallback"
    assert shown(content, who).variant == "fallback"
    assert shown(content, who, NOW - timedelta(hours=1), device="mobile").variant == "fallback"
    assert shown(content, person(orders_lifetime=None), device="mobile").variant == "fallback"


@pytest.mark.parametrize("place", ["variant", "rule"])
def test_edges_of_a_schedule(tmp_path: Path, place: str) -> None:
    dates = {"starts_at": "2026-05-04T18:30", "ends_at": "2026-05-04T17:00Z"}
    rules = [{"segment": "all", "show": "loyal", **(dates if place == "rule" else {})}]
    variants = {"loyal": {"template": "x", **(dates if place == "variant" else {})}}
    slot = banner(zone="Europe/Berlin", rules=rules, variants=variants)
    content = content_with(tmp_path, slot)
    second = timedelta(seconds=1)
    end = datetime(2026, 5, 4, 17, tzinfo=UTC)
    seen = [shown(content, person(), at).variant for at in (NOW - second, NOW, end - second, end)]
    assert seen == ["fallback", "loyal", "loyal", "fallback"]


class _Often:
    def __init__(self, times: int) -> None:
        self.times = times
        self.since: datetime | None = None

    def count(self, profile_id: str, slot: str, variant: str, since: datetime) -> int:
        self.since = since
        return self.times


def test_a_cap_moves_on_to_the_next_rule(tmp_path: Path) -> None:
    variants = {
        "a": {"template": "a", "cap": {"times": 2, "per": "3 days"}},
        "b": {"template": "b"},
    }
    rules = [{"segment": "all", "show": "a"}, {"segment": "all", "show": "b"}]
    content = content_with(tmp_path, banner(variants=variants, rules=rules))
    for times, expected in ((1, "a"), (2, "b")):
        memory = _Often(times)
        (found,) = decide(content, person(), ["banner"], NOTHING, NOW, memory)
        assert found.variant == expected
        assert memory.since == NOW - timedelta(days=3)
    assert found.reasons[0] == "rule 1 for all: a was shown 2 times within 3 days, 0:00:00"


def test_a_split_draws_by_weight_and_states_its_propensity(tmp_path: Path) -> None:
    rules = [{"segment": "all", "show": {"a": 1, "b": 3}}]
    content = content_with(tmp_path, banner(variants=TWO, rules=rules))
    found = [shown(content, person(profile_id=f"p{i}")) for i in range(2000)]
    share = Counter(one.variant for one in found)["b"] / 2000
    assert 0.70 < share < 0.80
    assert {one.variant: one.propensity for one in found} == {"a": 0.25, "b": 0.75}
    assert found[7] == shown(content, person(profile_id="p7"))


def test_an_experiment_assigns_as_everywhere_else(tmp_path: Path) -> None:
    rules = [{"segment": "all", "experiment": "hero_test", "show": {"plain": "a", "bold": "b"}}]
    slot = banner(variants=TWO, rules=rules)
    content = content_with(tmp_path, slot, experiments=(EXPERIMENT,))
    for number in range(50):
        profile_id = f"p{number}"
        found = shown(content, person(profile_id=profile_id))
        arm = assignment.variant("hero_test", {"plain": 30, "bold": 70}, profile_id)
        assert (found.experiment, found.arm) == ("hero_test", arm)
        assert found.variant == {"plain": "a", "bold": "b"}[arm]
        assert found.propensity == pytest.approx({"plain": 0.3, "bold": 0.7}[arm])
    for at in (datetime(2026, 4, 30, 23, 59, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)):
        found = shown(content, person(), at)
        assert (found.variant, found.experiment, found.propensity) == ("a", None, 1.0)


def test_two_arms_with_one_variant_add_up(tmp_path: Path) -> None:
    rules = [{"segment": "all", "experiment": "hero_test", "show": {"plain": "a", "bold": "a"}}]
    slot = banner(variants=TWO, rules=rules)
    content = content_with(tmp_path, slot, experiments=(EXPERIMENT,))
    assert shown(content, person()).propensity == pytest.approx(1.0)


def test_outside_of_the_population_the_control_is_shown(tmp_path: Path) -> None:
    rules = [{"segment": "all", "experiment": "hero_test", "show": {"plain": "a", "bold": "b"}}]
    only = {**EXPERIMENT, "population": {"segments": ["new_visitors"]}}
    content = content_with(tmp_path, banner(variants=TWO, rules=rules), experiments=(only,))
    assert shown(content, person("loyal_customers")).experiment is None
    assert shown(content, person("new_visitors")).experiment == "hero_test"


def test_a_template_that_fails_falls_back_and_names_no_value(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    variants = {"loyal": {"template": "{{ city | split: '' | join: city }}"}}
    content = content_with(tmp_path, banner(variants=variants))
    found = shown(content, person("loyal_customers", city="secretville " * 400))
    assert (found.variant, found.content) == ("fallback", "<p>Welcome</p>")
    assert "failed with" in found.reasons[-1]
    assert "secretville" not in caplog.text + " ".join(found.reasons)


def test_a_slot_that_does_not_exist_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no slot 'basement'") as refused:
        decide(content_with(tmp_path, BANNER), person(), ["basement"], NOTHING, NOW)
    assert refused.value.allowed == "banner"


@pytest.mark.parametrize(
    ("stated", "received"),
    [({"hour": 3}, "'hour'"), ({"device": 3}, "device"), ({"page": "x" * 500}, "page")],
)
def test_a_context_that_is_wrong_is_refused(stated: dict[str, Any], received: str) -> None:
    with pytest.raises(UsageError, match=received):
        request_context(stated)


SEGMENTS = ["loyal_customers", "new_visitors", "cart_abandoners", "tech_enthusiasts"]
VARIANTS = {
    "a": {"template": "{{ first_name }}a"},
    "b": {"template": "b", "ends_at": "2026-05-04T16:30Z"},
    "c": {"template": "{{ first_name | split: '' | join: first_name }}c"},
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Content:
    rules = [{"segment": "all", "show": name} for name in VARIANTS]
    return content_with(tmp_path_factory.mktemp("content"), banner(variants=VARIANTS, rules=rules))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_exactly_one_variant_and_always_the_same(base: Content, data: st.DataObject) -> None:
    """Rules of any kind, people of any kind: one decision, which the order of sizes decides."""
    slot = base.slots["banner"]
    rules = tuple(
        slots.ContentRule(
            place=number, segment=None if segment == "all" else segment, condition=None,
            matches=None, weights={variant: 1.0}, experiment=None, arms={}, priority=priority,
            is_override=override, schedule=slots.Schedule(None, None),
        )
        for number, (segment, variant, priority, override) in enumerate(
            data.draw(
                st.lists(
                    st.tuples(
                        st.sampled_from([*SEGMENTS, "all"]), st.sampled_from(list(VARIANTS)),
                        st.one_of(st.none(), st.integers(1, 2)), st.booleans(),
                    ),
                    max_size=8,
                )
            ),
            1,
        )
    )  # fmt: skip
    policy = data.draw(st.sampled_from(["priority", "most_specific"]))
    sizes = data.draw(st.dictionaries(st.sampled_from(SEGMENTS), st.integers(1, 3)))
    changed = slots.Slot(**{**vars(slot), "rules": rules, "policy": policy})
    content = Content({"banner": changed}, {}, PurposeBasis(), sizes)
    members = data.draw(st.sets(st.sampled_from(SEGMENTS)))
    name = data.draw(st.one_of(st.none(), st.text(max_size=400)))
    who = person(*members, consent=data.draw(st.sampled_from([True, False])), first_name=name)
    found = shown(content, who)
    assert found == shown(Content({"banner": changed}, {}, PurposeBasis(), dict(sizes)), who)
    assert found.variant in {*VARIANTS, "fallback"}
    if found.rule is not None:
        rule = rules[found.rule - 1]
        assert rule.segment in {None, *members}
        better = [r for r in rules if r.is_override and not rule.is_override]
        usable = [r for r in better if r.segment in {None, *members} and r.shows == ("a",)]
        assert not usable, "an override comes before every other rule"
    else:
        assert found.content == "<p>Welcome</p>"
