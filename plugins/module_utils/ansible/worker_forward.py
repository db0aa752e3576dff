# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module worker_forward: a local port that leads to a worker's."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..model.address import parse_address
from ..model.errors import HodeiError, InvalidDocument, Kind, Problem
from ..model.ports import Provider, Target
from .arguments import seconds
from .forwards import FOLDER, Place
from .reading import find
from .session import make_provider, open_session

#: The longest life of a forward, in seconds.
LONGEST = 24 * 3600.0


def run_forward(module: AnsibleModule) -> dict[str, Any]:
    """Open, renew or close a forward."""
    params = module.params
    address = parse_address(params["address"])
    with open_session(params, write=False) as session:
        place = Place(session.directory / FOLDER, address, params["port"], params["bind"])
        if params["state"] == "absent":
            there = place.look()
            if there is not None and not module.check_mode:
                place.close()
            return {"changed": there is not None, "address": str(address), "port": params["port"]}
        ttl = seconds(params, "ttl")
        if not 0 < ttl <= LONGEST:
            raise InvalidDocument([Problem("ttl", f"'{params['ttl']}' is not allowed", "write at most 24h")])
        name, target = find(session, params["address"])
        config, settings = session.document.providers[name], session.settings
        home = session.directory / "providers" / name
        lineage = session.document.lineage
        owner, credentials = session.document.owner, session.credentials
    end = _End(lambda: make_provider(name, config, owner, home, settings, credentials), target, lineage, params["port"])
    end.check()
    there = place.look()
    wanted = params["local_port"]
    if there is not None and wanted in (0, there.local_port):
        return {"changed": False} | (there if module.check_mode else place.renew(ttl)).as_dict()
    if module.check_mode:
        return {"changed": True, "address": str(address), "port": params["port"], "bind": params["bind"]}
    if there is not None:
        place.close()
    return {"changed": True} | place.open(end.dial, end.exists, wanted, ttl).as_dict()


class _End:
    """The worker's side of a forward: its port, also on the object that takes its place."""

    def __init__(self, make: Callable[[], Provider], target: Target, lineage: str, port: str) -> None:
        self._make = make
        self._made: Provider | None = None
        self._target = target
        self._lineage = lineage
        self._port = port

    def check(self) -> None:
        """Connect once: a port that does not exist is told at once, one on which nothing listens yet is not."""
        try:
            self.dial().close()
        except HodeiError as error:
            if error.kind is not Kind.NETWORK:
                raise
        # What the process will need is loaded now: its code is gone when the task has ended.
        self.exists()
        # Nothing stays open: a fork that lets go of all descriptors must not close by mistake what has their numbers then.
        self._provider.close()
        self._made = None

    @property
    def _provider(self) -> Provider:
        self._made = self._made or self._make()
        return self._made

    def dial(self) -> socket.socket:
        """Connect to the worker. Raises HodeiError."""
        try:
            return self._provider.forward(self._target, self._port)
        except HodeiError as error:
            if error.kind is not Kind.NOT_FOUND or not self.exists():
                raise
        return self._provider.forward(self._target, self._port)

    def exists(self) -> bool:
        """Look for the newest object of the address. Raises HodeiError when not everything can be seen."""
        listing = self._provider.list()
        if listing.problem is not None:
            raise listing.problem
        found = [
            (one.state.alive, one.generation)
            for one in listing.observations
            if one.address == self._target.address and one.lineage == self._lineage
        ]
        if found:
            self._target = Target(self._target.address, max(found)[1])
        return bool(found)
