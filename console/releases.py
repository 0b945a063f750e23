"""Releases a guardrail: starts the sync in a process of its own, by the command that an operator
would type.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence

from activation import guardrails
from console import visits
from console.access import ConsoleVisitor
from segmentry.errors import UsageError
from segmentry.permissions import private_folder
from segmentry.settings import ROOT, Settings

# The command line is above this room, so it is started and not imported.
_COMMAND = (sys.executable, "-c", "from cli.main import main; main()")


def words(sync: str, stops: Sequence[str], waiting: Sequence[str]) -> list[str]:
    """The command that releases these guardrails of the sync. waiting: those that stop it.

    UsageError where none was chosen, or one that does not stop the sync.
    """
    strange = [name for name in stops if name not in waiting or name not in guardrails.NAMES]
    if not stops or strange:
        raise UsageError(
            f"'{strange[0]}' does not stop this sync" if strange else "no guardrail was chosen",
            allowed=", ".join(waiting) or "a guardrail that stops the sync; none does",
            remedy="open the page of the sync again, and choose from what stops it",
        )
    released = ",".join(f"{sync}.{name}" for name in stops)
    return ["sync", "apply", "--select", sync, "--release", released]


def start(settings: Settings, visitor: ConsoleVisitor, sync: str, command: Sequence[str]) -> None:
    """Record the decision, then run the command in the background; its output goes to
    ``logs/console_release_<sync>.log``. Two at once exclude each other by the sync's lease.
    """
    visits.record(settings, visitor, "release", detail=command[-1])
    environment = {
        **os.environ,
        "SEGMENTRY_HOME": str(settings.home),
        "SEGMENTRY_CONFIG": str(settings.config),
        "SEGMENTRY_OPERATOR": visitor.name,
        "PYTHONPATH": os.pathsep.join(
            path for path in (str(ROOT), os.environ.get("PYTHONPATH", "")) if path
        ),
    }
    log = private_folder(settings.home / "logs") / f"console_release_{sync}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*_COMMAND, *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    # A process that ended stays in the table of processes until it is waited for.
    threading.Thread(target=process.wait, daemon=True).start()
