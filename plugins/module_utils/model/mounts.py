# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that a worker is given: as a variable of its environment, as a file, or as a directory with a file for each field.

A mount says where values go, never what they are; values are read when a worker is made or brought up to date, and go straight to its
provider.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from .address import SECRET, Address
from .errors import HodeiError, Problem
from .place import Place
from .placeholders import USE_THE_FILTER, filled, names_secrets, references
from .secret_name import SecretName
from .secret_value import SecretValue
from .store import Retrieved, Stage, Which

T = TypeVar("T")

#: Before the name of a store, where both it and providers have names.
STORE = "store."
#: The ways in which a secret gets to a worker; each is a field of an entry that says where to.
WAYS = ("env", "file", "volume")


def called(provider: str) -> str:
    """Return what messages call a provider, or a store by its name among those."""
    store = provider.removeprefix(STORE)
    return f"provider '{provider}'" if store == provider else f"store '{store}'"


class Source(NamedTuple):
    """One secret, or one field of it. ``store`` is a configured one; ``which`` is the current version or a number."""

    store: str
    name: SecretName
    which: Which = Stage.CURRENT
    field: str = ""

    @property
    def address(self) -> Address:
        """The secret, as the engine converges it."""
        return Address(SECRET, self.name.path)

    @property
    def place(self) -> tuple[str, str]:
        """Where it lies: what has secrets for the engine, and the path there."""
        return f"{STORE}{self.store}", self.name.path


class Mount(NamedTuple):
    """What goes to one place of a worker.

    That is the value of its only source, or ``template``, a text that names each of its ``sources`` in their order; ``mark`` tells one
    such text from another. A relative ``place`` lies in the directory of the worker's secrets; ``in_home``: in the worker's own.
    """

    way: str
    place: str
    sources: tuple[Source, ...]
    mode: str = "0400"
    owner: str = ""
    template: str = ""
    mark: str = ""
    in_home: bool = False

    @property
    def key(self) -> str:
        """What tells it from the worker's other mounts: ``env.DB_PASSWORD``, ``file.tls.key``, ``home.config.toml``."""
        return f"{'home' if self.in_home else self.way}.{self.place}"

    def version(self, numbers: Mapping[Source, int]) -> str:
        """Say which version of each source it gives, as an object's record remembers it."""
        given = (f"{one.store}:{one.name.path}@{numbers[one]}" for one in dict.fromkeys(self.sources))
        return " ".join((*given, self.mark)) if self.mark else next(given)


@dataclass(frozen=True)
class Delivery:
    """A mount and what it gives now. ``values`` has one entry for each file of a volume, by its name, and else one, called ``""``."""

    mount: Mount
    version: str
    values: Mapping[str, SecretValue]


def sources_of(mounts: Iterable[Mount]) -> Iterator[Source]:
    """Yield what mounts are filled from, as often as they name it."""
    return (source for mount in mounts for source in mount.sources)


def delivered(mount: Mount, found: Mapping[Source, Retrieved]) -> Delivery:
    """Return what a mount gives.

    Raises HodeiError: validation where a field is asked of a secret without fields, or what is no text is to be part of one; not_found
    without the field.
    """
    version = mount.version({one: found[one].version.number for one in mount.sources})
    if mount.template:
        words = [_read(mount, one, found[one].value, SecretValue.text) for one in mount.sources]
        return Delivery(mount, version, {"": SecretValue.of_text(filled(mount.template, words))})
    (source,) = mount.sources
    if mount.way == "volume":
        return Delivery(mount, version, _read(mount, source, found[source].value, SecretValue.fields))
    return Delivery(mount, version, {"": _read(mount, source, found[source].value, lambda value: value)})


def _read(mount: Mount, source: Source, value: SecretValue, read: Callable[[SecretValue], T]) -> T:
    """Read a value, or one field of it. Raises HodeiError, which says which secret that is about, and where it was to go."""
    try:
        return read(value.field(source.field) if source.field else value)
    except HodeiError as error:
        message = error.message.replace("the secret", f"secret {source.name}", 1)
        raise HodeiError(error.kind, message, hint=error.hint, where=f"secrets.{mount.key}") from None


