"""Files on an SFTP server: the whole audience as CSV, NDJSON or Parquet, with a manifest written
last.

The connection names ``host`` (host or host:port), ``user``, ``host_key`` (the server's public key,
as ``ssh-keyscan`` prints it after the host: an unknown server is never trusted), ``folder``, and
``password`` or ``key_file``. SFTP puts a file byte by byte: each is written alongside and renamed
over in one step.
"""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from activation.destination import EVERY_CHANNEL, EVERY_PURPOSE, DestinationSession, PlaceNames
from activation.file_formats import FORMS
from activation.remote_files import RemoteFiles, Store
from segmentry.errors import DestinationError

TIMEOUT = 30.0  # seconds


class SftpFiles(RemoteFiles):
    """One folder of an SFTP server."""

    settings = ("host", "user", "host_key", "folder")
    place = PlaceNames(("host", "folder"), ("host",), is_by_sync=True)
    forms = FORMS
    purposes = EVERY_PURPOSE
    channels = EVERY_CHANNEL
    optional_settings = ("password", "key_file")

    @contextmanager
    def store(self, session: DestinationSession) -> Iterator[Store]:
        """The folder, over one connection."""
        import paramiko

        transport = None
        try:
            transport = _signed_in(session)
            client = paramiko.SFTPClient.from_transport(transport)
            assert client is not None
            yield SftpFolder(client, session.connection["folder"].rstrip("/"))
        except (OSError, paramiko.SSHException, EOFError, ValueError) as error:
            raise DestinationError(
                f"the SFTP server did not take the files: {type(error).__name__}",
                allowed=(
                    "a server with the host key of the connection, and a folder the user may"
                    " write to"
                ),
                remedy="check the connection's variables; what was written last stays",
            ) from None
        finally:
            if transport is not None:
                transport.close()


class SftpFolder:
    """A folder of the server."""

    def __init__(self, client: Any, path: str) -> None:
        self._client = client
        self._path = path

    def put(self, local: Path, name: str) -> None:
        """Write alongside, then rename over."""
        partial = f"{self._path}/.{name}.partial"
        self._client.put(str(local), partial, confirm=True)
        self._client.posix_rename(partial, f"{self._path}/{name}")

    def get(self, name: str, local: Path) -> bool:
        """Fetch a file; False if there is none."""
        try:
            self._client.get(f"{self._path}/{name}", str(local))
        except FileNotFoundError:
            return False
        return True

    def names(self) -> list[str]:
        """Files of the folder."""
        return sorted(self._client.listdir(self._path))

    def drop(self, name: str) -> None:
        """Remove a file."""
        self._client.remove(f"{self._path}/{name}")


def _signed_in(session: DestinationSession) -> Any:
    import paramiko

    connection = session.connection
    host, _, port = connection["host"].partition(":")
    kind, _, key = connection["host_key"].strip().partition(" ")
    expected = paramiko.PKey.from_type_string(kind, base64.b64decode(key.split()[0]))
    transport = paramiko.Transport(socket.create_connection((host, int(port or 22)), TIMEOUT))
    secret = {"password": connection["password"]} if "password" in connection else {}
    if "key_file" in connection:
        secret = {"pkey": paramiko.PKey.from_path(connection["key_file"])}
    transport.connect(hostkey=expected, username=connection["user"], **secret)
    return transport


DESTINATION = SftpFiles()
