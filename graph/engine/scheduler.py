"""What runs by itself: due reports become runs, runs files; files are delivered, old ones go.

Every process does all of it; the database sees to it that each thing is done by one.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

from graph.engine import retention
from graph.engine.deliver.courier import Courier
from graph.engine.kept import runs
from graph.engine.run import Lost, Making, make
from graph.errors import GraphError
from graph.observe import log

TICK_SECONDS = 2.0
SWEEP_SECONDS = 600.0


class Scheduler:
    """The loop of one process. `step` is one turn of it, to its end, for whoever has no loop."""

    def __init__(self, making: Making) -> None:
        self.making = making
        self.owner = f"{socket.gethostname()[:32]}-{os.getpid()}-{secrets.token_hex(6)}"
        self._courier = Courier(making, self.owner)
        self._running: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._errand: asyncio.Future[bool] | None = None
        self._wake = asyncio.Event()
        self._stopping = False

    def start(self) -> None:
        self._loops = [
            asyncio.create_task(self._for_ever(self._turn)),
            asyncio.create_task(self._for_ever(self._deliver)),
            asyncio.create_task(self._for_ever(self._sweep, every=SWEEP_SECONDS)),
        ]

    @property
    def under_way(self) -> frozenset[asyncio.Task[None]]:
        """The runs that this process is at"""
        return frozenset(self._running)

    def wake(self) -> None:
        """There may be something to do before the next turn"""
        self._wake.set()

    async def close(self) -> None:
        """Ends the loop. Runs under way are handed back, for another process to begin at once; a
        delivery under way is seen through, so that nobody makes it once more.
        """
        self._stopping = True
        tasks = [*self._loops, *self._running]
        for task in tasks:
            task.cancel()
        errand = [] if self._errand is None else [self._errand]
        await asyncio.gather(*tasks, *errand, return_exceptions=True)

    async def step(self) -> int:
        """Does all that is due now, and says how many runs were made"""
        await self._make_due()
        made = 0
        while (run := await self._claim()) is not None:
            await self._run(run)
            made += 1
        await self._deliver()
        await self._sweep()
        return made

    async def _for_ever(
        self, work: Callable[[], Awaitable[None]], *, every: float | None = None
    ) -> None:
        while True:
            self._wake.clear()
            try:
                await work()
            except GraphError as error:
                log.warning("reports wait for their database: %s", error)
            except Exception:  # noqa: BLE001
                # Nobody but this loop does what is due; whatever one turn met, the next is tried.
                log.exception("a turn of the reports' scheduler failed")
            # Not `wait_for`: in Python 3.11 it forgets a cancellation that comes as its wait ends.
            with suppress(TimeoutError):
                async with asyncio.timeout(every or TICK_SECONDS):
                    await self._wake.wait()

    async def _turn(self) -> None:
        await self._make_due()
        while len(self._running) < self.making.settings().max_concurrent_runs:
            run = await self._claim()
            if run is None:
                return
            task = asyncio.create_task(self._run(run))
            self._running.add(task)
            task.add_done_callback(self._done)

    async def _deliver(self) -> None:
        went = True
        while went:
            self._errand = asyncio.ensure_future(self._courier.deliver_one())
            went = await asyncio.shield(self._errand)

    async def _make_due(self) -> None:
        now, once = self.making.timer.now(), self.making.settings().missed == "once"
        while await self.making.store.write(
            lambda connection: runs.make_due(connection, now, missed_once=once)
        ):
            pass

    async def _claim(self) -> runs.KeptRun | None:
        now = self.making.timer.now()
        return await self.making.store.write(
            lambda connection: runs.claim(connection, self.owner, now)
        )

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self.wake()

    async def _run(self, run: runs.KeptRun) -> None:
        try:
            await make(run, self.making)
        except Lost:
            log.warning("run %s was taken over or ended by somebody else", run.id)
        except asyncio.CancelledError:
            if self._stopping:
                now = self.making.timer.now()
                await self.making.store.write(
                    lambda connection: runs.hand_back(connection, run, now)
                )
            raise
        except GraphError as error:
            log.warning("run %s is left for later: %s", run.id, error)

    async def _sweep(self) -> None:
        await retention.clear(self.making)
