"""What a connection needs of each flow of tokens, and the place that stays whatever the flow."""

from __future__ import annotations

import json

import pytest

from activation import credentials, places
from activation.destination import all_destinations, connection_values
from activation.tokens import flows
from tests.unit.test_sync_config import sync as config_of

FLOWS = [
    (name, flow)
    for name, one in sorted(all_destinations().items())
    if one.sign_in
    for flow in one.sign_in.flows
]


@pytest.mark.parametrize(("name", "flow"), FLOWS)
def test_the_place_stays_whatever_token_reaches_it(name: str, flow: flows.TokenFlow) -> None:
    """Refreshed and rotated secrets, and another flow, are no other place."""
    destination = all_destinations()[name]
    sign_in = destination.sign_in
    assert sign_in is not None
    basic = {s: "1" for s in destination.settings if s not in sign_in.settings}
    basic["account"] = "shop"
    of_flow = dict.fromkeys((*flow.settings, *flow.optional), "1")
    config = config_of(destination=name)
    first = places.of(config, destination, {**basic, **of_flow})
    again = places.of(config, destination, {**basic, **dict.fromkeys(of_flow, "2")})
    assert first.differing(again) == []
    pasted = places.of(config, destination, {**basic, "token": "3"})
    assert first.account == pasted.account


@pytest.mark.parametrize(("name", "flow"), FLOWS)
def test_a_connection_needs_the_settings_of_its_flow_alone(
    name: str, flow: flows.TokenFlow, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = all_destinations()[name]
    assert destination.sign_in is not None
    own = [s for s in destination.settings if s not in destination.sign_in.settings]
    more = () if flow is flows.PASTED else destination.sign_in.named_by
    named = [*own, *flow.settings, *more]
    for setting in named:
        monkeypatch.setenv(f"V_{setting.upper()}", "1")
    config = config_of(destination=name, connection={s: f"V_{s.upper()}" for s in named})
    destination.check(config) if name == "hubspot" else None
    assert connection_values(config, destination)[1] == []
    for setting in flow.settings:
        monkeypatch.delenv(f"V_{setting.upper()}")
        assert connection_values(config, destination)[1] == [f"V_{setting.upper()}"]
        monkeypatch.setenv(f"V_{setting.upper()}", "1")


def test_airflow_connections_give_the_parts_of_a_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    key_file = {"client_email": "a@b", "private_key": "k"}
    extra = {"refresh_token": "r-0", "keyfile_dict": key_file}
    content = {"conn_type": "http", "login": "app", "password": "shh", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_CRM", json.dumps(content))
    assert credentials.value("airflow:crm:refresh_token") == "r-0"
    assert json.loads(credentials.value("airflow:crm:keyfile_dict"))["private_key"] == "k"
