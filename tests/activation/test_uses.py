"""What a destination is for, and that no column or option of a sync carries a subscription."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from activation import destination as destinations
from activation import engine, operate
from activation.destinations.webhook import Webhook
from segmentry import sync_files
from segmentry.errors import ConfigError
from segmentry.sync_config import SyncConfig, parsed
from tests.activation.engine_shop import (
    Receiver,
    consent,
    fill,
    mails,
    open_lake,
    opt_out,
    receiver,
    webhook,
)
from tests.activation.shop import Shop

__all__ = ["open_lake", "receiver"]


def sync(columns: dict[str, Any] | None = None, **content: Any) -> SyncConfig:
    return parsed(
        "vip",
        {
            "name": "vip",
            "destination": "braze",
            "audience": {"segments": "all"},
            "purpose": "marketing",
            "channel": "email",
            "address": "email",
            "key": "email",
            "columns": {"email": {"from": "email"}, **(columns or {})},
            **content,
        },
        Path("config/syncs/vip.yml"),
    )


@pytest.mark.parametrize(
    "name",
    [
        "sms_consent",
        "hs_legal_basis",
        "HasOptedOutOfFax",
        "email_opted_in",
        "emailOptIn",
        "subscribe",
        "marketing_status",
        "SMS Opt-Out",
        "DoNotEmail",
        "doNotCall",
        "acceptsMarketing",
        "accepts_email_marketing",
        "$consent",
        "marketing_permissions",
        "hs_email_optout_14",
        "is_subscribed",
        "gdpr_agreed",
        "blackListed",
        "ad_user_data",
        "double_opt_in",
    ],
)
def test_a_name_that_carries_a_subscription_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"columns/{name.replace('$', '.')} is a consent"):
        destinations.of(sync({name: {"from": "country"}}))


@pytest.mark.parametrize(
    "value",
    [
        {"from": "sms_opt_in"},
        {"from": "newsletter_status"},
        {"constant": "subscribed"},
        {"constant": "OPTED_IN"},
        {"constant": "Freely given consent from contact"},
        {"constant": "Legitimate interest - lead"},
        {"template": "opt-in {country}"},
        {"template": "{email_opt_in}"},
        {"member_of": "opted_in_people"},
    ],
)
def test_a_value_that_carries_a_subscription_is_refused(value: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="columns/flag is a consent or subscription field"):
        destinations.of(sync({"flag": value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sms_consent", {"from": "consent_sms_marketing"}),
        ("email_opted_in", {"from": "consent_email_marketing"}),
        ("flag", {"template": "{consent_advertising}"}),
        ("subscription_status", {"from": "subscription_status"}),
        ("tenure", {"from": "days_since_subscribed"}),
        ("subscription_plan", {"from": "country"}),
        ("adopted_in", {"from": "country"}),
        ("shop_tint", {"constant": "Subscribe to our paper and read what is new in town today"}),
        ("order_status", {"from": "country"}),
        ("option_interval", {"member_of": "vip"}),
    ],
)
def test_the_ledger_of_consent_and_what_is_bought_may_leave(
    name: str, value: dict[str, str]
) -> None:
    destinations.of(sync({name: value}))


@pytest.mark.parametrize("name", ["email_subscribe", "hs_legal_basis", "status", "optin"])
def test_what_a_tool_acts_upon_is_not_written_from_the_ledger_either(name: str) -> None:
    with pytest.raises(ConfigError, match="consent or subscription field"):
        destinations.of(sync({name: {"from": "consent_email_marketing"}}))


@pytest.mark.parametrize(
    ("destination", "options"),
    [("braze", {"attribute": "email_subscribe"}), ("segment", {"trait": "sms_opt_in"})],
)
def test_an_option_that_names_the_field_is_no_way_around(
    destination: str, options: dict[str, str]
) -> None:
    with pytest.raises(ConfigError, match="options/"):
        destinations.of(sync(destination=destination, options=options))


@pytest.mark.usefixtures("open_lake")
@pytest.mark.parametrize("is_the_use", [True, False])
def test_people_leave_from_where_an_earlier_version_sent_what_is_refused_now(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, is_the_use: bool
) -> None:
    consent(shop, "ann", "bob", "cid", "dee")
    name = webhook(shop, "hook")
    fill(shop, name, {"ann": "x", "bob": "x", "cid": "x"})
    engine.run_sync(shop.settings, name)
    if is_the_use:
        monkeypatch.setattr(Webhook, "purposes", ("advertising",))
    else:
        monkeypatch.setattr("activation.subscriptions.is_permission", lambda text: "f" in text)
    fill(shop, name, {"ann": "x", "bob": "x", "cid": "x", "dee": "x"})
    opt_out(shop, "bob")
    with pytest.raises(ConfigError, match=r"is not for the purpose|subscription field"):
        engine.run_sync(shop.settings, name)
    assert set(receiver.people) == mails("ann", "cid")
    with pytest.raises(ConfigError, match=r"is not for the purpose|subscription field"):
        operate.plan(shop.settings, [name])
    opt_out(shop, "cid")
    engine.withdraw(shop.settings, name, sync_files.one(shop.settings, name))
    assert set(receiver.people) == mails("ann")
