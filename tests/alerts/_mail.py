"""A mail server on loopback, with its own certificate, for as long as a test needs it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from runtime.processes import free_port

USER = "alerts"
PASSWORD = "of-the-mail-server"
STARTTLS = "starttls"
TLS = "tls"
NONE = "none"


@dataclass
class MailServer:
    """What arrived, with who received it; refused: a recipient that it does not take."""

    port: int = 0
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    passwords: list[bytes] = field(default_factory=list)
    refused: str = ""

    async def handle_RCPT(  # noqa: N802  the library's name
        self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any
    ) -> str:
        """The answer to one recipient."""
        if address == self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        mail = BytesParser(EmailMessage, policy=default).parsebytes(content)
        self.mails.append((list(envelope.rcpt_tos), mail))
        return "250 OK"

    def authenticate(
        self, _server: Any, _session: Any, _envelope: Any, _kind: str, data: Any
    ) -> Any:
        """Whether a login has the password."""
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False)
        self.passwords.append(data.password)
        is_right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=is_right, handled=False)


@contextmanager
def serving(tls: str, certificate: Path) -> Iterator[MailServer]:
    """A server that offers TLS in this way, with this certificate and its key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    made = MailServer(free_port())
    options: dict[str, Any] = {"tls_context": context, "require_starttls": True}
    controller = Controller(
        made,
        hostname="127.0.0.1",
        port=made.port,
        ssl_context=context if tls == TLS else None,
        authenticator=made.authenticate,
        auth_require_tls=tls == STARTTLS,
        **(options if tls == STARTTLS else {}),
    )
    controller.start()
    try:
        yield made
    finally:
        controller.stop()


def certificate(folder: Path) -> Path:
    """A certificate of 127.0.0.1 that nobody has signed but itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail on loopback")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "mail.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path
