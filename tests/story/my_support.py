"""A stage with two MariaDB databases: a small shop of many kinds of objects, and an empty one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from bot.sandbox.stage import Stage
from tests.servers.mysql_run import MysqlDatabase
from tests.story.support import HISTORY, World, service

SHOP = (
    "create table customers (id int auto_increment primary key, name varchar(80) not null, mail varchar(120),"
    " joined timestamp not null default current_timestamp, unique key (mail))",
    "create table orders (id int auto_increment primary key, customer int not null, total decimal(12, 2),"
    " paid datetime, note text, key (customer), constraint of_customer foreign key (customer)"
    " references customers (id))",
    "create table `odd ``name. <!channel>` (a int primary key, `b c` varchar(10))",
    "create definer = 'old owner'@'10.0.0.%' view spending as select c.name, sum(o.total) total from customers c"
    " join orders o on o.customer = c.id group by c.name",
    "create function tax(price decimal(12, 2)) returns decimal(12, 2) deterministic return price * 0.19",
    "create trigger stamp before insert on orders for each row set new.note = ifnull(new.note, 'none')",
    "create event tidy on schedule every 1 day do delete from orders where total is null",
    "insert into customers (name, mail) select concat('Kundin ß ', seq), concat(seq, '@example.com')"
    " from seq_1_to_500",
    "insert into orders (customer, total, paid) select 1 + seq % 500, seq / 7, '2024-02-29 23:59:59' from"
    " seq_1_to_4000",
    "insert into `odd ``name. <!channel>` values (1, 'x\\\\y'), (2, null)",
)


def shop(database: MysqlDatabase) -> MysqlDatabase:
    """Fills it."""
    database.run("set sql_mode = ''", *SHOP)
    return database


@contextmanager
def my_world(
    source: MysqlDatabase,
    targets: Mapping[str, tuple[str, str]],
    env: Mapping[str, str] | None = None,
) -> Iterator[World]:
    """Service `shop` is the source; `targets` are (engine, URL) by name, in production where that says `prod`."""
    services = {"shop": {**service("staging", "SHOP_URL"), "engine": "mariadb"}}
    values = {"SHOP_URL": source.server.url(source.name), **(env or {})}
    for number, (name, (engine, url)) in enumerate(targets.items()):
        environment = "production" if name.startswith("prod") else "staging"
        services[name] = {**service(environment, f"TARGET_{number}", free_disk="40 GB"), "engine": engine}
        values[f"TARGET_{number}"] = url
    policy = {"production": {"approvals": 1, "approvers": ["S0DBA"]}, "staging": {"approvals": 0}}
    stage = Stage(services, values, environments=policy, workers=2)
    with stage:
        stage.slack.scopes = stage.slack.scopes | HISTORY
        yield World(stage, None, {})  # type: ignore[arg-type]  # its databases are PostgreSQL's
