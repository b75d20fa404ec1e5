"""MySQL to MariaDB by its texts: there is no Oracle MySQL here, so SHOW CREATE and the catalog are written as 8.0
does, and what becomes of them is made on a real MariaDB, read back and compared (hard cases 19, 28)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pymysql
import pytest

from bot.sandbox.servers import MariaDbServer
from jobs.core.model import CheckResult, Severity
from jobs.engines.mysql import census, conditional, flavour, schema
from jobs.engines.mysql.catalog import Catalog, CheckConstraint, Column, Index, Part, Routine, Table, View, read
from jobs.engines.mysql.checks.all import CHECKS
from jobs.engines.mysql.checks.base import look
from jobs.engines.mysql.connect import connect
from jobs.engines.mysql.facts import Fact
from jobs.engines.mysql.inspect import inspect
from jobs.engines.mysql.inventory import Inventory
from jobs.engines.mysql.words_of_mysql import FUNCTIONS, unknown_words
from tests.servers.mysql_run import Migration, MysqlDatabase, databases
from tests.support import tales

MYSQL = flavour.parse("8.0.36", "MySQL Community Server - GPL")
MARIADB = flavour.parse("10.11.6-MariaDB")
COLLATIONS = {"utf8mb4_0900_ai_ci": "utf8mb4_uca1400_nopad_ai_ci"}


def filled(kind: type[Any], /, **values: Any) -> Any:
    """An instance whose other fields are of no matter."""
    blank = {"str": "", "int": 0, "bool": False}
    return kind(**{f.name: values.get(f.name, blank.get(str(f.type))) for f in fields(kind) if f.init})


@pytest.fixture
def pair(mariadb_server: MariaDbServer) -> Iterator[Migration]:
    with databases(mariadb_server) as (source, target):
        yield Migration(source, target)


@pytest.mark.parametrize(
    ("mysql", "mariadb"),
    [
        ("`a` int DEFAULT '7' /*!80023 INVISIBLE */", "`a` int DEFAULT '7' INVISIBLE"),
        ("KEY `k` (`a`) /*!80000 INVISIBLE */", "KEY `k` (`a`) IGNORED"),
        ("UNIQUE KEY `k` (`a`) COMMENT 'x /*!80000 INVISIBLE */' /*!80000 INVISIBLE */",
         "UNIQUE KEY `k` (`a`) COMMENT 'x /*!80000 INVISIBLE */' IGNORED"),
        ("`/*!80023 INVISIBLE */` int", "`/*!80023 INVISIBLE */` int"),
        ("`a` int /*!50606 STORAGE DISK */ /*!50606 COLUMN_FORMAT DYNAMIC */ DEFAULT NULL", "`a` int   DEFAULT NULL"),
        (") /*!50100 TABLESPACE `ts` */ ENGINE=InnoDB", ")  ENGINE=InnoDB"),
        (") ENGINE=InnoDB\n/*!50100 PARTITION BY HASH (`a`)\nPARTITIONS 2 */",
         ") ENGINE=InnoDB\n/*!50100 PARTITION BY HASH (`a`)\nPARTITIONS 2 */"),
        ("`p` point NOT NULL /*!80003 SRID 4326 */", "`p` point NOT NULL /*!80003 SRID 4326 */"),
    ],
)  # fmt: skip
def test_a_definition_in_mariadbs_words(mysql: str, mariadb: str) -> None:
    assert conditional.adapted(mysql, MYSQL, MARIADB) == mariadb
    assert conditional.adapted(mysql, MYSQL, MYSQL) == mysql
    assert conditional.adapted(mysql, MARIADB, MARIADB) == mysql


TABLE = """CREATE TABLE `t` (
  `id` bigint unsigned NOT NULL AUTO_INCREMENT,
  `name` varchar(40) COLLATE utf8mb4_0900_ai_ci NOT NULL DEFAULT '/*!80023 INVISIBLE */',
  `secret` int DEFAULT '7' /*!80023 INVISIBLE */,
  `doc` json DEFAULT NULL,
  `at` timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  `flag` tinyint(1) NOT NULL DEFAULT '1',
  PRIMARY KEY (`id`,`flag`),
  KEY `by_name` (`name`(10) DESC) /*!80000 INVISIBLE */,
  CONSTRAINT `t_chk_1` CHECK ((`secret` > 0))
) /*!50100 TABLESPACE `innodb_file_per_table` */ ENGINE=InnoDB AUTO_INCREMENT=42 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci COMMENT='it''s'
/*!50100 PARTITION BY HASH (`flag`)
PARTITIONS 2 */"""  # noqa: E501


def column(position: int, name: str, column_type: str, **more: Any) -> Column:
    values = {"data_type": column_type.partition("(")[0].partition(" ")[0], "column_type": column_type}
    made: Column = filled(Column, name=name, position=position, **(values | more))
    return made


def of_mysql(target: Table) -> Table:
    """The table as MySQL's catalog tells of it."""
    text = {"charset": "utf8mb4", "collation": "utf8mb4_0900_ai_ci"}
    now = {"default": "CURRENT_TIMESTAMP(3)", "default_is_expression": True, "on_update": True}
    made: Table = filled(
        Table,
        name="t",
        engine="InnoDB",
        options="partitioned",
        comment="it's",
        create=TABLE,
        columns=(
            column(1, "id", "bigint unsigned", extra="auto_increment", auto_increment=True),
            column(2, "name", "varchar(40)", default="/*!80023 INVISIBLE */", **text),
            column(3, "secret", "int", default="7", extra="INVISIBLE", invisible=True, nullable=True),
            column(4, "doc", "json", nullable=True),
            column(5, "at", "timestamp(3)", extra="DEFAULT_GENERATED on update CURRENT_TIMESTAMP(3)", **now),
            column(6, "flag", "tinyint(1)", default="1"),
        ),
        indexes=(
            Index("PRIMARY", True, "BTREE", (Part("id", "", None, False), Part("flag", "", None, False)), "", False),
            Index("by_name", False, "BTREE", (Part("name", "", 10, True),), "", True),
        ),
        checks=(CheckConstraint("t_chk_1", "(`secret` > 0)", True, False),),
        foreign_keys=(),
        partitions=target.partitions,
        **text,
    )
    return made


