"""Geometries of MariaDB in PostGIS. Pure.

MariaDB stores x and y as they were given, and an SRID that means nothing to it; so does PostGIS. MySQL 8 turns axes
by what an SRID means: what it would write was never proven here, and only its well-known binary is offered.

A value travels as `SRID=n;` with its well-known binary, and both servers prove it by the same text.
"""

from __future__ import annotations

from collections.abc import Mapping

from jobs.core.model import Choice, Question
from jobs.engines.mysql import quote as my
from jobs.engines.mysql.catalog import Column, Table
from jobs.engines.mysql_postgres.digest import Digest
from jobs.engines.mysql_postgres.rules import Rules, key

WORD, NEW = "geometry", "new "
ANY = "any"
MOST_SRID = 998_999
"""PostGIS replaces a greater one by another (lwgeom's SRID_USER_MAXIMUM)."""
TYPES: Mapping[str, str] = {
    "geometry": "Geometry",
    "point": "Point",
    "linestring": "LineString",
    "polygon": "Polygon",
    "multipoint": "MultiPoint",
    "multilinestring": "MultiLineString",
    "multipolygon": "MultiPolygon",
    "geometrycollection": "GeometryCollection",
    "geomcollection": "GeometryCollection",
}
"""MariaDB's and MySQL's words for types, as PostGIS writes them."""

MIXED = -1


def common_srid(column: Column) -> str:
    """SQL of the source, an aggregate: the SRID of all values, 0 where there is none, or `MIXED`."""
    srid = f"st_srid({my.name(column.name)})"
    return f"coalesce(if(min({srid}) = max({srid}), min({srid}), {MIXED}), 0)"


def question(table: Table, column: Column, srid: int | None) -> Question | None:
    """Whether the target's type holds to one SRID. `srid`: that of all values; None: nobody looked."""
    if srid is None or not 0 < srid <= MOST_SRID:
        return None
    name = TYPES[column.data_type]
    return Question(
        key=key("srid", table.name, column.name),
        title=f"Which SRID do geometries of {table.name}.{column.name} have?",
        choices=(
            Choice(value=str(srid), text=f"{srid}: geometry({name}, {srid})"),
            Choice(value=ANY, text=f"Each one its own: geometry({name})"),
        ),
        default=str(srid),
        detail=f"Every value of today has {srid}. The axes stay as they are: x is the first number.",
    )


def type_of(table: Table, column: Column, rules: Rules) -> str:
    """The target's type."""
    srid = rules.of_column("srid", table.name, column.name)
    held = f",{srid}" if srid and srid != ANY else ""
    name = TYPES[column.data_type]
    return f"public.geometry({name}{held})" if held or name != TYPES["geometry"] else "public.geometry"


def rendered(x: str) -> str:
    """SQL of the source: what PostGIS reads."""
    return f"concat('SRID=', st_srid({x}), ';', hex(st_aswkb({x})))"


def in_source(x: str, digest: Digest) -> str:
    return digest.of_source(f"concat(st_srid({x}), ';', hex(st_aswkb({x})))")


def in_target(c: str, digest: Digest) -> str:
    return digest.of_text(f"public.st_srid({c})::text || ';' || upper(encode(public.st_asbinary({c}, 'NDR'), 'hex'))")


def makes_postgis(rules: Rules) -> bool:
    """Whether the run makes the extension: somebody chose it where it was not there."""
    return any(at.startswith("type:") and word == NEW + WORD for at, word in rules.answers.items())
