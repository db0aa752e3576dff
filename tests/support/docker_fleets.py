# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet whose workers are containers of a real Engine, and what that Engine itself says of them."""

from __future__ import annotations

import http.client
import time
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.hodei.workers.plugins.module_utils.durable import failpoints
from ansible_collections.hodei.workers.plugins.module_utils.engine.converge import Tools
from ansible_collections.hodei.workers.plugins.module_utils.model.entries import Fragment
from ansible_collections.hodei.workers.plugins.module_utils.model.parse import RawDocument, parse
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Document
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.fields import DOCKER_CONFIG
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.provider import DockerProvider
from ansible_collections.hodei.workers.plugins.module_utils.resilience.guard import Policy, Resilient
from ansible_collections.hodei.workers.tests.support.fleets import KEY, LINEAGE, OWNER, Fleet

SLEEP = ["/bin/sleep", "600"]
OURS = {"label": f"hodei.owner={OWNER}"}


def containers(workers: str, image: str, moved: Any = ()) -> Document:
    """Parse workers that sleep unless they say otherwise."""
    full = [{"image": image, "command": SLEEP, "init": True, **one} for one in yaml.safe_load(workers) or []]
    raw = RawDocument(OWNER, LINEAGE, [Fragment(full)], {"local": {"type": "docker"}}, moved=moved)
    return parse(raw, key=KEY, provider_schemas={"docker": DOCKER_CONFIG})


class DockerFleet(Fleet):
    """``place`` has the state; a fresh one on the same place is what another process opens. With a ``policy`` the Engine is called
    as one of another machine.
    """

    def __init__(
        self, place: Path, url: str, timeout: float = 30.0, policy: Policy | None = None, pull: str = "never"
    ) -> None:
        super().__init__(place)
        config = {"url": url, "pull": pull, "settle": 0.02, "timeout": timeout, "directory": str(place)}
        self.provider = DockerProvider("local", config, OWNER)
        self.providers = {"local": Resilient(self.provider, policy) if policy else self.provider}  # type: ignore[dict-item]

    @property
    def tools(self) -> Tools:
        """The clock of the machine."""
        return Tools(new_id=super().tools.new_id, clock=time.time, stop=self.stop)

    def close(self) -> None:
        """Close what is open."""
        self.provider.close()
        self.store.close()


def there(api: Any) -> dict[str, str]:
    """Return what an Engine has of us, whatever state it is in: container id by name."""
    return {one["Names"][0][1:]: one["Id"] for one in api.containers(all=True, filters=OURS)}


def records(api: Any) -> list[str]:
    """Return the containers that records are kept of, one entry for each record."""
    volumes = api.volumes(filters=OURS)["Volumes"] or ()
    return [one["Labels"]["hodei.record-of"] for one in volumes if "hodei.record-of" in (one["Labels"] or {})]


def clear(api: Any) -> None:
    """Remove all that is ours."""
    for container in there(api).values():
        api.remove_container(container, v=True, force=True)
    for volume in api.volumes(filters=OURS)["Volumes"] or ():
        api.remove_volume(volume["Name"])


def fail_around_calls() -> None:
    """Make a failpoint of the moment before each call that changes something, and of the moment when its answer has come."""
    put, answer = http.client.HTTPConnection.putrequest, http.client.HTTPConnection.getresponse

    def putrequest(self: Any, method: str, *words: Any, **more: Any) -> None:
        self.changes = method != "GET"
        if self.changes:
            failpoints.hit("engine.before")
        put(self, method, *words, **more)

    def getresponse(self: Any, *words: Any, **more: Any) -> http.client.HTTPResponse:
        got = answer(self, *words, **more)
        if self.changes:
            failpoints.hit("engine.after")
        return got

    http.client.HTTPConnection.putrequest = putrequest  # type: ignore[method-assign]
    http.client.HTTPConnection.getresponse = getresponse  # type: ignore[method-assign]