def test_a_table_of_mysql_8_becomes_one_of_mariadb(pair: Migration) -> None:
    adapt = lambda text: conditional.adapted(text, MYSQL, MARIADB)  # noqa: E731
    table = of_mysql(filled(Table))
    pair.target.run(schema.statements(table, COLLATIONS, adapt).create)
    there = catalog(pair.target)
    (made,) = there.tables
    assert made.column("secret").invisible and made.indexes[0].ignored and made.partitions is not None
    assert made.column("name").collation == "utf8mb4_uca1400_nopad_ai_ci"
    mine = replace(there, flavour=MYSQL, collation="utf8mb4_0900_ai_ci", tables=(of_mysql(made),))
    pair.target.run(f"alter database {pair.target.name} collate utf8mb4_uca1400_nopad_ai_ci")
    plan = tales.plan(["t"])
    decisions = tuple((f"collation:{name}", other) for name, other in COLLATIONS.items())
    plan = plan.model_copy(update={"options": plan.options.model_copy(update={"decisions": decisions})})
    counted = census.take(mine, catalog(pair.target), plan, {})
    assert [str(difference) for difference in counted.differences] == []
    said = {(d.kind, d.name) for d in counted.transformed}
    assert {("column", "t.name"), ("database", "character set"), ("check", "every one of 1")} <= said
    # What is lost all the same is seen.
    pair.target.run("alter table t alter index by_name not ignored", "alter table t modify secret int default 7")
    pair.target.run("alter table t modify doc longtext")
    lost = {(d.kind, d.name) for d in census.take(mine, catalog(pair.target), plan, {}).differences}
    assert lost == {("index", "t.by_name"), ("column", "t.secret"), ("column", "t.doc")}


def catalog(database: MysqlDatabase) -> Catalog:
    with connect(Migration(database, database).asked().source, purpose="test") as connection:
        return read(connection, database.name)


def check(inventory: Inventory, name: str) -> CheckResult:
    return next(look(one, inventory) for one in CHECKS if one.name == name)


