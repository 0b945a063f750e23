"""Where backups are: a folder, or a prefix of an S3 bucket (``s3://bucket/prefix``).

What is written appears whole or not at all. S3 is reached by the variables of Amazon's own tools:
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL; without them by the
machine's role.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from segmentry.errors import SegmentryError, UsageError
from segmentry.permissions import private_folder
from segmentry.settings import Settings

_S3 = "s3://"


class BackupStore(Protocol):
    """What a place of backups can do. Names are relative, with slashes."""

    def read(self, name: str) -> bytes:
        """The content; FileNotFoundError if there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Write the content whole, in place of what has the name."""

    def names(self, prefix: str) -> dict[str, int]:
        """Every name that begins with the prefix, a folder, with its bytes."""

    def remove(self, name: str) -> None:
        """Remove it; nothing happens if it is not there."""


class FolderStore:
    """A folder, for its owner alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes:
        """See BackupStore."""
        return (self._folder / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        """See BackupStore. It is on the disk when this returns."""
        path = self._folder / name
        private_folder(path.parent)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        mode = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(partial, mode, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)

    def names(self, prefix: str) -> dict[str, int]:
        """See BackupStore."""
        found = {}
        for folder, _, files in os.walk(self._folder / prefix):
            for file in files:
                path = Path(folder, file)
                if not file.startswith("."):
                    found[path.relative_to(self._folder).as_posix()] = path.stat().st_size
        return found

    def remove(self, name: str) -> None:
        """See BackupStore."""
        (self._folder / name).unlink(missing_ok=True)


class BucketStore:
    """A prefix of a bucket of S3, or of a store that speaks its protocol."""

    def __init__(self, place: str) -> None:
        import s3fs

        # Checksums in trailers, the newer default, are refused by stores that are not Amazon's.
        config = {
            "request_checksum_calculation": "when_required",
            "retries": {"max_attempts": 4},
        }
        self._files = s3fs.S3FileSystem(
            skip_instance_cache=True, use_listings_cache=False, config_kwargs=config
        )
        self._prefix = place.removeprefix(_S3).strip("/")
        self._place = place

    def read(self, name: str) -> bytes:
        """See BackupStore."""
        with self._answers():
            content: bytes = self._files.cat_file(f"{self._prefix}/{name}")
            return content

    def write(self, name: str, content: bytes) -> None:
        """See BackupStore."""
        with self._answers():
            self._files.pipe_file(f"{self._prefix}/{name}", content)

    def names(self, prefix: str) -> dict[str, int]:
        """See BackupStore."""
        with self._answers():
            found: dict[str, Any] = self._files.find(f"{self._prefix}/{prefix}", detail=True)
        start = len(self._prefix) + 1
        return {path[start:]: int(about["size"]) for path, about in found.items()}

    def remove(self, name: str) -> None:
        """See BackupStore."""
        with self._answers():
            self._files.rm_file(f"{self._prefix}/{name}")

    @contextmanager
    def _answers(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

        try:
            yield
        except FileNotFoundError:
            raise
        except (BotoCoreError, ClientError, OSError) as error:
            raise SegmentryError(
                f"the store {self._place} does not answer as it must: {type(error).__name__}",
                allowed="a bucket in which the credentials may list, read, write and delete",
                remedy=(
                    "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL and the"
                    " bucket's name, then run the same command again"
                ),
            ) from None


def store_at(settings: Settings, place: str) -> BackupStore:
    """The store at a folder or an s3:// address, or UsageError."""
    if place.startswith(_S3):
        if not place.removeprefix(_S3).strip("/"):
            raise _no_place(place)
        return BucketStore(place)
    if "://" in place or not place.strip():
        raise _no_place(place)
    folder = Path(place).expanduser().resolve()
    if folder == settings.home or folder.is_relative_to(settings.home):
        raise UsageError(
            f"{folder} is in the home that is backed up",
            allowed="a folder outside SEGMENTRY_HOME, better on another disk or machine",
            remedy="name another folder, or s3://bucket/prefix",
        )
    if folder.exists() and not folder.is_dir():
        raise _no_place(place)
    return FolderStore(folder)


def normal(place: str) -> str:
    """The place in one spelling: a folder with its whole path."""
    return place.rstrip("/") if "://" in place else str(Path(place).expanduser().resolve())


def _no_place(place: str) -> UsageError:
    return UsageError(
        f"'{place[:80]}' is no place for backups",
        allowed="a folder, or s3://bucket/prefix",
        remedy="name one of the two",
    )
