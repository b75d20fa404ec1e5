"""Settings of the database (ALTER DATABASE … SET) and of roles in it, which pg_dump does not carry.

They are given to the target last of all, so that no lane works under them, and what each was before is remembered
for an undo. What the target refuses stays behind there, and the census names it as a difference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import psycopg

from jobs.engines.postgres import quote
from jobs.engines.postgres.connect import Connection

STAY = {
    # Set to freeze a source before its move: it would freeze the target, this run included.
    "default_transaction_read_only",
    # A library that the target lacks would let nobody in any more.
    "session_preload_libraries",
    "local_preload_libraries",
    # Tablespaces stay behind.
    "default_tablespace",
    "temp_tablespaces",
    # Whose value names a role that sessions would become.
    "role",
    "session_authorization",
}
"""What belongs to the source server and is never carried over; the plan says so."""

LISTS = {"search_path", "unix_socket_directories", "shared_preload_libraries"}
"""Settings of several quoted parts (GUC_LIST_QUOTE in the server's guc_tables.c), which are set part by part."""

_READ = """
select coalesce(r.rolname::text, ''), split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)
from pg_db_role_setting s
cross join unnest(s.setconfig) c left join pg_roles r on r.oid = s.setrole
where s.setdatabase = (select oid from pg_database where datname = current_database())
  and (s.setrole = 0 or r.oid is not null)
order by 1, 2"""


@dataclass(frozen=True)
class Setting:
    """`role` is empty for everybody's."""

    role: str
    name: str
    value: str

    @property
    def label(self) -> str:
        return f"{self.name} of role {self.role}" if self.role else self.name

    @property
    def shown(self) -> str:
        """A person's own setting, such as app.token, may be a secret: only whether it is the same is told."""
        if "." not in self.name:
            return self.value
        return f"a value of hash {hashlib.sha256(self.value.encode()).hexdigest()[:8]}"


def read(connection: Connection) -> list[Setting]:
    """All that hold in this database, without what stays."""
    return [Setting(*row) for row in connection.execute(_READ).fetchall() if row[1] not in STAY]


LOOKS = (
    *("TimeZone", "DateStyle", "IntervalStyle", "extra_float_digits", "bytea_output", "xmlbinary", "xmloption"),
    *("default_text_search_config", "lc_monetary", "lc_numeric", "lc_time", "search_path"),
)
"""What a query's result may depend on besides its rows; the path for functions that name things without a schema."""
_LOOKS = "select name, reset_val from pg_settings where name = any(%s) order by 1"


def looks(source: Connection, target: Connection) -> list[str]:
    """Statements that let values look, until the transaction's end, as in the source's own sessions.

    Without those that the target refuses, such as the name of a locale that it lacks."""
    found = [(name, value) for name, value in source.execute(_LOOKS, [list(LOOKS)]).fetchall()]
    found += [(own.name, own.value) for own in read(source) if "." in own.name and not own.role]
    texts = [f"select set_config({quote.text(name)}, {quote.text(value)}, true)" for name, value in found]
    if permitted(target, "; ".join(texts)):
        return texts
    return [text for text in texts if permitted(target, text)]


def wanted(found: Iterable[Setting], *, roles: bool) -> list[Setting]:
    """Those of roles travel together with grants."""
    return [setting for setting in found if roles or not setting.role]


def statement(setting: Setting, database: str) -> str:
    """How this database of the target is given the setting."""
    parts = _parts(setting.value) if setting.name in LISTS else [setting.value]
    value = ", ".join(quote.text(part) for part in parts) or "''"
    return f"{_whose(setting, database)} set {_name(setting)} to {value}"


def reset(setting: Setting, database: str) -> str:
    return f"{_whose(setting, database)} reset {_name(setting)}"


def _whose(setting: Setting, database: str) -> str:
    who = f"alter role {quote.name(setting.role)} in database" if setting.role else "alter database"
    return f"{who} {quote.name(database)}"


def _name(setting: Setting) -> str:
    return ".".join(map(quote.name, setting.name.split(".")))


def _parts(value: str) -> Iterator[str]:
    """The names of a list as the catalog holds it: separated by commas, quoted where they are odd."""
    rest = value.strip()
    while rest:
        if rest.startswith('"'):
            end = 1
            while end < len(rest) and not (rest[end] == '"' and rest[end : end + 2] != '""'):
                end += 2 if rest[end] == '"' else 1
            yield rest[1:end].replace('""', '"')
            rest = rest[end + 1 :]
        else:
            part, _, _ = rest.partition(",")
            yield part.strip()
            rest = rest[len(part) :]
        rest = rest.strip().removeprefix(",").strip()


def changes(
    target: Connection, settings: Sequence[Setting], before: Sequence[str] = ()
) -> tuple[list[str], list[str]]:
    """What to run on the target and what takes it back: only what it permits, tried and rolled back.

    `before` is run first within the trial: roles that the run itself will make."""
    database = target.info.dbname
    had = {(setting.role, setting.name): setting for setting in read(target)}
    does: list[str] = []
    undoes: list[str] = []
    with target.transaction(force_rollback=True):
        for text in before:
            _permitted(target, text)
        for setting in settings:
            prior = had.get((setting.role, setting.name))
            back = statement(prior, database) if prior else reset(setting, database)
            if prior != setting and _permitted(target, statement(setting, database)):
                does.append(statement(setting, database))
                undoes.append(back)
    return does, undoes[::-1]


def permitted(target: Connection, text: str, before: Sequence[str] = ()) -> bool:
    """Whether the target would take this, after `before`; all of it is rolled back."""
    with target.transaction(force_rollback=True):
        for made in before:
            _permitted(target, made)
        return _permitted(target, text)


def _permitted(target: Connection, text: str) -> bool:
    try:
        with target.transaction():
            target.execute(text, prepare=False)
    except psycopg.OperationalError:
        raise
    except psycopg.Error:
        return False
    return True


def compared(source: Connection, target: Connection, *, roles: bool) -> tuple[dict[str, str], dict[str, str]]:
    """Both sides by name; what only the target has is its owner's affair."""
    ours = {setting.label: setting.shown for setting in wanted(read(source), roles=roles)}
    theirs = {setting.label: setting.shown for setting in read(target)}
    return ours, {label: value for label, value in theirs.items() if label in ours}
