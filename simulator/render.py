"""Events as lines of JSON in the Segment Spec.

Lines are put together from fragments that are rendered once per visit, product or place: with a
dictionary per event a million events would take several times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import orjson

from simulator import catalogue
from simulator.arrays import Bools, Stream, hex_ids, iso
from simulator.context import visit_context
from simulator.people import Behaviour
from simulator.personas import CATEGORIES
from simulator.shop import Shop
from simulator.timeline import Step, Timeline
from simulator.visits import Visits

_TERMS = ("best", "cheap", "new", "gift", "review", "compare", "sustainable", "sale")
SHOP_URL = "https://shop.example.com"


@dataclass(frozen=True)
class Speaker:
    """What all events of one visit share."""

    cookie: str
    person: int
    user: str
    context: str
    is_app: bool
    was_known: bool
    email: str
    entry: str


@dataclass(frozen=True)
class Order:
    """The content of an order's event."""

    order_id: str
    properties: str


Body = tuple[str, str]  # the line's own fields, the context's page


def render(
    shop: Shop, visits: Visits, timeline: Timeline, orders: dict[int, Order], day: int
) -> list[str]:
    """The lines of a day's events, in the order of the timeline."""
    rng = shop.rng(Stream.rendering, day)
    size = len(timeline)
    ids = hex_ids(rng, size)
    stamps = timeline.at + shop.midnight(day)
    sent = stamps + rng.integers(100, 900, size)
    times = zip(iso(stamps), iso(sent), iso(sent + rng.integers(40, 900, size)), strict=True)
    speakers = _speakers(shop, visits, day)
    products = fragments()
    lines = []
    current = -1
    known = False
    rows = zip(
        timeline.visit.tolist(),
        timeline.step.tolist(),
        timeline.product.tolist(),
        timeline.quantity.tolist(),
        strict=True,
    )
    for key, (visit, step, product, quantity), (at, sent_at, received_at) in zip(
        ids, rows, times, strict=True
    ):
        speaker = speakers[visit]
        if visit != current:
            current = visit
            known = speaker.was_known
        known = known or step in _IDENTIFIED
        body, page = _BODIES[step](speaker, products[product], quantity, orders.get(visit))
        user = f'"userId":"{speaker.user}",' if known and step != Step.guest_identify else ""
        lines.append(
            f'{{"messageId":"ajs-{key}",{body}"anonymousId":"{speaker.cookie}",{user}"timestamp":"{at}",'
            f'"sentAt":"{sent_at}","receivedAt":"{received_at}","context":{{{page}{speaker.context}}}}}'
        )
    return lines


_IDENTIFIED = frozenset(
    {int(Step.signed_in), int(Step.signed_up), int(Step.identify), int(Step.alias)}
)


@dataclass(frozen=True)
class Fragment:
    """One product as JSON fields, and its page."""

    fields: str
    category: str
    path: str
    title: str
    term: str


@cache
def fragments() -> tuple[Fragment, ...]:
    """Every product's fragment, and an empty one at index -1."""
    goods = catalogue.build()
    listed = []
    for at, name in enumerate(goods.names):
        category = CATEGORIES[int(goods.categories[at])]
        fields: dict[str, str | float] = {
            "product_id": goods.ids[at],
            "sku": f"SKU-{at + 1:05d}",
            "name": name,
            "category": category,
        }
        fields |= {
            "brand": goods.brands[at],
            "price": float(goods.prices[at]),
            "currency": catalogue.CURRENCY,
        }
        term = f"{_TERMS[at % len(_TERMS)]} {name.split()[-1].lower()}"
        path = f"/products/{goods.ids[at].lower()}"
        listed.append(Fragment(orjson.dumps(fields)[1:-1].decode(), category, path, name, term))
    return (*listed, Fragment("", CATEGORIES[0], "/", "Home", ""))


def _speakers(shop: Shop, visits: Visits, day: int) -> list[Speaker]:
    people = shop.people
    speakers = []
    for at in range(len(visits)):
        person = int(visits.person[at])
        device = int(visits.device[at])
        speakers.append(
            Speaker(
                cookie=shop.devices.cookie(device, int(visits.generation[at])),
                person=person,
                user=people.user_id(person) if people.kind[person] == Behaviour.registered else "",
                context=visit_context(shop, visits, at),
                is_app=bool(visits.is_app[at]),
                was_known=bool(visits.was_known[at]),
                email=people.email(person),
                entry="Category" if visits.source[at] in (2, 3) else "Home",
            )
        )
    return speakers


def _page(path: str, title: str) -> str:
    return (
        f'"page":{{"path":"{path}","url":"{SHOP_URL}{path}","title":"{title}",'
        '"referrer":"","search":""},'
    )


