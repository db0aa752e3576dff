# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between fork and exec: a fresh process becomes a worker's program, or says why it cannot.

It waits at a gate until its pid is on record, so a supervisor that dies in between leaves no unknown process: the gate
breaks and the child leaves. What goes wrong comes back through the gate as (step, errno). Imports little, because every
child is a copy of the process that has imported it.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, NoReturn

from . import prctl
from .home import Home, prepare

_GATE = 3
_OWN_SIGNALS = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ)


class Launch(NamedTuple):
    """A program to start; plain lists and numbers, because it travels as JSON.

    ``rlimits`` are (resource, soft, hard); ``groups`` are cgroup.procs files; ``drop`` are capability numbers; ``user`` is
    (uid, gid, groups). ``home`` is made before the program starts, and takes its output; without one the streams are those
    that came with the request. ``program`` is searched on ``env['PATH']`` when it has no slash.
    """

    program: str
    arguments: Sequence[str]
    env: Mapping[str, str]
    directory: str
    user: tuple[int, int, Sequence[int]] | None = None
    rlimits: Sequence[tuple[int, int, int]] = ()
    groups: Sequence[str] = ()
    drop: Sequence[int] = ()
    no_new_privileges: bool = True
    home: Home | None = None


def encode_launch(launch: Launch) -> bytes:
    """Write a launch as one line."""
    return json.dumps(launch, separators=(",", ":")).encode() + b"\n"


def _read_launch(gate: int) -> Launch:
    chunks: list[bytes] = []
    while not (chunks and chunks[-1].endswith(b"\n")):
        chunk = os.read(gate, 1 << 16)
        if not chunk:
            os._exit(127)
        chunks.append(chunk)
    launch = Launch(*json.loads(b"".join(chunks)))
    return launch._replace(home=Home(*launch.home)) if launch.home is not None else launch


def become(gate: int, streams: Sequence[int]) -> NoReturn:
    """Become the program that the gate tells of."""
    step = "prepare"
    try:
        for number in _OWN_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        launch = _read_launch(gate)
        os.setsid()
        os.write(gate, f"{os.getpid()}\n".encode())
        if os.read(gate, 1) != b"g":
            os._exit(127)
        _place_descriptors(launch, gate, streams)
        gate = _GATE
        for name, action in _steps(launch):
            step = name
            action()
        step = "program"
        _execute(launch)
    except OSError as error:
        os.write(gate, f"{step} {error.errno}".encode())
    except BaseException:  # noqa: BLE001 - nothing may unwind into the copy of the forker
        os.write(gate, f"{step} 0".encode())
    finally:
        os._exit(127)


def _place_descriptors(launch: Launch, gate: int, streams: Sequence[int]) -> None:
    """Leave the program its three streams and us the gate; close all others."""
    null = os.open(os.devnull, os.O_RDWR)
    into, out, err = streams or (null, null, null)
    if launch.home is not None:
        out = err = prepare(launch.home)
    # Out of the way of the low numbers first.
    moved = [os.dup(fd) for fd in (into, out, err, gate)]
    for target, source in enumerate(moved):
        os.dup2(source, target)
    os.set_inheritable(_GATE, False)
    close_above(_GATE)


def close_above(highest: int) -> None:
    """Close every descriptor above one; looks them up, because a limit of a billion is no rarity in containers."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > highest:
            try:
                os.close(int(name))
            except OSError:
                # The one that listed the directory is closed by now.
                continue


def _steps(launch: Launch) -> list[tuple[str, Callable[[], object]]]:
    """List what is done between fork and exec, in order: while we still may, then as the worker's user."""
    steps: list[tuple[str, Callable[[], object]]] = [
        ("cgroup", lambda: _join(launch.groups)),
        ("ulimit", lambda: _limit(launch.rlimits)),
        ("capabilities", lambda: _drop(launch.drop)),
    ]
    if launch.user is not None:
        uid, gid, groups = launch.user
        steps.append(("groups", lambda: os.setgroups(groups)))
        steps.append(("group", lambda: os.setresgid(gid, gid, gid)))
        steps.append(("user", lambda: os.setresuid(uid, uid, uid)))
    if launch.no_new_privileges:
        steps.append(("no_new_privileges", prctl.forbid_new_privileges))
    steps.append(("cwd", lambda: os.chdir(launch.directory)))
    steps.append(("umask", lambda: os.umask(0o022)))
    return steps


def _drop(capabilities: Sequence[int]) -> None:
    for number in capabilities:
        prctl.drop_capability(number)


def _join(groups: Sequence[str]) -> None:
    for path in groups:
        with open(path, "w", encoding="ascii") as file:
            file.write("0")


def _limit(rlimits: Sequence[tuple[int, int, int]]) -> None:
    for number, soft, hard in rlimits:
        try:
            resource.setrlimit(number, (soft, hard))
        except ValueError as error:
            raise PermissionError(errno.EPERM, str(error)) from error


def _execute(launch: Launch) -> None:
    """Replace this process; raises the OSError that tells most of all places tried."""
    arguments = [launch.program, *launch.arguments]
    if "/" in launch.program:
        os.execve(launch.program, arguments, launch.env)  # noqa: S606 - that is the purpose
    failure: OSError = FileNotFoundError(errno.ENOENT, launch.program)
    for directory in launch.env.get("PATH", "").split(":"):
        try:
            os.execve(os.path.join(directory or ".", launch.program), arguments, launch.env)  # noqa: S606
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                failure = error
    raise failure
