# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of the Docker provider see of an Engine: not by the provider, whose eyes may be wrong."""

from __future__ import annotations

from typing import Any

from ansible_collections.hodei.workers.tests.support.playbook import OWNER
from ansible_collections.hodei.workers.tests.testbed.dockerd import DockerEngine

#: A worker that does nothing.
SLEEP: dict[str, Any] = {"command": ["sleep", "infinity"], "init": True}


class Containers:
    """The containers of an Engine; ``close`` removes those of the owner, and its volumes and networks."""

    def __init__(self, engine: DockerEngine) -> None:
        self.engine = engine
        self.url, self.image, self.api = engine.url, engine.image, engine.api
        self._ours = {"label": f"hodei.owner={OWNER}"}

    def ids(self, *, running: bool = False) -> dict[str, str]:
        """Return by name the containers of the owner."""
        found = self.api.containers(all=not running, filters=self._ours)
        return {one["Names"][0][1:]: one["Id"] for one in found}

    def names(self) -> list[str]:
        """Return their names."""
        return sorted(self.ids())

    def inspect(self, name: str) -> dict[str, Any]:
        """Return all that the Engine knows of one."""
        found: dict[str, Any] = self.api.inspect_container(name)
        return found

    def volumes(self) -> list[str]:
        """Return the names of the owner's volumes."""
        return [one["Name"] for one in self.api.volumes(filters=self._ours)["Volumes"] or ()]

    def close(self) -> None:
        """Remove what is left."""
        for container in self.ids().values():
            self.api.remove_container(container, v=True, force=True)
        for volume in self.volumes():
            self.api.remove_volume(volume)
        for network in self.api.networks(filters=self._ours):
            self.api.remove_network(network["Id"])
