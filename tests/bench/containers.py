# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers of the test bed's Engine: made by us, by the Engine's bare API, and by community.docker in a loop."""

from __future__ import annotations

import http.client
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ansible_run import HERE, Bed

from ansible_collections.hodei.workers.tests.testbed import resources  # noqa: F401  pylint: disable=unused-import
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed
from ansible_collections.hodei.workers.tests.testbed.network import Network

PLAY = HERE / "containers.yml"
SLEEP = ["/bin/sleep", "600"]
CONCURRENCY = (2, 4, 8, 16)


@contextmanager
def an_engine() -> Iterator[Any]:
    """Have an Engine in a network of its own."""
    bed = Testbed()
    with Network().entered():
        try:
            yield bed.need("docker")
        finally:
            bed.close()


class Measured(NamedTuple):
    """Seconds by task, of each run."""

    ours: list[dict[str, float]]
    loop: list[dict[str, float]]
    raw: list[float]
    concurrency: int


def measure(bed: Bed, engine: Any, count: int, runs: int) -> Measured:
    """Make so many containers in each way, one after the other in each run."""
    extra = {"engine": engine.url, "image": engine.image, "count": count}
    best = min(CONCURRENCY, key=lambda many: raw(engine, count, many))
    ours, loop, bare = [], [], []
    for _unused in range(runs):
        ours.append(bed.run("ours", extra, play=PLAY))
        bare.append(raw(engine, count, best))
        loop.append(bed.run("loop", extra, play=PLAY))
    return Measured(ours, loop, bare, best)


def raw(engine: Any, count: int, at_once: int) -> float:
    """Return the seconds that two calls for each container take: create and start."""
    body = {"Image": engine.image, "Cmd": SLEEP, "HostConfig": {"Init": True}, "Labels": {"bench": "raw"}}
    local = _Local(engine.url.removeprefix("unix://"))

    def one(number: int) -> None:
        made = local.post(f"/v1.41/containers/create?name=raw-{number}", body)
        local.post(f"/v1.41/containers/{json.loads(made)['Id']}/start", {})

    began = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(one, range(count)))
    seconds = time.perf_counter() - began
    with ThreadPoolExecutor(at_once) as pool:
        ids = [one["Id"] for one in engine.api.containers(all=True, filters={"label": "bench=raw"})]
        list(pool.map(lambda found: engine.api.remove_container(found, force=True), ids))
    return seconds


class _Local:
    """Calls over a unix socket; each has a connection of its own."""

    def __init__(self, path: str) -> None:
        self._path = path

    def post(self, path: str, body: dict[str, Any]) -> bytes:
        connection = http.client.HTTPConnection("docker")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self._path)
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        if answer.status >= 300:
            raise RuntimeError(said.decode())
        return said


def requests_of_a_noop(engine: Any, count: int) -> int:
    """Count the requests of a converge that has nothing to do."""
    from ansible_collections.hodei.workers.tests.support.docker_fleets import DockerFleet, containers

    wanted = containers(f"[{{name: sleeper, count: {count}}}]", engine.image)
    asked = []
    put = http.client.HTTPConnection.putrequest

    def counted(self: Any, *words: Any, **more: Any) -> None:
        asked.append(words)
        put(self, *words, **more)

    with tempfile.TemporaryDirectory(prefix="hodei-bench-") as place:
        DockerFleet(Path(place), engine.url).converge(wanted)
        http.client.HTTPConnection.putrequest = counted  # type: ignore[method-assign]
        try:
            fleet = DockerFleet(Path(place), engine.url)
            if fleet.converge(wanted).changed:
                raise RuntimeError("it had something to do")
        finally:
            http.client.HTTPConnection.putrequest = put  # type: ignore[method-assign]
        found = len(asked)
        fleet.converge(wanted, destroy=True)
        fleet.close()
    return found


def peak(bed: Bed, engine: Any, count: int) -> float:
    """Return the MiB of the module at its most, making so many containers."""
    peaks = bed.directory / "peaks-docker"
    os.environ |= {"BENCH_PEAKS": str(peaks), "BENCH_REAL_PYTHON": sys.executable}
    extra = {"engine": engine.url, "image": engine.image, "count": count}
    bed.run("ours", extra, python=str(HERE / "measured_python"), play=PLAY)
    return max(int(line) / 1024 for line in peaks.read_text().split())


def start_up(bed: Bed, runs: int) -> float:
    """Return the seconds of a task that does nothing: what Ansible costs, and no provider can save."""
    return statistics.median(bed.run("empty", {})["empty"] for _unused in range(runs))
