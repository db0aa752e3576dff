# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that run already and may become workers: whose they are, and what of them is as the document says.

What is not verified is told: a difference is what is seen to differ, or what nobody can see. What a document does not say is not compared.
"""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...model.address import Address
from ...model.errors import HodeiError, Kind
from ...model.ports import Comparison, CreateRequest
from ..references import expand_all
from . import mapping
from .supervisor import procfs
from .supervisor.launching import environment
from .supervisor.record import Record, as_filed, read_all
from .supervisor.tree import marker_of
from .supervisor.users import identity
from .supervisor.wire import MARKER, RECORDS_DIR, RefusedError

_ENDS_WITH = "/secrets"
_LISTEN = "0A"


class Candidate(NamedTuple):
    """A process as it was when it was looked at; ``started`` in clock ticks makes ``pid`` unique."""

    pid: int
    started: int
    uid: int
    argv: tuple[str, ...]
    environ: Mapping[str, str]

    @property
    def native_id(self) -> str:
        """Name it for good."""
        return f"{self.pid}:{self.started}"


def read_native_id(text: str) -> tuple[int, int]:
    """Return pid and start of an id; a start of 0 means whoever has that pid now. Raises ValueError."""
    pid, _unused, started = text.partition(":")
    return int(pid), int(started or 0)


def compare(
    request: CreateRequest, settings: mapping.Settings, directory: str, host_env: Mapping[str, str]
) -> Comparison:
    """Look at one process."""
    try:
        candidate = _find(request.native_id)
        address = _belongs_to(candidate, directory)
        if address is None:
            _refuse_uid(candidate, request)
        return Comparison(candidate.native_id, address, _differences(candidate, request, settings, directory, host_env))
    except HodeiError as error:
        return Comparison(request.native_id, problem=error)
    except RefusedError as error:
        return Comparison(request.native_id, problem=mapping.error(error.as_dict()))


# ---- who it is -----------------------------------------------------------------------------------------------------


def _find(native_id: str) -> Candidate:
    try:
        pid, wanted = read_native_id(native_id)
        fd = os.pidfd_open(pid) if pid > 1 else -1
    except (ValueError, OverflowError):
        raise HodeiError(
            Kind.VALIDATION, f"'{native_id}' is no process id", hint="Write a pid, as ps shows it."
        ) from None
    except OSError:
        fd = -1
    found = procfs.look(pid) if fd >= 0 else None
    try:
        if found is None or found.dead or wanted not in (0, found.started):
            raise HodeiError(Kind.NOT_FOUND, f"there is no process {pid}", hint="Look with ps.")
        if 2 in (pid, found.parent):
            raise HodeiError(
                Kind.VALIDATION, f"process {pid} is a thread of the kernel", hint="Name a program's process."
            )
        if pid in _ourselves():
            raise HodeiError(
                Kind.VALIDATION, f"process {pid} is this run itself, or what started it", hint="Name another."
            )
        if _text(pid, "comm").strip() == "hodei-process":
            raise HodeiError(Kind.VALIDATION, f"process {pid} is a supervisor of workers", hint="Name another.")
        argv = tuple(_text(pid, "cmdline").split("\0")[:-1])
        pairs = procfs.environment(pid).decode(errors="surrogateescape").split("\0")
        environ = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        candidate = Candidate(pid, found.started, _uid(pid), argv, environ)
        # The pid was not given to another meanwhile: what was read is all of one process.
        if not procfs.alive(pid, found.started):
            raise HodeiError(Kind.NOT_FOUND, f"process {pid} has just ended", hint="Look with ps.")
        return candidate
    finally:
        if fd >= 0:
            os.close(fd)


def _ourselves() -> set[int]:
    found, pid = set(), os.getpid()
    while pid > 1 and pid not in found:
        found.add(pid)
        process = procfs.look(pid)
        pid = process.parent if process else 0
    return found


def _belongs_to(candidate: Candidate, directory: str) -> Address | None:
    """Return the address of our worker that a process is; None for nobody's. Raises HodeiError for a part of one, and for others'."""
    token = marker_of(f"{MARKER}={candidate.environ.get(MARKER, '')}".encode()).partition(".")[0]
    places = [directory]
    secrets = candidate.environ.get("HODEI_SECRETS_DIR", "")
    if secrets.endswith(_ENDS_WITH):
        # <owner's directory>/workers/<worker>/secrets
        places.append(os.path.dirname(os.path.dirname(secrets.removesuffix(_ENDS_WITH))))
    for place in dict.fromkeys(places):
        for record in _records(place):
            address = Address("worker", record.name, record.key)
            if (record.pid, record.started) == (candidate.pid, candidate.started):
                if os.path.realpath(place) == os.path.realpath(directory):
                    return address
                raise _taken(candidate, address, record.owner)
            if token and record.token == token and record.pid:
                raise _taken(candidate, address, record.owner)
    return None


def _taken(candidate: Candidate, address: Address, owner: str) -> HodeiError:
    return HodeiError(
        Kind.CONFLICT,
        f"process {candidate.pid} belongs to {address} of owner '{owner}'",
        hint="Have that fleet forget it first, with fleet_forget.",
    )


def _records(place: str) -> list[Record]:
    try:
        fd = os.open(os.path.join(place, RECORDS_DIR), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        found = [(name, record) for name, record in read_all(fd) if isinstance(record, Record)]
    finally:
        os.close(fd)
    for name, record in found:
        as_filed(record, name)
    return [record for _unused, record in found]


def _refuse_uid(candidate: Candidate, request: CreateRequest) -> None:
    who = identity(str(request.spec.get("user", ""))) if os.geteuid() == 0 else None
    wanted = who.uid if who else os.geteuid()
    if candidate.uid != wanted:
        raise HodeiError(
            Kind.AUTHORIZATION,
            f"process {candidate.pid} runs as uid {candidate.uid}, and the worker would run as uid {wanted}",
            hint="Run the task as that user; root may name it in the worker's `user`.",
        )


# ---- what differs --------------------------------------------------------------------------------------------------


def _differences(
    candidate: Candidate,
    request: CreateRequest,
    settings: mapping.Settings,
    directory: str,
    host_env: Mapping[str, str],
) -> dict[str, Any]:
    """Return, by path, what was seen in the place of what the document says; None where nothing can be seen."""
    spec = request.spec
    record = _as_wanted(request, settings, directory, host_env)
    env = environment(record)
    return {
        **_command(candidate, spec, record, env),
        **_surroundings(candidate, spec, record, env, host_env),
        **_ports(candidate, spec, record),
        **_limits(candidate, spec),
        **{name: None for name in ("volumes", "log") if spec.get(name)},
    }


def _as_wanted(
    request: CreateRequest, settings: mapping.Settings, directory: str, host_env: Mapping[str, str]
) -> Record:
    draft = mapping.draft(request, settings, host_env)
    del draft["given"]  # which is no part of a record
    open_ended = [port["name"] for port in draft["spec"]["ports"] if not port["host"]]
    if open_ended:
        raise HodeiError(
            Kind.CONFIGURATION,
            f"nobody knows which ports the process calls {', '.join(open_ended)}",
            hint="Write their numbers into the document: ports: [{name: http, host: 8080}].",
        )
    ports = {port["name"]: port["host"] for port in draft["spec"]["ports"]}
    return Record(
        **draft, id="", token="", boot="", created_at=0.0, ports=ports, home=os.path.join(directory, "workers", "new")
    )


def _command(candidate: Candidate, spec: Mapping[str, Any], record: Record, env: Mapping[str, str]) -> dict[str, Any]:
    program, *arguments = expand_all([record.spec["program"], *record.spec["arguments"]], env)
    argv = list(candidate.argv)
    if argv == [program, *arguments]:
        return {}
    path = shutil.which(program, path=env["PATH"]) or program
    same_program = os.path.realpath(path) == _link(candidate.pid, "exe")
    # The kernel puts a script's interpreter, with at most one option, before its path.
    as_script = [argv[start:] for start in (1, 2)]
    if (same_program and argv[1:] == arguments) or any(
        rest[:1] in ([program], [path]) and rest[1:] == arguments for rest in as_script
    ):
        return {}
    if not spec.get("program"):
        return {"command": argv}
    found: dict[str, Any] = {"program": argv[0] if argv else None}
    return found if argv[1:] == arguments else {**found, "command": argv[1:]}


def _surroundings(
    candidate: Candidate,
    spec: Mapping[str, Any],
    record: Record,
    env: Mapping[str, str],
    host_env: Mapping[str, str],
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in spec.get("env", {}):
        if candidate.environ.get(name) != env[name]:
            found[f"env.{name}"] = candidate.environ.get(name)
    names = list(spec.get("env_from_host", ()))
    same = [name for name in names if candidate.environ.get(name) == host_env.get(name)]
    if same != names:
        found["env_from_host"] = same
    cwd = _link(candidate.pid, "cwd")
    if spec.get("cwd") and cwd != os.path.realpath(os.path.join(record.home, expand_all(spec["cwd"], env))):
        found["cwd"] = cwd
    if spec.get("user"):
        who = identity(str(spec["user"]))
        if who is not None and who.uid != candidate.uid:
            found["user"] = candidate.uid
    for name, value in spec.get("security", {}).items():
        if not (name == "non_root" and candidate.uid != 0) and value:
            found[f"security.{name}"] = None
    return found


def _ports(candidate: Candidate, spec: Mapping[str, Any], record: Record) -> dict[str, Any]:
    wanted = {(port["protocol"], port["host"]) for port in record.spec["ports"]}
    if not wanted:
        return {}
    bound = _bound(candidate.pid)
    return {} if wanted <= bound else {"ports": sorted(f"{number}/{kind}" for kind, number in bound)}


def _bound(pid: int) -> set[tuple[str, int]]:
    """Return the ports that a process itself listens on: its sockets, looked up in its network."""
    inodes = set()
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            name = _link(pid, f"fd/{fd}")
            if name.startswith("socket:["):
                inodes.add(name[8:-1])
    except OSError:
        return set()
    found = set()
    for kind in ("tcp", "udp"):
        for table in (kind, f"{kind}6"):
            for line in _text(pid, f"net/{table}").splitlines()[1:]:
                fields = line.split()
                if fields[9] in inodes and (kind == "udp" or fields[3] == _LISTEN):
                    found.add((kind, int(fields[1].rpartition(":")[2], 16)))
    return found


def _limits(candidate: Candidate, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Compare the ulimits; of the other limits the supervisor can keep memory only, by sampling."""
    resources = spec.get("resources", {})
    found: dict[str, Any] = {f"resources.{name}": None for name in resources if name not in ("memory", "ulimits")}
    for name, limit in resources.get("ulimits", {}).items():
        number = getattr(resource, f"RLIMIT_{name.upper()}", None)
        try:
            soft, hard = resource.prlimit(candidate.pid, number) if number is not None else (None, None)
        except OSError:
            soft, hard = None, None
        if (soft, hard) != (limit["soft"], limit["hard"]):
            found[f"resources.ulimits.{name}"] = {"soft": soft, "hard": hard}
    return found


# ---- /proc ---------------------------------------------------------------------------------------------------------


def _text(pid: int, name: str) -> str:
    try:
        with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def _link(pid: int, name: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/{name}")
    except OSError:
        return ""


def _uid(pid: int) -> int:
    for line in _text(pid, "status").splitlines():
        if line.startswith("Uid:"):
            return int(line.split()[1])
    return -1
