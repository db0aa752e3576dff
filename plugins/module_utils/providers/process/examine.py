# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A closer look at the supervisor and the files of the local workers, for those who look for a fault. Nothing is changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ...model.finding import Finding, ok, problem, warning
from . import disk
from .client import Client, Greeting, Version, replaces
from .supervisor import procfs
from .supervisor.wire import RECORDS_DIR, WORKERS_DIR

_TICKS = os.sysconf("SC_CLK_TCK")


def examine(directory: str, provider: str, client: Client, ours: Version) -> Iterator[Finding]:
    """Look at the owner's directory, at who watches its workers, and at what nobody cares for any more."""
    try:
        found = os.lstat(directory)
    except FileNotFoundError:
        yield ok("", "no worker runs and no supervisor; none is needed")
        return
    yield from _rights(directory, found)
    yield from _supervisor(directory, provider, client, ours)
    yield from _left_over(Path(directory))
    yield from _shared(directory)


def _rights(directory: str, found: os.stat_result) -> Iterator[Finding]:
    if found.st_uid != os.geteuid():
        yield problem(
            "rights",
            f"the workers' directory {directory} belongs to uid {found.st_uid}, not to this user",
            "Run the task as the user who owns the fleet.",
        )
    elif found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield problem(
            "rights", f"the workers' directory {directory} may be written by others", f"Run: chmod go-w {directory}"
        )
    else:
        yield ok("rights", f"the workers' directory {directory} is ours (mode {stat.S_IMODE(found.st_mode):04o})")


def _supervisor(directory: str, provider: str, client: Client, ours: Version) -> Iterator[Finding]:
    """Say who watches. Raises HodeiError when a supervisor is there and does not answer."""
    connection = client.connect()
    if connection is None:
        alive = sum(one.state.alive for one in disk.listing(directory, provider).observations)
        if alive:
            yield warning(
                "",
                f"no supervisor watches over {alive} running {'worker' if alive == 1 else 'workers'}",
                "The next converge starts one; no worker is lost by it.",
            )
        else:
            yield ok("", "no supervisor runs; none is needed")
        return
    with connection:
        running = connection.greeting
    yield _version(running, ours)
    limits = ", ".join(sorted(running.limits)) or "none"
    yield ok("", f"limits that are enforced for workers here: {limits}")


def _version(running: Greeting, ours: Version) -> Finding:
    said = f"supervisor {running.version} ({running.digest}), pid {running.pid}{_age(running.pid)}"
    if running.digest == ours.digest:
        return ok("", f"{said}: this collection's")
    if replaces(ours, running):
        return warning(
            "",
            f"{said}: not this collection's {ours.version} ({ours.digest})",
            "Nothing needs to be done: the next change replaces it, and no worker notices.",
        )
    return warning(
        "",
        f"{said}: newer than this collection's {ours.version} ({ours.digest})",
        "It stays. Use the newer collection here too, so that both know the same.",
    )


def _age(pid: int) -> str:
    process = procfs.look(pid)
    if process is None:  # in another PID namespace, say
        return ""
    seconds = max(0.0, procfs.boottime() - process.started / _TICKS)
    hours, minutes = divmod(int(seconds) // 60, 60)
    return f", running for {hours} h {minutes} min" if hours else f", running for {minutes} min {int(seconds) % 60} s"


def _shared(directory: str) -> Iterator[Finding]:
    """Workers with secrets that run as one user, from whom a process cannot keep what another one has."""
    users: dict[str, set[str]] = {}
    for record in disk.readable(directory):
        if record.secrets:
            users.setdefault(record.spec["user"], set()).add(record.name)
    for user, names in sorted(users.items()):
        if len(names) > 1:
            shown = ", ".join(sorted(names)[:5]) + (" and more" if len(names) > 5 else "")
            yield warning(
                "rights",
                f"workers that can read each other's secrets, because they run as {user or 'the same user as this task'}: {shown}",
                "Give each a user: of its own where that matters.",
            )


def _left_over(directory: Path) -> Iterator[Finding]:
    """Directories of workers that no record knows: a crash between the two leaves them, and nobody deletes them later."""
    try:
        known = {name.removesuffix(".json") for name in os.listdir(directory / RECORDS_DIR)}
        homes = sorted(os.listdir(directory / WORKERS_DIR))
    except FileNotFoundError:
        return
    unknown = [name for name in homes if name not in known]
    if unknown:
        shown = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        yield warning(
            "objects",
            f"directories of workers that are no more: {shown}",
            f"Look into {directory / WORKERS_DIR}, and delete what nobody needs.",
        )