def _viewed(
    name: str, path: str, title: str
) -> Callable[[Speaker, Fragment, int, Order | None], Body]:
    page = _page(path, title)
    tail = (
        f'"name":"{name}","properties":{{"name":"{name}","path":"{path}",'
        f'"url":"{SHOP_URL}{path}","title":"{title}"}},'
    )

    def body(speaker: Speaker, _product: Fragment, _quantity: int, _order: Order | None) -> Body:
        return (
            (f'"type":"screen",{tail}', "") if speaker.is_app else (f'"type":"page",{tail}', page)
        )

    return body


def _tracked(
    event: str, fields: str = "", path: str = "/"
) -> Callable[[Speaker, Fragment, int, Order | None], Body]:
    head = f'"type":"track","event":"{event}","properties":{{'
    page = _page(path, event)

    def body(_speaker: Speaker, _product: Fragment, _quantity: int, _order: Order | None) -> Body:
        return f"{head}{fields}}},", page

    return body


def _entry(speaker: Speaker, product: Fragment, quantity: int, order: Order | None) -> Body:
    return (_home if speaker.entry == "Home" else _landing)(speaker, product, quantity, order)


def _category(speaker: Speaker, product: Fragment, _quantity: int, _order: Order | None) -> Body:
    path = f"/c/{product.category.lower()}"
    kind = "screen" if speaker.is_app else "page"
    fields = (
        f'"name":"Category","category":"{product.category}","path":"{path}",'
        f'"url":"{SHOP_URL}{path}"'
    )
    return f'"type":"{kind}","name":"Category","properties":{{{fields}}},', _page(
        path, product.category
    )


def _product_page(
    _speaker: Speaker, product: Fragment, _quantity: int, _order: Order | None
) -> Body:
    where = f'"path":"{product.path}","url":"{SHOP_URL}{product.path}","title":"{product.title}"'
    fields = (
        '"type":"page","name":"Product","properties":{"name":"Product",'
        f'"category":"{product.category}",{where}}},'
    )
    return fields, _page(product.path, product.title)


def _of_product(event: str) -> Callable[[Speaker, Fragment, int, Order | None], Body]:
    def body(_speaker: Speaker, product: Fragment, quantity: int, _order: Order | None) -> Body:
        fields = (
            f'"type":"track","event":"{event}","properties":{{{product.fields},'
            f'"quantity":{quantity}}},'
        )
        return fields, _page(product.path, product.title)

    return body


def _search(_speaker: Speaker, product: Fragment, _quantity: int, _order: Order | None) -> Body:
    return (
        f'"type":"track","event":"Products Searched","properties":{{"query":"{product.term}"}},',
        _page("/search", "Search"),
    )


def _identify(speaker: Speaker, _product: Fragment, _quantity: int, _order: Order | None) -> Body:
    return f'"type":"identify","traits":{{"email":"{speaker.email}"}},', _page(
        "/account", "Account"
    )


def _alias(speaker: Speaker, _product: Fragment, _quantity: int, _order: Order | None) -> Body:
    return f'"type":"alias","previousId":"{speaker.cookie}",', _page("/account", "Account")


def _order(_speaker: Speaker, _product: Fragment, _quantity: int, order: Order | None) -> Body:
    fields = order.properties if order else "{}"
    return f'"type":"track","event":"Order Completed","properties":{fields},', _page(
        "/checkout/done", "Thank you"
    )


_home = _viewed("Home", "/", "Home")
_landing = _viewed("Category", "/c/offers", "Offers")
_BODIES: list[Callable[[Speaker, Fragment, int, Order | None], Body]] = [
    _tracked("Email Link Clicked", f'"link_url":"{SHOP_URL}/"'),
    _entry,
    _tracked("Signed In", '"method":"password"', "/login"),
    _tracked("Signed Up", '"method":"password"', "/register"),
    _identify,
    _alias,
    _viewed("Account", "/account", "Account"),
    _viewed("Pricing", "/pricing", "Pricing"),
    _tracked("Demo Requested", '"plan":"premium"', "/demo"),
    _identify,
    _category,
    _search,
    _product_page,
    _of_product("Product Viewed"),
    _of_product("Product Added"),
    _of_product("Product Removed"),
    _viewed("Cart", "/cart", "Cart"),
    _tracked("Cart Viewed", "", "/cart"),
    _viewed("Checkout", "/checkout", "Checkout"),
    _tracked("Checkout Started", "", "/checkout"),
    _identify,
    _order,
]


def by_time(lines: list[str], timeline: Timeline) -> list[str]:
    """A day's lines in the order in which they happened."""
    return [lines[at] for at in np.argsort(timeline.at, kind="stable").tolist()]


def spared(timeline: Timeline) -> Bools:
    """Which of the lines, by time, carry a link between identifiers and are never broken."""
    steps = timeline.step[np.argsort(timeline.at, kind="stable")]
    return np.asarray(
        np.isin(
            steps, [Step.identify, Step.alias, Step.guest_identify, Step.newsletter, Step.order]
        )
    )
