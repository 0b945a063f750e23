"""Mail and chat, against servers that answer as real ones do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from cli.main import run
from runtime.alerts import history, watch
from segmentry import releases
from segmentry.jobs import FAILED, StageOutcome
from segmentry.settings import Settings
from tests.activation import loopback
from tests.alerts import _mail
from tests.alerts._mail import NONE, PASSWORD, STARTTLS, TLS, USER, MailServer
from tests.alerts.conftest import configure

pytestmark = pytest.mark.slow
RECIPIENTS = ["operators@example.com", "on-call@example.com"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _mail.certificate(tmp_path_factory.mktemp("certificate"))


def _configure(own: Settings, server: MailServer, patch: pytest.MonkeyPatch, tls: str) -> None:
    names = {"host": "MAIL_HOST", "port": "MAIL_PORT"}
    patch.setenv("MAIL_HOST", "127.0.0.1")
    patch.setenv("MAIL_PORT", str(server.port))
    if tls != NONE:
        names |= {"username": "MAIL_USER", "password": "MAIL_PASSWORD"}
        patch.setenv("MAIL_USER", USER)
        patch.setenv("MAIL_PASSWORD", PASSWORD)
    options = {"sender": "segmentry@example.com", "recipients": RECIPIENTS, "tls": tls}
    channel = {"name": "mail", "kind": "smtp", "connection": names, "options": options}
    configure(own, channel)


def _stop(own: Settings) -> None:
    failed = StageOutcome("marts", state=FAILED, error="moves too far")
    history.record(own, "run_1", "run", failed)


@pytest.mark.parametrize("tls", [STARTTLS, TLS, NONE])
def test_a_mail_arrives_once_and_then_that_it_is_over(
    own: Settings, certificate: Path, monkeypatch: pytest.MonkeyPatch, tls: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with _mail.serving(tls, certificate) as server:
        _configure(own, server, monkeypatch, tls)
        _stop(own)
        assert watch.check(own).sent == {"mail": 1}
        assert watch.check(own).sent == {}
        history.record(own, "run_2", "run", StageOutcome("marts"))
        assert watch.check(own).sent == {"mail": 1}
    recipients, mail = server.mails[0]
    assert recipients == RECIPIENTS and mail["From"] == "segmentry@example.com"
    assert mail["Subject"].startswith("Segmentry: 1 new")
    content = mail.get_content()
    assert "moves too far" in content and "segmentry run" in content
    assert server.passwords == ([] if tls == NONE else [PASSWORD.encode()] * len(server.mails))
    assert server.mails[1][1]["Subject"].startswith("Segmentry: 1 resolved")


def test_a_mail_that_did_not_arrive_is_sent_again_with_the_same_id(
    own: Settings, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with _mail.serving(STARTTLS, certificate) as server:
        _configure(own, server, monkeypatch, STARTTLS)
        _stop(own)
        server.refused = RECIPIENTS[1]
        done = watch.check(own)
        assert "refused 1 recipient" in done.faults["mail"] and done.sent == {}
        server.refused = ""
        assert watch.check(own).sent == {"mail": 1}
    (first, partial), (second, whole) = server.mails
    assert (first, second) == (RECIPIENTS[:1], RECIPIENTS)
    assert partial["Message-ID"] == whole["Message-ID"]


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        ("a certificate that nobody trusts", "SSLCertVerificationError"),
        ("a server without TLS", "SMTPNotSupportedError"),
        ("a wrong password", "SMTPAuthenticationError 535"),
        ("nothing listens", "ConnectionRefusedError"),
    ],
)
def test_what_is_wrong_with_a_mail_server_is_named_and_no_secret_leaves(
    own: Settings,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    case: str,
    fault: str,
) -> None:
    if "trusts" not in case:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    offered = NONE if "without" in case else STARTTLS
    with _mail.serving(offered, certificate) as server:
        _configure(own, server, monkeypatch, STARTTLS)
        if "wrong" in case:
            monkeypatch.setenv("MAIL_PASSWORD", "another-one")
        if "listens" in case:
            monkeypatch.setenv("MAIL_PORT", "1")
        assert run(["alerts", "test"]) == 1
        printed = "".join(capsys.readouterr())
    assert fault in printed and "Traceback" not in printed
    assert not {PASSWORD, "another-one", *RECIPIENTS} & set(printed.split())
    assert server.mails == [] and PASSWORD.encode() not in server.passwords


@contextmanager
def _chat(patch: pytest.MonkeyPatch, status: int) -> Iterator[list[dict[str, Any]]]:
    taken: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: Any) -> None:
            pass

    with loopback.serving(Handler) as address:
        patch.setenv("CHAT_URL", f"{address}/services/T0/B0/a-secret")
        yield taken


CHAT = {"name": "chat", "kind": "slack", "connection": {"url": "CHAT_URL"}}


def test_a_chat_shows_the_words_as_they_are(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(own, CHAT)
    releases.record_stop(own, "sizes", "a <b> & c", "moves *too* far", "2026-11-03")
    with _chat(monkeypatch, 200) as taken:
        assert watch.check(own).sent == {"chat": 1}
        assert watch.check(own).sent == {}
    (message,) = taken
    assert set(message) == {"text"} and message["text"].startswith("*Segmentry: 1 new")
    assert "<b>" not in message["text"] and "segmentry gates show sizes" in message["text"]


def test_a_chat_that_refuses_gets_it_again_and_its_address_stays_secret(
    own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(own, CHAT)
    _stop(own)
    with _chat(monkeypatch, 404) as refused:
        done = watch.check(own)
    assert done.sent == {} and len(refused) == 1
    assert "status 404" in done.faults["chat"] and "a-secret" not in done.faults["chat"]
    with _chat(monkeypatch, 200) as taken:
        assert watch.check(own).sent == {"chat": 1}
    assert taken == refused
