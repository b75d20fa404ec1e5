"""The target's user may create what will be moved, or fill what is there, and read it back for the proof."""

from __future__ import annotations

from jobs.core.model import Finding, Scope, Severity
from jobs.engines.postgres import missing_roles, quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, lines, listed
from jobs.engines.postgres.checks.target_empty import housing_schemas
from jobs.engines.postgres.inventory import Inventory

_WHO = "-- run by the database's owner or a superuser, on the target"
_LONG = 20


def find(inventory: Inventory) -> Findings:
    yield from _schemas(inventory)
    if inventory.options.scope is Scope.data_only:
        yield from _fill(inventory)
        yield from _sequences(inventory)
    else:
        yield from _public(inventory)
        yield from _public_itself(inventory)
        yield from _housing(inventory)
        yield from _read_back(inventory)


def _block(message: str, object: str, remedy: str, field: str = "user") -> Finding:
    return found(Severity.block, message, object=object, remedy=remedy, side="target", field=field)


def _schemas(inventory: Inventory) -> Findings:
    """Needed with every scope: the run keeps its task table in a schema of its own."""
    server = inventory.target.server
    if not server.can_create_schema:
        grant = f"GRANT CREATE ON DATABASE {quote.name(server.database)} TO {quote.name(server.role)};"
        message = f"User {server.role} may not create schemas in database {server.database}."
        yield _block(message, server.database, f"{grant}\n{_WHO}")


def _public(inventory: Inventory) -> Findings:
    server = inventory.target.server
    if not _uses_public(inventory):
        return
    if not server.public_exists:
        message = "The target has no schema public, which a move expects to find."
        yield _block(message, "public", f"CREATE SCHEMA public;\n{_WHO}", "target")
    elif not server.can_use_public:
        grant = f"GRANT CREATE ON SCHEMA public TO {quote.name(server.role)};"
        yield _block(f"User {server.role} may not create objects in schema public.", "public", f"{grant}\n{_WHO}")


def _uses_public(inventory: Inventory) -> bool:
    loose = (o.schema_name for o in inventory.source.objects.get() if not o.table_name)
    return "public" in {t.schema_name for t in inventory.selected} | set(loose)


def _public_itself(inventory: Inventory) -> Findings:
    """Owner, comment and grants of schema public travel where they are not the usual ones."""
    server, options = inventory.target.server, inventory.options
    kept = {
        "comment": True,
        "owner": options.keep_owners and not missing_roles.public_stays(inventory),
        "grants": options.keep_grants,
    }
    travels = [o.name for o in inventory.source.oddities.get() if o.kind == "schema public" and kept[o.name]]
    if travels and not server.owns_public:
        # A grant by somebody who owns nothing is no error in PostgreSQL: it is lost with a warning.
        lost = travels == ["grants"]
        yield found(
            Severity.warn if lost else Severity.block,
            f"The source changed the {' and '.join(travels)} of schema public; user {server.role} does not own it on"
            f" the target{', so the grants do not arrive' if lost else ''}.",
            object="public",
            remedy=f"ALTER SCHEMA public OWNER TO {quote.name(server.role)};\n-- run by a superuser, on the target",
            side="target",
            field="user",
        )


def _housing(inventory: Inventory) -> Findings:
    """Schemas that both sides have, since extensions of the target are in them: the source's objects go there."""
    if inventory.own_run or inventory.options.overwrite:
        return
    role, objects = inventory.target.server.role, inventory.source.objects.get()
    keeps = inventory.options.keep_owners
    theirs = {o.schema_name for o in objects if o.kind == "schema"}
    filled = {t.schema_name for t in inventory.selected} | {
        o.schema_name for o in objects if o.kind != "schema" and not o.table_name
    }
    for schema, extension in dict(housing_schemas(inventory)).items():
        if schema in filled and not (extension.owns_schema if keeps else extension.creates_in_schema):
            # An object's owner needs the right to create in its schema, which the schema's owner in the source has.
            for_others = "for others " if keeps else ""
            own = f"ALTER SCHEMA {quote.name(schema)} OWNER TO {quote.name(role)};"
            grant = f"GRANT CREATE, USAGE ON SCHEMA {quote.name(schema)} TO {quote.name(role)};"
            yield _block(
                f"The target has schema {schema}, and user {role} may not create objects {for_others}in it.",
                schema,
                f"{own if keeps else grant}\n-- run by the schema's owner or a superuser, on the target",
            )
        elif schema in theirs and not extension.owns_schema:
            yield found(
                Severity.warn,
                f"The target has schema {schema}, and user {role} does not own it: owner, comment and grants of the"
                " source's do not arrive. Grants that are missing there end as differences.",
                object=schema,
                remedy=f"Give it the source's grants before, or let {quote.name(role)} act for its owner.\n{_WHO}",
                side="target",
                field="user",
            )


