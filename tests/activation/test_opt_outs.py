"""Opt-outs read back from tools: each counts before the next request, none is missed or counted
twice, and nobody is opted in by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from activation import engine, operate, opt_out_pull
from activation.opt_out import all_readers
from segmentry import statements
from segmentry.errors import ConfigError, ConnectionNotConfigured, DestinationError, UsageError
from segmentry.settings import Settings
from segmentry.statements import Statement
from tests.activation import opt_out_tools
from tests.activation.engine_shop import Receiver, consent, fill, receiver, webhook
from tests.activation.opt_out_tools import ANSWERS, Tool
from tests.activation.shop import Shop

__all__ = ["receiver"]
AT = datetime(2026, 3, 1, 12)
TIMELESS = {"customer_io"}


def naming(settings: Settings, *entries: dict[str, Any]) -> None:
    path = settings.config / "policies.yml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["consent"]["opt_outs"] = list(entries)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


def entry(tool: str) -> dict[str, Any]:
    names = {setting: f"OPT_OUTS_{setting.upper()}" for setting in all_readers()[tool].settings}
    return {"name": f"our_{tool}", "tool": tool, "connection": names}


Serve = Callable[[str, Settings], Tool]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Serves a tool, and names its account in the policy."""
    monkeypatch.setattr("activation.client.FIRST_WAIT", 0.001)
    with ExitStack() as stack:

        def made(name: str, settings: Settings) -> Tool:
            tool = Tool()
            url = stack.enter_context(opt_out_tools.serving(name, tool))
            monkeypatch.setenv("OPT_OUTS_URL", url)
            monkeypatch.setenv("OPT_OUTS_LIST_ID", "L1")
            for setting in ("API_KEY", "TOKEN"):
                monkeypatch.setenv(f"OPT_OUTS_{setting}", "k-1")
            naming(settings, entry(name))
            monkeypatch.setattr(all_readers()[name], "rate", None)
            monkeypatch.setattr(
                f"activation.opt_outs.{name}.PAGE", opt_out_tools.PAGE, raising=False
            )
            return tool

        yield made


@pytest.fixture
def own(home: Settings, tmp_path: Any) -> Settings:
    """Settings with a policy of their own, and no lake."""
    from dataclasses import replace
    from shutil import copyfile

    config = tmp_path / "config"
    config.mkdir()
    copyfile(home.config / "policies.yml", config / "policies.yml")
    return replace(home, config=config)


@pytest.fixture
def stated(monkeypatch: pytest.MonkeyPatch) -> list[Statement]:
    """What is recorded, in place of the lake."""
    found: list[Statement] = []

    def refuse(_: Settings, given: list[Statement]) -> dict[str, int]:
        found.extend(given)
        return {}

    monkeypatch.setattr(statements, "refuse", refuse)
    return found


def leave(tool: Tool, *names: str, at: datetime = AT, apart: float = 60.0) -> None:
    for place, name in enumerate(names):
        tool.left[f"{name}@example.com"] = at + timedelta(seconds=apart * place)


def named(found: list[Statement]) -> list[str]:
    return sorted(one.identifier.partition("@")[0] for one in found)


def test_every_reader_has_a_tool_to_be_tried_with() -> None:
    assert set(all_readers()) == set(ANSWERS)


@pytest.mark.parametrize("tool_name", sorted(ANSWERS))
def test_pages_are_followed_and_a_second_pull_reads_what_is_new(
    own: Settings, stated: list[Statement], serve: Serve, tool_name: str
) -> None:
    tool = serve(tool_name, own)
    leave(tool, *(f"n{number:02}" for number in range(8)))
    tool.others["bounced@example.com"] = AT
    done = opt_out_pull.pull(own, f"our_{tool_name}")
    assert named(stated) == [f"n{number:02}" for number in range(8)]
    assert done.new == 8
    assert {(one.decision.status, one.decision.purpose) for one in stated} == {
        ("withdrawn", "marketing")
    }
    if tool_name not in TIMELESS:
        assert {one.identifier: one.decided_at for one in stated} == tool.left
    # Nothing new: nobody is recorded, however often. Then one of an earlier time that came late.
    stated.clear()
    for _ in range(2):
        assert opt_out_pull.pull(own, f"our_{tool_name}").new == 0
    first = len(tool.requests)
    leave(tool, "late", at=max(tool.left.values()) - timedelta(minutes=5))
    leave(tool, "next", at=max(tool.left.values()))
    assert opt_out_pull.pull(own, f"our_{tool_name}").new == 2
    assert named(stated) == ["late", "next"]
    if tool_name not in TIMELESS:
        _asks_for_less(tool, first)


