# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All workers of one owner: takes requests, finds whom they are about, and keeps what they share in order."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import secrets
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from . import drain, procfs
from . import record as states
from .changing import change, clear_unfinished, keep, unpacked
from .delivery import kept_name
from .dirs import exists, make_owned, remove_file
from .drift import Drift, who
from .exchange import Exchange
from .failpoint import reach
from .record import TTL, NotBegunError, Record, create, read_all, read_id, record_id, replace
from .removal import remove_tree
from .renaming import finish, relabel, rename
from .run import memory_reason
from .tree import marker_of
from .wire import WORKERS_DIR, RefusedError
from .worker import Worker
from .world import World, disk_problem

#: What a request may change of a worker that goes on living, besides its spec.
_LABELS = ("lineage", "key_id", "operation", "protected", "on_remove", "labels", "intent")
#: Whoever has opened a directory of secrets that are replaced can read on for so many seconds.
READ_ON = 5.0
#: And what an adoption changes, which has no spec: whose digest it is stays true.
_ADOPTED = ("lineage", "operation")


class Fleet:
    """The workers by id. ``adopt`` first, then requests; ``tick`` once a second."""

    def __init__(self, world: World) -> None:
        self.workers: dict[str, Worker] = {}
        self._settling: dict[str, asyncio.Task[None]] = {}
        self._world = world
        self._drift = Drift()

    # ---- taking over ---------------------------------------------------------------------------------------------

    def adopt(self) -> None:
        """Take over every worker on record, alive or not."""
        directory = self._world.directories.records
        broken = False
        for name, found in read_all(directory):
            if isinstance(found, Exception):
                broken = broken or not isinstance(found, NotBegunError)
                self._set_aside(name, found)
                continue
            finish(found, name, self._world)
            relabel(found, self._world)
            worker = self.workers[found.id] = Worker(found, self._world)
            self._world.ports.hold(found.id, found.spec["ports"], found.ports)
            worker.take_over()
            if worker.active:
                worker.tell("adopted", f"pid {found.pid}" if found.pid else "")
        tokens = {worker.record.token for worker in self.workers.values()}
        if not broken:
            clear_unfinished(directory, tokens)
            try:
                self._world.mounts.keep_only(tokens)
            except OSError as error:
                sys.stderr.write(f"secrets of workers that are no more are not deleted: {error}\n")
        for worker in self.workers.values():
            self._sweep(worker)

    def _set_aside(self, name: str, problem: Exception) -> None:
        """Drop a record of nothing, and one that an earlier boot has torn; another one stays for a person to look at."""
        if isinstance(problem, NotBegunError):
            remove_file(name, self._world.directories.records)
            return
        sys.stderr.write(f"record {name} cannot be read: {problem}\n")
        booted_at = self._world.now() - procfs.boottime()
        try:
            written_at = os.stat(name, dir_fd=self._world.directories.records).st_mtime
        except FileNotFoundError:
            return
        if written_at < booted_at:
            remove_file(name, self._world.directories.records)

    @property
    def busy(self) -> bool:
        """Whether there is anything to watch over."""
        return any(worker.active or worker.record.drain_then for worker in self.workers.values())

    def rows(self) -> list[list[Any]]:
        """Return one observation per worker."""
        records = [worker.record for worker in self.workers.values()]
        drift = self._drift.look(records, self._world.directories.workers)
        return [worker.row(drift.get(worker.record.id)) for worker in self.workers.values()]

    def news(self, changed: Collection[str]) -> dict[str, Any]:
        """Return how some workers are now, by id; those that are gone by what they were called."""
        found = [self.workers[name] for name in changed if name in self.workers]
        drift = self._drift.refresh([worker.record for worker in found], self._world.directories.workers)
        return {
            "news": [worker.row(drift.get(worker.record.id)) for worker in found],
            "gone": [read_id(name) for name in changed if name not in self.workers],
            "revision": self._world.revision(),
        }

    # ---- requests ------------------------------------------------------------------------------------------------

    async def create(self, draft: Mapping[str, Any]) -> None:
        """Make a worker, or find the one that an earlier request has made, and wait until its start is settled.

        Raises RefusedError; the worker may exist nevertheless (``find`` it).
        """
        worker = self.workers.get(record_id(draft["name"], draft["key"], draft["generation"]))
        if worker is None:
            worker = self._admit(draft) if "native" not in draft else self._take_in(draft)
            if "native" in draft:
                worker.take_over()
            elif draft["intent"] == states.STOPPED:
                await worker.stop(0.0)
            else:
                worker.begin()
        else:
            _check_same(worker.record, draft)
        await worker.settled()

    def _admit(self, draft: Mapping[str, Any]) -> Worker:
        """Write the first record of a new worker."""
        reach("admit")
        world = self._world
        name = record_id(draft["name"], draft["key"], draft["generation"])
        draft, contents = unpacked(draft)
        ports = world.ports.allocate(name, draft["spec"]["ports"], tuple(draft["spec"]["port_range"]))
        token = secrets.token_hex(8)
        record = Record(
            **draft,
            id=name,
            token=token,
            boot=world.boot,
            created_at=world.now(),
            ports=ports,
            home=os.path.join(world.directories.path, WORKERS_DIR, self._free_place(name, token)),
        )
        try:
            with Exchange() as exchange:
                if contents.files:
                    keep(exchange, token, contents.files, world.directories.records)
                if contents.secrets:
                    world.mounts.prepare(exchange, record, record, contents.secrets, who(record))
                exchange.commit()
            create(record, world.directories.records)
        except (OSError, RefusedError) as error:
            remove_file(kept_name(token), world.directories.records)
            world.mounts.remove(token)
            world.ports.release(draft["spec"]["ports"], ports)
            raise disk_problem(error, world.directories.path) if isinstance(error, OSError) else error from error
        worker = self.workers[name] = Worker(record, world)
        worker.tell("created", draft["operation"])
        return worker

    def _take_in(self, draft: Mapping[str, Any]) -> Worker:
        """Write the first record of a worker that runs already. Raises RefusedError when it does not, or is one of ours."""
        reach("admit")
        world = self._world
        wanted = {key: value for key, value in draft.items() if key not in ("native", "given")}
        pid, started = draft["native"]["pid"], draft["native"]["started"]
        if any((other.record.pid, other.record.started) == (pid, started) for other in self.workers.values()):
            raise RefusedError("conflict", f"process {pid} is a worker of this fleet already", "Look again.")
        if not procfs.alive(pid, started):
            raise RefusedError("not_found", f"process {pid} has ended meanwhile", "Look again.")
        name = record_id(draft["name"], draft["key"], draft["generation"])
        # One that was released keeps its mark, and by that its children are known.
        mark = marker_of(procfs.environment(pid)).partition(".")[0]
        token = mark if mark and mark not in world.families else secrets.token_hex(8)
        place = self._free_place(name, token)
        os.close(make_owned(place, world.directories.workers, os.geteuid(), os.getegid()))
        record = Record(
            **wanted,
            id=name,
            token=token,
            boot=world.boot,
            created_at=world.now(),
            ports={port["name"]: port["host"] for port in draft["spec"]["ports"]},
            home=os.path.join(world.directories.path, WORKERS_DIR, place),
            state=states.STARTING if draft["spec"]["health"] else states.RUNNING,
            pid=pid,
            started=started,
            started_at=world.now() - procfs.boottime() + started / os.sysconf("SC_CLK_TCK"),
            ttl_from=procfs.boottime(),
        )
        try:
            create(record, world.directories.records)
        except OSError as error:
            raise disk_problem(error, world.directories.path) from error
        world.ports.hold(name, record.spec["ports"], record.ports)
        worker = self.workers[name] = Worker(record, world)
        worker.tell("imported", f"pid {pid}")
        return worker

    def _free_place(self, name: str, token: str) -> str:
        """Choose a directory of its own: one that had this name before may live on in the first choice."""
        taken = any(worker.record.place == name for worker in self.workers.values())
        return f"{name}.{token}" if taken or exists(name, self._world.directories.workers) else name

    async def update(
        self,
        draft: Mapping[str, Any],
        etag: str,
        adopt_from: str,
        moved_from: Mapping[str, Any] | None = None,
        drifted: Sequence[str] = (),
    ) -> None:
        """Change labels, the address, and the spec where the digest differs, of a worker that goes on living.

        All of it changes or nothing. Files that changed, or that have ``drifted``, are put into place, and the worker is told
        of them where its document says how.
        """
        worker = self.find(draft["name"], draft["key"], draft["generation"])
        if moved_from is not None:
            worker = self._moving(worker, draft, moved_from)
        if worker is None:
            raise RefusedError("not_found", "there is no such worker to update", "Converge again.")
        async with worker.verbs:
            record = worker.record
            if moved_from is not None and record.operation == draft["operation"]:
                return  # asked again: the supervisor that did it died before it could say so
            _check_etag(record, etag)
            if record.lineage not in (draft["lineage"], adopt_from):
                raise RefusedError("conflict", f"it belongs to lineage {record.lineage}", "See fleet_refresh.")
            draft, contents = unpacked(draft)
            try:
                if moved_from is not None:
                    self._rename(worker, record_id(draft["name"], draft["key"], draft["generation"]))
                changed = _changed(record, draft)
                change(record, changed, contents, drifted, self._world, running=worker.started)
            except OSError as error:
                raise disk_problem(error, self._world.directories.path) from error
            finally:
                self._sweep(worker, reading=worker.started)
            worker.renew()
            worker.tell("updated", draft["operation"])
            await worker.reload()

    def _sweep(self, worker: Worker, *, reading: bool = False) -> None:
        """Delete what a worker has no more of its secrets, but what somebody may be reading a moment later."""
        worker.swapped = asyncio.get_running_loop().time() if reading and worker.record.secrets else None
        try:
            self._world.mounts.sweep(worker.record, reading=reading)
        except OSError as error:
            sys.stderr.write(f"{worker.record.id}: old secrets not deleted: {error}\n")

    def _moving(self, there: Worker | None, draft: Mapping[str, Any], origin: Mapping[str, Any]) -> Worker | None:
        """Find who is to move: the one under the old address, or under the new one who has moved already."""
        moving = self.find(origin["name"], origin["key"], draft["generation"])
        if moving is not None and there is not None:
            raise RefusedError("conflict", f"there is a {there.record.address} already", "Plan again.")
        return moving or there

    def _rename(self, worker: Worker, name: str) -> None:
        """Give a worker another address; its process, its directory and its ports stay as they are. Raises OSError."""
        record, old, called = worker.record, worker.record.id, worker.record.address
        if old == name:
            return
        rename(record, name, self._world)
        self._world.watchers.note(old)
        self.workers[name] = self.workers.pop(old)
        if old in self._settling:
            self._settling[name] = self._settling.pop(old)
        self._world.ports.hold(name, record.spec["ports"], record.ports)
        worker.tell("moved", f"from {called}")

    async def act(self, verb: str, target: Mapping[str, Any]) -> None:
        """Do a verb; to delete or stop what is gone is well done. Raises RefusedError."""
        worker = self.find(target["name"], target["key"], target["generation"])
        if worker is None:
            if verb in ("delete", "stop", "release"):
                return
            raise RefusedError("not_found", "there is no such worker", "Converge, so that it is made again.")
        async with worker.verbs:
            if self.workers.get(worker.record.id) is not worker:
                return
            _check_etag(worker.record, target["etag"])
            if verb == "release":
                await self._release(worker)
            else:
                await self._do(worker, verb, target["grace"])

    async def _do(self, worker: Worker, verb: str, grace: float) -> None:
        record = worker.record
        intent = {"stop": "stopped", "delete": "stopped", "pause": "paused"}.get(verb, "started")
        if verb == "pause":
            worker.pause()
        elif verb == "resume":
            worker.resume()
        if record.intent != intent:
            record.intent = intent
            record.edits += 1
            worker.save()
        if verb == "resume":
            await worker.reload()
        elif verb == "stop":
            await worker.stop(grace)
        elif verb == "delete":
            await self._delete(worker, grace)
        elif verb == "start":
            worker.start_again()
            await worker.settled()
        elif verb == "restart":
            await worker.restart(grace)
            await worker.settled(grace)

    async def _delete(self, worker: Worker, grace: float) -> None:
        """Stop it, then remove all that is its own; the record last, so that a crash in between is taken up again."""
        await worker.stop(grace)
        reach("removing")
        record, directories = worker.record, self._world.directories
        try:
            self._world.mounts.remove(record.token)
            remove_tree(record.place, directories.workers)
            self._world.logs.forget(record.id)
            remove_file(kept_name(record.token), directories.records)
            remove_file(f"{record.id}.json", directories.records)
        except OSError as error:
            raise disk_problem(error, directories.path) from error
        reach("removed")
        self._world.ports.release(record.spec["ports"], record.ports)
        del self.workers[record.id]
        worker.tell("deleted")

    async def _release(self, worker: Worker) -> None:
        """Let go of a worker: it runs on, its directory stays, and its log gets a name that no other worker's can have."""
        record, directories = worker.record, self._world.directories
        pid = record.pid if worker.running else 0
        reach("letting go")
        try:
            self._world.mounts.remove(record.token)
            self._world.logs.rename(record.id, f"{record.id}.{record.token}.released")
            remove_file(kept_name(record.token), directories.records)
            remove_file(f"{record.id}.json", directories.records)
        except OSError as error:
            raise disk_problem(error, directories.path) from error
        reach("let go")
        await worker.let_go()
        self._world.ports.release(record.spec["ports"], record.ports)
        del self.workers[record.id]
        worker.tell("released", f"pid {pid} runs on" if pid else "")

    # ---- draining ------------------------------------------------------------------------------------------------

    async def drain(self, target: Mapping[str, Any]) -> dict[str, str]:
        """Have a worker take no new work, say whether it works, and leave with us what is to be done then. Raises RefusedError."""
        worker = self.find(target["name"], target["key"], target["generation"])
        if worker is None:
            return drain.Answer(drain.IDLE)._asdict()
        record = worker.record
        _check_etag(record, target["etag"])
        if record.spec.get("drain") != target["drain"]:
            record.spec = record.spec | {"drain": target["drain"]}
            try:
                replace(record, self._world.directories.records)
            except OSError as error:
                raise disk_problem(error, self._world.directories.path) from error
            self._world.watchers.note(record.id)
        answer = await drain.attempt(worker, self._world)
        reach("draining")
        if self.workers.get(record.id) is worker:
            drain.leave(worker, "" if answer.activity == drain.IDLE else target["then"])
        return answer._asdict()

    async def _settle(self, worker: Worker) -> None:
        """Do what was left with us, as soon as a worker is idle or has had its time."""
        try:
            await self._await_idle(worker)
        finally:
            self._settling.pop(worker.record.id, None)

    async def _await_idle(self, worker: Worker) -> None:
        record = worker.record
        while record.drain_then and self.workers.get(record.id) is worker:
            answer = await drain.attempt(worker, self._world)
            then = record.drain_then
            if then and (answer.activity == drain.IDLE or drain.is_over(record, self._world.now())):
                reach("settling")
                await self._finish(worker, then)
                return
            await asyncio.sleep(record.spec["drain"]["interval"] if record.spec.get("drain") else 0.0)

    async def _finish(self, worker: Worker, then: str) -> None:
        record = worker.record
        async with worker.verbs:
            if record.drain_then != then or self.workers.get(record.id) is not worker:
                return
            worker.tell("settled", f"{then}, now that it is idle")
            try:
                if then == TTL:
                    worker.end_of_life()
                else:
                    await self._do(worker, then, record.spec["grace"])
            except RefusedError as error:
                worker.tell("failed", f"{then}: {error.message}")
            finally:
                if record.drain_then == then and self.workers.get(record.id) is worker:
                    record.drain_then = ""
                    worker.save()

    async def end(self) -> None:
        """Stop all workers."""
        await asyncio.gather(
            *(worker.stop(worker.record.spec["grace"]) for worker in self.workers.values()), return_exceptions=True
        )

    def find(self, name: str, key: int | None, generation: int) -> Worker | None:
        """Return a worker by what it is called."""
        return self.workers.get(record_id(name, key, generation))

    # ---- once a second -------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Index and rotate logs, write records that found no room, and weigh workers whose memory we limit ourselves."""
        now = self._world.now()
        for worker in self.workers.values():
            if worker.unsaved:
                worker.save()
            if worker.swapped is not None and asyncio.get_running_loop().time() - worker.swapped > READ_ON:
                self._sweep(worker)
            if worker.record.drain_then and worker.record.id not in self._settling:
                self._settling[worker.record.id] = asyncio.create_task(self._settle(worker))
            if worker.active:
                log = worker.record.spec["log"]
                try:
                    self._world.logs.tick(worker.record.id, now, log["max_size"], log["max_files"])
                except OSError as error:
                    sys.stderr.write(f"log of {worker.record.id}: {error}\n")
        self._weigh()

    def _weigh(self) -> None:
        """Sample the memory of workers whose limit no cgroup enforces, and end those above it."""
        limited = {
            worker.record.token: worker
            for worker in self.workers.values()
            if worker.running and "memory" in worker.record.spec["limits"] and "memory" not in self._enforced(worker)
        }
        if not limited:
            return
        try:
            members = self._world.reaper.members(frozenset(limited))
        except OSError as error:
            sys.stderr.write(f"memory not sampled: {error}\n")
            return
        for token, processes in members.items():
            limit = limited[token].record.spec["limits"]["memory"]
            if sum(process.rss for process in processes) > limit:
                limited[token].fail(memory_reason(limit))

    def _enforced(self, worker: Worker) -> frozenset[str]:
        return self._world.groups.carries if worker.record.groups else frozenset()


