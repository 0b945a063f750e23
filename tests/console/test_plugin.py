"""The plugin of Airflow signs every request in, and takes the role from the auth manager.

Airflow itself takes seconds to import, so its names are stood in for here; the last test looks them
up in the installed Airflow.
"""

from __future__ import annotations

import asyncio
import importlib.util
import re
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from fastapi import HTTPException
from starlette.testclient import TestClient

from segmentry.settings import ROOT, Settings

FILE = ROOT / "dags" / "plugins" / "segmentry_console.py"
PERMITTED = {"eve": set(), "vic": {"view"}, "ann": {"view", "dag"},
             "eng": {"view", "dag", "connection"}}  # fmt: skip


class FakeManager:
    """Permits what PERMITTED lists for the user's name."""

    def is_authorized_view(self, *, access_view: str, user: Any) -> bool:
        assert access_view == "website"
        return "view" in PERMITTED[user.get_name()]

    def is_authorized_dag(self, *, method: str, user: Any) -> bool:
        return method == "PUT" and "dag" in PERMITTED[user.get_name()]

    def is_authorized_connection(self, *, method: str, user: Any) -> bool:
        return method == "PUT" and "connection" in PERMITTED[user.get_name()]


async def resolve(token: str | None) -> Any:
    if token not in PERMITTED:
        raise HTTPException(401)
    return SimpleNamespace(get_name=lambda: token)


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The plugin's module, among stand-ins."""
    names: dict[str, dict[str, Any]] = {
        "airflow": {},
        "airflow.plugins_manager": {"AirflowPlugin": object},
        "airflow.api_fastapi": {},
        "airflow.api_fastapi.app": {"get_auth_manager": FakeManager},
        "airflow.api_fastapi.auth": {},
        "airflow.api_fastapi.auth.managers": {},
        "airflow.api_fastapi.auth.managers.base_auth_manager": {"COOKIE_NAME_JWT_TOKEN": "_token"},
        "airflow.api_fastapi.auth.managers.models": {},
        "airflow.api_fastapi.auth.managers.models.resource_details": {
            "AccessView": SimpleNamespace(WEBSITE="website")
        },
        "airflow.api_fastapi.core_api": {},
        "airflow.api_fastapi.core_api.security": {"resolve_user_from_token": resolve},
    }
    for name, content in names.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location("segmentry_console", FILE)
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.mark.parametrize(
    ("name", "role"), [("vic", "viewer"), ("ann", "analyst"), ("eng", "engineer"), ("eve", None),
                       ("nobody", None)],
)  # fmt: skip
def test_the_role_follows_from_the_auth_manager(
    plugin: ModuleType, name: str, role: str | None
) -> None:
    for headers in ({"cookie": f"other=1; _token={name}"}, {"authorization": f"Bearer {name}"}):
        visitor = asyncio.run(plugin.sign_in({}, headers))
        assert (visitor and visitor.role.name) == role


@pytest.mark.parametrize("headers", [{}, {"cookie": "_token"}, {"authorization": "Basic eng"}])
def test_without_a_token_nobody_is_let_in(plugin: ModuleType, headers: dict[str, str]) -> None:
    assert asyncio.run(plugin.sign_in({}, headers)) is None


def test_every_end_point_is_protected(
    plugin: ModuleType, empty: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGMENTRY_HOME", str(empty.home))
    app = plugin.SegmentryConsole.fastapi_apps[0]["app"]
    browser = TestClient(app, root_path=plugin.PREFIX, follow_redirects=False)
    for address in ("/", "/people", "/static/console.css", "/segments/rule"):
        answer = browser.get(plugin.PREFIX + address)
        assert answer.status_code == 401
        # Airflow's pages would show a form for a password that does not exist.
        assert "www-authenticate" not in answer.headers
    signed = browser.get(f"{plugin.PREFIX}/people", headers={"cookie": "_token=vic"})
    assert signed.status_code == 200 and "vic, viewer" in signed.text
    assert signed.headers["x-frame-options"] == "SAMEORIGIN"
    view = plugin.SegmentryConsole.external_views[0]
    assert browser.get(f"/{view['href']}", headers={"cookie": "_token=vic"}).status_code == 200


def test_the_names_are_those_of_the_installed_airflow() -> None:
    files = {str(file): file for file in metadata.files("apache-airflow-core") or ()}
    text = FILE.read_text(encoding="utf-8")
    imports = re.findall(r"from (airflow[\w.]+) import (\w+)", text)
    assert len(imports) >= 4
    for module, name in imports:
        place = f"{module.replace('.', '/')}.py"
        content = Path(files[place].locate()).read_text(encoding="utf-8")
        assert re.search(rf"\b{name}\b", content), name
