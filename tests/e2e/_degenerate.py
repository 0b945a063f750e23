"""Shops that lack what models and segments are made from: one price, one customer, no order at all.

``SHOPS`` names them; each is a simulated shop whose files are written again by ``write``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb

# The columns of a simulated order from which an amount is made.
_AMOUNTS = "10.0 as subtotal, 0.0 as discount, 0.0 as shipping, 0.0 as tax, 10.0 as total,"
_ITEM = (
    '\'[{"product_id":"P0001","name":"Plain Lamp","category":CATEGORY,"quantity":1,'
    '"unit_price":10.0,"unit_cost":5.0}]\' as items'
)
_WHO = "coalesce(user_id, email, anonymous_id)"
LAST_DAY = "2026-06-30"


def _one_price(folder: Path) -> None:
    _orders(
        folder,
        f"select * exclude (subtotal, discount, shipping, tax, total, refunded, items), {_AMOUNTS}"
        " 0.0 as refunded, regexp_replace(items, '\"unit_price\":[0-9.]+', '\"unit_price\":10.0',"
        " 'g') as items from orders",
    )
    _products(folder, "select * replace ('10' as price) from products")


def _one_product(folder: Path) -> None:
    item = _ITEM.replace("CATEGORY", '"Home"')
    _orders(folder, f"select * exclude (items), {item} from orders")
    _products(folder, "select * from products where product_id = 'P0001'")


def _no_category(folder: Path) -> None:
    """No item has a category, and there is no catalogue; one without categories is refused."""
    item = _ITEM.replace("CATEGORY", "null")
    _orders(folder, f"select * exclude (items), {item} from orders")
    shutil.rmtree(folder / "products")


def _one_customer(folder: Path) -> None:
    _orders(
        folder,
        "select * from orders where user_id = (select user_id from orders where user_id is not null"
        " group by user_id order by count(*) desc, user_id limit 1)",
    )
    _keep(folder, "orders", "products")


def _no_repeat(folder: Path) -> None:
    _orders(
        folder,
        "select * from orders where status = 'completed'"
        f" qualify row_number() over (partition by {_WHO} order by ordered_at, order_id) = 1",
    )


def _only_guests(folder: Path) -> None:
    _orders(
        folder,
        "select * replace (null::varchar as user_id, null::varchar as anonymous_id,"
        " true as is_guest) from orders where email is not null",
    )
    _keep(folder, "orders", "products", "consents")


def _one_day(folder: Path) -> None:
    _orders(folder, f"select * from orders where ordered_at >= '{LAST_DAY}'")
    for file in sorted(Path(folder, "events").glob("*.gz")):
        if LAST_DAY not in file.name:
            file.unlink()
    _keep(folder, "orders", "events", "products", "consents", "crm_contacts")


def _all_cancelled(folder: Path) -> None:
    _orders(folder, "select * replace ('cancelled' as status) from orders")


def _no_order(folder: Path) -> None:
    shutil.rmtree(folder / "orders")


def _few_people(folder: Path) -> None:
    _orders(
        folder,
        f"select * from orders where {_WHO} in (select distinct {_WHO} as who from orders"
        " order by who limit 12)",
    )
    _keep(folder, "orders", "products")


def _silence(folder: Path) -> None:
    """Nothing is taken away: the job runs for an as_of a year after the last record."""


SHOPS: dict[str, Callable[[Path], None]] = {
    "one_price": _one_price,
    "one_product": _one_product,
    "no_category": _no_category,
    "one_customer": _one_customer,
    "few_people": _few_people,
    "no_repeat": _no_repeat,
    "only_guests": _only_guests,
    "one_day": _one_day,
    "all_cancelled": _all_cancelled,
    "no_order": _no_order,
    "silence": _silence,
}


def write(simulated: Path, folder: Path, shop: str) -> None:
    """A copy of the simulated files, changed into the shop of that name."""
    shutil.copytree(simulated, folder)
    SHOPS[shop](folder)


def orders(folder: Path) -> int:
    """How many different orders the files have."""
    files = [str(path) for path in Path(folder, "orders").glob("*.parquet")]
    if not files:
        return 0
    with duckdb.connect() as connection:
        found = connection.execute(
            "select count(distinct order_id) from read_parquet(?)", [files]
        ).fetchone()
    return int(found[0]) if found else 0


def _orders(folder: Path, query: str) -> None:
    place = folder / "orders"
    with duckdb.connect() as connection:
        connection.execute(
            f"create table orders as select * from read_parquet('{place}/*.parquet')"
        )
        shutil.rmtree(place)
        place.mkdir()
        connection.execute(f"copy ({query}) to '{place}/orders.parquet' (format parquet)")


def _products(folder: Path, query: str) -> None:
    file = folder / "products" / "products.csv"
    with duckdb.connect() as connection:
        connection.execute(
            f"create table products as select * from read_csv('{file}', all_varchar = true)"
        )
        connection.execute(f"copy ({query}) to '{file}' (header)")


def _keep(folder: Path, *sources: str) -> None:
    for place in folder.iterdir():
        if place.is_dir() and place.name not in sources:
            shutil.rmtree(place)
