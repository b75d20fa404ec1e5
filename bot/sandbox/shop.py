"""Fills a database with a believable web shop, for `make demo` and for the tests."""

from importlib.resources import files

import psycopg

_PARTS = ("shop.sql", "shop_rows.sql", "shop_rules.sql")


def create_shop(conninfo: str, scale: float = 1.0) -> None:
    """Create the shop in the database of `conninfo`, as its superuser; scale 1 is over a million rows.

    The same scale gives the same data on every server. Raises `psycopg.Error`; then nothing is created.
    """
    with psycopg.connect(conninfo) as connection:
        connection.execute("select set_config('shop.scale', %s, true)", [repr(scale)])
        for part in _PARTS:
            connection.execute(files("bot.sandbox").joinpath(part).read_bytes())
