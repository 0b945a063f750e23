"""What the routes share: the store behind a time limit, the rules, and the watch for refusals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, TypeVar

from activation import consent_policy
from api.decider import Decider, open_decider
from api.faults import ApiFault, late
from api.limits import RateLimit
from api.rules import ApiRules, Caller
from live.store.base import ProfileStore
from live.store.opt_outs import RefusalWatch
from live.store.records import GRANTED, REFUSED, Identifier, StoredProfile
from segmentry import configuration, roles
from segmentry.settings import Settings

T = TypeVar("T")
_THREADS = 8
_FEW = 5  # profiles; a file in memory gives one in 10 microseconds
_CAUTIOUS = 30.0  # seconds that reads go to threads after a slow one
# Seconds without a look at the refusals of the lake; after that an answer could contain a person
# who opted out meanwhile.
MOST_AGE = 30.0


class ApiService:
    """One server's store and rules. watch: None in tests that have no lake.
    reads_directly: the store is a file of this machine."""

    def __init__(
        self,
        settings: Settings,
        store: ProfileStore,
        rules: ApiRules,
        watch: RefusalWatch | None = None,
        *,
        reads_directly: bool = False,
    ) -> None:
        self._settings = settings
        self.reads_directly = reads_directly
        self._threads_until = 0.0
        self.store = store
        self.rules = rules
        self.watch = watch
        self.limits = RateLimit()
        self.types = frozenset(["profile_id", *(one["name"] for one in _policy_types(settings))])
        self.country = configuration.shop_country(settings)
        self._readers: dict[str, roles.Reader] = {}
        self._policy = consent_policy.load(settings)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="store")

    async def ask(self, function: Callable[..., T], *arguments: object) -> T:
        """The function's result from a thread, or the fault of a late or missing store."""
        if self.is_blind:
            raise ApiFault(
                503,
                "the refusals of the lake could not be read for a while",
                "a lake that answers",
                "use the fallback now; `segmentry doctor` on the server",
                {"retry-after": "5"},
            )
        call = asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
        try:
            return await asyncio.wait_for(call, self.rules.time_limit)
        except TimeoutError:
            raise late() from None

    async def find(self, identifiers: Sequence[Identifier]) -> list[StoredProfile | None]:
        """Profiles of the store. A few of a local file are read here: a thread waits longer for its
        turn than the read takes. A read that was slow sends those of the next seconds to threads.
        """
        started = time.monotonic()
        is_direct = (
            self.reads_directly and len(identifiers) <= _FEW and started > self._threads_until
        )
        if not is_direct or self.is_blind:
            return await self.ask(self.store.find_many, identifiers)
        found = self.store.find_many(identifiers)
        taken = time.monotonic() - started
        if taken > self.rules.time_limit / 10:
            self._threads_until = started + taken + _CAUTIOUS
        if taken > self.rules.time_limit:
            raise late()
        return found

    @cached_property
    def decider(self) -> Decider:
        """What decides the content of slots; ConfigError for content that does not fit."""
        return open_decider(self._settings, self.store)

    @property
    def is_blind(self) -> bool:
        """Whether refusals may have come in that no answer has yet."""
        return self.watch is not None and self.watch.age > MOST_AGE

    def permitted(self, caller: Caller, profile: StoredProfile) -> dict[str, bool]:
        """Each use of the caller, as purpose or purpose/channel: whether the profile consents. The
        rule is that of the audiences: a refusal counts, and unknown is no where an opt-in is
        needed.
        """
        found = {}
        for purpose, channel in caller.uses:
            decided = profile.consent.get(f"{purpose}/{channel}")
            is_opt_in = self._policy.basis(purpose).is_opt_in or purpose in profile.strict
            name = purpose if channel == "any" else f"{purpose}/{channel}"
            found[name] = decided == GRANTED or (decided != REFUSED and not is_opt_in)
        return found

    def shown(self, caller: Caller, name: str, value: Any) -> Any:
        """The value of a trait or score as the role of the caller's token may read it."""
        if caller.role is None:
            return value
        if caller.role not in self._readers:
            self._readers[caller.role] = roles.of_role(self._settings, caller.role)
        return self._readers[caller.role].trait(name, value)

    def close(self) -> None:
        """End the watch, the threads and what decides, and close the store."""
        if self.watch is not None:
            self.watch.end()
        if "decider" in self.__dict__:
            self.decider.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.store.close()


def _policy_types(settings: Settings) -> Sequence[dict[str, str]]:
    found: Sequence[dict[str, str]] = configuration.policies(settings)["identity"]["types"]
    return found
