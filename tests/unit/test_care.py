"""A run that makes room for others: step by step, and back without swinging."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from jobs.core import events as e
from jobs.core.care import CALM_SAMPLES, GENTLE_BYTES, Care, Seen, figures, limits
from jobs.core.disk import Disk
from jobs.core.errors import Transient
from jobs.core.model import LoadBounds
from jobs.core.throttle import Limit
from jobs.flow.care import Caretaker, Side
from jobs.flow.pace import MOST_SECONDS, PIECE_BYTES, Pace
from jobs.ports.engine import Load, Standing

HEAVY, CALM, BETWEEN = (Seen("active sessions on shop", value, 50) for value in (63, 40, 45))


def test_the_steps_take_lanes_away_and_then_speed() -> None:
    assert limits(8) == [
        Limit(),
        Limit(lanes=4),
        Limit(lanes=2),
        Limit(lanes=1),
        Limit(lanes=1, bytes_per_second=GENTLE_BYTES),
    ]
    assert limits(1) == [Limit(), Limit(lanes=1, bytes_per_second=GENTLE_BYTES)]


def test_heavy_load_goes_down_a_step_at_once_and_calm_comes_back_slowly() -> None:
    care = Care(4)
    assert care.look([CALM]) == (Limit(), "")
    limit, reason = care.look([HEAVY, CALM])
    assert limit == Limit(lanes=2) and reason == "active sessions on shop: 63, the bound is 50"
    for _ in range(5):
        limit, _ = care.look([HEAVY])
    assert limit == Limit(lanes=1, bytes_per_second=GENTLE_BYTES)
    for _ in range(CALM_SAMPLES - 1):
        assert care.look([CALM])[0] == limit
    assert care.look([CALM])[0] == Limit(lanes=1)
    for _ in range(CALM_SAMPLES * 3):
        assert care.look([BETWEEN])[0] == Limit(lanes=1), "between the two nothing changes"
    for _ in range(CALM_SAMPLES * 2):
        limit, reason = care.look([CALM])
    assert (limit, reason) == (Limit(), "")


def test_only_what_is_bounded_counts() -> None:
    assert figures("shop", LoadBounds(), 1000, 1000.0) == []
    (lag,) = figures("shop", LoadBounds(replica_lag=30), 1000, 31.0)
    assert lag.heavy and str(lag) == "replica lag of shop: 31 s, the bound is 30 s"


@dataclass
class Scripted:
    """A server whose load the test says; None: it cannot be asked."""

    loads: list[Load | None]

    def read(self) -> Load:
        load = self.loads.pop(0) if len(self.loads) > 1 else self.loads[0]
        if load is None:
            raise Transient("The connection is lost")
        return load

    def size(self) -> int:
        return 0

    def disk(self) -> Disk:
        return Disk(database=0)

    def standing(self) -> Standing:
        return Standing("1", primary=True)

    def close(self) -> None: ...


def looked(loads: list[Load | None], times: int) -> list[e.Report]:
    told: list[e.Report] = []
    side = Side("shop", LoadBounds(active_sessions=50), Scripted(loads))
    caretaker = Caretaker([side], 1, 4, told.append)
    care = Care(4)
    for _ in range(times):
        caretaker.look(care)
    return told


def test_each_step_is_told_once() -> None:
    busy, calm = Load(sessions=60), Load(sessions=1)
    told = looked([busy, busy, *[calm] * (2 * CALM_SAMPLES)], 2 + 2 * CALM_SAMPLES)
    assert [x.limit for x in told if isinstance(x, e.Strained)] == [
        Limit(lanes=2),
        Limit(lanes=1),
        Limit(lanes=2),
        Limit(),
    ]


def test_a_server_that_cannot_be_asked_or_hides_is_told_once_and_slows_nothing() -> None:
    told = looked([None, None, Load(sessions=60, hidden="pg_read_all_stats")], 5)
    texts = [x.text for x in told if isinstance(x, e.Noted)]
    assert len(texts) == 2 and "cannot be read" in texts[0] and "pg_read_all_stats" in texts[1]
    assert len(told) > 2, "what is seen counts"


def test_the_caretaker_ends_with_its_block_and_does_nothing_without_bounds() -> None:
    told: list[e.Report] = []
    heard = threading.Event()

    def tell(event: e.Report) -> None:
        told.append(event)
        heard.set()

    with Caretaker([], 1, 4, tell):
        pass
    assert told == []
    side = Side("shop", LoadBounds(active_sessions=50), Scripted([Load(sessions=60)]))
    with Caretaker([side], 1, 4, tell) as caretaker:
        assert heard.wait(10)
    assert caretaker._thread is not None and not caretaker._thread.is_alive()


# --- the pace of one lane ---------------------------------------------------------------------------------


@dataclass
class Till:
    """A board that only takes payments; `answer` is what it says."""

    answer: float | None = 1.0
    paid: list[int] = field(default_factory=list)

    def pay(self, migration: str, size: int, rate: int, most: float) -> float | None:
        self.paid.append(size)
        return self.answer


def moves(till: Till, totals: Sequence[tuple[str, int]], rate: int | None) -> list[float]:
    waits: list[float] = []
    pace = Pace(till, "m0000000001")  # type: ignore[arg-type]  # of a board it needs only `pay`
    for task, total in totals:
        pace.moved(task, total, rate, 4, waits.append)
    return waits


def test_every_byte_is_paid_for_once_in_pieces() -> None:
    till, piece = Till(), PIECE_BYTES
    waits = moves(till, [("a", 0), ("a", 10), ("a", piece), ("a", 3 * piece), ("b", piece // 2), ("b", piece)], 10**6)
    assert sum(till.paid) == 4 * piece and len(waits) == len(till.paid)
    assert all(paid >= piece for paid in till.paid)


def test_single_rows_do_not_ask_redis_each() -> None:
    till = Till()
    moves(till, [("a", 100 * n) for n in range(10_000)], 10**6)
    assert len(till.paid) == 10_000 * 100 // PIECE_BYTES


def test_without_a_rate_nothing_is_asked_or_owed() -> None:
    till = Till()
    assert moves(till, [("a", 10**9)], None) == [] and till.paid == []


def test_a_table_that_begins_anew_under_the_same_name_counts_from_its_start() -> None:
    till = Till()
    moves(till, [("7", 2 * PIECE_BYTES), ("7", PIECE_BYTES)], 10**6)
    assert sum(till.paid) == 3 * PIECE_BYTES


def test_what_the_streams_did_not_report_is_paid_at_the_end() -> None:
    till, waits = Till(), list[float]()
    pace = Pace(till, "m0000000001")  # type: ignore[arg-type]  # of a board it needs only `pay`
    for _ in range(8):
        pace.begin()
        pace.moved("a", 0, 10**6, 1, waits.append)
        pace.ended(PIECE_BYTES // 4, 10**6, 1, waits.append)
    assert sum(till.paid) == 2 * PIECE_BYTES
    pace.begin()
    pace.moved("a", 4 * PIECE_BYTES, 10**6, 1, waits.append)
    pace.ended(4 * PIECE_BYTES, 10**6, 1, waits.append)
    assert sum(till.paid) == 6 * PIECE_BYTES


def test_while_redis_is_away_each_lane_keeps_its_share_and_no_session_is_silent_for_long() -> None:
    assert moves(Till(None), [("a", 10**6)], 10**6) == [4.0]
    assert moves(Till(None), [("a", 10**9)], 10**6) == [MOST_SECONDS]
    assert moves(Till(0.0), [("a", 10**6)], 10**6) == []
