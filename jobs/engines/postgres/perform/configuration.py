"""Adds the rows of people to tables of extensions; what the target does not take, the census will name.

Each row that was added is noted, so that a rollback takes these away and no others."""

from __future__ import annotations

from psycopg import errors as pg

from jobs.engines.postgres import quote, wire
from jobs.engines.postgres.configuration import Configured
from jobs.engines.postgres.perform.hands import Hands
from jobs.engines.postgres.perform.stream import through_libpq
from jobs.ports.engine import Done, Task, Watch

_MISFITS = (pg.InsufficientPrivilege, pg.UndefinedTable, pg.UndefinedColumn, pg.IntegrityError)
"""Another version of the extension, or tables that are not ours to write to."""

_THERE = """select array_agg(a.attname::text) from pg_attribute a
where a.attrelid = to_regclass(%s) and a.attnum > 0 and not a.attisdropped"""


def add_configuration(hands: Hands, task: Task, watch: Watch) -> Done:
    """Only rows that are not there; safe to repeat."""
    added = 0
    for document in task.payload["tables"]:
        table = Configured.of(document)
        watch.report(task.kind, table.label, added, 0)
        hands.target.execute("savepoint configuration")
        try:
            # A COPY that fails would end the source's transaction, so what can be known is looked at before.
            row = hands.target.execute(_THERE, [table.quoted]).fetchone()
            if not set(table.columns) <= set((row and row[0]) or ()):
                raise pg.UndefinedColumn
            added += _add(hands, table, watch)
        except _MISFITS:
            hands.target.execute("rollback to savepoint configuration")
        hands.target.execute("release savepoint configuration")
    return Done(rows=added)


def _add(hands: Hands, table: Configured, watch: Watch) -> int:
    columns = quote.names(table.columns)
    hands.target.execute(f"create temporary table ferrybot_rows (like {table.quoted}) on commit drop", prepare=False)
    through_libpq(
        hands.source,
        f"copy ({table.rows}) to stdout",
        hands.target,
        f"copy pg_temp.ferrybot_rows ({columns}) from stdin",
        lambda rows, moved: None,
        watch.check,
    )
    # Equal as text, and as often as they are in the source: such a table may lack a key.
    whole = f"row({columns})::text"
    found = wire.run(
        hands.target,
        f"with ferrybot_have as (select {whole} as ferrybot_whole, count(*) as ferrybot_copies"  # noqa: S608 - quoted
        f"   from only {table.quoted} group by 1),"
        f" ferrybot_came as (select *, {whole} as ferrybot_whole,"
        f"   row_number() over (partition by {whole}) as ferrybot_copy from pg_temp.ferrybot_rows),"
        f" added as (insert into {table.quoted} ({columns}) overriding system value"
        f"   select {columns} from ferrybot_came left join ferrybot_have using (ferrybot_whole)"
        "    where ferrybot_copy > coalesce(ferrybot_copies, 0) on conflict do nothing"
        f"   returning md5({whole}) as ferrybot_hash),"
        " noted as (insert into ferrybot.added (relation, columns, hash, before, copies)"
        f"   select {quote.text(table.quoted)}, {quote.text(columns)}, ferrybot_hash,"
        "     coalesce((select ferrybot_copies from ferrybot_have where md5(ferrybot_whole) = ferrybot_hash), 0),"
        "     count(*) from added group by ferrybot_hash)"
        " select count(*) from added",
        watch.check,
    )
    hands.target.execute("drop table pg_temp.ferrybot_rows")
    return int(found[0][0] or 0)