def _read_back(inventory: Inventory) -> Findings:
    """Policies are there before the rows are compared; they apply to owners only where they are forced."""
    server = inventory.target.server
    forced = [t.label for t in inventory.selected if t.row_security and t.row_security_forced]
    if forced and not server.bypass_rls and inventory.options.scope is Scope.everything:
        yield _blind(inventory, forced)


def _blind(inventory: Inventory, tables: list[str]) -> Finding:
    role = inventory.target.server.role
    return _block(
        f"Row security of {counted(len(tables), 'table')} hides rows from user {role}, who must compare them:"
        f" {listed(tables)}.",
        tables[0],
        f"ALTER ROLE {quote.name(role)} BYPASSRLS;\n-- run by a superuser, on the target",
    )


def _fill(inventory: Inventory) -> Findings:
    server = inventory.target.server
    there = [t for t in inventory.target.tables.get() if t.key in inventory.selected_keys and t.kind == "r"]
    shut = [t for t in there if not t.writable]
    if shut:
        to = quote.name(server.role)
        grants = [f"GRANT SELECT, INSERT, DELETE, TRUNCATE ON {quote.qualified(*t.key)} TO {to};" for t in shut]
        message = f"User {server.role} may not fill {counted(len(shut), 'table')}: {listed(t.label for t in shut)}."
        yield _block(message, shut[0].label, lines([*grants[:_LONG], "-- run by the tables' owner or a superuser"]))
    guarded = [t for t in there if t.guarded and not t.owns]
    for owner in sorted({t.owner for t in guarded}):
        mine = [t.label for t in guarded if t.owner == owner]
        tables = f"{counted(len(mine), 'table')}: {listed(mine)}"
        grant = f"GRANT {quote.name(owner)} TO {quote.name(server.role)};"
        yield _block(
            f"User {server.role} may not silence triggers and rules of {tables}.",
            mine[0],
            f"{grant}\n-- run by a superuser or a role with ADMIN on it",
        )
    secured = [t.label for t in there if t.row_security and (t.row_security_forced or not t.owns)]
    if secured and not server.bypass_rls:
        yield _blind(inventory, secured)
    yield from _keys(inventory)


def _keys(inventory: Inventory) -> Findings:
    """Rows come table by table: foreign keys that are there already must sleep meanwhile."""
    server = inventory.target.server
    keys = [o for o in inventory.target.objects.get() if o.kind == "foreign key"]
    if keys and not inventory.target.silences.get():
        grant = (
            f"GRANT SET ON PARAMETER session_replication_role TO {quote.name(server.role)};\n-- run by a superuser"
        )
        yield _block(
            f"User {server.role} may not set session_replication_role, and the target has"
            f" {counted(len(keys), 'foreign key')}.",
            keys[0].label,
            grant if server.major >= 15 else "Use a superuser as the target's user, or drop the keys for the move.",
        )


def _sequences(inventory: Inventory) -> Findings:
    objects = inventory.source.objects.get()
    ours = {o.label for o in objects if o.kind == "sequence" and inventory.moves(o.schema_name, o.table_name)}
    locked = [s for s in inventory.target.locked_sequences.get() if f"{s.schema_name}.{s.name}" in ours]
    if locked:
        server = inventory.target.server
        names = [f"{s.schema_name}.{s.name}" for s in locked]
        sequences = [quote.qualified(s.schema_name, s.name) for s in locked]
        grants = [f"GRANT UPDATE ON SEQUENCE {name} TO {quote.name(server.role)};" for name in sequences]
        message = f"User {server.role} may not set {counted(len(names), 'sequence')}: {listed(names)}."
        yield _block(message, names[0], lines([*grants[:_LONG], "-- run by their owner or a superuser"]))


def measured(inventory: Inventory) -> str:
    server = inventory.target.server
    return f"user {server.role} may write to {server.database}"


CHECK = PgCheck("target_rights", "Target user may create the schema", find, measured)
