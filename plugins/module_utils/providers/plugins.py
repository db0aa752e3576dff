# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Providers of packages that a user installed: found by entry point, checked, and loaded only when their type is asked for.

This is the one file that imports by a name which is not written in it. Ansible ships to a target only what import statements
name, so the package of a plug-in has to be installed on the machine where the task runs (docs/decisions/0024-plug-ins.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn, cast

from ..model.carry import Carry
from ..model.check import compile_check
from ..model.detect import SIGNS
from ..model.errors import HodeiError, Kind
from ..model.ports import ABILITIES, ADDED, PORT_VERSION, Provider
from ..model.provider_type import Config, ProviderType
from ..model.schema_document import PROVIDER_COMMON, provider_schema
from ..model.version import Version, read_version, serves

GROUP = "hodei_workers.providers"
_OURS = read_version(PORT_VERSION) or (0, 0, 0)


def plugin_names() -> list[str]:
    """Return the types that installed packages bring; loads none of them."""
    return sorted(_entries())


@cache
def plugin_type(name: str) -> ProviderType | None:
    """Return a type of a plug-in, None when no package brings it. Raises HodeiError when what brings it cannot be used."""
    entries = _entries().get(name, ())
    if not entries:
        return None
    packages = sorted({_package(entry) for entry in entries})
    if name in SIGNS:
        _refuse(f"{packages[0]} brings a provider type '{name}', which is the name of a type of hodei.workers itself")
    if len(entries) > 1:
        _refuse(
            f"several packages bring a provider type '{name}': {', '.join(packages)}",
            "Uninstall all but one of them.",
        )
    return _load(name, packages[0], entries[0])


@cache
def _entries() -> Mapping[str, tuple[metadata.EntryPoint, ...]]:
    """Return the entry points of our group by name; this reads the metadata of every installed package."""
    found: dict[str, dict[str, metadata.EntryPoint]] = {}
    try:
        for entry in metadata.entry_points(group=GROUP):
            found.setdefault(entry.name, {})[f"{_package(entry)} {entry.value}"] = entry
    except Exception as error:  # noqa: BLE001 - any package of the machine may have metadata that cannot be read
        _refuse(
            f"the entry points of the installed packages cannot be read: {type(error).__name__}: {error}",
            "Run pip check with the Python that runs the module, and install the broken package anew.",
        )
    return {name: tuple(one.values()) for name, one in found.items()}


def _package(entry: metadata.EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else entry.value


def _load(name: str, package: str, entry: metadata.EntryPoint) -> ProviderType:
    plugin = f"the plug-in '{name}' of {package}"
    try:
        module = entry.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a stranger's module does when it is imported
        _refuse(
            f"{plugin} cannot be imported: {type(error).__name__}: {error}",
            "Install it anew, or ask its author for a version that works with this one of hodei.workers.",
        )
    version = _version(plugin, module)
    describe = getattr(module, "provider_type", None)
    if not callable(describe):
        _refuse(f"{plugin} has no function provider_type()")
    try:
        described = describe()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
        _refuse(f"{plugin} failed with {type(error).__name__} in provider_type(): {error}")
    for what in _wrong(described):
        _refuse(f"{plugin} {what}")
    made: ProviderType = described
    return made._replace(make=_checked_make(name, plugin, version, made))


def _version(plugin: str, module: Any) -> Version:
    """Return the version of the port that a plug-in was written for, when this one serves it."""
    written = getattr(module, "PORT_VERSION", None)
    version = read_version(written)
    if version is None:
        _refuse(
            f'{plugin} does not say for which version of the port it was written, as PORT_VERSION = "{PORT_VERSION}"'
        )
    if not serves(_OURS, version):
        newer = version > _OURS
        _refuse(
            f"{plugin} was written for version {written} of the provider port, and this is {PORT_VERSION}",
            "Install a newer hodei.workers, or an older version of that package."
            if newer
            else "Install a newer version of that package, or an older hodei.workers.",
        )
    return version


def _wrong(described: Any) -> list[str]:
    """Say what is wrong with a description of a type."""
    if not isinstance(described, ProviderType):
        return ["gives something from provider_type() that is no ProviderType"]
    column, schema = described.column, described.config_schema
    if not isinstance(column, Mapping) or not all(isinstance(one, Carry) for one in column.values()):
        return ["has a column that does not map fields to Carry"]
    if not isinstance(schema, dict) or not isinstance(schema.get("properties", {}), dict):
        return ["has a config_schema that is no JSON schema of an object"]
    common = sorted(schema.get("properties", {}).keys() & PROVIDER_COMMON)
    if common:
        return [f"has configuration keys that every provider has already: {', '.join(common)}"]
    try:
        compile_check(provider_schema(schema))({})
    except Exception as error:  # noqa: BLE001 - a schema of a stranger
        return [f"has a config_schema that cannot be used: {type(error).__name__}: {error}"]
    if not callable(described.make):
        return ["has a make that is no function"]
    if not all(isinstance(one, frozenset) and one for one in described.signs):
        return ["has signs that are no frozensets of configuration keys"]
    return []


def _checked_make(
    name: str, plugin: str, version: Version, described: ProviderType
) -> Callable[[str, Config, str, Path], Provider]:
    def make(configured: str, config: Config, owner: str, home: Path) -> Provider:
        try:
            made = described.make(configured, config, owner, home)
        except HodeiError:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of a plug-in is told as one
            raise _fault(plugin, "make", error) from None
        needed = [call for call in _calls() if serves(version, _since(call))]
        missing = [call for call in needed if not callable(getattr(made, call, None))]
        if missing:
            _refuse(f"{plugin} has no {', '.join(missing)}, which version {PORT_VERSION} of the provider port asks for")
        return cast("Provider", _Plugged(made, name, plugin))

    return make


def _calls() -> list[str]:
    return [call for call in dir(Provider) if not call.startswith("_")]


def _since(call: str) -> Version:
    return read_version(ADDED.get(call, "")) or (_OURS[0], 0, 0)


#: The calls of what a provider may have beyond its port.
_BEYOND_PORT = frozenset(call for ability in ABILITIES for call in vars(ability) if not call.startswith("_"))


class _Plugged:
    """A provider of a plug-in: what it raises beside HodeiError is told as its fault, and it has to be of the type that it says."""

    def __init__(self, provider: Any, name: str, plugin: str) -> None:
        self._provider = provider
        self._name = name
        self._plugin = plugin
        # As attributes, because isinstance() of a protocol asks no __getattr__ (since Python 3.12).
        for call in _BEYOND_PORT:
            if callable(getattr(provider, call, None)):
                setattr(self, call, self._call(call))

    def fingerprint(self) -> Any:
        found = self._call("fingerprint")()
        if getattr(found, "type", None) != self._name:
            _refuse(
                f"{self._plugin} calls itself '{getattr(found, 'type', '')}' in its fingerprint, and '{self._name}' in its package"
            )
        return found

    def __getattr__(self, call: str) -> Any:
        if call.startswith("_") or call in _BEYOND_PORT:
            raise AttributeError(call)
        return self._call(call)

    def _call(self, call: str) -> Callable[..., Any]:
        inner = getattr(self._provider, call, None)
        if inner is None:
            _refuse(f"{self._plugin} has no {call}: it was written before the provider port had it")

        def called(*args: Any, **keywords: Any) -> Any:
            try:
                return inner(*args, **keywords)
            except HodeiError:
                raise
            except Exception as error:  # noqa: BLE001 - a fault of a plug-in is told as one
                raise _fault(self._plugin, call, error) from None

        return called


def _fault(plugin: str, call: str, error: Exception) -> HodeiError:
    """The text of the error may hold anything, secrets included, so only its type is told."""
    return HodeiError(
        Kind.INTERNAL, f"{plugin} failed with {type(error).__name__} in {call}", hint="Please tell its author."
    )


def _refuse(
    what: str, hint: str = "This is a fault of that package; please tell its author, or uninstall it."
) -> NoReturn:
    raise HodeiError(Kind.COMPATIBILITY, what, hint=hint)
