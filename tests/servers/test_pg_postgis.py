"""PostGIS from PostgreSQL to PostgreSQL: types, indexes, rasters, topologies, and reference systems of one's own."""

from __future__ import annotations

import pytest

from jobs.core.model import Severity
from tests.servers.pg_run import Migration, all_tables, assert_same, nothing_of_ours, rows
from tests.servers.test_pg_rollback import back, move, picture
from tests.support.servers import Database, FreshDatabase, PostgresPool

EXTENSIONS = "create extension postgis; create extension postgis_raster; create extension postgis_topology;"
PLACES = """
insert into spatial_ref_sys (srid, auth_name, auth_srid, srtext, proj4text)
    select 990001, 'harbour', 990001, srtext, proj4text from spatial_ref_sys where srid = 25832;
create schema geo;
create table geo.places (
    id int primary key, p geometry(point, 4326) not null, z geometry(pointzm, 990001), g geometry, h geography,
    b box2d, t geometry(polygon, 3857) generated always as (st_transform(st_buffer(p, 0.01, 2), 3857)) stored,
    check (st_npoints(g) < 100)
);
create index on geo.places using gist (p); create index on geo.places using spgist (g);
create index on geo.places using gist (h); create index on geo.places using brin (p);
create index on geo.places using gist (st_buffer(p, 1));
insert into geo.places (id, p, z, g, h, b)
    select i, st_setsrid(st_point(i % 350 - 175, i % 160 - 80), 4326),
        st_setsrid(st_makepoint(i, 1e-300, -0.1, 1e300), 990001),
        case i % 4 when 0 then 'polygon((0 0, 9 0, 9 9, 0 0), (2 1, 3 1, 3 2, 2 1))' when 1 then
            'srid=4326;geometrycollection empty' when 2 then 'circularstring(0 0, 1 1, 2 0)' end::geometry,
        st_setsrid(st_point(i % 360 - 180, i % 90), 4326)::geography, box2d(st_makeenvelope(0, 0, i, i))
    from generate_series(1, 3000) i;
create table geo.tiles (id int primary key, r raster);
insert into geo.tiles
    select i, st_addband(st_makeemptyraster(10, 10, i, 0, 1, -1, 0, 0, 4326), '8BUI'::text, i % 200, 0)
    from generate_series(1, 50) i;
set search_path = geo, public; select addrasterconstraints('tiles'::name, 'r'::name); reset search_path;
create materialized view geo.near as
    select a.id, count(*) n from geo.places a join geo.places b on a.p && b.p group by 1;
create function geo.far(geometry) returns float8 language sql immutable as $$select st_distance($1, 'point(0 0)')$$;
select topology.createtopology('net', 4326);
select topology.addnode('net', st_setsrid(st_point(i, i), 4326)) from generate_series(1, 20) i;
create table geo.roads (id int primary key);
select topology.addtopogeometrycolumn('net', 'geo', 'roads', 'way', 'point');
insert into geo.roads
    select i, topology.totopogeom(st_setsrid(st_point(i, i), 4326), 'net', 1) from generate_series(1, 20) i;
"""


@pytest.fixture
def migration(fresh_db: FreshDatabase, pg_server: PostgresPool) -> Migration:
    """Two databases of Debian's 15; tests end here where its package of PostGIS is not installed."""
    source, target = (fresh_db(pg_server.server(15)) for _ in range(2))
    if not rows(source, "select from pg_available_extensions where name = 'postgis'"):
        pytest.skip("the server has no PostGIS: apt-get install postgresql-15-postgis-3")
    with source.connect() as connection:
        connection.execute(EXTENSIONS)
        connection.execute(PLACES)
    return Migration(source, target)


def asked(database: Database) -> list[list[tuple[object, ...]]]:
    """What PostGIS itself says of them, and what its indexes find."""
    return [
        rows(database, "select * from spatial_ref_sys where srid > 990000"),
        rows(database, "select (to_jsonb(c) - 'f_table_catalog')::text from geometry_columns c order by 1"),
        rows(database, "select (to_jsonb(c) - 'r_table_catalog')::text from raster_columns c order by 1"),
        rows(database, "select * from topology.topology"),
        rows(database, "select * from topology.layer"),
        rows(database, "select id, st_asewkt(way::geometry) from geo.roads order by 1"),
        rows(database, "select topology.topologysummary('net')"),
        rows(database, "select id, st_asewkb(z), st_asewkb(g), st_asewkb(t) from geo.places order by 1"),
        rows(database, "select count(*) from geo.places where p && st_makeenvelope(0, 0, 9, 9, 4326)"),
        rows(database, "select last_value, is_called from topology.topology_id_seq"),
    ]


@pytest.mark.parametrize("there", [False, True], ids=["created", "already there"])
def test_everything_of_postgis_arrives(migration: Migration, there: bool) -> None:
    if there:
        with migration.target.connect() as target:
            target.execute(
                "create extension postgis; create extension postgis_raster; create extension postgis_topology"
            )
    found = [finding for result in migration.checks().values() for finding in result.findings]
    assert [finding.message for finding in found if finding.severity is Severity.block] == []
    before, plan = picture(migration.target), migration.plan()
    kept = move(migration, plan)
    assert "geo.places" in all_tables(migration.target)
    assert_same(migration.source, migration.target)
    ours, theirs = asked(migration.source), asked(migration.target)
    for one, other in zip(ours, theirs, strict=True):
        assert one == other
    assert nothing_of_ours(migration.target)
    back(migration, plan, kept)
    assert picture(migration.target) == before
