"""Where a connection's values come from."""

from __future__ import annotations

import json

import pytest

from activation import credentials


@pytest.fixture(autouse=True)
def no_lookups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_lookups", [])


def test_a_name_is_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "k")
    assert credentials.value("TEST_KEY") == "k"
    assert credentials.value("TEST_KEY_OF_NOBODY") == ""


def test_a_connection_of_airflow_in_both_its_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    content = {
        "conn_type": "http",
        "host": "vendor.example.com",
        "port": 8443,
        "password": "p@ss",
        "extra": {"list": "L1"},
    }
    for text in (
        json.dumps(content),
        json.dumps({**content, "extra": json.dumps(content["extra"])}),
    ):
        monkeypatch.setenv("AIRFLOW_CONN_KLAVIYO", text)
        assert credentials.value("airflow:klaviyo:password") == "p@ss"
        assert credentials.value("airflow:klaviyo:url") == "https://vendor.example.com:8443"
        assert credentials.value("airflow:klaviyo:list") == "L1"
    monkeypatch.setenv(
        "AIRFLOW_CONN_KLAVIYO", "http://me:p%40ss@vendor.example.com:8443/base?list=L1"
    )
    assert credentials.value("airflow:klaviyo:password") == "p@ss"
    assert credentials.value("airflow:klaviyo:login") == "me"
    assert credentials.value("airflow:klaviyo:schema") == "base"
    assert credentials.value("airflow:klaviyo:list") == "L1"
    assert credentials.value("airflow:other:password") == ""
    monkeypatch.setenv("AIRFLOW_CONN_KLAVIYO", "{not json")
    assert credentials.value("airflow:klaviyo:password") == ""


def test_airflow_itself_is_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KLAVIYO", json.dumps({"password": "of the environment"}))
    credentials.ask(lambda name: {"password": "of airflow"} if name == "klaviyo" else None)
    assert credentials.value("airflow:klaviyo:password") == "of airflow"
    assert (
        credentials.described("airflow:klaviyo:password")
        == "the password of Airflow's connection 'klaviyo'"
    )
