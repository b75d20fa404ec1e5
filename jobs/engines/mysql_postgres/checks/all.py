"""Every check from MySQL or MariaDB to PostgreSQL, in the order in which people see them."""

from __future__ import annotations

from jobs.engines.mysql.checks import filters, orphans, snapshot, source_replica, source_rights, transactions
from jobs.engines.mysql_postgres.checks import reach, rules, schema, servers, values
from jobs.engines.mysql_postgres.checks.base import PairCheck, of_source, of_target
from jobs.engines.postgres.checks import (
    connections,
    disk,
    leftover,
    restore_point,
    speed,
    target_empty,
    target_rights,
    target_writable,
)

CHECKS: tuple[PairCheck, ...] = (
    # can it begin at all
    reach.CONNECT,
    reach.TLS,
    reach.VERSIONS,
    reach.ENCODING,
    # may we read and write
    of_source(source_rights.CHECK),
    of_target(target_writable.CHECK),
    of_target(target_rights.CHECK),
    of_target(leftover.CHECK),
    of_target(target_empty.CHECK),
    of_source(filters.CHECK),
    # is there room
    of_target(disk.CHECK),
    of_target(connections.CHECK),
    servers.REPLICATION,
    servers.SLOTS,
    servers.FAILOVER,
    of_target(speed.CHECK),
    of_target(restore_point.CHECK),
    # will the schema fit
    schema.TYPES,
    schema.NAMES,
    rules.CHECK,
    schema.VARIANTS,
    schema.COLLATIONS,
    schema.LEFT,
    # what a person should know of the data
    of_source(snapshot.CHECK),
    of_source(transactions.CHECK),
    of_source(source_replica.CHECK),
    of_source(orphans.CHECK),
    values.CHECK,
)