def _changed(record: Record, draft: Mapping[str, Any]) -> Record:
    """Return a record as an update leaves it."""
    changed = dataclasses.replace(record, edits=record.edits + 1)
    spec = draft["spec"]
    for label in _LABELS if spec else _ADOPTED:
        setattr(changed, label, draft.get(label, getattr(record, label)))  # an older caller does not know all of them
    if spec and record.digest != draft["digest"]:
        changed.digest, changed.spec = draft["digest"], spec
    elif spec:
        changed.spec = record.spec | {key: spec[key] for key in ("grace", "ttl", "drain")}
    return changed


def _check_same(record: Record, draft: Mapping[str, Any]) -> None:
    """Refuse to take one worker for another."""
    if record.lineage != draft["lineage"]:
        raise RefusedError(
            "conflict",
            f"a worker of this name belongs to another fleet of this owner (lineage {record.lineage})",
            "Adopt it with fleet_refresh, or choose another owner.",
        )
    if record.provider != draft["provider"]:
        raise RefusedError("conflict", f"provider '{record.provider}' has a worker of this name and generation")
    if record.digest != draft["digest"]:
        raise RefusedError("conflict", "a worker of this name exists with another spec", "Plan again: it changed.")


def _check_etag(record: Record, etag: str) -> None:
    if etag and etag != record.etag:
        raise RefusedError("conflict", "the worker has changed since the plan was made", "Plan again.")
