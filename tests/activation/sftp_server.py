"""A real SFTP server on loopback over one folder, by paramiko."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko

PASSWORD = "pa55word-of-a-test"


class Door(paramiko.ServerInterface):
    def check_auth_password(self, username: str, password: str) -> int:
        is_right = (username, password) == ("mailer", PASSWORD)
        return paramiko.AUTH_SUCCESSFUL if is_right else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class Disk(paramiko.SFTPServerInterface):
    root = Path()

    def _real(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def list_folder(self, path: str) -> Any:
        found = []
        for child in sorted(self._real(path).iterdir()):
            attributes = paramiko.SFTPAttributes.from_stat(child.stat())
            attributes.filename = child.name
            found.append(attributes)
        return found

    def stat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(self._real(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    lstat = stat

    def open(self, path: str, flags: int, attr: Any) -> Any:
        try:
            descriptor = os.open(self._real(path), flags, 0o600)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        handle = paramiko.SFTPHandle(flags)
        mode = "r+b" if flags & os.O_RDWR else "wb" if flags & os.O_WRONLY else "rb"
        handle.readfile = handle.writefile = os.fdopen(descriptor, mode)
        return handle

    def remove(self, path: str) -> int:
        self._real(path).unlink()
        return paramiko.SFTP_OK

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        self._real(oldpath).replace(self._real(newpath))
        return paramiko.SFTP_OK


@contextmanager
def serving(root: Path) -> Iterator[dict[str, str]]:
    """The connection's settings of a server over the folder."""
    key = paramiko.RSAKey.generate(2048)
    disk = type("DiskHere", (Disk,), {"root": root})
    listener = socket.create_server(("127.0.0.1", 0))
    transports: list[paramiko.Transport] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, disk)
            transport.start_server(server=Door())
            transports.append(transport)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield {
            "host": f"127.0.0.1:{listener.getsockname()[1]}",
            "user": "mailer",
            "password": PASSWORD,
            "host_key": f"ssh-rsa {key.get_base64()}",
            "folder": "/in",
        }
    finally:
        listener.close()
        for transport in transports:
            transport.close()
