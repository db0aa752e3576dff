# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of one worker: start, attend, judge its end, start again or not. What is decided stands in policy.py."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Mapping
from typing import Any

from . import drain, monitor, procfs
from . import record as states
from .failpoint import reach
from .launching import health_of
from .policy import Exit, after_exit, back_off, describe, start_deadline, was_good
from .record import TTL, Record, save
from .reload import failure, reload
from .renaming import move_in
from .run import KILL_WAIT, Run
from .wire import RefusedError
from .world import World

#: Why a run of a worker is brought to its end.
STOP, RESTART, FAILURE = "stop", "restart", "failure"
REBOOTED = "the machine was rebooted"


class Worker:
    """One worker, from the birth of its record to its deletion. ``verbs`` keeps callers from crossing each other."""

    def __init__(self, record: Record, world: World) -> None:
        self.record = record
        self.verbs = asyncio.Lock()
        self.asking = asyncio.Lock()
        self.unsaved = False
        #: Since when (on the loop's clock) old versions of its secrets wait for their last readers.
        self.swapped: float | None = None
        #: What a probe last found amiss.
        self.problem = ""
        self._world = world
        self._life: asyncio.Task[None] | None = None
        self._run: Run | None = None
        self._ready: asyncio.Future[RefusedError | None] = asyncio.get_running_loop().create_future()
        # What is to end the present run, and our own reason for it; set before there is a run, it ends the next one.
        self._end = ""
        self._cause = ""
        self._grace = 0.0
        self._ending: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []

    # ---- what others see -----------------------------------------------------------------------------------------

    @property
    def active(self) -> bool:
        """Whether it runs, starts, stops, or is about to start again."""
        return self._life is not None and not self._life.done()

    @property
    def running(self) -> bool:
        """Whether it has a process that has become its program and is not yet seen to end."""
        return self._run is not None and not self._run.ended.done() and self.record.state != states.CREATING

    @property
    def started(self) -> bool:
        """Whether it has a process, which may have read its files."""
        return self._run is not None and not self._run.ended.done()

    def row(self, drift: Mapping[str, Any] | None = None) -> list[Any]:
        """Return how it is now, for callers."""
        return self.record.row(drift, self._world.mounts.seen(self.record))

    async def settled(self, patience: float = 0.0) -> None:
        """Wait until the start is known to be good, ``patience`` seconds more than its health check may take.

        Raises RefusedError saying why it is not good.
        """
        record = self.record
        if not self.active:
            if record.state == states.FAILED:
                raise RefusedError("provider_specific", record.reason)
            return
        limit = patience + start_deadline(record.spec["health"], record.spec["settle"])
        ready = self._ready  # by the time that we wake another start may have begun
        await asyncio.wait((ready,), timeout=limit)
        if not ready.done():
            because = f": {self.problem}" if self.problem else ""
            raise RefusedError("timeout", f"not healthy within {limit:g} s{because}", "Read its log.")
        problem = ready.result()
        if problem is not None:
            raise problem

    def save(self) -> None:
        """Write the record; what finds no room on the disk is tried again at the next tick."""
        self._world.watchers.note(self.record.id)
        try:
            save(self.record, self._world.directories.records)
            self.unsaved = False
        except OSError as error:
            self.unsaved = True
            sys.stderr.write(f"{self.record.id}: record not written: {error}\n")

    def tell(self, event: str, detail: str = "") -> None:
        """Note an event of this worker."""
        self._world.watchers.note(self.record.id)
        self._world.tell(self.record.address, event, detail)

    # ---- verbs ---------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start from nothing: a new worker, or one that had ended."""
        record = self.record
        record.failures, record.exit_code, record.reason, record.state = 0, None, "", states.CREATING
        record.ttl_from = None
        record.forget_draining()
        self._live_on(0.0)

    def take_over(self) -> None:
        """Go on with a worker that another supervisor has left, wherever it stood."""
        record = self.record
        if record.state in states.ENDED:
            return
        if record.pid:
            self._run = Run.adopt(record, self._world)
            if record.boot != self._world.boot:
                self._end, self._cause = FAILURE, REBOOTED
        self._live_on(back_off(record.failures, record.spec["restart"]["initial"], record.spec["restart"]["max"]))
        if record.intent == states.STOPPED:
            self._bring_to_end(STOP, record.spec["grace"])

    def start_again(self) -> None:
        """Make it run now: out of an end, out of a pause, or out of a back-off; harmless when it runs."""
        state = self.record.state
        if not self.active:
            self.begin()
        elif self._run is not None and self._run.ended.done() and state != states.CREATING:
            self._unsettle()  # its end is still to be dealt with, as where it has ended between two supervisors
            self._bring_to_end(RESTART, 0.0)
        elif state == states.PAUSED:
            self.resume()
        elif state == states.RECOVERING:
            self.record.failures = 0
            self._unsettle()
            self._wake.set()

    async def restart(self, grace: float) -> None:
        """End this run and begin another, whatever the policy says."""
        if not self.running:
            self.start_again()
            return
        self._unsettle()
        self._bring_to_end(RESTART, grace)

    async def stop(self, grace: float) -> None:
        """Signal, wait ``grace`` seconds, kill; returns when nothing is left. Raises RefusedError when something is."""
        record = self.record
        if not self.active:
            record.state = states.STOPPED
            record.forget_draining()
            self.save()
            return
        reach("stopping")
        self._bring_to_end(STOP, grace)
        if self._life is not None:
            await asyncio.wait((self._life,), timeout=grace + 2 * KILL_WAIT)
        if self.active:
            raise RefusedError("timeout", "it does not die of SIGKILL: the kernel holds it", "Look for a stuck disk.")
        if record.state != states.STOPPED:
            self._become(states.STOPPED, record.reason)

    def pause(self) -> None:
        """Freeze every process of the worker. Raises RefusedError when there is none."""
        if self.record.state == states.PAUSED:
            return
        if self._run is None or not self.running or self.record.state == states.STOPPING:
            raise RefusedError("conflict", f"a {self.record.state} worker cannot be paused", "Start it first.")
        self._run.freeze()
        self._become(states.PAUSED)
        self.tell("paused")
        self._answer(None)

    def resume(self) -> None:
        """Thaw it, and let it work on if it was not told to finish. Raises RefusedError when it is neither paused nor running."""
        if self._run is None or not self.running:
            raise RefusedError("conflict", f"a {self.record.state} worker cannot be resumed", "Start it.")
        drain.take_back(self)
        if self.record.state == states.PAUSED:
            self._run.thaw()
            self._become(states.RUNNING)
            self.tell("resumed")

    async def let_go(self) -> None:
        """Look after it no more, and leave its processes as they are."""
        self._unattend()
        for task in (self._life, self._ending):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait((task,))
        if self._run is not None:
            self._run.let_go()
        self._answer(RefusedError("conflict", "it was released meanwhile"))

    async def reload(self) -> None:
        """Tell the program that its files have changed, if it is one that can be told. Raises RefusedError when that fails."""
        record, run = self.record, self._run
        if not (record.stale and record.spec.get("reload")) or run is None or not self.running:
            return
        if record.state in (states.PAUSED, states.STOPPING):
            return
        await reload(record, self._world)
        # A program that does not handle the signal dies of it.
        await asyncio.wait((run.ended,), timeout=record.spec["settle"])
        if run.ended.done():
            raise failure(f"the worker ended of it ({describe(run.ended.result())})")
        record.stale = False
        self.save()
        self.tell("reloaded")

    def renew(self) -> None:
        """Follow a changed spec without touching the process: health check and time to live."""
        if self.running and self._ending is None:
            self._attend()

    def fail(self, cause: str) -> None:
        """Kill the run for a reason of ours; the restart policy decides what follows."""
        self._cause = self._cause or cause
        self._bring_to_end(FAILURE, 0.0)

    # ---- one life ------------------------------------------------------------------------------------------------

    def _unsettle(self) -> None:
        """Have another answer to wait for; who waits for the last one still gets this one."""
        if self._ready.done():
            self._ready = asyncio.get_running_loop().create_future()

    def _live_on(self, delay: float) -> None:
        self._unsettle()
        self._wake.clear()
        if self._run is None:
            self._end = self._cause = ""
        self._life = asyncio.create_task(self._live(delay), name=self.record.id)

    async def _live(self, delay: float) -> None:
        try:
            following: float | None = delay
            while following is not None:
                following = await self._live_once(following)
        except RefusedError as error:
            self._become(states.FAILED, error.message)
            self.tell("failed", error.message)
            self._answer(error)
        except Exception as error:  # noqa: BLE001 - one broken worker may not end the others
            traceback.print_exc()
            self._become(states.FAILED, f"the supervisor failed: {error!r}")
            self._answer(RefusedError("internal", self.record.reason, "Please report it with supervisor.log."))

    async def _live_once(self, delay: float) -> float | None:
        """Live through one run: pause, start, attend, end; return the pause before the next one, or None."""
        run = self._run
        if run is None:
            if self.record.state == states.RECOVERING:
                await self._back_off(delay)
            if self._end == STOP:
                return self._conclude(Exit(self.record.exit_code))
            run = await self._start()
        elif self.record.state == states.CREATING and await run.confirm():
            self._become(self._first_state())
        if not run.ended.done():
            self._attend()
            if self._end:
                self._bring_to_end(self._end, self._grace)
            await asyncio.wait((run.ended,))
        return await self._outlive(run)

    async def _back_off(self, delay: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), delay)
            self._wake.clear()
        except TimeoutError:
            self.record.restarts += 1

    async def _start(self) -> Run:
        """Start the program; raises RefusedError with the cause when it cannot run."""
        record = self.record
        record.state = states.CREATING
        record.stale = False
        self._world.mounts.check(record)
        move_in(record, self._world)
        run = self._run = await Run.start(record, self._world)
        record.exit_code = None
        self._become(self._first_state())
        reach("started")
        self.tell("started", f"pid {record.pid}")
        return run

    def _first_state(self) -> str:
        return states.STARTING if self.record.spec["health"] else states.RUNNING

    def _attend(self) -> None:
        """Watch health and time to live of a run that has begun."""
        self._unattend()
        loop = asyncio.get_running_loop()
        record = self.record
        check = health_of(record)
        if check is not None:
            self._watch = asyncio.create_task(monitor.watch(self, check, self._world))
        else:
            self._timers.append(loop.call_later(record.spec["settle"], self.healthy))
        if record.spec["ttl"] is not None:
            self._expire()

    def _unattend(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        while self._timers:
            self._timers.pop().cancel()

    def healthy(self) -> None:
        """Hear that the worker is well: from its monitor, or because it has outlived its first moment."""
        if not self.running:
            return  # it has ended in the same moment, or before a supervisor that was held up looked again
        record = self.record
        if record.state in (states.STARTING, states.DEGRADED):
            self._become(states.RUNNING)
            self.tell("healthy")
        if record.intent == states.PAUSED and record.state == states.RUNNING:
            self.pause()
        self._answer(None)

    def unhealthy(self, problem: str) -> None:
        """Hear from its monitor that the worker is not well."""
        reason = f"unhealthy: {problem}"
        self._become(states.DEGRADED, reason)
        self.tell("unhealthy", problem)
        self._answer(RefusedError("timeout", f"its health check fails: {problem}", "Read its log."))
        # Who was told to finish may close its doors first: it is not killed for that in the middle of its last job.
        if self.record.spec["restart"]["policy"] != "never" and not self.record.drain_told:
            self._cause = reason
            self._bring_to_end(FAILURE, self.record.spec["grace"])

    def _expire(self) -> None:
        """End the run when its time is over, never before; the timer's clock stands still while the machine sleeps."""
        record = self.record
        now = procfs.boottime()
        left = (now if record.ttl_from is None else record.ttl_from) + record.spec["ttl"] - now
        if left > 0:
            if record.drain_then == TTL:
                drain.take_back(self)  # it was given more time
            self._timers.append(asyncio.get_running_loop().call_later(left, self._expire))
            return
        if not record.drain_then:
            self.tell("expired", f"after {record.spec['ttl']:g} s")
        if not record.spec.get("drain"):
            self.end_of_life()
        elif not record.drain_then:
            drain.leave(self, TTL)
            drain.begin(self, self._world.now())

    def end_of_life(self) -> None:
        """Stop it because its time to live is over."""
        self._bring_to_end(TTL, self.record.spec["grace"])

    # ---- its end -------------------------------------------------------------------------------------------------

    def _bring_to_end(self, end: str, grace: float) -> None:
        """Begin the end of this run, or of the pause before the next one."""
        if end == FAILURE and self._end:
            return  # whoever ends it already decides what follows
        self._end, self._grace = end if self._end != STOP else STOP, grace
        self._wake.set()
        if self._run is None or not self.running or self._ending is not None:
            return
        frozen = self.record.state == states.PAUSED
        if self._end in (STOP, TTL) and grace > 0:
            self._become(states.STOPPING)
        self._unattend()  # how it is while it ends says nothing about the run that may follow
        self._ending = asyncio.create_task(self._run.terminate(grace, frozen))

    async def _outlive(self, run: Run) -> float | None:
        """Leave nothing of a run that has ended, its children may not outlive it, and decide what follows."""
        self._unattend()
        ending, self._ending = self._ending, None
        if ending is not None:
            await asyncio.wait((ending,))
        else:
            await run.kill()
        self._cause = run.clear() or self._cause
        self._run = None
        return self._conclude(run.ended.result(), run)

    def _conclude(self, ended: Exit, run: Run | None = None) -> float | None:
        """Say what the end of a run means, and when the next one begins."""
        record, end, cause = self.record, self._end, self._cause
        reach("exited")
        self._end = self._cause = ""
        self._wake.clear()
        if record.state == states.CREATING and not end:
            return 0.0
        record.exit_code = ended.code
        if end in (STOP, TTL) or run is None:
            over = f"its time to live of {record.spec['ttl']:g} s is over" if end == TTL else ""
            record.forget_draining()
            self._become(states.STOPPED, over)
            self.tell("stopped", over)
            self._answer(RefusedError("conflict", over or "it was stopped meanwhile"))
            return None
        if end == RESTART:
            record.failures = 0
            record.forget_draining()
            self.tell("restarted", "asked for")
            return 0.0
        return self._after_exit(ended, cause, run)

    def _after_exit(self, ended: Exit, cause: str, run: Run) -> float | None:
        """Follow the restart policy; who was to finish and has ended is not started again."""
        record = self.record
        if record.drain_told or record.drain_then:
            record.drain_since, record.drain_told = None, False
            self._become(states.STOPPED, f"drained: {cause or describe(ended)}")
            self.tell("drained", cause or describe(ended))
            self._answer(RefusedError("conflict", "it has finished its work and ended"))
            return None
        restart = record.spec["restart"]
        if was_good(procfs.boottime() - run.began, restart):
            record.failures = 0
        verdict = after_exit(ended, cause, record.failures, restart)
        if verdict.state == states.COMPLETED:
            self._become(verdict.state)
            self.tell("exited", "with code 0")
            self._answer(None)
            return None
        record.failures += 1
        reason = verdict.reason + run.last_words()
        self._become(verdict.state, reason)
        self.tell("exited" if verdict.delay is None else "restarting", verdict.reason)
        self._answer(RefusedError("provider_specific", reason, "Read its log."))
        return verdict.delay

    def _become(self, state: str, reason: str = "") -> None:
        self.record.state, self.record.reason = state, reason
        self.save()

    def _answer(self, problem: RefusedError | None) -> None:
        if not self._ready.done():
            self._ready.set_result(problem)
