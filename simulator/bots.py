"""A crawler that reads the shop every day: many pages, one cookie, no person."""

from __future__ import annotations

from hashlib import blake2b

import orjson

from simulator import catalogue
from simulator.arrays import Stream, hex_ids, iso
from simulator.render import SHOP_URL
from simulator.shop import DAY_MS, Shop

AGENT = "ShopCrawler/1.0 (+https://crawler.example.com/about)"
PEOPLE_PER_VISIT = 2_500  # one visit a day for so many people of the shop, at least one
PAGES = 30


def cookie(seed: int) -> str:
    """The crawler's anonymous id."""
    return "crawler-" + blake2b(f"{seed}/crawler".encode(), digest_size=8).hexdigest()


def lines(shop: Shop, day: int) -> list[str]:
    """The page views of the crawler on a day, a third of a second apart."""
    rng = shop.rng(Stream.bots, day)
    visits = max(1, len(shop.people) // PEOPLE_PER_VISIT)
    starts = rng.integers(0, DAY_MS - PAGES * 1_000, visits)
    written = []
    for start in sorted(starts.tolist()):
        at = shop.midnight(day) + start + rng.integers(250, 450, PAGES).cumsum()
        products = rng.integers(0, len(shop.catalogue), PAGES)
        rows = zip(hex_ids(rng, PAGES), iso(at), iso(at + 120), products.tolist(), strict=True)
        written += [_line(shop, *row) for row in rows]
    return written


def _line(shop: Shop, key: str, at: str, received_at: str, product: int) -> str:
    goods: catalogue.Catalogue = shop.catalogue
    path = f"/products/{goods.ids[product].lower()}"
    page = {
        "path": path,
        "url": SHOP_URL + path,
        "title": goods.names[product],
        "referrer": "",
        "search": "",
    }
    event = {
        "messageId": f"ajs-{key}",
        "type": "page",
        "name": "Product",
        "properties": {"name": "Product"} | page,
    }
    event |= {
        "anonymousId": cookie(shop.seed),
        "timestamp": at,
        "sentAt": at,
        "receivedAt": received_at,
    }
    library = {"name": "analytics.js", "version": "npm:next-1.84.3"}
    event["context"] = {
        "page": page,
        "ip": "203.0.113.7",
        "userAgent": AGENT,
        "locale": "en-US",
        "library": library,
    }
    return orjson.dumps(event).decode()