def test_what_mariadb_would_skip_in_silence_is_told_before(pair: Migration) -> None:
    pair.source.run("create table t (id int primary key, p point not null, check (id > 0), key k (id))")
    inventory = inspect(pair.asked())
    (table,) = inventory.source.catalog.get().tables
    unenforced = replace(table, checks=(replace(table.checks[0], enforced=False),))
    one_srid = replace(
        table, create=table.create.replace("`p` point NOT NULL", "`p` point NOT NULL /*!80003 SRID 4326 */")
    )
    assert one_srid != table

    def said(changed: Table, target: str = "10.11.6-MariaDB") -> list[tuple[Severity, str]]:
        source, other = inventory.source, inventory.target
        mine = replace(source.catalog.get(), tables=(changed,), by_name={"t": changed})
        source = replace(source, catalog=Fact(mine), server=replace(source.server, flavour=MYSQL))
        other = replace(other, server=replace(other.server, flavour=flavour.parse(target)))
        result = check(replace(inventory, source_side=source, target_side=other), "features")
        return [(finding.severity, finding.object) for finding in result.findings]

    assert said(table) == []
    assert said(unenforced) == [(Severity.block, "t.CONSTRAINT_1")]
    assert said(unenforced, "8.4.3") == []
    assert said(one_srid) == [(Severity.warn, "t.p")]
    hidden = replace(table, indexes=tuple(replace(index, ignored=index.name == "k") for index in table.indexes))
    assert said(hidden) == [] and said(hidden, "10.5.20-MariaDB") == [(Severity.block, "t.k")]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_mariadb_knows_no_such_function(pair: Migration, name: str) -> None:
    with pytest.raises(pymysql.MySQLError) as refused:
        pair.target.rows(f"select {name}()")
    assert refused.value.args[0] in (1305, 1064)


def test_what_only_mysql_knows_is_found_in_programs_and_not_in_quotes() -> None:
    bodies = {
        "plain": "select `any_value`, 'uuid_to_bin(1)', a - b /* regexp_like(1) */ from t # grouping(1)",
        "arrows": "select `t`.`j` ->> '$.a', j->'$.b' from t",
        "words": "select ANY_VALUE (`a`), 1 member of ('[1]'), bin_to_uuid(x) from t, lateral (select 1) l",
    }
    views = tuple(filled(View, name=name, body=body) for name, body in bodies.items())
    routine = filled(Routine, name="p", kind="PROCEDURE", create="create procedure p() select regexp_like('a', 'a')")
    found = unknown_words(Catalog(MYSQL, "shop", "", "", views=views, routines=(routine,)))
    assert found == {
        "view arrows": ["->", "->>"],
        "view words": ["any_value", "bin_to_uuid", "lateral", "member of"],
        "procedure p": ["regexp_like"],
    }


PROGRAMS = (
    "create procedure p() begin /*!50001 set @a = 1; */ /*M!100100 set @b = 2; */ /*!99999 set @c = 3; */ select @a;"
    " end",
    "create function f() returns int deterministic return 1 /*!50001 + 1 */ /*!80000 + 10 */",
    "create view v as select 1 /*!50001 + 1 */ /*M! + 2 */ /*!80000 + 10 */ as n",
    "create trigger g before insert on t for each row set new.a = 1 /*!50001 + 1 */",
)


def test_conditional_comments_in_programs_mean_the_same_after_the_move(pair: Migration) -> None:
    """The server settles them when it stores a program; what is left in its text is a comment for everybody."""
    pair.source.run("create table t (a int)", *PROGRAMS)
    pair.source.run("create table c (id int primary key, v varchar(900) compressed)", "insert into c values (1, 'x')")
    assert pair.run().reasons == []
    for query in ("select f()", "select n from v"):
        assert pair.source.rows(query) == pair.target.rows(query)
    for side in (pair.source, pair.target):
        side.run("insert into t values (0)")
    assert pair.source.rows("select a from t") == pair.target.rows("select a from t") == [(2,)]
    stored = pair.target.rows("select routine_definition from information_schema.routines where routine_name = 'p'")
    assert "/*!5" not in stored[0][0] and "/*M!1" not in stored[0][0]
