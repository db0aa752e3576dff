# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the secrets of a container lie: pure.

All that is a file lies in one directory, as Kubernetes has its volumes, so that one link that is put over another changes all of it::

    /run/secrets/..data -> ..1          what counts
    /run/secrets/..1/tls.key            what was delivered together, never written again
    /run/secrets/tls.key -> ..data/tls.key

A place elsewhere in the container is a link there, made before its first start, to ``..data/..root/place``.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping

from ...model.errors import HodeiError, Kind
from ...model.mounts import Delivery, Mount
from .packing import Item

DIRECTORY = "/run/secrets"
#: The link to what counts; names of ours begin as it does, so no secret's may.
CURRENT, OURS = "..data", ".."
_ROOT = "..root"
#: What the keys of mounts begin with that are files of the worker's own directory.
HOME = "home"
_LONGEST = 255
Identity = Callable[[str], tuple[int, int]]


def in_files(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Return those that are no variables."""
    return [one for one in deliveries if one.mount.way != "env"]


def versions(deliveries: Iterable[Delivery]) -> dict[str, str]:
    """Return what a record remembers."""
    return {one.mount.key: one.version for one in deliveries}


def variables(deliveries: Iterable[Delivery]) -> list[str]:
    """Return the secret variables of a container as the Engine takes them. Raises HodeiError(validation) for what is no text."""
    return [f"{one.mount.place}={_text(one)}" for one in deliveries if one.mount.way == "env"]


def place_of(path: str) -> str:
    """Return where a path of ``secrets`` lies in the container."""
    return posixpath.normpath(posixpath.join(DIRECTORY, path))


def needs_home(deliveries: Iterable[Delivery]) -> bool:
    """Tell whether files lie in a directory that only the image knows."""
    return any(one.mount.in_home and not one.mount.place.startswith("/") for one in deliveries)


def placed(deliveries: Iterable[Delivery], home: str) -> dict[str, Delivery]:
    """Return what lies in files, by where in the container; ``home`` is where the worker's own relative paths start."""
    return {
        posixpath.normpath(posixpath.join(home if one.mount.in_home else DIRECTORY, one.mount.place)): one
        for one in in_files(deliveries)
    }


def is_inside(place: str) -> bool:
    """Tell whether a place of the container is in the secrets' own directory."""
    return f"{place}/".startswith(f"{DIRECTORY}/")


def outside(places: Iterable[str]) -> dict[str, str]:
    """Return the links that lead to places elsewhere in the container: place -> target."""
    return {place: f"{DIRECTORY}/{CURRENT}/{_below(place)}" for place in places if not is_inside(place)}


def tops(places: Iterable[str]) -> dict[str, str]:
    """Return the links of the directory itself: name -> target."""
    names = {_below(place).partition("/")[0] for place in places}
    return {name: f"{CURRENT}/{name}" for name in sorted(names - {_ROOT})}


def contents(given: Mapping[str, Delivery], identity: Identity) -> list[Item]:
    """Return all files and directories below what is delivered together, parents first. Raises HodeiError(validation)."""
    found: dict[str, Item] = {}
    for place, one in given.items():
        mount, path = one.mount, _below(place)
        owner, mode = identity(str(mount.owner)), int(mount.mode, 8)
        parts = path.split("/")
        for count in range(1, len(parts)):
            above = "/".join(parts[:count])
            found.setdefault(above, Item(above, 0o755, (0, 0)))
        if mount.way != "volume":
            found[path] = Item(path, mode, owner, one.values[""].reveal())
            continue
        found[path] = Item(path, mode, owner)
        for name, value in sorted(one.values.items()):
            _refuse_odd(name, mount)
            found[f"{path}/{name}"] = Item(f"{path}/{name}", mode & 0o666, owner, value.reveal())
    return list(found.values())


def remembered(before: Mapping[str, str], deliveries: Iterable[Delivery]) -> dict[str, str]:
    """Return what a record remembers of a container that lives: nobody gives it other variables."""
    variables_ = {key: version for key, version in before.items() if is_variable(key)}
    return variables_ | versions(deliveries)


def is_variable(key: str) -> bool:
    """Tell whether the key of a mount is one of a variable."""
    return key.startswith("env.")


def _below(place: str) -> str:
    return place.removeprefix(f"{DIRECTORY}/") if is_inside(place) else f"{_ROOT}{place}"


def _text(delivery: Delivery) -> str:
    where = f"secrets.{delivery.mount.key}"
    try:
        text = delivery.values[""].text()
    except HodeiError as error:
        raise HodeiError(error.kind, error.message, hint=error.hint, where=where) from None
    if "\0" in text:
        raise HodeiError(
            Kind.VALIDATION,
            "the secret has a NUL byte, which no variable can hold",
            hint="Mount it as a `file`.",
            where=where,
        )
    return text


def _refuse_odd(name: str, mount: Mount) -> None:
    if name in ("", ".", "..") or "/" in name or "\0" in name or len(name.encode()) > _LONGEST:
        raise HodeiError(
            Kind.VALIDATION,
            f"field {name[:40]!r} of secret {mount.sources[0].name} cannot be the name of a file",
            hint="Rename it, or mount the fields that you need one by one, each with `field` and `file`.",
            where=f"secrets.{mount.key}",
        )
