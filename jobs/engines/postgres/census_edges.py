"""The census of what pg_dump does not carry, or of what is not people's: settings, extensions, schema public."""

from __future__ import annotations

from typing import Protocol

import psycopg

from jobs.core.model import Options, Scope
from jobs.core.verdict import Difference
from jobs.engines.postgres import census_server, configuration, extension_comments, settings, worktable
from jobs.engines.postgres.connect import Connection, first_line


class _Counted(Protocol):
    agreed: list[tuple[str, int]]
    transformed: list[Difference]
    differences: list[Difference]
    unchecked: list[str]

    def add(self, kind: str, source: dict[str, str], target: dict[str, str]) -> None: ...


def count(counted: _Counted, source: Connection, target: Connection, options: Options) -> None:
    """Adds to what the census counted; the source within its snapshot."""
    if options.scope is not Scope.data_only:
        counted.add("database setting", *settings.compared(source, target, roles=options.keep_grants))
        _extension_comments(counted, source, target)
        _server(counted, source, target, options)
    if options.scope is not Scope.schema_only:
        agreed, differences, unchecked = configuration.compare(source, target)
        counted.agreed += [("extension's table", agreed)] if agreed or differences else []
        counted.differences += differences
        counted.unchecked += unchecked


def _extension_comments(counted: _Counted, source: Connection, target: Connection) -> None:
    """What a task could not set, since the target refused it or is not ours to change, is told and no difference."""
    before = {name for payload in worktable.payloads(target, ["comments"]) for name in payload["before"]}
    refused = {name: why for result in worktable.results(target, ["comments"]) for name, why in result.items()}
    found = extension_comments.compared(source, target)
    agreed = sum(comment.source == comment.target for comment in found)
    counted.agreed += [(extension_comments.KIND, agreed)] if found else []
    for comment in found:
        if comment.source == comment.target:
            continue
        what = "missing on the target" if comment.target is None else "another one on the target"
        why = extension_comments.told(comment, before, refused)
        difference = Difference(kind=extension_comments.KIND, name=comment.name, what=what, why=why)
        (counted.transformed if why else counted.differences).append(difference)
    counted.transformed += extension_comments.uncompared(source, target)


def _server(counted: _Counted, source: Connection, target: Connection, options: Options) -> None:
    source.execute("savepoint server")  # the transaction holds the snapshot: an error must not end it
    try:
        for found in census_server.differences(source, target, options):
            (counted.transformed if found.why else counted.differences).append(found)
    except psycopg.OperationalError:
        raise
    except psycopg.DatabaseError as error:
        why = first_line(error.diag.message_primary or str(error))
        counted.unchecked.append(f"grants on extensions and on the server's objects: {why}")
        source.execute("rollback to savepoint server")
    source.execute("release savepoint server")
