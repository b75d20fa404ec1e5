"""The demo's web shop: it is big enough, the same everywhere, and holds what migrations stumble over."""

import hashlib

import pytest

from bot.sandbox.shop import create_shop
from tests.support.servers import Database, FreshDatabase, PostgresPool, ShopDatabase

SCHEMAS = ["catalog", "sales", "crm", "audit", "public"]
TABLES = "select oid::regclass::text from pg_class where relkind = 'r' and relnamespace::regnamespace::text = any(%s)"

# What must be there, and how many of it at least: (kind, query that counts it, least number).
OBJECTS = [
    ("schemas", "select count(*) from pg_namespace where nspname = any(%(s)s)", 5),
    ("enums", "select count(*) from pg_type where typtype = 'e'", 2),
    ("domains", "select count(*) from pg_type where typtype = 'd' and typnamespace::regnamespace::text = 'crm'", 2),
    ("ranges", "select count(*) from pg_range where rngsubtype = 'numeric'::regtype", 2),
    ("composites", "select count(*) from pg_class where relkind = 'c'", 1),
    ("identity always", "select count(*) from pg_attribute where attidentity = 'a'", 4),
    ("identity by default", "select count(*) from pg_attribute where attidentity = 'd'", 3),
    ("generated", "select count(*) from pg_attribute where attgenerated = 's'", 3),
    ("partitioned", "select count(*) from pg_partitioned_table", 4),
    ("default partitions", "select count(*) from pg_partitioned_table where partdefid <> 0", 4),
    ("partitions of partitions", "select count(*) from pg_class where relispartition and relkind = 'p'", 2),
    ("views", "select count(*) from pg_views where schemaname = any(%(s)s)", 3),
    ("materialized views", "select count(*) from pg_matviews", 2),
    ("unpopulated views", "select count(*) from pg_matviews where not ispopulated", 1),
    ("triggers", "select count(*) from pg_trigger where not tgisinternal", 5),
    ("disabled triggers", "select count(*) from pg_trigger where tgenabled = 'D'", 1),
    ("self references", "select count(*) from pg_constraint where contype = 'f' and conrelid = confrelid", 2),
    ("deferrable keys", "select count(*) from pg_constraint where contype = 'f' and condeferrable", 2),
    ("exclusions", "select count(*) from pg_constraint where contype = 'x'", 2),
    ("not validated", "select count(*) from pg_constraint where not convalidated", 2),
    ("partial indexes", "select count(*) from pg_index where indpred is not null", 1),
    ("expression indexes", "select count(*) from pg_index where indexprs is not null", 2),
    ("covering indexes", "select count(*) from pg_index where indnatts > indnkeyatts", 2),
    ("statistics", "select count(*) from pg_statistic_ext", 1),
    ("policies", "select count(*) from pg_policy", 1),
    ("unlogged", "select count(*) from pg_class where relpersistence = 'u' and relkind = 'r'", 1),
    ("procedures", "select count(*) from pg_proc where prokind = 'p' and pronamespace = 'sales'::regnamespace", 1),
    ("comments", "select count(*) from pg_description where objoid >= 16384", 15),
    ("grants", "select count(*) from information_schema.role_table_grants where grantee = 'shop_app'", 10),
    ("column grants", "select count(*) from pg_attribute where attacl is not null and attnum > 0", 2),
    ("counting down", "select count(*) from pg_sequences where increment_by < 0", 1),
    ("no columns", "select count(*) from pg_class where relkind = 'r' and relnatts = 0", 1),
    ("hostile names", "select count(*) from pg_class where relname like '<!channel>%%\"%%' and relkind = 'r'", 1),
    ("quoted names", "select count(*) from pg_class where relname in ('Order Notes', 'user', 'order')", 3),
]


def _digests(database: Database) -> dict[str, str]:
    """A hash of every table's rows, in an order of their own."""
    found = {}
    with database.connect() as connection:
        for (table,) in connection.execute(TABLES, [SCHEMAS]).fetchall():
            with connection.cursor().copy(f"copy (select * from {table} t order by t::text) to stdout") as copy:
                found[table] = hashlib.sha256(b"".join(bytes(block) for block in copy)).hexdigest()
    return found


@pytest.mark.parametrize(("kind", "query", "least"), OBJECTS, ids=[kind for kind, _, _ in OBJECTS])
def test_it_holds(shop_db: ShopDatabase, pg_server: PostgresPool, kind: str, query: str, least: int) -> None:
    with shop_db(pg_server.server(16)).connect() as connection:
        row = connection.execute(query.encode(), {"s": SCHEMAS}).fetchone()
    assert row is not None and row[0] >= least, kind


@pytest.mark.parametrize("major", [15, 17, 18])
def test_rows_are_the_same_on_every_version(shop_db: ShopDatabase, pg_server: PostgresPool, major: int) -> None:
    assert _digests(shop_db(pg_server.server(major))) == _digests(shop_db(pg_server.server(16)))


def test_edges_are_as_written(shop_db: ShopDatabase, pg_server: PostgresPool) -> None:
    with shop_db(pg_server.server(16)).connect() as connection:
        rows = connection.execute(
            "select id, exact::text, single::text, moment::text, words from audit.edge_value where id in (1, 2, 4)"
        ).fetchall()
    assert rows == [
        (1, None, None, None, None),
        (2, "-Infinity", "-Infinity", "-infinity", ""),
        (4, "NaN", "NaN", "4713-01-01 00:00:00+00 BC", "\\."),
    ]


def test_totals_agree_with_lines(shop_db: ShopDatabase, pg_server: PostgresPool) -> None:
    with shop_db(pg_server.server(16)).connect() as connection:
        wrong = connection.execute(
            'select o.id from sales."order" o join sales.order_line l on l.order_id = o.id'
            " group by o.id, o.total having o.total <> sum(l.total)"
        ).fetchall()
    assert wrong == []


def test_sequences_are_past_the_rows(shop_db: ShopDatabase, pg_server: PostgresPool) -> None:
    with shop_db(pg_server.server(16)).connect() as connection:
        row = connection.execute("select nextval('sales.order_number') > max(id) from sales.\"order\"").fetchone()
    assert row == (True,)


def test_a_million_rows_at_scale_one(fresh_db: FreshDatabase, pg_server: PostgresPool) -> None:
    database = fresh_db(pg_server.server(18))
    create_shop(database.dsn)
    with database.connect() as connection:
        tables = connection.execute(TABLES, [SCHEMAS]).fetchall()
        counts = [connection.execute(f"select count(*) from {table}").fetchone() for (table,) in tables]
    assert sum(count[0] for count in counts if count) >= 1_000_000


@pytest.mark.parametrize("scale", [0.0, 0.001])
def test_a_tiny_shop_works_too(fresh_db: FreshDatabase, pg_server: PostgresPool, scale: float) -> None:
    database = fresh_db(pg_server.server(16))
    create_shop(database.dsn, scale)
    with database.connect() as connection:
        tables = connection.execute(TABLES, [SCHEMAS]).fetchall()
        counts = [connection.execute(f"select count(*) from {table}").fetchone() for (table,) in tables]
    assert len(tables) > 20
    assert 0 < sum(count[0] for count in counts if count) < 10_000
