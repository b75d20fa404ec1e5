"""The census of what people changed on things that are not theirs: extensions, the server's objects, schema public.

pg_dump carries their grants as changes against what CREATE EXTENSION or initdb gave. The two sides may have begun
differently, so it is the changes that are looked for: what was granted must be there, what was taken away must not.
What only the target has is its owner's affair.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from jobs.core.model import Options
from jobs.core.verdict import Difference
from jobs.engines.postgres import quote, wire
from jobs.engines.postgres.connect import Connection
from jobs.engines.postgres.parts import parts

_SHOWN = 5
_SAME_EVERYWHERE = (
    "function ",
    "procedure ",
    "aggregate ",
    "table ",
    "view ",
    "materialized view ",
    "sequence ",
    "type ",
)
_OWNER_BY_DEFAULT = "pg_database_owner"
"""Of schema public from PostgreSQL 15 on; pg_dump says nothing of it."""


def differences(source: Connection, target: Connection, options: Options) -> Iterator[Difference]:
    """What did not arrive; those with a `why` are expected."""
    yield from _public(source, target, options)
    yield from _members(source, target)
    if options.keep_grants:
        yield from _grants(source, target)


def _grants(source: Connection, target: Connection) -> Iterator[Difference]:
    changed = _ask(source, "changed grants")
    if not changed:
        return
    there = set(_ask(target, "grants", of={row[0] for row in changed}))
    known = {row[0] for row in there}
    for name, role, privilege, sign in sorted(changed):
        if name not in known and _of_the_server(name):
            continue  # another version's, such as information_schema.sql_languages up to 12
        given = (name, role, privilege) in there
        if given != (sign == "+"):
            what = (
                f"{role} has no {privilege} on the target" if sign == "+" else f"{role} has {privilege} on the target"
            )
            yield Difference(kind="privilege", name=name, what=what)


def _of_the_server(name: str | None) -> bool:
    """`name` is the object's kind and identity."""
    return (name or "").partition(" ")[2].startswith(("information_schema.", "pg_catalog."))


def _members(source: Connection, target: Connection) -> Iterator[Difference]:
    """ALTER EXTENSION … ADD is in no dump: such an object stays behind. Another version may have other members."""
    alike = source.info.server_version // 10000 == target.info.server_version // 10000
    ours = [row for row in _ask(source, "members") if alike or _comparable(row[1])]
    theirs = set(_ask(target, "members"))
    same = {row[0] for row in theirs}
    missing = sorted(row for row in ours if row[0] in same and row not in theirs)
    for extension, name in missing[:_SHOWN]:
        what = f"added to {extension} by hand, and not on the target"
        yield Difference(kind="member of an extension", name=name, what=what)
    if len(missing) > _SHOWN:
        what = f"{len(missing) - _SHOWN} more, and not on the target"
        yield Difference(kind="member of an extension", name="others", what=what)


def _comparable(name: str) -> bool:
    """Whether every server makes it a member of the same version of an extension: not so array types and some casts.

    Tried with all of contrib between 13, 15 and 17: there the other kinds are the same."""
    return name.startswith(_SAME_EVERYWHERE) and not name.endswith("[]")


def _public(source: Connection, target: Connection, options: Options) -> Iterator[Difference]:
    ours, theirs = _ask(source, "public"), _ask(target, "public")
    if not ours or not theirs:
        return
    (owner, comment, _, grants), (their_owner, their_comment, mine, their_grants) = ours[0], theirs[0]
    why = "" if mine == "t" else f"{target.info.user} does not own schema public on the target"
    if comment != their_comment:
        yield Difference(kind="comment", name="schema public", what="another one on the target", why=why)
    if options.keep_owners and owner not in (their_owner, _OWNER_BY_DEFAULT):
        stays = "it stays whose it is" if source.info.server_version < 150000 else ""
        what = f"source: {owner}; target: {their_owner}"
        yield Difference(kind="owner", name="schema public", what=what, why=stays)
    if options.keep_grants:
        had, has = set(grants.split(", ")) - {""}, set(their_grants.split(", "))
        missing = sorted(had - has) + [f"no {grant}" for grant in ("public=USAGE",) if grant in has - had]
        if missing:
            yield Difference(kind="privilege", name="schema public", what=f"not so: {', '.join(missing)}", why=why)


def _ask(connection: Connection, name: str, *, of: Collection[str] = ()) -> list[tuple[str, ...]]:
    """`of` names objects, also such as have no grants of their own."""
    texts = parts("census_server")
    text = texts[name].replace("{rights}", texts["rights"]).replace("{all}", str(bool(of)).lower())
    text = text.replace("{names}", ", ".join(map(quote.text, sorted(of))))
    return [tuple(value or "" for value in row) for row in wire.run(connection, text, lambda: None)]