class Vaults(NamedTuple):
    """Where secrets lie: ``written`` are the stores that a document configures, ``secrets`` maps the paths of its own secrets to theirs."""

    written: tuple[str, ...] = ()
    secrets: Mapping[str, str] = {}

    def store_of(self, entry: Mapping[str, Any]) -> str:
        """Return the store of an entry; empty when nothing tells."""
        only = self.written[0] if len(self.written) == 1 else ""
        return str(entry.get("store") or self.secrets.get(entry["secret"], only))


def mounts_of(spec: Mapping[str, Any], recorded: Mapping[str, Any], vaults: Vaults) -> tuple[Mount, ...]:
    """Return the mounts of a spec in normal form; ``recorded`` is what state holds of it, with its files by their paths."""
    given = (_mount(entry, vaults) for entry in spec.get("secrets", ()))
    files = (_file(file, recorded["files"][file["path"]]["content"], vaults) for file in _secret_files(spec))
    return (*given, *files)


def without_secret_files(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a spec without the files that name secrets: they come as mounts."""
    if not any(True for _unused in _secret_files(spec)):
        return spec
    return {**spec, "files": [file for file in spec["files"] if not names_secrets(file.get("content", ""))]}


def mount_problems(spec: Mapping[str, Any], vaults: Vaults, place: Place) -> list[Problem]:
    """Return what is wrong with where the secrets of a spec are said to lie."""
    found = [
        problem
        for entry in spec.get("secrets", ())
        for problem in _store_problems(entry, vaults, Place(place.under(("secrets", entry["secret"])), place.source))
    ]
    for file in _secret_files(spec):
        where = Place(place.under(("files", file["path"])), place.source)
        try:
            named = references(file["content"])
        except HodeiError as error:
            found.append(Problem(where.path, error.message, USE_THE_FILTER, where.source))
        else:
            found += [problem for entry in named for problem in _store_problems(entry, vaults, where)]
    return found


def recorded_mounts(entries: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the entries of a spec as state and plans hold them: by way and place, so that they can be told apart."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        way = _way(entry)
        found.setdefault(way, {})[entry[way]] = {name: value for name, value in entry.items() if name != way}
    return found


def secrets_of(recorded: Mapping[str, Any]) -> set[str]:
    """Return the names of the secrets that a worker is given, by its spec as state holds it."""
    mounted = {entry["secret"] for places in recorded.get("secrets", {}).values() for entry in places.values()}
    return mounted.union(*(file.get("secrets", ()) for file in recorded.get("files", {}).values()))


def _store_problems(entry: Mapping[str, Any], vaults: Vaults, place: Place) -> Iterator[Problem]:
    store, known = vaults.store_of(entry), ", ".join(vaults.written)
    if not store:
        message = f"secret '{entry['secret']}' could lie in several stores"
        yield Problem(place.path, message, f"add store: one of {known}", place.source)
    elif store not in vaults.written:
        yield Problem(place.under(("store",)), f"there is no store '{store}'", f"configured: {known}", place.source)


def _secret_files(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (file for file in spec.get("files", ()) if names_secrets(file.get("content", "")))


def _way(entry: Mapping[str, Any]) -> str:
    return next(one for one in WAYS if one in entry)


def _source(entry: Mapping[str, Any], vaults: Vaults) -> Source:
    name = SecretName.parse(entry["secret"])
    return Source(vaults.store_of(entry), name, entry.get("version", Stage.CURRENT), entry.get("field", ""))


def _mount(entry: Mapping[str, Any], vaults: Vaults) -> Mount:
    way = _way(entry)
    mode = entry.get("mode", "0500" if way == "volume" else "0400")
    return Mount(way, entry[way], (_source(entry, vaults),), mode, entry.get("owner", ""))


def _file(file: Mapping[str, Any], mark: str, vaults: Vaults) -> Mount:
    text = file["content"]
    return Mount(
        way="file",
        place=file["path"],
        sources=tuple(_source(entry, vaults) for entry in references(text)),
        mode=file.get("mode", "0644"),
        owner=file.get("owner", ""),
        template=text,
        mark=mark,
        in_home=True,
    )
