# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisor's side of the socket, inside the test's own process."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable
from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.server import (
    Server,
    _receive,
)
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.wire import encode
from ansible_collections.hodei.workers.tests.unit.plugins.module_utils.providers.process.supervisor.conftest import (
    Inside,
    draft,
    target,
)


def test_the_loop_forgets_a_caller_of_exec_before_its_descriptor_is_closed(inside: Callable[..., None]) -> None:
    """Or it would be deaf to whoever gets that number next."""

    async def scenario(made: Inside) -> None:
        await made.fleet.create(draft("w"))
        server = Server(made.fleet, made.world, {}, lambda: None)
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        number = theirs.fileno()
        null = os.open(os.devnull, os.O_RDWR)
        request = {"op": "exec", "target": target("w"), "command": ["true"], "timeout": 10.0}
        socket.send_fds(ours, [encode(request)], [null] * 3)
        await server._serve(theirs)
        assert theirs.fileno() == -1
        assert not loop.remove_reader(number)
        assert b'"exit_code":0' in ours.recv(4096)
        ours.close()
        os.close(null)

    inside(scenario)


def test_what_a_caller_hands_over_does_not_reach_a_successor() -> None:
    """It would never be closed there."""
    ours, theirs = socket.socketpair()
    fds: list[int] = []
    with ours, theirs:
        theirs.setblocking(False)
        socket.send_fds(ours, [encode({"op": "exec"})], [ours.fileno()] * 3)
        assert asyncio.run(_receive(theirs, fds)) == {"op": "exec"}
    inheritable = [os.get_inheritable(fd) for fd in fds]
    for fd in fds:
        os.close(fd)
    assert inheritable == [False] * 3


def test_the_loop_forgets_a_watcher_before_its_descriptor_is_closed(inside: Callable[..., None]) -> None:
    """Whether its time is over or it hangs up; and a supervisor may leave while somebody watches."""

    async def watch(made: Inside, seconds: float, hang_up: bool) -> list[dict[str, Any]]:
        server = Server(made.fleet, made.world, {}, lambda: None)
        ours, theirs = socket.socketpair()
        number = theirs.fileno()
        ours.sendall(encode({"op": "watch", "seconds": seconds}))
        ours.setblocking(False)
        task = asyncio.create_task(server._serve(theirs))
        told: list[dict[str, Any]] = []
        while received := await asyncio.get_running_loop().sock_recv(ours, 1 << 20):
            told += [line for line in map(json.loads, received.splitlines()) if "news" in line]
            if len(told) == 1:
                assert server.idle
                await made.fleet.act("stop", target("w"))
            if hang_up and any(row[5] == "stopped" for line in told for row in line["news"]):
                break
        if hang_up:
            ours.close()
        await task
        assert theirs.fileno() == -1
        assert not asyncio.get_running_loop().remove_reader(number)
        assert not server._watching
        ours.close()
        return told

    async def scenario(made: Inside) -> None:
        await made.fleet.create(draft("w"))
        first, *later = await watch(made, 600.0, hang_up=True)
        assert (first["news"], first["gone"], first["gap"]) == ([], [], False)
        revisions = [line["revision"] for line in [first, *later, *await watch(made, 0.3, hang_up=False)]]
        assert revisions == sorted(set(revisions))

    inside(scenario)
