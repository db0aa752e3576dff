# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which provider types there are: one small function per built-in, so that each is imported only where it is used.

The import statements are visible on purpose: Ansible ships to the target only what they name (docs/decisions/).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..model.errors import HodeiError, Kind
from ..model.ports import Provider
from ..model.provider_type import Config, ProviderType


def _process() -> ProviderType:
    from .process.fields import COLUMN, PROCESS_CONFIG

    def make(name: str, config: Config, owner: str, home: Path) -> Provider:
        from .process.provider import ProcessProvider

        return ProcessProvider(name, {"directory": str(home), **config}, owner)

    return ProviderType(COLUMN, PROCESS_CONFIG, make, local=True)


def _docker() -> ProviderType:
    from .docker.fields import COLUMN, DOCKER_CONFIG

    def make(name: str, config: Config, owner: str, home: Path) -> Provider:
        from .docker.provider import DockerProvider

        return DockerProvider(name, {"directory": str(home), **config}, owner)

    def is_here(provider: Provider) -> bool:
        from .docker.provider import DockerProvider

        return isinstance(provider, DockerProvider) and provider.engine.endpoint.local

    return ProviderType(COLUMN, DOCKER_CONFIG, make, local=is_here)


BUILT_IN: dict[str, Callable[[], ProviderType]] = {"docker": _docker, "process": _process}


def provider_type(name: str) -> ProviderType:
    """Return a type by name, built in or of an installed plug-in. Raises HodeiError when there is none that can be used."""
    found = BUILT_IN.get(name)
    if found is not None:
        return found()
    from .plugins import (
        plugin_type,
    )  # reads the metadata of every installed package: for types that are not built in only

    plugged = plugin_type(name)
    if plugged is None:
        known = ", ".join(sorted(BUILT_IN))
        raise HodeiError(
            Kind.CONFIGURATION, f"there is no provider type '{name}'", hint=f"Types in this version: {known}."
        )
    return plugged


def config_schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of each built-in type's own configuration keys."""
    return {name: make().config_schema for name, make in BUILT_IN.items()}


class ConfigSchemas(Mapping[str, dict[str, Any]]):
    """The schemas of all types that there are here. Plug-ins are looked for when a type is asked for that is not built in."""

    def __getitem__(self, name: str) -> dict[str, Any]:
        """Return one schema. Raises KeyError when there is no such type, HodeiError when it is one that cannot be used."""
        if name not in self:
            raise KeyError(name)
        described = provider_type(name)
        signs = [sorted(one) for one in described.signs]
        return {**described.config_schema, "x-signs": signs} if signs else described.config_schema

    def __contains__(self, name: object) -> bool:
        """Tell whether a type is there; HodeiError when it is and cannot be used."""
        if name in BUILT_IN:
            return True
        from .plugins import plugin_type

        return isinstance(name, str) and plugin_type(name) is not None

    def __iter__(self) -> Iterator[str]:
        """Name all types."""
        from .plugins import plugin_names

        yield from BUILT_IN
        yield from (name for name in plugin_names() if name not in BUILT_IN)

    def __len__(self) -> int:
        """Count all types."""
        return sum(1 for _unused in self)
