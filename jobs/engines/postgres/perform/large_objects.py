"""Large objects, piece by piece under their own numbers, with comment, owner and grants of each where kept."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.engines.postgres import quote, wire
from jobs.engines.postgres.perform.hands import Hands
from jobs.ports.engine import Done, Task, Watch

PIECE_BYTES = 1 << 20

_ABOUT = """
select pg_get_userbyid(lomowner), coalesce((select jsonb_agg(jsonb_build_array(
    case when a.grantee = 0 then null else pg_get_userbyid(a.grantee) end, a.privilege_type, a.is_grantable))
    from aclexplode(lomacl) a), '[]'), obj_description(oid, 'pg_largeobject')
from pg_largeobject_metadata where oid = %s"""


def copy_large_objects(hands: Hands, task: Task, watch: Watch) -> Done:
    """Makes each object anew: one that an earlier snapshot brought is removed first."""
    moved = 0
    oids = task.payload["oids"]
    for number, oid in enumerate(oids):
        watch.check()
        if hands.target.execute("select 1 from pg_largeobject_metadata where oid = %s", [oid]).fetchone():
            hands.target.execute("select lo_unlink(%s)", [oid])
        row = hands.source.execute(_ABOUT, [oid]).fetchone()
        if row is None:
            continue  # gone in this snapshot
        hands.target.execute("select lo_create(%s)", [oid])
        for size in _pieces(hands, oid):
            moved += size
            watch.check()
            watch.report("large objects", task.title, number, moved)
        _belongings(hands, oid, *row)
    watch.report("large objects", task.title, len(oids), moved)
    return Done(rows=len(oids), bytes=moved)


def _pieces(hands: Hands, oid: int) -> Iterator[int]:
    """Sizes of what was brought, one after the other. The binary protocol spares the hex of bytea on both sides."""
    offset = 0
    while True:
        row = (
            hands.source.cursor(binary=True)
            .execute("select lo_get(%s, %s, %s)", [oid, offset, PIECE_BYTES])
            .fetchone()
        )
        piece = row[0] if row else b""
        if not piece:
            return
        hands.target.execute("select lo_put(%s, %s, %b)", [oid, offset, piece])
        offset += len(piece)
        yield len(piece)
        if len(piece) < PIECE_BYTES:
            return


def _belongings(
    hands: Hands, oid: int, owner: str, grants: list[list[str | bool | None]], comment: str | None
) -> None:
    """pg_dump leaves them out together with the objects. The comment comes while the object is still ours."""
    options = hands.asked.options
    if comment is not None:
        wire.run(hands.target, f"comment on large object {oid} is {quote.text(comment)}", lambda: None)
    if options.keep_owners:
        wire.run(hands.target, f"alter large object {oid} owner to {quote.name(owner)}", lambda: None)
    for grantee, privilege, grantable in grants if options.keep_grants else []:
        to = "public" if grantee is None else quote.name(str(grantee))
        tail = " with grant option" if grantable else ""
        wire.run(hands.target, f"grant {privilege} on large object {oid} to {to}{tail}", lambda: None)
