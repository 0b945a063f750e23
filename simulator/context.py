"""The Segment Spec context of a visit: device, place, campaign, consent."""

from __future__ import annotations

from functools import cache

import orjson

from simulator.devices import KIOSK
from simulator.places import PLACES
from simulator.shop import Shop
from simulator.visits import NEWSLETTER, SOURCES, Visits

# By type: (manufacturer, model, operating system, version, browser, version, start of the user
# agent)
_MODELS: dict[int, tuple[tuple[str, str, str, str, str, str, str], ...]] = {
    0: (
        ("Apple", "iPhone15,2", "iOS", "18.3", "Safari", "18.3",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3)"),
        ("Samsung", "SM-S921B", "Android", "15", "Chrome", "131.0",
        "Mozilla/5.0 (Linux; Android 15; SM-S921B)"),
        ("Google", "Pixel 9", "Android", "15", "Chrome", "131.0",
        "Mozilla/5.0 (Linux; Android 15; Pixel 9)"),
    ),
    1: (
        ("Apple", "Mac", "macOS", "15.2", "Safari", "18.2",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"),
        ("Dell", "PC", "Windows", "11", "Chrome", "131.0",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"),
        ("Lenovo", "PC", "Windows", "11", "Edge", "131.0",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"),
        ("System76", "PC", "Linux", "6.8", "Firefox", "133.0",
        "Mozilla/5.0 (X11; Linux x86_64; rv:133.0)"),
    ),
    2: (
        ("Apple", "iPad14,8", "iPadOS", "18.3", "Safari", "18.3",
        "Mozilla/5.0 (iPad; CPU OS 18_3 like Mac OS X)"),
        ("Samsung", "SM-X710", "Android", "15", "Chrome", "131.0",
        "Mozilla/5.0 (Linux; Android 15; SM-X710)"),
    ),
}  # fmt: skip
_TYPES = ("mobile", "desktop", "tablet")


def visit_context(shop: Shop, visits: Visits, at: int) -> str:
    """The fields of a visit's context but for the page, without the outer braces."""
    person = int(visits.person[at])
    device = int(visits.device[at])
    kind = int(shop.devices.type[device])
    models = _MODELS[kind]
    is_app = bool(visits.is_app[at])
    own = f'"id":"{shop.devices.device_id(device)}",' if is_app else ""
    number = person if device != KIOSK else 0
    address = (
        f"{10 + number % 180}.{number // 180 % 256}.{number // 46_080 % 256}.{1 + device % 250}"
    )
    people = shop.people
    consent = (bool(shop.wants_mail[person]), bool(people.likes_analytics[person]))
    return (
        f'"ip":"{address}",{_campaign(int(visits.source[at]), int(shop.campaign[person]))}'
        f"{_client(kind, int(shop.devices.model[device]) % len(models), is_app, own)}"
        f"{_place(int(people.place[person]))}"
        f"{_consent(*consent, bool(people.likes_personalization[person]))}"
    )


@cache
def _campaign(source: int, campaign: int) -> str:
    if not source:
        return ""
    origin, _, medium = SOURCES[source].partition("/")
    name = f"campaign-{campaign:03d}" if source == NEWSLETTER else f"{origin}-always-on"
    return f'"campaign":{{"source":"{origin}","medium":"{medium}","name":"{name}"}},'


@cache
def _device(kind: int, model: int, is_app: bool) -> str:
    maker, name, system, version, browser, browser_version, agent = _MODELS[kind][model]
    library = {
        "name": "analytics-android" if system == "Android" else "analytics-ios",
        "version": "4.1.2",
    }
    if not is_app:
        library = {"name": "analytics.js", "version": "npm:next-1.84.3"}
    client: dict[str, object] = {
        "userAgent": f"{agent} {browser}/{browser_version}",
        "library": library,
        "os": {"name": system, "version": version},
        "device": {"type": _TYPES[kind], "model": name, "manufacturer": maker},
    }
    if not is_app:
        client["browser"] = {"name": browser, "version": browser_version}
    return orjson.dumps(client)[1:-1].decode() + ","


def _client(kind: int, model: int, is_app: bool, own: str) -> str:
    text = _device(kind, model, is_app)
    return text.replace('"device":{', '"device":{' + own, 1) if own else text


@cache
def _place(at: int) -> str:
    place = PLACES[at]
    location = {"country": place.country, "region": place.region, "city": place.city}
    fields = {"locale": place.locale, "timezone": place.zone, "location": location}
    return orjson.dumps(fields)[1:-1].decode() + ","


@cache
def _consent(marketing: bool, analytics: bool, personalization: bool) -> str:
    preferences = {
        "marketing": marketing,
        "analytics": analytics,
        "personalization": personalization,
    }
    return orjson.dumps({"consent": {"categoryPreferences": preferences}})[1:-1].decode()
