"""Fills a database with a believable web shop, for `make demo` and for the tests."""

from importlib.resources import files

import psycopg


def create_shop(conninfo: str, scale: float = 1.0) -> None:
    """Create the shop in the database of `conninfo`, as its superuser; scale 1 is over a million rows.

    The same scale gives the same data on every server. Raises `psycopg.Error`; then nothing is created.
    """
    text = files("bot.sandbox").joinpath("shop.sql").read_text(encoding="utf-8")
    with psycopg.connect(conninfo) as connection:
        connection.execute("select set_config('shop.scale', %s, true)", [repr(scale)])
        connection.execute(text.encode())
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("analyze")
