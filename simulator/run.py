"""One simulation from its arguments to its files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from simulator import (
    bots,
    catalogue,
    consents,
    contacts,
    hard,
    mail,
    orders,
    plans,
    render,
    timeline,
    truth,
    visits,
    voices,
)
from simulator.arrays import Ints, Stream, stream
from simulator.dirt import Dirt, Mark, broken_rows, spoil_lines
from simulator.files import Rows, Series, write_records
from simulator.life import STEP_DAYS
from simulator.shop import Shop, open_shop
from simulator.truth import HORIZON, Checkpoint

DEFAULT_END = date(2026, 6, 30)
CHECKPOINTS_EVERY = 30
CHECKPOINTS = 6
PRODUCTS_HEADER = (
    "product_id", "sku", "name", "category", "subcategory", "brand", "price", "cost", "currency",
    "is_luxury",
    "is_active", "created_at", "updated_at",
)  # fmt: skip

Progress = Callable[[str], None]


@dataclass(frozen=True)
class SimulationRequest:
    """What to simulate; end_date is the last day with data, is_hard adds hard cases of identity."""

    people: int
    days: int
    seed: int
    out: Path
    end_date: date = DEFAULT_END
    is_hard: bool = False

    @property
    def first_day(self) -> date:
        """The first day with data."""
        return self.end_date - timedelta(days=self.days - 1)


class Simulation:
    """A shop, its open files and what it keeps for the truth."""

    def __init__(self, request: SimulationRequest, report: Progress) -> None:
        self.request = request
        self.report = report
        out = request.out
        self.shop: Shop = open_shop(request.seed, request.people, request.days, request.first_day)
        self.counts: dict[str, int] = {}
        self.series = {
            name: Series(out / name, name)
            for name in ("events", "email_events", "support_tickets", "surveys")
        }
        self.subscriptions = Rows(out / "subscriptions" / "subscriptions.csv", plans.HEADER)
        self.consents = Rows(out / "consents" / "consents.csv", consents.HEADER)
        self.book = orders.OrderBook(out / "orders")
        self.post = mail.Post()
        self.voices = voices.Voices()
        self.dirt = Dirt()
        self.life_rng = stream(request.seed, Stream.life, 1)
        self.plan_rng = stream(request.seed, Stream.plans)
        self.checkpoints: list[Checkpoint] = []
        self.shared: list[tuple[str, str, str]] = []

    def run(self) -> dict[str, int]:
        """Simulate all days, write everything, and return the number of records of each source."""
        self._before()
        for day in range(self.request.days):
            self._pass(day)
            self._day(day)
        self._end()
        for day in range(self.request.days, self.request.days + HORIZON):
            self._pass(day)
            self._unseen(day)
        self._pass(self.request.days + HORIZON)
        self._truth()
        return self.counts

    def _before(self) -> None:
        """Products, and the accounts that are older than the data."""
        shop = self.shop
        products = Rows(self.request.out / "products" / "products.csv", PRODUCTS_HEADER)
        self._rows(
            "products",
            products,
            catalogue.rows(shop.catalogue, shop.first_day),
            {"broken_number": (6, "abc")},
        )
        products.close()
        early = np.flatnonzero(shop.registered)
        midnights = np.array(
            [shop.midnight(int(day)) for day in shop.registered_on[early]], dtype=np.int64
        )
        self._accounts(early, midnights, -1)

    def _accounts(self, people: Ints, midnights: Ints, day: int) -> None:
        self.consents.write(given := consents.given(self.shop, people, day, midnights))
        self.subscriptions.write(first := plans.beginning(self.shop, people, midnights, day))
        self._count("consents", len(given))
        self._count("subscriptions", len(first))

    def _pass(self, day: int) -> None:
        """The beginning of a day: on some days a step of life ends, on some a checkpoint records
        what is likely.
        """
        shop = self.shop
        days = self.request.days
        left = days - day
        if day > 0 and left % STEP_DAYS == 0:
            shop.life.advance(self.life_rng, day, observed=True)
        if (
            day > 0
            and 0 <= left < CHECKPOINTS_EVERY * CHECKPOINTS
            and left % CHECKPOINTS_EVERY == 0
        ):
            self.checkpoints.append(Checkpoint.take(shop, day))
        for point in self.checkpoints:
            if point.day + HORIZON == day:
                point.close(shop)
        if day > 0 and left % STEP_DAYS == 0:
            self._step_of_plans(day)

    def _step_of_plans(self, day: int) -> None:
        upgraded, quit_ = plans.advance(self.shop, self.plan_rng)
        if day < self.request.days:
            rows = plans.changes(self.shop, upgraded, day, ended=False) + plans.changes(
                self.shop, quit_, day, ended=True
            )
            self.subscriptions.write(rows)
            self._count("subscriptions", len(rows))

    def _day(self, day: int) -> None:
        shop = self.shop
        month = f"{self.shop.date(day):%Y-%m}"
        withdrawn = consents.withdrawn(shop, day, written=True)
        self.consents.write(withdrawn)
        mail.send(shop, day, self.post)
        came = visits.plan(shop, day)
        seen = timeline.look(shop, came, day)
        events = timeline.expand(shop, came, seen, day)
        ordered = orders.take(shop, came, events, seen, day, self.book)
        orders.count(shop, came, seen)
        lines = render.by_time(render.render(shop, came, events, ordered, day), events)
        is_last = day + 1 == self.request.days
        lines, marks = self.dirt.events(shop, lines, render.spared(events), day, is_last=is_last)
        self._write("events", f"{shop.date(day - day % 7)}", lines + bots.lines(shop, day), marks)
        mail.clicks(shop, came, timeline.begins(came, events), day, self.post)
        rng = shop.rng(Stream.dirt, day + 100_000)
        written = {
            "email_events": self.post.collect(day),
            "surveys": voices.surveys(shop, day, self.voices),
        }
        written["support_tickets"] = voices.tickets(shop, came, day, self.voices)
        for source, records in written.items():
            self._write(source, month, *spoil_lines(rng, records))
        self._accounts(came.signed_up(), np.full(len(came.signed_up()), shop.midnight(day)), day)
        self._count("consents", len(withdrawn))
        if is_last or shop.date(day + 1).month != shop.date(day).month:
            self._count("orders", self.book.flush(month, rng, self.dirt))
        if day % 10 == 9:
            self.report(f"day {day + 1} of {self.request.days}: {self.counts['events']:,} events")

    def _unseen(self, day: int) -> None:
        """A day after the end: lived for its outcomes, never written."""
        consents.withdrawn(self.shop, day, written=False)
        mail.send(self.shop, day, None)
        came = visits.plan(self.shop, day)
        orders.count(self.shop, came, timeline.look(self.shop, came, day))
        voices.tickets(self.shop, came, day, None)

    def _end(self) -> None:
        """Close the sources; the contacts and the identifiers are those after the last day."""
        shop = self.shop
        out = self.request.out
        for series in self.series.values():
            series.close()
        found = self._contacts()
        changes = {
            "broken_date": (10, "31/31/2026"),
            "unknown_value": (4, "gold"),
            "wrong_column_count": (5, ""),
        }
        answers = {
            "broken_date": (7, "yesterday"),
            "unknown_value": (5, "maybe"),
            "wrong_column_count": (4, ""),
        }
        self._rows("subscriptions", self.subscriptions, [], changes)
        self._rows("consents", self.consents, [], answers)
        self.subscriptions.close()
        self.consents.close()
        truth.identifiers(shop, out / "truth" / "identifiers.parquet", found)
        self.shared = truth.shared(shop, bots.cookie(shop.seed))

    def _contacts(self) -> list[contacts.Found]:
        people, copies = contacts.chosen(self.shop)
        found: list[contacts.Found] = []
        sheet = Rows(self.request.out / "crm_contacts" / "crm_contacts.csv", contacts.HEADER)
        faults = {"broken_date": (20, "n/a"), "wrong_column_count": (18, "")}
        for number, start in enumerate(range(0, len(people), contacts.CHUNK)):
            part = slice(start, start + contacts.CHUNK)
            rows = contacts.rows(self.shop, people[part], copies[part], number, found)
            self.dirt.note(
                "crm_contacts", sheet.path.name, sheet.written, contacts.placeholders(rows)
            )
            self._rows("crm_contacts", sheet, rows, faults)
        if len(people):
            # One row in another encoding than the rest.
            self.dirt.note(
                "crm_contacts", sheet.path.name, sheet.written, [(0, "invalid_encoding", "")]
            )
            sheet.write_raw(
                contacts.latin(contacts.rows(self.shop, people[:1], copies[:1], 0, [])[0])
            )
            self._count("crm_contacts", 1)
        sheet.close()
        return found

    def _truth(self) -> None:
        folder = self.request.out / "truth"
        name = self.shop.people.person_id
        truth.write_people(self.shop, folder / "people.parquet", self.checkpoints[-1])
        truth.write_hazards(self.shop, folder / "hazards.parquet", self.checkpoints)
        write_records(
            folder / "texts.parquet",
            ("record_id", "person_id", "topic", "sentiment", "language"),
            [(key, name(person), *rest) for key, person, *rest in self.voices.truth],
        )
        write_records(
            folder / "orders.parquet",
            ("order_id", "person_id", "total"),
            [(key, name(person), total) for key, person, total in self.book.truth],
        )
        write_records(
            folder / "treatments.parquet",
            ("person_id", "campaign_id", "assigned_on", "is_treated"),
            [
                (name(who), f"campaign-{day:03d}", self.shop.date(day), has)
                for day, _, who, has in self.post.assignments
            ],
        )

        write_records(
            folder / "dirt.parquet",
            ("source", "file", "line", "fault", "record_id"),
            self.dirt.found,
        )
        write_records(
            folder / "shared.parquet", ("identifier_type", "identifier", "reason"), self.shared
        )

    def _write(self, source: str, period: str, lines: list[str], marks: list[Mark]) -> None:
        if lines:
            self.dirt.write(source, self.series[source].at(period), lines, marks)
        self._count(source, len(lines))

    def _rows(
        self,
        source: str,
        sheet: Rows,
        rows: Sequence[Sequence[str]],
        faults: dict[str, tuple[int, str]],
    ) -> None:
        """Write rows, and broken copies of a few (of the sheet's last ones where no row is
        given).
        """
        sheet.write(rows)
        rng = self.shop.rng(Stream.dirt, 200_000 + self.counts.get(source, 0))
        copies, marks = broken_rows(rng, rows or sheet.last, faults)
        self.dirt.write(source, sheet, copies, marks)
        self._count(source, len(rows) + len(copies))

    def _count(self, source: str, records: int) -> None:
        self.counts[source] = self.counts.get(source, 0) + records


def simulate(request: SimulationRequest, report: Progress) -> dict[str, int]:
    """Write a shop's files and its truth under ``request.out``; returns the number of records of
    each source.
    """
    counts = Simulation(request, report).run()
    if request.is_hard:
        for source, records in hard.write(request.out, request.seed, request.end_date).items():
            counts[source] = counts.get(source, 0) + records
    return counts
