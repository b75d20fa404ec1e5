"""Tasks that are DDL: it commits by itself, so each statement first looks whether its effect is there.

What is there without having been announced in `_ferrybot_made` is somebody else's, and ends the run.
"""

from __future__ import annotations

import pymysql

from jobs.core.errors import Permanent
from jobs.engines.mysql import quote, worktable
from jobs.engines.mysql.catalog import read
from jobs.engines.mysql.connect import Connection, code_of, one, rows, run
from jobs.engines.mysql.keys import look
from jobs.engines.mysql.perform.hands import Hands
from jobs.ports.engine import Done, Task, Watch

_THERE = {
    "table": "select count(*) from information_schema.tables where table_schema = database() and table_name = %s"
    " and table_type in ('BASE TABLE', 'SYSTEM VERSIONED')",
    "sequence": "select count(*) from information_schema.tables where table_schema = database() and table_name = %s"
    " and table_type = 'SEQUENCE'",
    "view": "select count(*) from information_schema.views where table_schema = database() and table_name = %s",
    "trigger": "select count(*) from information_schema.triggers where trigger_schema = database()"
    " and trigger_name = %s",
    "event": "select count(*) from information_schema.events where event_schema = database() and event_name = %s",
}
_ROUTINE = (
    "select count(*) from information_schema.routines where routine_schema = database() and routine_type = %s"
    " and routine_name = %s"
)


def there(connection: Connection, kind: str, name: str) -> bool:
    """Whether the target has an object of this kind and name."""
    if kind in _THERE:
        return bool(one(connection, _THERE[kind], [name])[0])
    return bool(one(connection, _ROUTINE, [kind.upper(), name])[0])


def make(connection: Connection, kind: str, name: str, statement: str) -> bool:
    """Makes an object unless this run did already: then False. Raises `Permanent` for somebody else's."""
    first = worktable.intend(connection, kind, name)
    if there(connection, kind, name):
        if first:
            worktable.disown(connection, kind, name)
            raise _taken(kind, name)
        return False
    try:
        run(connection, statement)
    except pymysql.MySQLError as error:
        if first and connection.open:
            worktable.disown(connection, kind, name)
        if code_of(error) in (1050, 1304, 1359, 1537):
            raise _taken(kind, name) from None
        raise
    return True


def _taken(kind: str, name: str) -> Permanent:
    return Permanent(
        f"The target has a {kind} {name} that this run did not make",
        meaning="It was left alone.",
        remedy="Drop or rename it, then press Retry.",
        object=name,
    )


def set_up_database(hands: Hands, task: Task, watch: Watch) -> Done:
    """The database's own character set and collation, where `first_words` has not done it before all lanes."""
    run(hands.ddl, task.payload["sql"])
    return Done()


def create(hands: Hands, task: Task, watch: Watch) -> Done:
    """Sequences or tables, in order."""
    for item in task.payload["objects"]:
        watch.check()
        watch.report(str(task.id), f"{item['kind']} {item['name']}", 0, 0)
        make(hands.ddl, item["kind"], item["name"], item["sql"])
    return Done()


_INDEXES = (
    "select distinct index_name from information_schema.statistics where table_schema = database()"
    " and table_name = %s"
)
_KEYS = (
    "select constraint_name from information_schema.table_constraints where table_schema = database()"
    " and table_name = %s and constraint_type = 'FOREIGN KEY'"
)


def build_indexes(hands: Hands, task: Task, watch: Watch) -> Done:
    """What of a table's indexes is missing, in one pass where the engine can; FULLTEXT ones come one at a time."""
    table, wanted = task.payload["name"], task.payload["add"]
    found = {row[0].lower() for row in rows(hands.ddl, _INDEXES, [table])}
    missing = [(name, text) for name, text in wanted.items() if name.lower() not in found]
    alone = [text for _, text in missing if text.startswith("ADD FULLTEXT")]
    together = [text for _, text in missing if not text.startswith("ADD FULLTEXT")]
    for additions in ([together] if together else []) + [[text] for text in alone]:
        watch.check()
        watch.report(str(task.id), task.title, 0, 0)
        run(hands.ddl, f"ALTER TABLE {quote.name(table)} {', '.join(additions)}")
    return Done()


def add_foreign_keys(hands: Hands, task: Task, watch: Watch) -> Done:
    """What is missing; nothing is checked here: the rows are proven to be the source's own."""
    for table, wanted in task.payload["tables"].items():
        watch.check()
        watch.report(str(task.id), f"foreign keys of {table}", 0, 0)
        found = {row[0].lower() for row in rows(hands.ddl, _KEYS, [table])}
        missing = [text for name, text in wanted.items() if name.lower() not in found]
        if missing:
            run(hands.ddl, f"ALTER TABLE {quote.name(table)} {', '.join(missing)}")
    return Done()


def find_orphans(hands: Hands, task: Task, watch: Watch) -> Done:
    """Of each foreign key the rows without a parent: told in the receipt, and no difference between the sides."""
    there = read(hands.ddl, hands.asked.target.database).by_name
    broken = []
    for key in task.payload["keys"]:
        watch.check()
        watch.report(str(task.id), f"foreign key {key['name']}", 0, 0)
        found = look(hands.ddl, key, there.get(key["table"]))
        broken += [found.model_dump(mode="json")] if found else []
    return Done(result=broken)


_SESSION = (
    "set session sql_mode = %s, session character_set_client = %s, session collation_connection = %s,"
    " session time_zone = %s"
)
_WAITS = frozenset({1146, 1356, 1305, 1054, 4092})
"""What a view says that comes before what it reads: no such table, invalid view, no such routine, no such column."""


def create_programs(hands: Hands, task: Task, watch: Watch) -> Done:
    """Routines, views, triggers or events, each under the session settings that it was written with."""
    waiting = list(task.payload["objects"])
    while waiting:
        later = []
        for item in waiting:
            watch.check()
            watch.report(str(task.id), f"{item['kind']} {item['name']}", 0, 0)
            try:
                create_one(hands.ddl, item)
            except pymysql.MySQLError as error:
                if item["kind"] != "view" or code_of(error) not in _WAITS:
                    raise _named(error, hands, item) from None
                later.append((item, error))
        if len(later) == len(waiting):
            raise _named(later[0][1], hands, later[0][0])
        waiting = [item for item, _ in later]
    return Done()


def _named(error: pymysql.MySQLError, hands: Hands, item: dict[str, str]) -> Exception:
    if not hands.ddl.open:
        return error
    place = f"{item['kind']} {item['name']}"
    return hands.explain(error, Task(0, "programs", "", place), place)


def create_one(ddl: Connection, item: dict[str, str]) -> None:
    """A routine, view, trigger or event under its own session settings; the session's usual ones come back."""
    values = [item["sql_mode"], item["charset"], item["collation"], item["time_zone"]]
    run(ddl, _SESSION, values)
    try:
        made = make(ddl, item["kind"], item["name"], item["sql"])
    finally:
        if ddl.open:
            run(ddl, _SESSION, item["usual"])
    if made and item.get("then"):
        run(ddl, item["then"])


def analyze(hands: Hands, task: Task, watch: Watch) -> Done:
    """Fresh statistics, so that the first queries are planned well."""
    for table in task.payload["names"]:
        watch.check()
        rows(hands.ddl, f"analyze no_write_to_binlog table {quote.name(table)}")
    return Done()
