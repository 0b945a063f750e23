"""Tokens of tools that sign in by OAuth: fetched, kept, refreshed, and never shown."""

from __future__ import annotations

import json
import multiprocessing
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from activation.client import Client, Rate
from activation.destination import DestinationSession
from activation.tokens import flows
from activation.tokens.flows import SignIn
from activation.tokens.source import TokenSource, source
from activation.tokens.store import KeptToken, TokenFile
from segmentry.errors import DestinationError, SegmentryError
from tests.activation.token_server import TokenServer, token_server
from tests.contracts.bench import FreeAccounts
from tests.unit.test_sync_config import sync as config_of

SIGN_IN = SignIn((flows.PASTED, flows.REFRESH_TOKEN, flows.JWT_BEARER), "{url}/token")
OF_SERVICE = SignIn((flows.SERVICE_ACCOUNT,), "{url}/token", scope="people")


@pytest.fixture
def server() -> Iterator[TokenServer]:
    with token_server() as made:
        yield made


@pytest.fixture(scope="module")
def key() -> str:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def values_at(server: TokenServer, **more: str) -> dict[str, str]:
    basic = {"client_id": "app", "client_secret": "shh-secret", "refresh_token": "r-0"}
    return {"url": server.url, **basic, **more}


def client_at(url: str) -> Client:
    return Client(url, accounts=FreeAccounts(), account="tokens", sleep=lambda _: None)  # type: ignore[arg-type]


def made(
    values: dict[str, str], folder: Path | None, sign_in: SignIn = SIGN_IN, **more: Any
) -> TokenSource:
    found = source(sign_in, values, folder, client_at, [])
    for name, value in more.items():
        setattr(found, name, value)
    return found


def carried(found: TokenSource) -> str:
    return found.headers()["authorization"].removeprefix("Bearer ")


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def test_a_token_is_replaced_before_its_end_and_not_earlier(
    server: TokenServer, tmp_path: Path
) -> None:
    clock = Clock()
    found = made(values_at(server), tmp_path, clock=clock)
    assert [carried(found) for _ in range(3)] == ["t-1"] * 3
    clock.now += 3600 - 121
    assert carried(found) == "t-1"
    clock.now += 2
    assert carried(found) == "t-2"
    assert len(server.asked) == 2


@pytest.mark.parametrize(("expires_in", "used"), [(10, 8.0), (600, 500.0)])
def test_a_short_life_is_used(
    expires_in: int, used: float, server: TokenServer, tmp_path: Path
) -> None:
    server.expires_in = expires_in
    clock = Clock()
    found = made(values_at(server), tmp_path, clock=clock)
    carried(found)
    clock.now += used
    assert carried(found) == "t-1"
    clock.now += expires_in - used
    assert carried(found) == "t-2"


def test_an_answer_without_a_life_counts_for_the_declared_one(
    server: TokenServer, tmp_path: Path
) -> None:
    server.expires_in = None
    clock = Clock()
    sign_in = SignIn((flows.REFRESH_TOKEN,), "{url}/token", lifetime=900.0)
    found = made(values_at(server), tmp_path, sign_in, clock=clock)
    carried(found)
    clock.now += 901
    assert carried(found) == "t-2"


def test_a_clock_that_was_set_back_uses_no_token_from_the_future(
    server: TokenServer, tmp_path: Path
) -> None:
    clock = Clock()
    assert carried(made(values_at(server), tmp_path, clock=clock)) == "t-1"
    clock.now -= 86_400
    assert carried(made(values_at(server), tmp_path, clock=clock)) == "t-2"


def session_at(server: TokenServer, folder: Path) -> DestinationSession:
    return DestinationSession(
        config_of(destination="hubspot"), values_at(server), FreeAccounts(), folder, "run_1",  # type: ignore[arg-type]
        secrets=folder,
    )  # fmt: skip


def test_a_401_refreshes_once(server: TokenServer, tmp_path: Path) -> None:
    session = session_at(server, tmp_path)
    client = session.signed_http(SIGN_IN, Rate(1000))
    client.call("POST", "/people", json={})
    server.valid.clear()  # revoked before its end
    client.call("POST", "/people", json={})
    assert (server.calls, len(server.asked)) == ([200, 401, 200], 2)
    server.token = lambda form: (200, {"access_token": "of-no-use"})  # type: ignore[method-assign]
    server.valid.clear()
    with pytest.raises(DestinationError, match="status 401"):
        client.call("POST", "/people", json={})
    assert server.calls[3:] == [401, 401]
    session.close()


