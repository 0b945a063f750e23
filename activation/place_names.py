"""What names the place that a destination writes rows to. Each destination states it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PlaceNames:
    """What names the place that rows are written to.

    settings: another value of one of them is another place. account: those that name the account;
    as long as they stay, the present credentials reach every place of it. options: what changes
    where or as which attribute a row is written, with the value that counts without it; ``{sync}``
    is the name of the sync. is_by_sync: the place has the sync's name. A credential is named only
    where nothing else names the account.
    """

    settings: tuple[str, ...] = ()
    account: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    is_by_sync: bool = False
