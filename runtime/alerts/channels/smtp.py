"""Mail: one message with all incidents, over TLS. ``Message-ID`` is the same when a message is sent
again.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any

from runtime.alerts import text
from runtime.alerts.channel import TIMEOUT, AlertChannel, did_not_arrive
from runtime.alerts.model import Message
from segmentry.errors import ConfigError

STARTTLS = "starttls"
TLS = "tls"
NONE = "none"
PORTS = {STARTTLS: 587, TLS: 465, NONE: 25}


class MailChannel(AlertChannel):
    """Mail to operators."""

    needs = ("host",)
    may = ("port", "username", "password")
    options = ("tls",)
    needed_options = ("sender", "recipients")

    def send(
        self, message: Message, connection: Mapping[str, str], options: Mapping[str, Any]
    ) -> None:
        """One mail to all recipients; the server's refusal of one of them is a fault."""
        mail = _mail(message, options)
        try:
            with _connected(connection, str(options.get("tls", STARTTLS))) as server:
                if connection.get("username"):
                    server.login(connection["username"], connection.get("password", ""))
                refused = server.send_message(mail)
        except (smtplib.SMTPException, OSError) as error:
            # Its text may quote an address.
            code = getattr(error, "smtp_code", None)
            raise did_not_arrive(type(error).__name__ + (f" {code}" if code else "")) from None
        if refused:
            raise did_not_arrive(f"the server refused {len(refused)} recipient(s)")


def _mail(message: Message, options: Mapping[str, Any]) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = options["sender"]
    mail["To"] = ", ".join(options["recipients"])
    mail["Subject"] = text.subject(message)
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{message.message_id}@segmentry.invalid>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text.body(message))
    return mail


def _connected(connection: Mapping[str, str], tls: str) -> smtplib.SMTP:
    if tls not in PORTS:
        raise _tls_fault(f"tls is '{tls}'")
    if tls == NONE and connection.get("password"):
        raise _tls_fault(
            "tls is 'none' and the connection has a password, which would leave in clear"
        )
    port = connection.get("port") or str(PORTS[tls])
    if not port.isdigit():
        raise ConfigError(
            "the port of the channel's connection is no number",
            allowed="a port from 1 to 65535",
            remedy="correct the variable that the connection's port names",
        )
    if tls == TLS:
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(connection["host"], int(port), timeout=TIMEOUT, context=context)
    server = smtplib.SMTP(connection["host"], int(port), timeout=TIMEOUT)
    if tls == STARTTLS:
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
    return server


def _tls_fault(received: str) -> ConfigError:
    return ConfigError(
        f"a channel of mail: {received}",
        allowed="starttls (the default), tls, or none without a password",
        remedy="correct the option `tls` in config/alerts.yml",
    )


CHANNEL = MailChannel()
