"""Programs that Segmentry starts in the background: each in a session of its own, recorded, and
stopped whole.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from segmentry.errors import SegmentryError
from segmentry.settings import Settings

LOOPBACK = "127.0.0.1"
# A process id may be used again; one that began at another time is not ours. The clock's grain is a
# second.
CREATED_TOLERANCE_SECONDS = 2.0


@dataclass(frozen=True)
class Service:
    """A started program. pid: leader of its session. created: start of that process, seconds since
    the epoch.
    """

    name: str
    pid: int
    created: float
    log: str
    port: int | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{LOOPBACK}:{self.port}"


class Registry:
    """The programs of one home, recorded in a file so that a later command can find what a killed
    one left.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        self.path = settings.home / f"{name}.services.json"

    def read(self) -> list[Service]:
        """Programs recorded, running or not."""
        try:
            return [
                Service(**record) for record in json.loads(self.path.read_text(encoding="utf-8"))
            ]
        except FileNotFoundError:
            return []
        except (
            ValueError,
            TypeError,
        ):  # cut short by a kill in the midst of writing: nothing to go by
            return []

    def running(self) -> list[Service]:
        """Programs recorded whose leader still runs."""
        return [service for service in self.read() if _is_leader(service)]

    def add(self, service: Service) -> None:
        """Record one more."""
        self._write([*self.read(), service])

    def stop(
        self, names: Collection[str] | None = None, *, grace_seconds: float = 8.0
    ) -> list[Service]:
        """Stop the programs recorded, or those of these names, with all their children, and forget
        them; returns those that were alive.
        """
        recorded = self.read()
        services = [one for one in recorded if names is None or one.name in names]
        alive = [service for service in services if members(service)]
        for number, seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 5.0)):
            _signal_all(services, number)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and any(members(service) for service in services):
                time.sleep(0.05)
        if rest := [one for one in recorded if one not in services]:
            self._write(rest)
        else:
            self.path.unlink(missing_ok=True)
        return alive

    def _write(self, services: Sequence[Service]) -> None:
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps([asdict(one) for one in services]), encoding="utf-8")
        partial.replace(self.path)


def start(
    registry: Registry,
    name: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    log: Path,
    port: int | None = None,
) -> Service:
    """Start a program in a session of its own, its output going to the log, and record it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(command), env=dict(environment), stdin=subprocess.DEVNULL, stdout=output,
            stderr=output,
            start_new_session=True,
        )  # fmt: skip
    service = Service(name, process.pid, psutil.Process(process.pid).create_time(), str(log), port)
    registry.add(service)
    return service


def is_running(service: Service) -> bool:
    """Whether the program's own process (not only a child) still runs."""
    return _is_leader(service)


def members(service: Service) -> list[int]:
    """Processes of the program's session; none when its id has since been given to another
    program.
    """
    found = []
    for pid in psutil.pids():
        with suppress(ProcessLookupError, PermissionError, psutil.Error):
            if (
                os.getsid(pid) == service.pid
                and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
            ):
                found.append(pid)
    if service.pid in found and not _is_leader(service):
        return []
    return found


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def require_free(port: int, variable: str, purpose: str) -> None:
    """Raise SegmentryError if a program listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            raise SegmentryError(
                f"port {port} of {LOOPBACK}, meant for {purpose}, is taken",
                allowed="a port that no other program uses",
                remedy=f"set {variable} to another port, or stop the other program",
            ) from None


def _is_leader(service: Service) -> bool:
    try:
        process = psutil.Process(service.pid)
        is_same = abs(process.create_time() - service.created) <= CREATED_TOLERANCE_SECONDS
        return is_same and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _signal_all(services: Sequence[Service], number: signal.Signals) -> None:
    for service in services:
        for pid in members(service):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
