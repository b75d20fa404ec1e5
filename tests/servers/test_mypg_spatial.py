"""Geometries from MariaDB in PostGIS: every type, SRID and axis as it was, indexes, and what happens without it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString

import pytest

from bot.sandbox.servers import MariaDbServer, PostgresServer
from jobs.core.model import Severity
from tests.servers.mypg_run import Move, drain, fresh_source, steps
from tests.servers.pg_run import Spy, nothing_of_ours, rows
from tests.support.servers import FreshDatabase, PostgresPool

PLACES = """
create table places (
    id int primary key, p point not null, g geometry, l linestring, po polygon, mp multipoint, ml multilinestring,
    mpo multipolygon, gc geometrycollection, spatial index on_p (p)
) engine = aria;
insert into places values
    (1, st_geomfromtext('point(13.4 52.5)', 4326), st_geomfromtext('point(1 2)', 25832),
     st_geomfromtext('linestring(0 0, 1e-300 -0.1, 1e300 5)', 4326),
     st_geomfromtext('polygon((0 0, 9 0, 9 9, 0 0), (1 1, 2 1, 2 2, 1 1))', 4326),
     st_geomfromtext('multipoint(1 1, 2 2)', 4326), st_geomfromtext('multilinestring((0 0, 1 1), (2 2, 3 3))', 4326),
     st_geomfromtext('multipolygon(((0 0, 9 0, 9 9, 0 0)), ((10 10, 11 10, 11 11, 10 10)))', 4326),
     st_geomfromtext('geometrycollection(point(1 1), linestring(0 0, 1 1))', 4326)),
    (2, st_geomfromtext('point(-180 90)', 4326), st_geomfromtext('linestring(1 2, 3 4)'), null, null, null, null,
     null, st_geomfromtext('geometrycollection empty', 4326)),
    (3, st_geomfromtext('point(0.1 0.2)', 4326), null, null, null, null, null, null, null);
create table bare (p point not null);
insert into bare values (st_geomfromtext('point(1 2)'));
create table nothing (id int primary key, p point);
"""


@pytest.fixture
def move(mariadb_server: MariaDbServer, fresh_db: FreshDatabase, pg_server: PostgresPool) -> Iterator[Move]:
    """A target of Debian's 15; tests end here where its package of PostGIS is not installed."""
    target = fresh_db(pg_server.server(15))
    if not rows(target, "select from pg_available_extensions where name = 'postgis'"):
        pytest.skip("the server has no PostGIS: apt-get install postgresql-15-postgis-3")
    with fresh_source(mariadb_server, PLACES) as source:
        yield Move(source, target)


def run(move: Move, statement: LiteralString) -> None:
    with move.target.connect() as target:
        target.execute(statement)


def types(move: Move) -> dict[str, str]:
    return dict(
        rows(
            move.target,
            "select attname, format_type(atttypid, atttypmod) from pg_attribute"
            " where attrelid = 'places'::regclass and attnum > 1",
        )
    )


def test_geometries_arrive_in_an_extension_that_is_there(move: Move) -> None:
    run(move, "create extension postgis schema public")
    found = [finding for result in move.checks().values() for finding in result.findings]
    assert not [finding for finding in found if finding.severity is Severity.block]
    assert {q.key: q.default for q in move.plan().questions if q.key.startswith("srid:places.p")} == {
        "srid:places.p": "4326",
        "srid:places.po": "4326",
    }
    verdict = move.run()
    assert verdict.reasons == []
    assert types(move) == {
        "p": "geometry(Point,4326)",
        "g": "geometry",
        "l": "geometry(LineString,4326)",
        "po": "geometry(Polygon,4326)",
        "mp": "geometry(MultiPoint,4326)",
        "ml": "geometry(MultiLineString,4326)",
        "mpo": "geometry(MultiPolygon,4326)",
        "gc": "geometry(GeometryCollection,4326)",
    }
    assert rows(move.target, "select st_x(p), st_y(p), st_srid(p), st_srid(g) from places order by id") == [
        (13.4, 52.5, 4326, 25832),
        (-180.0, 90.0, 4326, 0),
        (0.1, 0.2, 4326, None),
    ]
    assert rows(move.target, "select st_astext(gc) from places where id = 1") == [
        ("GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))",)
    ]
    assert rows(move.target, "select indexdef from pg_indexes where indexname = 'on_p'") == [
        ("CREATE INDEX on_p ON public.places USING gist (p)",)
    ]


def test_a_geometry_changed_in_the_target_is_never_green(move: Move) -> None:
    run(move, "create extension postgis schema public")
    move.decisions = {"srid:places.p": "any"}
    move.source.execute("insert into bare values (st_geomfromtext('point(1 2)', 5000000))")

    with move.conductor() as conductor:
        conductor.prepare(Spy())
        with conductor.lane() as lane:
            task = steps(lane, lambda task: task.kind == "verify")
            run(move, "update places set p = public.st_setsrid(p, 3857) where id = 3")
            lane.commit(task, lane.perform(task, Spy()))
            drain(lane, Spy())
        unequal = {proof.table.partition(".")[2] for proof in conductor.verdict().proofs if not proof.equal}
        assert unequal == {"bare", "places"}, "PostGIS replaces such an SRID, and nobody is told that it arrived"


def test_the_extension_is_made_if_chosen_and_gone_when_undone(move: Move) -> None:
    assert {q.default for q in move.plan().questions if q.key.startswith("type:")} == {""}
    spatial = ("places.p", "places.g", "places.l", "places.po", "places.mp", "places.ml", "places.mpo", "places.gc")
    move.decisions = {f"type:{place}": "new geometry" for place in (*spatial, "bare.p", "nothing.p")}
    assert move.run(finish=False).reasons == []
    assert types(move)["p"] == "geometry(Point,4326)"
    with move.conductor() as conductor:
        conductor.undo(Spy())
    assert nothing_of_ours(move.target)
    assert rows(move.target, "select from pg_extension where extname = 'postgis'") == []


def test_without_postgis_it_is_said_how_to_get_it(
    mariadb_server: MariaDbServer, fresh_db: FreshDatabase, pg16: PostgresServer
) -> None:
    with fresh_source(mariadb_server, "create table t (id int primary key, p point)") as source:
        move = Move(source, fresh_db(pg16))
        (question,) = [q for q in move.plan().questions if q.key == "type:t.p"]
        assert [choice.value for choice in question.choices] == ["wkb"] and not question.default
        assert "CREATE EXTENSION postgis" in question.detail
