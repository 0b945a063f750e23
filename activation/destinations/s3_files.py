"""Files in S3 or a store that speaks its protocol: the whole audience as CSV, NDJSON or Parquet,
the manifest last.

The connection names ``place`` (``bucket/prefix``); ``key_id`` and ``secret`` where the machine's
own role is not to be used, ``endpoint`` for a store that is not Amazon's, and ``region``. A PUT
shows readers the old object or the new one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from activation.client import checked_url
from activation.destination import EVERY_CHANNEL, EVERY_PURPOSE, DestinationSession, PlaceNames
from activation.file_formats import FORMS
from activation.remote_files import RemoteFiles, Store
from segmentry.errors import DestinationError


class S3Files(RemoteFiles):
    """One prefix of a bucket."""

    settings = ("place",)
    place = PlaceNames(("place", "endpoint"), ("endpoint",), is_by_sync=True)
    forms = FORMS
    purposes = EVERY_PURPOSE
    channels = EVERY_CHANNEL
    optional_settings = ("key_id", "secret", "endpoint", "region")

    @contextmanager
    def store(self, session: DestinationSession) -> Iterator[Store]:
        """The prefix."""
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

        try:
            yield Prefix(_filesystem(session), session.connection["place"].strip("/"))
        except (BotoCoreError, ClientError, OSError) as error:
            raise DestinationError(
                f"the store did not take the files: {type(error).__name__}",
                allowed="a bucket that the credentials may list, read, write and delete in",
                remedy="check the connection's variables; what was written last stays",
            ) from None


class Prefix:
    """A prefix of a bucket."""

    def __init__(self, filesystem: Any, path: str) -> None:
        self._filesystem = filesystem
        self._path = path

    def put(self, local: Path, name: str) -> None:
        """Write an object; readers see it when it is whole."""
        self._filesystem.put_file(str(local), f"{self._path}/{name}")

    def get(self, name: str, local: Path) -> bool:
        """Fetch an object; False if there is none."""
        try:
            self._filesystem.get_file(f"{self._path}/{name}", str(local))
        except FileNotFoundError:
            return False
        return True

    def names(self) -> list[str]:
        """Objects right under the prefix."""
        found = self._filesystem.ls(self._path, detail=False, refresh=True)
        return sorted(str(path).rpartition("/")[2] for path in found)

    def drop(self, name: str) -> None:
        """Remove an object."""
        self._filesystem.rm_file(f"{self._path}/{name}")


def _filesystem(session: DestinationSession) -> Any:
    import s3fs

    connection = session.connection
    settings: dict[str, Any] = {
        "key": connection.get("key_id"),
        "secret": connection.get("secret"),
        "use_listings_cache": False,
    }
    if "endpoint" in connection:
        settings["endpoint_url"] = checked_url(connection["endpoint"])
    if "region" in connection:
        settings["client_kwargs"] = {"region_name": connection["region"]}
    # Checksums in trailers, the newer default, are refused by stores that are not Amazon's.
    settings["config_kwargs"] = {
        "request_checksum_calculation": "when_required",
        "retries": {"max_attempts": 4},
    }
    return s3fs.S3FileSystem(skip_instance_cache=True, **settings)


DESTINATION = S3Files()
