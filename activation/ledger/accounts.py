"""Rate buckets and circuit breakers of vendor accounts, shared by every process through the
ledger.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import sqlalchemy as sa

from activation.client import Rate
from activation.ledger import tables as t
from activation.ledger.database import Ledger
from segmentry.errors import DestinationError

# So many failures in a row open the breaker: the account is then left alone for a minute by every
# process.
FAILURES = 12
OPEN_SECONDS = 60.0


class LedgerAccounts:
    """Accounts in the ledger."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._clock = clock
        self._failing: set[str] = set()

    def wait(self, account: str, rate: Rate | None, sleep: Callable[[float], None]) -> None:
        """Take the next slot of the account and sleep until it comes."""
        asked_at = self._clock()
        with self._ledger.begin() as c:
            row = c.execute(
                sa.select(t.accounts).where(t.accounts.c.account == account).with_for_update()
            ).first()
            if row is not None and row.open_until > asked_at:
                raise DestinationError(
                    "the destination's account is left alone after many failures in a row",
                    allowed=f"a new attempt in {row.open_until - asked_at:.0f} s",
                    remedy=(
                        "run the sync again later; look at the vendor's status page and the"
                        " connection"
                    ),
                )
            # The bucket is one number, the next free time. No burst: with one, a window could
            # have twice its limit.
            interval = rate.seconds / rate.requests if rate else 0.0
            free_at = max(row.next_free_at if row else 0.0, asked_at)
            values = {
                "account": account,
                "next_free_at": free_at + interval,
                "failures": row.failures if row else 0,
            }
            self._ledger.upsert(c, t.accounts, [{**values, "open_until": 0.0}])
        if free_at > asked_at:
            sleep(free_at - asked_at)

    def failed(self, account: str) -> None:
        """Count a failed attempt; open the breaker at the twelfth in a row."""
        self._failing.add(account)
        table = t.accounts
        with self._ledger.begin() as c:
            mine = table.c.account == account
            c.execute(sa.update(table).where(mine).values(failures=table.c.failures + 1))
            opened = {"open_until": self._clock() + OPEN_SECONDS, "failures": 0}
            c.execute(sa.update(table).where(mine, table.c.failures >= FAILURES).values(**opened))

    def succeeded(self, account: str) -> None:
        """Forget the failures in a row."""
        if account in self._failing:
            self._failing.discard(account)
            with self._ledger.begin() as c:
                c.execute(
                    sa.update(t.accounts).where(t.accounts.c.account == account).values(failures=0)
                )
