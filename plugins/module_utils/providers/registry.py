# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which provider types there are: one small function per built-in, so that each is imported only where it is used.

The import statements are visible on purpose: Ansible ships to the target only what they name (docs/decisions/).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..model.carry import Column
from ..model.errors import HodeiError, Kind
from ..model.ports import Provider

Config = Mapping[str, Any]
Make = Callable[[str, Config, str, Path], Provider]


class ProviderType(NamedTuple):
    """What the registry knows of a type: its static column, the schema of its own configuration keys, its constructor.

    ``make(name, config, owner, home)`` gives a provider; ``home`` is a directory for what it keeps on this
    machine. ``local`` providers live on the same machine: they have no default rate limit, no retry and no
    breaker.
    """

    column: Column
    config_schema: dict[str, Any]
    make: Make
    local: bool = False


def _process() -> ProviderType:
    from .process.fields import COLUMN, PROCESS_CONFIG

    def make(name: str, config: Config, owner: str, home: Path) -> Provider:
        from .process.provider import ProcessProvider

        return ProcessProvider(name, {"directory": str(home), **config}, owner)

    return ProviderType(COLUMN, PROCESS_CONFIG, make, local=True)


BUILT_IN: dict[str, Callable[[], ProviderType]] = {"process": _process}


def provider_type(name: str) -> ProviderType:
    """Return a type by name. Raises HodeiError(configuration) when there is none."""
    found = BUILT_IN.get(name)
    if found is None:
        known = ", ".join(sorted(BUILT_IN))
        raise HodeiError(
            Kind.CONFIGURATION, f"there is no provider type '{name}'", hint=f"Types in this version: {known}."
        )
    return found()


def config_schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of each type's own configuration keys."""
    return {name: make().config_schema for name, make in BUILT_IN.items()}
