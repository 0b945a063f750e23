"""The simulated marketing tools of a demo, started again for an erasure: what was sent to them is
in the home, and a person has to be deleted there too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from activation.places import SIMULATED_TOOLS
from segmentry.settings import Settings

STATE = "receiver.sqlite"


@contextmanager
def running(settings: Settings) -> Iterator[None]:
    """Run the tools if the home has their state, unless they run or real tools are configured."""
    if not (settings.home / STATE).exists() or SIMULATED_TOOLS in os.environ:
        yield
        return
    from simulator import receiver

    with receiver.running(settings) as variables:
        taken = set(variables) & set(os.environ)
        if taken:
            yield
            return
        os.environ.update(variables)
        try:
            yield
        finally:
            for name in variables:
                os.environ.pop(name, None)
