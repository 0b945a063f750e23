"""Writes orders and refunds, with the identifiers that the shop knows of each buyer: for the days
of a simulation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from simulator.arrays import Ints, Stream, iso
from simulator.catalogue import CURRENCY
from simulator.dirt import EXTRA, Dirt, Mark
from simulator.people import Behaviour
from simulator.personas import CATEGORIES
from simulator.places import national
from simulator.render import Order, fragments
from simulator.shop import DAY_MS, Shop
from simulator.timeline import Step, Timeline, Views
from simulator.visits import Visits

_TEXT = pa.string()
_MONEY = pa.float64()
SCHEMA = pa.schema(
    [
        (name, _TEXT)
        for name in (
            "order_id",
            "ordered_at",
            "updated_at",
            "status",
            "user_id",
            "anonymous_id",
            "email",
        )
    ]
    + [("phone", _TEXT), ("is_guest", pa.bool_()), ("currency", _TEXT)]
    + [(name, _MONEY) for name in ("subtotal", "discount", "shipping", "tax", "total", "refunded")]
    + [(name, _TEXT) for name in ("coupon", "payment_method", "channel", "items")]
)
PAYMENTS = ("card", "paypal", "invoice", "wallet")
COUPONS = ((0.10, "SAVE10"), (0.15, "WELCOME15"), (0.20, "SALE20"))


@dataclass
class OrderBook:
    """Rows not yet written, and refunds that will come; one file per calendar month."""

    folder: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    later: dict[int, list[tuple[int, dict[str, Any]]]] = field(default_factory=dict)
    truth: list[tuple[str, int, float]] = field(default_factory=list)

    def flush(self, month: str, rng: np.random.Generator, dirt: Dirt) -> int:
        """Write the collected rows as one month's file, with broken copies of a few; returns their
        number.
        """
        copies, marks = _broken(rng, self.rows)
        dirt.note("orders", f"orders-{month}.parquet", len(self.rows), marks)
        self.rows += copies
        written = len(self.rows)
        if self.rows:
            self.folder.mkdir(parents=True, exist_ok=True)
            table = pa.Table.from_pylist(self.rows, schema=SCHEMA)
            pq.write_table(table, self.folder / f"orders-{month}.parquet", compression="zstd")
            self.rows = []
        return written


def _broken(
    rng: np.random.Generator, rows: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[Mark]]:
    copies: list[dict[str, Any]] = []
    marks: list[Mark] = []
    faults: dict[str, dict[str, Any]] = {
        "duplicate": {},
        "missing_id": {"order_id": None},
        "broken_date": {"ordered_at": "0000-00-00"},
    }
    for fault, change in faults.items():
        for at in rng.integers(0, len(rows), max(1, len(rows) // EXTRA)).tolist() if rows else []:
            key = rows[at]["order_id"]
            copy = rows[at] | change
            if fault == "broken_date":
                copy["order_id"] = f"{key}-x"
            marks.append((len(copies), fault, copy["order_id"] or ""))
            copies.append(copy)
    return copies, marks


def take(
    shop: Shop, visits: Visits, timeline: Timeline, views: Views, day: int, book: OrderBook
) -> dict[int, Order]:
    """Write the orders of a day, and the refunds that fall on it; returns the orders as their
    events report them, by visit.
    """
    rng = shop.rng(Stream.orders, day)
    buyers = np.flatnonzero(visits.buys)
    items = _items(views, len(visits))
    at_ms = _order_times(visits, timeline, buyers) + shop.midnight(day)
    reported: dict[int, Order] = {}
    draws = rng.random((len(buyers), 8))
    for number, (visit, stamp) in enumerate(zip(buyers.tolist(), iso(at_ms), strict=True)):
        row = _row(
            shop, visits, visit, f"O{day:04d}{number + 1:06d}", stamp, items[visit], draws[number]
        )
        person = int(visits.person[visit])
        book.rows.append(row)
        book.truth.append((row["order_id"], person, row["total"]))
        reported[visit] = Order(row["order_id"], _properties(row, items[visit]))
        _fate(shop, book, row, person, day, draws[number])
    for person, row in book.later.pop(day, []):
        book.rows.append(row)
        shop.life.irritation[person] += 0.6
    return reported


def count(shop: Shop, visits: Visits, views: Views) -> None:
    """Add a day's orders to what each person has ordered so far."""
    value = (
        shop.catalogue.prices[views.product]
        * views.quantity
        * (views.added & visits.buys[views.visit])
    )
    shop.orders[visits.person] += visits.buys
    shop.revenue[visits.person] += np.bincount(views.visit, weights=value, minlength=len(visits))


def _items(views: Views, visits: int) -> list[list[tuple[int, int]]]:
    items: list[list[tuple[int, int]]] = [[] for _ in range(visits)]
    bought = views.added
    for visit, product, quantity in zip(
        views.visit[bought].tolist(),
        views.product[bought].tolist(),
        views.quantity[bought].tolist(),
        strict=True,
    ):
        if all(product != other for other, _ in items[visit]):
            items[visit].append((product, quantity))
    return items