def test_a_token_that_another_process_renewed_is_taken_over(
    server: TokenServer, tmp_path: Path
) -> None:
    one, other = (made(values_at(server), tmp_path) for _ in range(2))
    assert (carried(one), carried(other)) == ("t-1", "t-1")
    one.renewed()
    assert other.renewed()["authorization"] == "Bearer t-2"
    assert len(server.asked) == 2


def _fetch(url: str, folder: str, results: Any) -> None:
    values = {"url": url, "client_id": "app", "client_secret": "s", "refresh_token": "r-0"}
    results.put(carried(made(values, Path(folder))))


def test_processes_share_one_refresh(server: TokenServer, tmp_path: Path) -> None:
    """Each refresh replaces the refresh token: a second one by the former would be refused."""
    server.rotates = True
    context = multiprocessing.get_context("fork")
    results: Any = context.Queue()
    started = [
        context.Process(target=_fetch, args=(server.url, str(tmp_path), results)) for _ in range(4)
    ]
    for one in started:
        one.start()
    assert [results.get(timeout=20) for _ in started] == ["t-1"] * 4
    for one in started:
        one.join(20)
    assert len(server.asked) == 1


def test_the_files_are_their_owners_alone(server: TokenServer, tmp_path: Path) -> None:
    server.rotates = True
    carried(made(values_at(server), tmp_path / "secrets"))
    files = sorted((tmp_path / "secrets" / "tokens").iterdir())
    assert [path.suffix for path in files] == [".json", ".lock"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(files[0].parent.stat().st_mode) == 0o700


def test_a_rotated_refresh_token_is_the_next_one(server: TokenServer, tmp_path: Path) -> None:
    server.rotates = True
    clock = Clock()
    for _ in range(3):
        carried(made(values_at(server), tmp_path, clock=clock))
        clock.now += 3601
    assert [form["refresh_token"] for form in server.asked] == ["r-0", "r-1", "r-2"]


def test_another_refresh_token_in_the_connection_replaces_the_rotated_one(
    server: TokenServer, tmp_path: Path
) -> None:
    server.rotates = True
    carried(made(values_at(server), tmp_path))
    server.refresh_token = "new"  # as an operator gets by authorizing again
    carried(made(values_at(server, refresh_token="new"), tmp_path))
    assert server.asked[-1]["refresh_token"] == "new"


def test_an_answer_that_was_lost_is_named(
    server: TokenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the answer and its writing: the tool has replaced the refresh token."""
    server.rotates = True

    class Killed(BaseException):
        pass

    keep = TokenFile.write

    def killed(self: TokenFile, token: KeptToken) -> None:
        if not token.asked_at:
            raise Killed
        keep(self, token)

    with monkeypatch.context() as patch:
        patch.setattr(TokenFile, "write", killed)
        with pytest.raises(Killed):
            carried(made(values_at(server), tmp_path))
    with pytest.raises(DestinationError, match="interrupted") as caught:
        carried(made(values_at(server), tmp_path))
    assert "authorize the application" in caught.value.remedy
    server.refresh_token = "again"
    assert carried(made(values_at(server, refresh_token="again"), tmp_path)).startswith("t-")


def test_a_refused_refresh_uses_the_token_that_still_counts(
    server: TokenServer, tmp_path: Path
) -> None:
    clock = Clock()
    found = made(values_at(server), tmp_path, clock=clock)
    carried(found)
    clock.now += 3600 - 100
    server.refusal = (400, {"error": "invalid_grant"})
    assert carried(found) == "t-1"
    assert "still counts for 2 minutes" in found.notes[0]
    clock.now += 101
    with pytest.raises(DestinationError, match="invalid_grant"):
        carried(found)


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (400, "invalid_grant", "authorize the application"),
        (400, "invalid_client", "client_secret"),
        (401, "invalid_client", "client_secret"),
        (400, "invalid_scope", "scope"),
        (400, "unauthorized_client", "settings"),
        (404, "", "token_url"),
    ],
)
def test_a_refusal_states_what_to_do(
    status: int, code: str, words: str, server: TokenServer, tmp_path: Path
) -> None:
    server.refusal = (status, {"error": code, "error_description": "of r-0 and shh-secret"})
    with pytest.raises(DestinationError) as caught:
        carried(made(values_at(server), tmp_path))
    assert words in caught.value.remedy
    for secret in ("r-0", "shh-secret", "127.0.0.1"):
        assert secret not in str(caught.value)


def test_no_secret_is_shown(server: TokenServer, tmp_path: Path) -> None:
    found = made(values_at(server), tmp_path)
    carried(found)
    shown = repr(found) + repr(found.store.read())
    for secret in ("t-1", "r-0", "shh-secret"):
        assert secret not in shown


def test_an_assertion_is_signed_for_the_user(server: TokenServer, tmp_path: Path, key: str) -> None:
    values = {"url": server.url, "client_id": "app", "username": "u@shop", "private_key": key}
    values["audience"] = "https://test.salesforce.com"
    carried(made(values, tmp_path))
    claims = _claims(server, key, values["audience"])
    assert (claims["iss"], claims["sub"]) == ("app", "u@shop")
    assert claims["iat"] < time.time() < claims["exp"] <= time.time() + 300
    assert set(server.asked[0]) == {"grant_type", "assertion"}


@pytest.mark.parametrize("form", ["content", "file"])
def test_a_service_account_is_its_key_file(
    form: str, server: TokenServer, tmp_path: Path, key: str
) -> None:
    account = json.dumps({"client_email": "s@p.iam", "private_key": key, "private_key_id": "k1"})
    path = tmp_path / "key.json"
    path.write_text(account)
    given = account if form == "content" else str(path)
    carried(made({"url": server.url, "service_account": given}, tmp_path, OF_SERVICE))
    claims = _claims(server, key, f"{server.url}/token")
    assert (claims["iss"], claims["scope"]) == ("s@p.iam", "people")
    assert jwt.get_unverified_header(server.asked[0]["assertion"])["kid"] == "k1"


def _claims(server: TokenServer, key: str, audience: str) -> dict[str, Any]:
    private = serialization.load_pem_private_key(key.encode(), None)
    found: dict[str, Any] = jwt.decode(
        server.asked[-1]["assertion"],
        private.public_key(),
        ["RS256"],
        audience=audience,  # type: ignore[arg-type]
    )
    return found


@pytest.mark.parametrize("given", ["", "no key", "/nowhere/key.pem"])
def test_a_key_that_cannot_be_read_is_named(
    given: str, server: TokenServer, tmp_path: Path
) -> None:
    values = {"url": server.url, "client_id": "a", "username": "u", "private_key": given}
    with pytest.raises(DestinationError, match="private key"):
        carried(made(values, tmp_path))
    with pytest.raises(DestinationError, match="service account"):
        carried(made({"url": server.url, "service_account": given}, tmp_path, OF_SERVICE))


@pytest.mark.parametrize("ahead", [400, -400])
def test_an_assertion_of_a_clock_that_is_wrong_is_made_by_the_servers(
    ahead: int, server: TokenServer, tmp_path: Path, key: str
) -> None:
    server.date = time.time() - ahead
    give = server.token

    def strict(form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        claims = jwt.decode(form["assertion"], options={"verify_signature": False})
        is_right = claims["iat"] <= (server.date or 0) < claims["exp"]
        return give(form) if is_right else (400, {"error": "invalid_grant"})

    server.token = strict  # type: ignore[method-assign]
    values = {"url": server.url, "client_id": "app", "username": "u", "private_key": key}
    assert carried(made(values, tmp_path)) == "t-1"
    server.token = give  # type: ignore[method-assign]
    server.refusal = (400, {"error": "invalid_grant"})
    found = made(values, None)
    with pytest.raises(DestinationError, match=r"clock is (39\d|40\d) s") as caught:
        carried(found)
    assert "clock" in caught.value.remedy


def test_an_outage_of_the_token_server_is_tried_again(server: TokenServer, tmp_path: Path) -> None:
    give = server.token
    left = [503, 429]

    def shaky(form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        return (left.pop(), {}) if left else give(form)

    server.token = shaky  # type: ignore[method-assign]
    assert carried(made(values_at(server), tmp_path)) == "t-1"


def test_a_send_that_may_have_arrived_stays_so_when_no_token_can_be_had(
    server: TokenServer, tmp_path: Path
) -> None:
    answers = iter([httpx.ReadTimeout("late")])

    def receive(request: httpx.Request) -> httpx.Response:
        raise next(answers)

    tokens = made(values_at(server), tmp_path)
    carried(tokens)
    headers: Callable[[], dict[str, str]] = tokens.headers
    asked: list[int] = []

    def authorize() -> dict[str, str]:
        asked.append(1)
        if len(asked) > 1:
            raise DestinationError("no token", allowed="one", remedy="set it")
        return headers()

    client = Client(
        server.url, accounts=FreeAccounts(), account="a", authorize=authorize,  # type: ignore[arg-type]
        transport=httpx.MockTransport(receive), sleep=lambda _: None,
    )  # fmt: skip
    with pytest.raises(SegmentryError) as caught:
        client.call("POST", "/people", json={})
    assert getattr(caught.value, "may_have_arrived", None) is True
