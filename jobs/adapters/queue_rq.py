"""Doorbells as RQ jobs: JSON only, enqueued by dotted name, the migration's id their only argument."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis
from rq import Queue as RqQueue
from rq.exceptions import DuplicateJobError, NoSuchJobError
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from jobs.adapters import keys
from jobs.core.lifecycle import Ring
from jobs.ports.board import BEAT_SECONDS

MIGRATIONS = "migrations"
SLACK = "slack"

DOORS = {
    "validate": (MIGRATIONS, "jobs.tasks.validate"),
    "migrate": (MIGRATIONS, "jobs.tasks.migrate"),
    "lane": (MIGRATIONS, "jobs.tasks.lane"),
    "facts": (MIGRATIONS, "jobs.tasks.facts"),
    "sweep": (SLACK, "jobs.tasks.sweep"),
    "deliver": (SLACK, "bot.courier.deliver"),
}
"""Kind -> (queue, dotted name). Names, not imports: `jobs` never knows the bot."""

FAILURE_TTL = 24 * 3600
"""Seconds a failed job stays for people to look at; ids of later rings differ, so it blocks nothing."""


class RqDoorbell:
    """`jobs.ports.queue.Queue` on RQ."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        # The default serializer is pickle: write access to Redis would be code execution.
        self._queues = {
            name: RqQueue(name, connection=redis, serializer=JSONSerializer, default_timeout=-1)
            for name in (MIGRATIONS, SLACK)
        }

    def ring(self, ring: Ring) -> bool:
        queue, door = DOORS[ring.kind]
        try:
            self._queues[queue].enqueue(
                door,
                args=(ring.migration,),
                job_id=ring.job_id,
                unique=True,
                job_timeout=-1 if queue == MIGRATIONS else 120,
                result_ttl=0,
                failure_ttl=FAILURE_TTL,
                at_front=ring.first or ring.kind in ("migrate", "validate"),
            )
        except DuplicateJobError:
            return False
        self._redis.set(keys.last_ring(ring.migration, ring.kind), ring.job_id, ex=FAILURE_TTL)
        return True

    def waiting(self, ring: Ring) -> bool:
        """In its queue, or so freshly claimed that its heartbeat cannot be expected yet.

        A job that says "queued" and stands in no queue fell between a worker that died and its status."""
        job_id: Any = self._redis.get(keys.last_ring(ring.migration, ring.kind))
        if job_id is None:
            return False
        try:
            job = Job.fetch(job_id.decode(), connection=self._redis, serializer=JSONSerializer)
            status = job.get_status()
        except NoSuchJobError:
            return False
        if status is JobStatus.STARTED and job.started_at is not None:
            return datetime.now(UTC) - _aware(job.started_at) < timedelta(seconds=BEAT_SECONDS)
        position: Any = self._redis.lpos(self._queues[DOORS[ring.kind][0]].key, job_id)
        return position is not None

    def depth(self) -> dict[str, int]:
        """Jobs waiting, by queue; counts without the cleanup that `count` of a registry would run here."""
        return {name: queue.count for name, queue in self._queues.items()}

    def failed(self) -> dict[str, int]:
        """Jobs that RQ keeps as failed, by queue, without the cleanup that their registry would run here."""
        return {name: queue.failed_job_registry.get_job_count(cleanup=False) for name, queue in self._queues.items()}


_LANE = re.compile(r"lane-m[0-9a-z]{10}-r\d+-(\d+)-\d+")


def lane_number(job: Job | None) -> int:
    """Which of the run's lanes a job is, by the token that its ring was given (`jobs.flow.migrate`); at least 1."""
    found = _LANE.fullmatch(job.id) if job is not None else None
    return int(found[1]) if found else 1


def _aware(moment: datetime) -> datetime:
    """RQ writes UTC and reads it back with or without saying so, depending on its version."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