def _asks_for_less(tool: Tool, first: int) -> None:
    """The later requests name a later time than the first one."""
    begin, later = (str(tool.requests[place][2:]) for place in (0, first))
    assert begin != later
    assert "2000-01-01" not in later


@pytest.mark.parametrize("tool_name", sorted(ANSWERS))
def test_an_answer_of_not_now_is_tried_again_and_other_faults_keep_the_place(
    own: Settings, stated: list[Statement], serve: Serve, tool_name: str
) -> None:
    tool = serve(tool_name, own)
    leave(tool, "a", "b", "c", "d")
    tool.failures = [429, 503]
    assert opt_out_pull.pull(own, f"our_{tool_name}").new == 4
    stated.clear()
    leave(tool, "e", at=AT + timedelta(hours=1))
    for status in (400, 401, 403):
        tool.failures = [status]
        with pytest.raises(DestinationError) as raised:
            opt_out_pull.pull(own, f"our_{tool_name}")
        assert "k-1" not in str(raised.value) and "example.com" not in str(raised.value)
    assert opt_out_pull.pull(own, f"our_{tool_name}").new == 1
    assert named(stated) == ["e"]


@pytest.mark.parametrize("content", [{"unexpected": []}, [1]])
@pytest.mark.parametrize("tool_name", sorted(ANSWERS))
def test_an_answer_of_another_shape_is_no_empty_one(
    own: Settings, stated: list[Statement], serve: Serve, monkeypatch: pytest.MonkeyPatch,
    tool_name: str, content: Any,
) -> None:  # fmt: skip
    monkeypatch.setitem(ANSWERS, tool_name, lambda *_: content)
    serve(tool_name, own)
    with pytest.raises(DestinationError, match="could not be read"):
        opt_out_pull.pull(own, f"our_{tool_name}")
    assert not stated


def test_members_who_changed_at_one_time_are_all_read(
    own: Settings, stated: list[Statement], serve: Serve
) -> None:
    tool = serve("mailchimp", own)
    leave(tool, *(f"n{number:02}" for number in range(10)), apart=0)
    leave(tool, "z1", "z2", at=AT + timedelta(hours=1))
    assert opt_out_pull.pull(own, "our_mailchimp").new == 12


def test_one_who_comes_back_to_a_tool_without_times_and_leaves_again_is_new(
    own: Settings, stated: list[Statement], serve: Serve
) -> None:
    tool = serve("customer_io", own)
    leave(tool, "a", "b")
    opt_out_pull.pull(own, "our_customer_io")
    del tool.left["a@example.com"]
    assert opt_out_pull.pull(own, "our_customer_io").new == 0
    stated.clear()
    leave(tool, "a")
    assert opt_out_pull.pull(own, "our_customer_io").new == 1
    assert named(stated) == ["a"]


