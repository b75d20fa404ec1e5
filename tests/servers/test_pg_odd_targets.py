"""Targets that lack what the source has: said with the object at fault, and what can arrive arrives."""

from __future__ import annotations

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.errors import Permanent
from tests.servers.pg_run import Migration
from tests.support.servers import FreshDatabase, PostgresPool

PLAIN = "create table a (id int primary key); create table z (id int primary key, a int references a); "
DOMAIN = """create domain d as text check (value <> E'-- Name: x; Type: TABLE; Schema: public; Owner: \n'); """
LOOKALIKE = """create function f() returns text language sql as $$select '
--
-- Name: z; Type: TABLE; Schema: public; Owner: postgres
--

'$$; """


@pytest.mark.parametrize(
    ("script", "object"),
    [
        ("create table \"Squeezed; it\" (v text compression lz4)", "table public.Squeezed; it"),
        ("create view shown as select '<a>47110815</a>'::xml as x", "view public.shown"),
        ("create function odd(x xml default '<a>47110815</a>') returns int language sql as 'select 1';"
         "comment on function odd is 'x'", 'function public.odd("xml")'),
        ("create table m (v text); create rule r as on insert to m do also"
         " select '<a>47110815</a>'::xml", "rule public.m r"),
        ("create index i on a ((xmlserialize(content xmlcomment(id::text) as text) is null))", "index public.i"),
    ],
    ids=["table", "view", "function", "rule", "index"],
)  # fmt: skip
def test_a_definition_that_the_target_refuses_is_named(
    script: str, object: str, fresh_db: FreshDatabase, pg_server: PostgresPool, pg18: PostgresServer
) -> None:
    migration = Migration(fresh_db(pg_server.server(17)), fresh_db(pg18))
    with migration.source.connect() as source:
        source.execute((PLAIN + LOOKALIKE + DOMAIN + script).encode())
        source.execute("insert into a values (1)")
    with pytest.raises(Permanent) as caught:
        migration.run()
    assert caught.value.object == object and object in caught.value.what
    assert "47110815" not in caught.value.what + caught.value.remedy


def test_a_member_added_by_hand_is_missed_between_versions(
    fresh_db: FreshDatabase, pg15: PostgresServer, pg_server: PostgresPool
) -> None:
    migration = Migration(fresh_db(pg15), fresh_db(pg_server.server(17)))
    with migration.source.connect() as source:
        source.execute("create extension hstore; create function mine() returns int language sql as 'select 1'")
        source.execute("create extension citext; alter extension hstore add function mine()")
    said = "member of an extension function public.mine(): added to hstore 1.8 by hand, and not on the target"
    assert migration.run().reasons == [said]
