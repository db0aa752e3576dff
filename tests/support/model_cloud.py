# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cloud to test the engine against: it keeps the provider port's promises, and breaks a call exactly where a test says so.

``Cloud`` is the world: objects, and a log of every side effect. In memory, or in a file that outlives the processes that use it.
``ModelProvider`` is the port onto it. Faults are what real providers do: replies get lost, calls break in the middle, lists are
cut short, requests are throttled, states are unknown or of yesterday, outcomes come twice or in another order.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address, matches, parse_address
from ansible_collections.hodei.workers.plugins.module_utils.model.carry import Carry, Column, OnChange, Support, cell
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind, Problem
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import (
    Activity,
    Capacity,
    Comparison,
    CreateRequest,
    Draining,
    DrainRequest,
    ExecRequest,
    ExecResult,
    Fingerprint,
    Limits,
    Listing,
    LogRequest,
    LogResult,
    News,
    Observation,
    Outcome,
    Target,
    Verb,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.records import Event
from ansible_collections.hodei.workers.plugins.module_utils.model.states import Intent, WorkerState
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Drain, Instance

Object = dict[str, Any]
# ``list`` is a method of the port.
Problems = list[Problem]
Events = list[Event]
Shown = dict[tuple[Address, int], Observation]
_HEARTBEAT = 0.2

COLUMN: Column = {
    "image": Carry(Support.NATIVE, OnChange.REPLACE),
    "program": Carry(Support.NATIVE, OnChange.REPLACE),
    "command": Carry(Support.NATIVE, OnChange.REPLACE),
    "cwd": Carry(Support.NATIVE, OnChange.REPLACE),
    "ports": Carry(Support.NATIVE, OnChange.REPLACE),
    "env": Carry(Support.NATIVE, OnChange.UPDATE),
    "files": Carry(Support.NATIVE, OnChange.UPDATE),
    "secrets": Carry(Support.NATIVE, OnChange.UPDATE),
    "reload": Carry(Support.NATIVE, OnChange.RECORD),
    "labels": Carry(Support.NATIVE, OnChange.RECORD),
    "resources": Carry(Support.NATIVE, OnChange.UPDATE),
    "resources.gpu": Carry(Support.NONE, note="no machine of this cloud has one"),
    "health": Carry(Support.EMULATED, OnChange.UPDATE),
    "restart": Carry(Support.IGNORED, OnChange.RECORD, "it restarts nothing"),
    "network": Carry(Support.NONE, note="all workers share one network"),
    "log": Carry(Support.NATIVE, OnChange.UPDATE),
    "lifecycle.drain": Carry(Support.NATIVE, OnChange.UPDATE),
}

#: What the schema's defaults add to every spec says nothing about what a document asked for.
_RUN_STATE = {
    Verb.START: (WorkerState.RUNNING, Intent.STARTED),
    Verb.RESTART: (WorkerState.RUNNING, Intent.STARTED),
    Verb.RESUME: (WorkerState.RUNNING, Intent.STARTED),
    Verb.STOP: (WorkerState.STOPPED, Intent.STOPPED),
    Verb.PAUSE: (WorkerState.PAUSED, Intent.PAUSED),
}
_BORN = {Intent.STARTED: WorkerState.RUNNING, Intent.STOPPED: WorkerState.STOPPED, Intent.PAUSED: WorkerState.PAUSED}

#: What can go wrong with one object of a call.
BEFORE = ("refuse", "throttle", "break_call", "bug")
AFTER = ("lose_reply", "break_after", "silent", "twice", "unready", "starting", "liar")
#: What can go wrong with a list.
LISTING = ("partial", "broken_list", "unknown", "stale")
ITEM_FAULTS = BEFORE + AFTER


@dataclass
class Fault:
    """What shall go wrong: ``kind`` at ``verb`` (``*``: any) of addresses that ``pattern`` matches, ``times`` times."""

    verb: str
    kind: str
    pattern: str = "*"
    times: int = 1
    detail: str = ""


@dataclass
class Gauge:
    """How many calls run now, and how many ran at the same time at the most."""

    now: int = 0
    peak: int = 0
    total: int = 0

    def enter(self) -> None:
        self.now += 1
        self.total += 1
        self.peak = max(self.peak, self.now)


class Cloud:
    """All objects of all providers. With a ``path`` they live in that file and survive the death of a process."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._data: dict[str, Any] = {"objects": {}, "log": [], "sequence": 0}
        self.faults: list[Fault] = []
        self.gauges: dict[str, Gauge] = {}
        self.now = 1_700_000_000.0
        if path is not None and not path.exists():
            path.write_text(json.dumps(self._data))

    # ---- the world ---------------------------------------------------------------------------------------------

    @contextmanager
    def change(self) -> Iterator[dict[str, Any]]:
        """Change the world in one step that happens wholly or not at all."""
        with self._lock, self._locked_file():
            data = self._load()
            yield data
            data["revision"] = data.get("revision", 1) + 1
            if self._path is not None:
                temporary = self._path.with_suffix(f".{os.getpid()}")
                temporary.write_text(json.dumps(data))
                temporary.replace(self._path)

    def objects(self, provider: str | None = None) -> list[Object]:
        """Return copies of all objects, oldest first."""
        return self.snapshot(provider)[0]

    def snapshot(self, provider: str | None = None) -> tuple[list[Object], int]:
        """Return the same, and after how many changes of the world that was."""
        with self._lock, self._locked_file():
            data = self._load()
            found, revision = (
                list(data["objects"].values()),
                data.get("revision", 1),
            )  # 0 would be no place in the order
            found = [json.loads(json.dumps(one)) for one in found if provider in (None, one["provider"])]
        return sorted(found, key=lambda one: int(one["sequence"])), revision

    def log(self) -> list[dict[str, Any]]:
        """Return every side effect that happened, in order."""
        with self._lock, self._locked_file():
            return list(self._load()["log"])

    def get(self, address: str, generation: int | None = None) -> Object:
        """Return the newest object of an address; KeyError when there is none."""
        wanted = str(parse_address(address))
        found = [one for one in self.objects() if one["address"] == wanted and generation in (None, one["generation"])]
        if not found:
            raise KeyError(address)
        return max(found, key=lambda one: int(one["generation"]))

    def alter(self, address: str, generation: int | None = None, **fields: Any) -> None:
        """Do something to an object behind everybody's back, as ``etag`` and all see it."""
        name = self.get(address, generation)["name"]
        with self.change() as data:
            data["objects"][name].update(fields)
            if not fields.keys() <= {"state", "reason", "exit_code", "started_at", "busy"}:
                data["objects"][name]["version"] += 1

    def remove(self, address: str) -> None:
        """Let an object vanish."""
        name = self.get(address)["name"]
        with self.change() as data:
            del data["objects"][name]

    # ---- faults ------------------------------------------------------------------------------------------------

    def fail(self, verb: str, kind: str, pattern: str = "*", times: int = 1, detail: str = "") -> None:
        """Let something go wrong from now on."""
        self.faults.append(Fault(verb, kind, pattern, times, detail))

    def fault(self, verb: str, address: Address | None, kinds: Sequence[str]) -> Fault | None:
        """Use up the first fault that is meant for this."""
        with self._lock:
            for fault in self.faults:
                if fault.times < 1 or fault.kind not in kinds or fault.verb not in ("*", verb):
                    continue
                if address is not None and not matches(fault.pattern, address):
                    continue
                fault.times -= 1
                return fault
        return None

    @contextmanager
    def gauge(self, name: str) -> Iterator[None]:
        """Count a call of a provider, and of all providers under ``*``."""
        with self._lock:
            both = [self.gauges.setdefault(one, Gauge()) for one in (name, "*")]
            for one in both:
                one.enter()
        try:
            yield
        finally:
            with self._lock:
                for one in both:
                    one.now -= 1

    def _load(self) -> dict[str, Any]:
        if self._path is not None:
            self._data = json.loads(self._path.read_text())
        return self._data

    @contextmanager
    def _locked_file(self) -> Iterator[None]:
        if self._path is None:
            yield
            return
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def difference(before: Shown, after: Shown, revision: int) -> News:
    """Say what changed between two looks."""
    seen = tuple(one for key, one in after.items() if before.get(key) != one)
    return News(seen, tuple(key for key in before if key not in after), revision)


class ModelProvider:
    """The provider port onto a model cloud, for one owner."""

    def __init__(
        self,
        cloud: Cloud,
        name: str = "cloud",
        owner: str = "tests",
        *,
        limits: Limits | None = None,
        column: Column | None = None,
        delay: float = 0.0,
        reorder: bool = False,
        problems: Sequence[Problem] = (),
    ) -> None:
        self.cloud = cloud
        self.name = name
        self.owner = owner
        self.limits = limits or Limits(bulk=10, parallel=4)
        self.column = COLUMN if column is None else column
        self.delay = delay
        self.reorder = reorder
        self.problems = list(problems)
        self.largest_call = 0
        self.drain_calls = 0

    # ---- looking -----------------------------------------------------------------------------------------------

    def fingerprint(self) -> Fingerprint:
        if self.cloud.fault("fingerprint", None, ("refuse",)):
            raise HodeiError(Kind.NETWORK, f"no answer from {self.name}")
        return Fingerprint("model", "1", self.column, self.limits)

    def validate(self, instances: Sequence[Instance]) -> Problems:
        return self.problems

    def list(self) -> Listing:
        if self.cloud.fault(f"list:{self.name}", None, ("broken_list",)) or self.cloud.fault(
            "list", None, ("broken_list",)
        ):
            raise HodeiError(Kind.TIMEOUT, f"{self.name} did not answer within 30 s")
        found = []
        complete = True
        objects, revision = self.cloud.snapshot(self.name)
        for one in objects:
            if one["owner"] != self.owner:
                continue
            fault = self.cloud.fault("list", parse_address(one["address"]), ("partial", "unknown", "stale"))
            kind = fault.kind if fault else ""
            if kind == "partial":
                complete = False
            elif kind == "unknown":
                found.append(replace(self._observation(one), state=WorkerState.UNKNOWN, reason="403 from the cloud"))
            elif kind == "stale":
                found.append(replace(self._observation(one), state=WorkerState(one["state_before"])))
            else:
                found.append(self._observation(one))
        problem = None if complete else HodeiError(Kind.NETWORK, f"{self.name} cut its list short")
        return Listing(tuple(found), complete=complete, problem=problem, revision=revision)

    def watch(self, seconds: float) -> Generator[News, None, None]:
        until = time.monotonic() + seconds
        known, revision = self.shown()
        yield News()
        due = time.monotonic() + _HEARTBEAT
        while time.monotonic() < until:
            shown, revision = self.shown()
            news = difference(known, shown, revision)
            if news == News(revision=revision) and time.monotonic() < due:
                time.sleep(0.01)
                continue
            yield news
            known, due = shown, time.monotonic() + _HEARTBEAT

    def shown(self) -> tuple[Shown, int]:
        """Return all objects of the owner by what names them, and after how many changes of the world that was."""
        objects, revision = self.cloud.snapshot(self.name)
        seen = [self._observation(one) for one in objects if one["owner"] == self.owner]
        return {(one.address, one.generation): one for one in seen}, revision

    # ---- doing -------------------------------------------------------------------------------------------------

    def create(self, requests: Sequence[CreateRequest]) -> Iterable[Outcome]:
        return self._each("create", requests, self._create)

    def update(self, requests: Sequence[CreateRequest]) -> Iterable[Outcome]:
        return self._each("update", requests, self._update)

    def act(self, verb: Verb, targets: Sequence[Target]) -> Iterable[Outcome]:
        return self._each(verb.value, targets, lambda target: self._act(verb, target))

    def drain(self, requests: Sequence[DrainRequest]) -> Iterable[Outcome]:
        self.drain_calls += 1
        return self._each("drain", requests, self._drain)

    def exec(self, request: ExecRequest) -> ExecResult:
        return ExecResult(0, b"", b"")

    def logs(self, request: LogRequest) -> LogResult:
        return LogResult(b"")

    def forward(self, target: Target, port: str) -> socket.socket:
        raise HodeiError(Kind.COMPATIBILITY, "a model has no ports")

    def events(self, target: Target, limit: int) -> Events:
        return []

    def capacity(self) -> Capacity:
        return Capacity(workers=len(self.cloud.objects(self.name)))

    def attend(self) -> None:
        pass

    def close(self) -> None:
        pass

    def _each(self, verb: str, items: Sequence[Any], do: Any) -> Iterator[Outcome]:
        assert len(items) <= max(1, self.limits.bulk), "the engine keeps to the bulk limit"
        self.largest_call = max(self.largest_call, len(items))
        with self.cloud.gauge(self.name):
            if self.delay:
                time.sleep(self.delay)
            for item in reversed(items) if self.reorder else items:
                yield from self._one(verb, item, do)

    def _one(self, verb: str, item: Any, do: Any) -> Iterator[Outcome]:
        key = (item.address, item.generation)
        fault = self.cloud.fault(verb, item.address, ITEM_FAULTS)
        kind = fault.kind if fault else ""
        if kind == "refuse":
            yield Outcome(*key, error=HodeiError(Kind.PROVIDER_SPECIFIC, "the cloud does not want to"))
            return
        if kind == "throttle":
            yield Outcome(*key, error=HodeiError(Kind.RESOURCE_EXHAUSTED, "too many requests", retry_after=1.0))
            return
        if kind == "break_call":
            raise HodeiError(Kind.NETWORK, "the connection broke")
        if kind == "bug":
            raise RuntimeError(f"boom with {fault.detail if fault else ''}")
        outcome = do(item)
        if kind in ("unready", "starting") and outcome.observation is not None:
            outcome = self._half_made(outcome.observation, kind)
        if kind == "liar" and outcome.observation is not None:
            outcome = replace(outcome, observation=replace(outcome.observation, spec_digest="0" * 32))
        if kind == "lose_reply":
            yield Outcome(*key, error=HodeiError(Kind.TIMEOUT, "no reply within 30 s"))
        elif kind == "break_after":
            raise HodeiError(Kind.NETWORK, "the connection broke")
        elif kind != "silent":
            yield outcome
        if kind == "twice":
            yield Outcome(*key, error=HodeiError(Kind.INTERNAL, "the same again, and a lie"))

    def _half_made(self, seen: Observation, kind: str) -> Outcome:
        """The object is there, but it never became ready; or the call was over before it did."""
        state = WorkerState.FAILED if kind == "unready" else WorkerState.STARTING
        with self.cloud.change() as data:
            data["objects"][self._name(seen.address, seen.generation)]["state"] = state.value
        error = HodeiError(Kind.TIMEOUT, f"it is {state.value} after 30 s")
        return Outcome(seen.address, seen.generation, replace(seen, state=state), error)

    def compare(self, requests: Sequence[CreateRequest]) -> Sequence[Comparison]:
        return [self._compare(request) for request in requests]

    def _compare(self, request: CreateRequest) -> Comparison:
        with self.cloud.change() as data:
            ours = next((one for one in data["objects"].values() if one["external_id"] == request.native_id), None)
            found = ours or data.get("released", {}).get(request.native_id)
        if found is None:
            return Comparison(request.native_id, problem=HodeiError(Kind.NOT_FOUND, f"there is no {request.native_id}"))
        drift = {
            name: found["spec"].get(name) for name in request.spec if found["spec"].get(name) != request.spec[name]
        }
        return Comparison(request.native_id, parse_address(ours["address"]) if ours else None, drift)

    def _create(self, request: CreateRequest) -> Outcome:
        name = self._name(request.address, request.generation)
        with self.cloud.change() as data:
            there = data["objects"].get(name)
            wild = data.get("released", {}).pop(request.native_id, None)
            if there is None and request.native_id:
                if wild is None:
                    error = HodeiError(Kind.NOT_FOUND, f"there is no {request.native_id}")
                    return Outcome(request.address, request.generation, error=error)
                there = {**self._born(request, name, wild["sequence"]), "spec": wild["spec"], "state": wild["state"]}
                data["objects"][name] = there
                self._note(data, "import", there, request.operation)
            if there is not None and there["digest"] != request.digest:
                error = HodeiError(Kind.CONFLICT, f"there is another {name}")
                return Outcome(request.address, request.generation, error=error)
            if there is None:
                data["sequence"] += 1
                there = self._born(request, name, data["sequence"])
                data["objects"][name] = there
                self._note(data, "create", there, request.operation)
            elif there["state"] in ("creating", "starting"):
                there["state"] = _BORN[request.intent].value
            return Outcome(request.address, request.generation, self._observation(there))

    def _born(self, request: CreateRequest, name: str, sequence: int) -> Object:
        state = _BORN[request.intent].value
        return {
            "name": name,
            "provider": self.name,
            "owner": request.labels.owner,
            "lineage": request.labels.lineage,
            "key_id": request.labels.key_id,
            "address": str(request.address),
            "generation": request.generation,
            "operation": request.operation,
            "digest": request.digest,
            "spec": json.loads(json.dumps(request.spec)),
            "protected": request.lifecycle.prevent_destroy,
            "on_remove": request.lifecycle.on_remove,
            "drain": request.lifecycle.drain and asdict(request.lifecycle.drain),
            "draining": None,
            "busy": 0,
            "intent": request.intent.value,
            "state": state,
            "state_before": "starting",
            "reason": "",
            "exit_code": None,
            "created_at": self.cloud.now,
            "started_at": self.cloud.now,
            "external_id": f"i-{sequence}",
            "sequence": sequence,
            "version": 1,
            "drift": {},
            "stale": False,
            **_given(request),
            "began_with": _given(request)["given"],
        }

    def _move(self, request: CreateRequest, origin: Address) -> Outcome:
        """Another address for what stays as it is: in one step, and once."""
        key = (request.address, request.generation)
        old, new = self._name(origin, request.generation), self._name(*key)
        with self.cloud.change() as data:
            objects = data["objects"]
            if old in objects and new in objects:
                return Outcome(*key, error=HodeiError(Kind.CONFLICT, f"there is another {new}"))
            there = objects.get(old) or objects.get(new)
            if there is not None and there["operation"] == request.operation:
                return Outcome(*key, observation=self._observation(there))
            refused = self._refused(there, *key, request.etag)
            if refused:
                return refused
            del objects[there["name"]]
            there |= {"name": new, "address": str(request.address), "operation": request.operation}
            there["version"] += 1
            objects[new] = there
            self._note(data, "move", there, request.operation)
            return Outcome(*key, observation=self._observation(there))

    def _update(self, request: CreateRequest) -> Outcome:
        if request.moved_from is not None:
            return self._move(request, request.moved_from)
        with self.cloud.change() as data:
            there = data["objects"].get(self._name(request.address, request.generation))
            refused = self._refused(there, request.address, request.generation, request.etag)
            if refused:
                return refused
            if there["lineage"] not in (request.labels.lineage, request.adopt_from):
                error = HodeiError(Kind.CONFLICT, "it belongs to somebody else")
                return Outcome(request.address, request.generation, error=error)
            self._deliver(there, request)
            if request.digest != there["digest"]:
                self._may_update(there["spec"], request)
                there |= {"digest": request.digest, "spec": json.loads(json.dumps(request.spec))}
            there["drift"] = {path: value for path, value in there["drift"].items() if path not in request.drifted}
            there |= {"protected": request.lifecycle.prevent_destroy, "operation": request.operation}
            there["on_remove"] = request.lifecycle.on_remove
            there["drain"] = request.lifecycle.drain and asdict(request.lifecycle.drain)
            there |= {"lineage": request.labels.lineage, "key_id": request.labels.key_id, **_given(request)}
            there["version"] += 1
            self._note(data, "update", there, request.operation)
            return Outcome(request.address, request.generation, self._observation(there))

    def _deliver(self, there: Object, request: CreateRequest) -> None:
        """Files change at once; who runs has to be told, by its own reload or by a restart."""
        drifted = any(path.startswith("files.") for path in request.drifted)
        changed = request.digest != there["digest"] and there["spec"].get("files") != request.spec.get("files")
        if drifted or changed:
            there["stale"] = there["stale"] or WorkerState(there["state"]).alive
        if request.spec.get("reload") and there["state"] != WorkerState.PAUSED.value:
            there["stale"] = False

    def _may_update(self, before: Mapping[str, Any], request: CreateRequest) -> None:
        for name in {*before, *request.spec}:
            if before.get(name) != request.spec.get(name):
                assert cell(self.column, name).on_change is not OnChange.REPLACE, f"{name} cannot be updated in place"

    def _act(self, verb: Verb, target: Target) -> Outcome:
        key = (target.address, target.generation)
        name = self._name(*key)
        with self.cloud.change() as data:
            there = data["objects"].get(name)
            if there is None and verb in (Verb.DELETE, Verb.RELEASE):
                return Outcome(*key)
            refused = self._refused(there, *key, target.etag)
            if refused:
                return refused
            self._do(data, verb, there)
            return Outcome(*key, observation=None if verb in (Verb.DELETE, Verb.RELEASE) else self._observation(there))

    def _do(self, data: dict[str, Any], verb: Verb, there: Object) -> None:
        self._note(data, verb.value, there, "")
        if verb in (Verb.DELETE, Verb.RELEASE):
            del data["objects"][there["name"]]
            if verb is Verb.RELEASE:
                data.setdefault("released", {})[there["external_id"]] = there
            return
        state, intent = _RUN_STATE[verb]
        there["version"] += there["intent"] != intent.value
        there |= {"state_before": there["state"], "state": state.value, "intent": intent.value, "reason": ""}
        if verb in (Verb.START, Verb.RESTART):
            there |= {"started_at": self.cloud.now, "stale": False, "began_with": there["given"]}
        told = there["draining"] and there["draining"]["told"]
        if verb in (Verb.STOP, Verb.RESTART) or (verb is Verb.RESUME and not told):
            there["draining"] = None

    def _drain(self, request: DrainRequest) -> Outcome:
        """Ask an object; each question that finds it busy takes one from what it still has to do (below zero: for ever)."""
        key = (request.address, request.generation)
        with self.cloud.change() as data:
            there = data["objects"].get(self._name(*key))
            drain = request.target.lifecycle.drain
            assert drain is not None, "nothing is drained that does not say how"
            if there is None or not WorkerState(there["state"]).alive:
                return Outcome(*key, activity=Activity.IDLE, observation=self._observation(there) if there else None)
            if request.target.etag and request.target.etag != self._etag(there):
                return Outcome(*key, error=HodeiError(Kind.CONFLICT, "somebody changed it meanwhile"))
            since = there["draining"] or {"since": self.cloud.now}
            there["draining"] = {**since, "told": bool(drain.tell), "then": ""}
            if not there["busy"]:
                return Outcome(*key, observation=self._observation(there), activity=Activity.IDLE)
            there["draining"]["then"] = request.then.value if request.then else ""
            there["busy"] -= there["busy"] > 0
            return Outcome(*key, observation=self._observation(there), activity=Activity.BUSY, reason="it works")

    def settle(self) -> None:
        """Do what was left to be done to objects that are idle by now, as the provider does it in its own time."""
        with self.cloud.change() as data:
            for there in [one for one in data["objects"].values() if one["provider"] == self.name]:
                then = there["draining"] and there["draining"]["then"]
                if then and not there["busy"]:
                    self._do(data, Verb(then), there)

    def _refused(self, there: Object | None, address: Address, generation: int, etag: str) -> Outcome | None:
        if there is None:
            return Outcome(address, generation, error=HodeiError(Kind.NOT_FOUND, f"there is no {address}"))
        if etag and etag != self._etag(there):
            return Outcome(address, generation, error=HodeiError(Kind.CONFLICT, "somebody changed it meanwhile"))
        return None

    def _name(self, address: Address, generation: int) -> str:
        """The deterministic name of an object, as every provider forms one."""
        return f"{self.name}/{self.owner}/{address}#{generation}"

    def _etag(self, there: Object) -> str:
        return f"{there['external_id']}.{there['version']}"

    def _note(self, data: dict[str, Any], verb: str, there: Object, operation: str) -> None:
        wanted = ("provider", "address", "generation", "lineage", "protected", "on_remove", "drain", "busy", "state")
        data["log"].append({"verb": verb, "operation": operation, **{name: there[name] for name in wanted}})

    def _observation(self, there: Object) -> Observation:
        return Observation(
            address=parse_address(there["address"]),
            generation=there["generation"],
            lineage=there["lineage"],
            state=WorkerState(there["state"]),
            external_id=there["external_id"],
            spec_digest=there["digest"],
            etag=self._etag(there),
            operation=there["operation"],
            key_id=there["key_id"],
            intent=Intent(there["intent"]),
            protected=there["protected"],
            on_remove=there["on_remove"],
            reason=there["reason"],
            exit_code=there["exit_code"],
            created_at=there["created_at"],
            started_at=there["started_at"],
            drift=there["drift"],
            stale=there["stale"],
            secrets=there["secrets"],
            drain=Drain(**there["drain"]) if there["drain"] else None,
            draining=self._draining(there["draining"]),
        )

    def _draining(self, found: dict[str, Any] | None) -> Draining | None:
        return (
            Draining(found["since"], found["told"], Verb(found["then"]) if found["then"] else None) if found else None
        )


def _given(request: CreateRequest) -> dict[str, Any]:
    """Return the versions of what an object is given, and the texts."""
    return {
        "secrets": {one.mount.key: one.version for one in request.secrets},
        "given": {one.mount.key: {name: value.text() for name, value in one.values.items()} for one in request.secrets},
    }