def test_a_pull_that_was_killed_is_made_again(
    own: Settings, stated: list[Statement], serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = serve("klaviyo", own)
    leave(tool, *"abcdefg")
    with monkeypatch.context() as patch:

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(opt_out_pull, "_keep", killed)
        with pytest.raises(KeyboardInterrupt):
            opt_out_pull.pull(own, "our_klaviyo")
    before = {one.record_id for one in stated}
    assert opt_out_pull.pull(own, "our_klaviyo").new == 7
    assert {one.record_id for one in stated} == before, "the same records: each counts once"


def test_what_the_policy_states_wrongly_is_reported(own: Settings) -> None:
    naming(own, {**entry("klaviyo"), "tool": "pigeon"})
    with pytest.raises(ConfigError, match="pigeon"):
        opt_out_pull.accounts(own)
    naming(own, {**entry("klaviyo"), "connection": {"url": "U"}})
    with pytest.raises(ConfigError, match="api_key"):
        opt_out_pull.accounts(own)
    naming(own, entry("klaviyo"), entry("klaviyo"))
    with pytest.raises(ConfigError, match="two entries"):
        opt_out_pull.accounts(own)
    naming(own, entry("klaviyo"))
    with pytest.raises(ConnectionNotConfigured, match="OPT_OUTS_API_KEY"):
        opt_out_pull.pull(own, "our_klaviyo")
    with pytest.raises(UsageError):
        opt_out_pull.pull(own, "their_klaviyo")


def test_an_opt_out_at_the_tool_counts_before_the_first_request(
    shop: Shop, receiver: Receiver, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"n{number}" for number in range(6)]
    hook = webhook(shop)
    consent(shop, *names)
    fill(shop, hook, dict.fromkeys(names, "X"))
    tool = serve("mailchimp", shop.settings)
    leave(tool, "N1", "stranger", at=datetime.now(UTC).replace(tzinfo=None, microsecond=0))
    monkeypatch.setattr(opt_out_pull, "_FRESH_SECONDS", 0.0)
    report = engine.run_sync(shop.settings, hook)
    assert report.notes[0] == "our_mailchimp: 2 new opt-out(s) read back"
    assert set(receiver.people) == {f"{one}@example.com" for one in names if one != "n1"}
    # Who is there and leaves at the tool is removed by the next run; the plan counts them.
    leave(tool, "n3", at=datetime.now(UTC).replace(tzinfo=None, microsecond=0))
    opt_out_pull.pull(shop.settings, "our_mailchimp")
    (planned,) = operate.plan(shop.settings, [hook])
    assert planned["withdraw"] == 1
    assert "3 refusal(s) that no run has built yet" in planned["note"]
    # A tool that cannot be read stops no removal, and the outcome reports it.
    tool.failures = [400]
    shown, failures = operate.apply(shop.settings, [hook])
    assert set(receiver.people) == {
        f"{one}@example.com" for one in names if one not in ("n1", "n3")
    }
    assert len(failures) == 1 and "status 400" in failures[0].received
    assert shown[0]["status"] == "done"


def test_a_tool_that_cannot_be_read_stops_additions_and_no_removal(
    shop: Shop, receiver: Receiver, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = webhook(shop)
    consent(shop, "ann", "bob")
    fill(shop, hook, {"ann": "X", "bob": "X"})
    tool = serve("mailchimp", shop.settings)
    monkeypatch.setattr(opt_out_pull, "_FRESH_SECONDS", 0.0)
    engine.run_sync(shop.settings, hook)
    leave(tool, "bob", at=datetime.now(UTC).replace(tzinfo=None, microsecond=0))
    opt_out_pull.pull(shop.settings, "our_mailchimp")
    consent(shop, "cid")
    fill(shop, hook, {"ann": "X", "bob": "X", "cid": "X"})
    tool.failures = [400]
    with pytest.raises(DestinationError, match="status 400"):
        engine.run_sync(shop.settings, hook)
    assert set(receiver.people) == {"ann@example.com"}
    # The fault counts for the next sync of the same minute, which does not ask again.
    monkeypatch.setattr(opt_out_pull, "_FRESH_SECONDS", 60.0)
    with pytest.raises(DestinationError, match="status 400"):
        engine.run_sync(shop.settings, hook)
    monkeypatch.setattr(opt_out_pull, "_FRESH_SECONDS", 0.0)
    engine.run_sync(shop.settings, hook)
    assert set(receiver.people) == {"ann@example.com", "cid@example.com"}
