"""Reads every fact of both sides once, without writing anything. What cannot be read is a fact too."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pymysql

from jobs.core.errors import FerrybotError
from jobs.core.model import Options
from jobs.engines.mysql.connect import connect, explain
from jobs.engines.mysql.facts import Fact, Unreachable, Unreached, Unread
from jobs.engines.mysql.inspect import address, inspect_side, read_source, source_probes
from jobs.engines.mysql.inventory import Inventory as MySqlInventory
from jobs.engines.mysql.inventory import Side
from jobs.engines.mysql.reader import Reader
from jobs.engines.mysql_postgres.inspect_values import Look, look
from jobs.engines.mysql_postgres.inventory import Inventory
from jobs.engines.mysql_postgres.rules import Stated
from jobs.engines.postgres.inspect import inspect as inspect_postgres
from jobs.engines.postgres.inventory import Inventory as PostgresInventory
from jobs.ports.engine import Asked


def inspect(asked: Asked) -> Inventory:
    """Both sides at once, since a far server answers slowly and a silent one only after a timeout."""
    with ThreadPoolExecutor(2) as pool:
        reading_source = pool.submit(_source, asked)
        reading_target = pool.submit(_target, asked)
        mine, reached = reading_source.result(), reading_target.result()
    return Inventory(mine=mine, reached=reached, looks=_looks(asked, mine), stated=Stated(asked.rules))


def _source(asked: Asked) -> MySqlInventory:
    inventory = MySqlInventory(
        migration=asked.migration,
        options=asked.options,
        source_address=address(asked.source, asked.source_environment),
        target_address=address(asked.target, asked.target_environment),
        source_side=inspect_side(asked.source, read_source),
        target_side=Unreachable("permanent", "the target is no MySQL server", ""),
        stated_free_bytes=asked.stated_free_bytes,
    )
    return replace(inventory, source_side=source_probes(asked.source, inventory))


def _target(asked: Asked) -> PostgresInventory:
    """PostgreSQL's own inspection, of the target alone: it is asked to be its own source."""
    chosen = asked.options
    options = Options(scope=chosen.scope, parallelism=chosen.parallelism, overwrite=chosen.overwrite)
    return inspect_postgres(replace(asked, source=asked.target, options=options))


def _looks(asked: Asked, mine: MySqlInventory) -> Fact[tuple[Look, ...]]:
    side = mine.source_side
    if not isinstance(side, Side):
        return Fact(reason="the source could not be reached")
    try:
        catalog, tables = side.catalog.get(), mine.selected
        packet = side.server.number("max_allowed_packet", 16 << 20)
        with closing(connect(asked.source, purpose="inspect values")) as connection:
            reader = Reader(connection, asked.source)
            return reader.fact(lambda: look(reader, catalog, tables, packet))
    except (Unread, Unreached) as error:
        return Fact(reason=str(error))
    except FerrybotError as error:
        return Fact(reason=error.what)
    except (pymysql.MySQLError, OSError) as error:
        return Fact(reason=explain(error, asked.source, doing="Looking at the values").what)