def _order_times(visits: Visits, timeline: Timeline, buyers: Ints) -> Ints:
    """When each buyer ordered, in milliseconds after midnight: the event's time, in the store the
    visit's.
    """
    at_ms = np.minimum(visits.start, DAY_MS - 1000)
    ordered = timeline.step == Step.order
    at_ms[timeline.visit[ordered]] = timeline.at[ordered]
    return np.asarray(at_ms[buyers])


def _row(
    shop: Shop,
    visits: Visits,
    visit: int,
    key: str,
    stamp: str,
    items: list[tuple[int, int]],
    draw: np.ndarray[Any, Any],
) -> dict[str, Any]:
    goods = shop.catalogue
    subtotal = round(sum(float(goods.prices[product]) * quantity for product, quantity in items), 2)
    rate, coupon = COUPONS[int(draw[0] * 3)] if visits.has_coupon[visit] else (0.0, None)
    discount = round(subtotal * rate, 2)
    is_store = bool(visits.is_store[visit])
    shipping = 0.0 if is_store or subtotal >= 60 else 4.9
    tax = round((subtotal - discount) * 0.2, 2)
    row: dict[str, Any] = {
        "order_id": key,
        "ordered_at": stamp,
        "updated_at": stamp,
        "status": "completed",
    }
    row |= _buyer(shop, visits, visit, draw)
    row |= {
        "currency": CURRENCY,
        "subtotal": subtotal,
        "discount": discount,
        "shipping": shipping,
        "tax": tax,
    }
    row |= {
        "total": round(subtotal - discount + shipping + tax, 2),
        "refunded": 0.0,
        "coupon": coupon,
    }
    row |= {"payment_method": PAYMENTS[int(draw[1] * 4)], "items": _items_text(shop, items)}
    row["channel"] = "store" if is_store else "app" if visits.is_app[visit] else "web"
    return row


def _buyer(shop: Shop, visits: Visits, visit: int, draw: np.ndarray[Any, Any]) -> dict[str, Any]:
    """What the shop knows of the buyer: an account, an address, perhaps a number."""
    people = shop.people
    person = int(visits.person[visit])
    is_store = bool(visits.is_store[visit])
    is_known = bool(visits.is_known[visit])
    second = bool(people.has_second_email[person]) and is_known and draw[2] < 0.4
    has_phone = draw[3] < (0.6 if is_store else 0.25)
    shop.seen_second_email[person] |= second
    shop.seen_phone[person] |= has_phone
    shop.known_email[person] = True
    email = people.second_email(person) if second else people.email(person)
    phone = people.phone(person)
    written = phone if draw[4] < 0.7 else national(int(people.place[person]), phone, 0)
    cookie = shop.devices.cookie(int(visits.device[visit]), int(visits.generation[visit]))
    return {
        "user_id": (
            people.user_id(person)
            if is_known and people.kind[person] == Behaviour.registered
            else None
        ),
        "anonymous_id": None if is_store else cookie,
        "email": email if draw[5] < 0.8 else email.upper() if draw[5] < 0.9 else f" {email} ",
        "phone": written if has_phone else None,
        "is_guest": not is_known,
    }


def _items_text(shop: Shop, items: list[tuple[int, int]]) -> str:
    goods = shop.catalogue
    listed = [
        {
            "product_id": goods.ids[product],
            "name": goods.names[product],
            "category": CATEGORIES[int(goods.categories[product])],
            "quantity": quantity,
            "unit_price": round(float(goods.prices[product]), 2),
            "unit_cost": float(goods.costs[product]),
        }
        for product, quantity in items
    ]
    return orjson.dumps(listed).decode()


def _properties(row: dict[str, Any], items: list[tuple[int, int]]) -> str:
    head = {
        "order_id": row["order_id"],
        "total": row["total"],
        "revenue": round(row["subtotal"] - row["discount"], 2),
    }
    head |= {"currency": row["currency"], "coupon": row["coupon"]}
    products = ",".join(
        f'{{{fragments()[product].fields},"quantity":{quantity}}}' for product, quantity in items
    )
    return f'{orjson.dumps(head).decode()[:-1]},"products":[{products}]}}'


def _fate(
    shop: Shop,
    book: OrderBook,
    row: dict[str, Any],
    person: int,
    day: int,
    draw: np.ndarray[Any, Any],
) -> None:
    """Some orders are cancelled, or refunded in part or whole, within two weeks: a later version of
    the same row.
    """
    if draw[6] >= 0.09:
        return
    status = (
        "cancelled" if draw[6] < 0.02 else "refunded" if draw[6] < 0.06 else "partially_refunded"
    )
    refunded = round(row["total"] * (0.3 if status == "partially_refunded" else 1.0), 2)
    wait = 1 + int(draw[7] * 13)
    stamp = iso(np.array([shop.midnight(day + wait) + int(draw[7] * 80_000_000)]))[0]
    version = row | {"status": status, "refunded": refunded, "updated_at": stamp}
    book.later.setdefault(day + wait, []).append((person, version))
