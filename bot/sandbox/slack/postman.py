"""Delivers gestures and events, judges what came back, and tells the person."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from bot.sandbox.slack.delivery import EVENT_RETRY_DELAYS, SILENCE, Kind, OnAck, Receipt, Transport
from bot.sandbox.slack.payloads import event
from bot.sandbox.slack.records import Json
from bot.sandbox.slack.state import State


class Postman:
    """The one door between the people of the sandbox and the app. `gesture` blocks the calling thread."""

    def __init__(self, state: State, transport: Transport, loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self._state = state
        self._transport = transport
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()
        self.event_retry_delays: tuple[float, ...] = EVENT_RETRY_DELAYS

    def gesture(self, kind: Kind, what: str, build: Callable[[], Json], on_ack: OnAck) -> Receipt:
        """Deliver what `build` makes and wait for the acknowledgement; a missing one is a problem."""
        with self._state.changed:
            payload = json.loads(json.dumps(build()))  # as it is now, whatever changes meanwhile
        receipt = asyncio.run_coroutine_threadsafe(self._gesture(kind, payload, on_ack), self._loop()).result()
        if not receipt.acked:
            self._state.problem("not acknowledged", what, receipt.error or "")
        self._state.touch()
        return receipt

    def event(self, body: Json) -> None:
        """Deliver an event in the background, if the app is subscribed to it, again until it is taken."""
        if body["type"] not in self._state.events:
            return
        with self._state.changed:
            payload = json.loads(json.dumps(event(self._state, body)))
        self._loop().call_soon_threadsafe(self._start, payload)

    async def _gesture(self, kind: Kind, payload: Json, on_ack: OnAck) -> Receipt:
        if self._state.faults.swallow_gestures:
            return SILENCE
        if not self._state.faults.duplicate_gestures:
            return await self._transport.carry(kind, payload, on_ack)
        first, _ = await asyncio.gather(
            self._transport.carry(kind, payload, on_ack),
            self._transport.carry(kind, payload, lambda body: None),
        )
        return first

    def _start(self, payload: Json) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver_event(payload))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver_event(self, payload: Json) -> None:
        """At once, and then at the moments that Slack names."""
        receipt = await self._transport.carry("events_api", payload, lambda body: None)
        for number, delay in enumerate(self.event_retry_delays, start=1):
            if receipt.acked:
                break
            await asyncio.sleep(delay)
            receipt = await self._transport.carry("events_api", payload, lambda body: None, (number, "timeout"))
        if not receipt.acked:
            self._state.problem("not acknowledged", f"event {payload['event']['type']}", receipt.error or "")
        self._state.touch()
