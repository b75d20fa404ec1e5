"""The facts of services, from real servers: a primary with its standby, a weak user, MariaDB, and nobody at all."""

from __future__ import annotations

import dataclasses
import time

import psycopg
import pytest
from psycopg import sql

from bot.sandbox.servers import MariaDbServer, PostgresServer
from jobs.core.errors import FerrybotError
from jobs.core.model import Dialect
from jobs.core.services import Replica
from jobs.engines.mysql.gauge import MysqlGauge
from jobs.engines.postgres.gauge import PostgresGauge
from jobs.engines.registry import observer_for
from tests.servers.mysql_run import databases
from tests.servers.mysql_run import endpoint as my_endpoint
from tests.servers.pg_run import endpoint
from tests.support.servers import Database, FreshDatabase
from tests.support.standby import Standby

pytestmark = pytest.mark.servers
observe_pg, observe_my = observer_for(Dialect.postgresql), observer_for(Dialect.mariadb)


def follower(primary: PostgresServer) -> Replica:
    """The one replica, once it streams; it connects a moment after it answers."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = observe_pg(endpoint(Database(primary, "postgres"))).replicas
        if [one.state for one in found] == ["streaming"]:
            return found[0]
    raise AssertionError("no replica streams")


def test_a_standby_is_seen_from_both_sides_and_so_is_its_promotion(pg16: PostgresServer) -> None:
    with Standby(pg16) as standby:
        place = endpoint(Database(standby, "postgres"))
        replica = follower(pg16)
        assert replica.lag_bytes is not None and replica.lag_bytes < 1 << 30
        facts = observe_pg(place)
        assert (facts.role, facts.upstream) == ("replica", pg16.host) and facts.lag_seconds is not None
        gauge, primary = PostgresGauge(place), PostgresGauge(endpoint(Database(pg16, "postgres")))
        before, other = gauge.standing(), primary.standing()
        assert not before.primary and other.primary and primary.standing() == other
        with psycopg.connect(standby.dsn(), autocommit=True) as connection:
            connection.execute("select pg_promote()")
        after = gauge.standing()
        assert after.primary and after.identity != other.identity, "another timeline of the same system"
        assert after.identity.split("/")[0] == other.identity.split("/")[0] != ""
        gauge.close()
        primary.close()


def test_a_primary_says_what_it_is(fresh_db: FreshDatabase, pg16: PostgresServer) -> None:
    database = fresh_db(pg16)
    with database.connect() as connection:
        connection.execute("select pg_create_physical_replication_slot('forgotten', true)")
        try:
            facts = observe_pg(endpoint(database))
        finally:
            connection.execute("select pg_drop_replication_slot('forgotten')")
    assert facts.version.startswith("16.") and (facts.role, facts.read_only, facts.trouble) == ("primary", False, "")
    assert facts.size is not None and facts.size > 1_000_000 and facts.replicas == ()
    assert [(s.name, s.active) for s in facts.slots] == [("forgotten", False)]
    assert facts.free is None and "not switched on" in facts.free_unknown
    measured = observe_pg(dataclasses.replace(endpoint(database), measure_disk=True))
    assert measured.free is not None and measured.free > 1 << 20


def test_a_weak_user_sees_less_and_nothing_fails(fresh_db: FreshDatabase, pg16: PostgresServer) -> None:
    database = fresh_db(pg16)
    with database.connect() as connection:
        connection.execute(sql.SQL("create role weak_looker login password 'x'"))
        connection.execute("revoke select on pg_stat_replication, pg_replication_slots from public")
    try:
        facts = observe_pg(endpoint(database, "weak_looker", "x"))
        assert facts.role == "primary" and "permission denied" in facts.replicas_unknown
    finally:
        with database.connect() as connection:
            connection.execute("drop role weak_looker")


def test_mariadb_says_what_it_is(mariadb_server: MariaDbServer) -> None:
    with databases(mariadb_server, 1) as (database,):
        database.run("create table t (id int primary key, b blob)", "insert into t values (1, repeat('x', 60000))")
        facts = observe_my(my_endpoint(database))
        assert (facts.role, facts.read_only, facts.replicas, facts.trouble) == ("primary", False, (), "")
        assert facts.size is not None and facts.size > 10_000 and facts.version[0].isdigit()
        gauge = MysqlGauge(my_endpoint(database))
        before = gauge.standing()
        assert before.primary and before.identity
        database.run("set global read_only = on")
        try:
            assert observe_my(my_endpoint(database)).read_only and not gauge.standing().primary
        finally:
            database.run("set global read_only = off")
        assert gauge.standing() == before
        gauge.close()


def test_nobody_is_an_error_in_words(pg16: PostgresServer) -> None:
    nowhere = dataclasses.replace(endpoint(Database(pg16, "postgres")), port=1)
    with pytest.raises(FerrybotError, match="Cannot connect"):
        observe_pg(nowhere)
    with pytest.raises(FerrybotError, match="Cannot connect"):
        observe_my(dataclasses.replace(nowhere, dialect=Dialect.mysql))
