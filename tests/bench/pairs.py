"""Who is measured against whom, on which servers, with which data."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from tests.bench import ours, peers, peers_mariadb
from tests.bench.clock import Cost
from tests.bench.data import DATASETS, Dataset
from tests.bench.data_mariadb import MARIADB_DATASETS
from tests.bench.peers import Peer
from tests.bench.sides import WITHOUT_BINARY_LOG, Host, MariaDb, Postgres, Side, mariadb, postgres

S = TypeVar("S", bound=Side)
T = TypeVar("T", bound=Side)


@dataclass(frozen=True)
class Stream(Generic[S, T]):
    """One stream into a table without indexes: ours and its peers."""

    ours: Callable[[S, T, str], Cost]
    peers: Callable[[S, T], list[Peer[S, T]]]


@dataclass(frozen=True)
class Pair(Generic[S, T]):
    """Two kinds of servers, the tools that copy between them, and what is copied."""

    name: str
    source: Callable[[], AbstractContextManager[Host[S]]]
    target: Callable[[], AbstractContextManager[Host[T]]]
    peers: Callable[[S, T], list[Peer[S, T]]] | None
    """of whole databases; without them only the streams are measured"""
    datasets: tuple[Dataset, ...]
    stream: Stream[S, T] | None = None


_STREAM = Stream(ours.stream, peers.stream)


def _postgres(old: int, new: int) -> Pair[Postgres, Postgres]:
    return Pair(f"{old}-{new}", partial(postgres, old), partial(postgres, new), peers.whole, DATASETS, _STREAM)


def _with_tls(major: int) -> Pair[Postgres, Postgres]:
    """One stream, encrypted on both sides."""
    server = partial(postgres, major, tls=True)
    tables = tuple(dataset for dataset in DATASETS if dataset.table)
    return Pair(f"{major}-{major}-tls", server, server, None, tables, _STREAM)


def _mariadb() -> Pair[MariaDb, MariaDb]:
    target = partial(mariadb, WITHOUT_BINARY_LOG)
    return Pair("mariadb-mariadb", partial(mariadb, {}), target, peers_mariadb.to_mariadb, MARIADB_DATASETS)


def _mariadb_postgres(new: int) -> Pair[MariaDb, Postgres]:
    target = partial(postgres, new)
    return Pair(f"mariadb-{new}", partial(mariadb, {}), target, peers_mariadb.to_postgres, MARIADB_DATASETS)


PAIRS: tuple[Pair[Any, Any], ...] = (
    _postgres(15, 15),
    _postgres(16, 18),
    _with_tls(15),
    _mariadb(),
    _mariadb_postgres(16),
)
