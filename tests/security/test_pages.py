"""Pages are served to users who have the password, under their own name, and not to pages of other
sites.
"""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from runtime import airflow, login, pages
from runtime.processes import free_port
from segmentry.errors import ConfigError
from segmentry.settings import ROOT, Settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home that is not prepared: the pages need none."""
    return Settings.from_environment(
        {"SEGMENTRY_HOME": str(tmp_path_factory.mktemp("pages") / "home")}
    )


@pytest.fixture(scope="module")
def port(settings: Settings) -> Iterator[int]:
    """Data Docs, served as `segmentry up` does; gives the port."""
    settings.data_docs.mkdir(parents=True)
    (settings.data_docs / "index.html").write_text("<p>gates</p>", encoding="utf-8")
    chosen = free_port()
    words = [sys.executable, "-m", "runtime.pages", "data-docs", "--port", str(chosen)]
    env = {**os.environ, "SEGMENTRY_HOME": str(settings.home), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, env=env, cwd=settings.home) as server:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                httpx.get(f"http://127.0.0.1:{chosen}/", trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield chosen
        server.terminate()


def _ask(port: int, secret: str | None, method: str = "GET", **headers: str) -> httpx.Response:
    url = f"http://127.0.0.1:{port}/index.html"
    sign_in = None if secret is None else httpx.BasicAuth(login.USER, secret)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.request(method, url, headers=named, auth=sign_in, trust_env=False)


def test_the_password_opens_the_pages_and_nothing_else_does(settings: Settings, port: int) -> None:
    secret = login.password(settings)
    opened = _ask(port, secret)
    assert (opened.status_code, opened.text) == (200, "<p>gates</p>")
    assert opened.headers["x-frame-options"] == "DENY" and "server" not in opened.headers
    for wrong in (None, "", secret[:-1], secret + "x", secret.upper(), "admin"):
        refused = _ask(port, wrong)
        assert refused.status_code == 401 and "gates" not in refused.text
        assert refused.headers["www-authenticate"].startswith("Basic ")
    assert _ask(port, None, Authorization=f"Bearer {secret}").status_code == 401
    assert (
        _ask(
            port, None, Authorization=base64.b64encode(f"admin:{secret}".encode()).decode()
        ).status_code
        == 401
    )


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "",
        "localhost.evil:{port}",
    ],
)
def test_another_name_of_this_machine_is_refused(settings: Settings, port: int, host: str) -> None:
    answer = _ask(port, login.password(settings), Host=host.format(port=port))
    assert answer.status_code in {400, 421} and "gates" not in answer.text
    assert _ask(port, login.password(settings), Host=f"LOCALHOST:{port}").status_code == 200


@pytest.mark.parametrize(
    ("headers", "method"),
    [
        ({"Origin": "https://evil.example"}, "GET"), ({"Origin": "null"}, "POST"),
        ({"Origin": "http://127.0.0.1:1"}, "POST"),
        ({"Sec_Fetch_Site": "cross-site"}, "POST"), ({"Sec_Fetch_Site": "same-site",
        "Sec_Fetch_Mode": "cors"}, "GET"),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}, "GET"),
    ],
)  # fmt: skip
def test_pages_of_other_sites_are_refused(
    settings: Settings, port: int, headers: dict[str, str], method: str
) -> None:
    assert _ask(port, login.password(settings), method, **headers).status_code == 403
    own = {
        "Origin": f"http://127.0.0.1:{port}",
        "Sec_Fetch_Site": "same-origin",
        "Sec_Fetch_Mode": "cors",
    }
    assert _ask(port, login.password(settings), **own).status_code == 200
    followed = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert _ask(port, login.password(settings), **followed).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../keys.json",
        "/%2e%2e/secrets/pages.password",
        "//etc/passwd",
        "/..%2fsecrets%2fpages.password",
    ],
)
def test_no_path_leaves_the_folder(settings: Settings, port: int, path: str) -> None:
    url = httpx.URL(f"http://127.0.0.1:{port}").copy_with(raw_path=path.encode())
    answer = httpx.get(url, auth=(login.USER, login.password(settings)), trust_env=False)
    assert answer.status_code == 404
    assert login.password(settings) not in answer.text


def test_the_password_is_in_private_files_alone(settings: Settings) -> None:
    env = airflow.environment(settings, 1, schedules=True)
    secret = login.password(settings)
    assert len(secret) >= 24 and secret not in "".join(env.values())
    assert "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS" not in env
    path = Path(env["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    assert json.loads(path.read_text(encoding="utf-8")) == {"admin": secret}
    for found in (path, login.password_file(settings)):
        assert stat.S_IMODE(found.stat().st_mode) == 0o600


def test_a_password_that_others_may_read_is_refused(tmp_path: Path) -> None:
    settings = Settings.from_environment({"SEGMENTRY_HOME": str(tmp_path)})
    first = login.password(settings)
    assert login.password(settings) == first
    login.password_file(settings).chmod(0o640)
    with pytest.raises(ConfigError, match="open to other users") as refused:
        login.password(settings)
    assert first not in str(refused.value)
    login.password_file(settings).unlink()
    assert login.password(settings) != first


def test_a_given_file_has_the_password_whatever_its_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tmp_path / "mounted"
    given.write_text("a-password-of-compose\n", encoding="utf-8")
    given.chmod(0o444)
    monkeypatch.setenv(login.GIVEN, str(given))
    assert (
        login.password(Settings.from_environment({"SEGMENTRY_HOME": str(tmp_path)}))
        == "a-password-of-compose"
    )


def test_airflow_is_signed_in_to_once_and_again_when_the_token_has_run_out() -> None:
    seen: list[str] = []
    valid = ["one"]

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        if request.url.path == "/auth/token":
            assert json.loads(request.content) == {"username": "admin", "password": "s3cr3t"}
            return httpx.Response(201, json={"access_token": valid[0]})
        is_known = request.headers.get("Authorization") == f"Bearer {valid[0]}"
        return httpx.Response(200 if is_known else 401, json={})

    token = login.AirflowToken("http://airflow", "s3cr3t")
    with httpx.Client(
        transport=httpx.MockTransport(answer), auth=token, base_url="http://airflow"
    ) as client:
        assert [client.get("/a").status_code, client.get("/b").status_code] == [200, 200]
        valid[0] = "two"
        assert client.get("/c").status_code == 200
    assert seen == ["/auth/token", "/a", "/b", "/c", "/auth/token", "/c"]


def test_names_of_a_server() -> None:
    assert "mlflow:5000" in pages.names(5000, "mlflow:5000, other:1")
    assert "" not in pages.names(5000)
