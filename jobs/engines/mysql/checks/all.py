"""Every check from MySQL or MariaDB to the same, in the order in which people see them."""

from __future__ import annotations

from jobs.engines.mysql.checks import (
    broken,
    collations,
    connect,
    connections,
    creators,
    defaults,
    definers,
    disk,
    engines,
    events,
    features,
    filters,
    history,
    leftover,
    local_infile,
    name_case,
    orphans,
    other_databases,
    packets,
    pooler,
    primary_keys,
    replication,
    restore_point,
    restricted_keys,
    row_size,
    same_database,
    snapshot,
    source_rights,
    speed,
    target_empty,
    target_rights,
    target_writable,
    time_zones,
    tls,
    transactions,
    versions,
    zero_dates,
)
from jobs.engines.mysql.checks.base import MyCheck

REACHING: tuple[MyCheck, ...] = (connect.CHECK, tls.CHECK, pooler.CHECK)
"""Can it begin at all."""

CHECKS: tuple[MyCheck, ...] = (
    *REACHING,
    same_database.CHECK,
    versions.CHECK,
    # may we read and write
    source_rights.CHECK,
    target_writable.CHECK,
    target_rights.CHECK,
    creators.CHECK,
    leftover.CHECK,
    target_empty.CHECK,
    filters.CHECK,
    # is there room
    disk.CHECK,
    connections.CHECK,
    replication.CHECK,
    speed.CHECK,
    restore_point.CHECK,
    # will the schema fit
    name_case.CHECK,
    collations.CHECK,
    engines.CHECK,
    features.CHECK,
    row_size.CHECK,
    definers.CHECK,
    other_databases.CHECK,
    restricted_keys.CHECK,
    broken.CHECK,
    # what a person should know of the data
    snapshot.CHECK,
    transactions.CHECK,
    primary_keys.CHECK,
    orphans.CHECK,
    zero_dates.CHECK,
    packets.CHECK,
    local_infile.CHECK,
    history.CHECK,
    time_zones.CHECK,
    events.CHECK,
    defaults.CHECK,
)
