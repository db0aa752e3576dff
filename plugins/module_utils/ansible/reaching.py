# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side: one worker as the connection plugin reaches it. Neither state nor key is opened, only its provider."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, BinaryIO

from ..model.address import parse_address
from ..model.configs import read_providers
from ..model.errors import HodeiError, InvalidDocument, Kind
from ..model.ports import ExecRequest, ExecResult, Observation, Provider, Target
from ..model.quantities import parse_duration
from ..providers.registry import ConfigSchemas
from .credentials import Credentials
from .payload import locate
from .session import make_provider, open_credentials

#: Options that say where the fleet is, as the modules take them.
PLACE = ("owner", "lineage", "backend", "providers", "stores")


class ReachedWorker:
    """A worker to run commands in. ``options`` are those of the connection plugin by name."""

    def __init__(self, options: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> None:
        self._options = options
        self._environ = os.environ if environ is None else environ
        self._address = parse_address(str(options["address"]))
        self._target: Target | None = None
        self._credentials: Credentials | None = None
        self._provider_name = str(options.get("provider") or "")
        if options.get("generation"):
            self._target = Target(self._address, int(options["generation"]))

    @cached_property
    def _providers(self) -> dict[str, Provider]:
        options = {name: self._options.get(name) for name in PLACE}
        payload, settings, directory = locate(options, self._environ)
        configs, problems = read_providers(payload.providers, ConfigSchemas())
        if problems:
            raise InvalidDocument(problems)
        owner = settings["owner"].value
        credentials = self._credentials = open_credentials(payload, owner, directory)
        wanted = [self._provider_name] if self._provider_name in configs else list(configs)
        return {
            name: make_provider(name, configs[name], owner, directory / "providers" / name, settings, credentials)
            for name in wanted
        }

    def exec(
        self,
        command: Sequence[str],
        stdin: bytes | BinaryIO = b"",
        stdout: BinaryIO | None = None,
    ) -> ExecResult:
        """Run a command; nothing that it writes is cut. Raises HodeiError; a worker that was replaced is looked for once."""
        request = ExecRequest(
            target=self._target or self._find(),
            command=tuple(command),
            stdin=stdin,
            stdout=stdout,
            timeout=parse_duration(self._options.get("command_timeout") or "1d"),
            limit=None,
            user=str(self._options.get("run_as") or ""),
        )
        try:
            return self._provider().exec(request)
        except HodeiError as error:
            if error.kind is not Kind.NOT_FOUND:
                raise
        return self._provider().exec(replace(request, target=self._find()))

    def _provider(self) -> Provider:
        providers = self._providers
        return providers[self._provider_name] if self._provider_name in providers else next(iter(providers.values()))

    def _find(self) -> Target:
        """Look for the newest living object of the address. Raises HodeiError(not_found)."""
        lineage = str(self._options.get("lineage") or "").lower()
        found: list[tuple[bool, int, str]] = []
        for name, provider in self._providers.items():
            listing = provider.list()
            if listing.problem is not None:
                raise listing.problem
            found += [
                (one.state.alive, one.generation, name) for one in listing.observations if self._is_it(one, lineage)
            ]
        if not found:
            raise HodeiError(
                Kind.NOT_FOUND,
                "there is no such worker",
                hint="It may have been deleted since the inventory was read: run the play again, or `meta: refresh_inventory`.",
                where=str(self._address),
            )
        _alive, generation, self._provider_name = max(found)
        self._target = Target(self._address, generation)
        return self._target

    def _is_it(self, seen: Observation, lineage: str) -> bool:
        return seen.address == self._address and (not lineage or seen.lineage == lineage)

    def close(self) -> None:
        """Give back connections."""
        for provider in self.__dict__.get("_providers", {}).values():
            provider.close()
        if self._credentials is not None:
            self._credentials.close()
